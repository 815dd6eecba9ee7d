/* screen_review.c - the only page with options, the last one before anything happens */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/erase.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/task.h"
#include "tui/unlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum review_id {
	REVIEW_START = 1,
	REVIEW_SPACE,
	REVIEW_PRESET,
	REVIEW_VERIFY,
	REVIEW_BAD,
	REVIEW_NOTE,
	REVIEW_FREE,
	REVIEW_TYPED,
	REVIEW_RESUME,
	REVIEW_RESCUE,
	REVIEW_UNLOCK
};

static const char *const preset_words[FLOW_PRESETS] = {N_("fast     zstd 1"), N_("normal   zstd 3"),
						       N_("small    zstd 9"),
						       N_("smallest zstd 19, slow")};
static const char *const free_words[] = {N_("leave as it is"), N_("discard (TRIM)"),
					 N_("overwrite with zeros")};

/* Does the name collide with what is there? The task's until it has ended. */
struct review_look {
	char path[1400];
	bool exists;	 /* an image of that name */
	bool unfinished; /* NAME.part */
	bool unlocked;	 /* which was begun with an encrypted volume unlocked */
};

struct review_state {
	bool known; /* the store has answered; or it is none of our business */
	bool exists, unfinished, unlocked;
	struct task *looking;
	struct review_look *look;
};

/* ---- what is read ---- */

static void fill_chosen_parts(const struct app *app, struct page *page)
{
	const struct plan *plan = &app->plan;
	char list[400] = "";
	if (plan->all_parts || plan->resume) {
		page_text(page, STYLE_NORMAL, "  %s",
			  plan->resume ? _("partitions, space and compression as it was begun")
				       : _("all partitions"));
		return;
	}
	for (size_t i = 0; i < plan->n_parts; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %d", plan->parts[i]);
	page_text(page, STYLE_NORMAL, "  %s%s", _("only partitions"), list);
}

static void fill_doubt(struct page *page, const struct sv_map_part *part)
{
	if (*part->inside)
		page_text(page, STYLE_DIM, _("Partition %d: %s"), part->number, part->inside);
	if (*part->reason && !part->extended)
		page_text(page, STYLE_DIM, _("Partition %d: %s"), part->number, part->reason);
}

static void fill_doubts(const struct app *app, struct page *page)
{
	struct content_view view;
	content_get(app->content, &app->plan.source, &view);
	for (size_t i = 0; i < view.n_parts; i++)
		fill_doubt(page, &view.parts[i]);
	if (*view.warning)
		page_text(page, STYLE_WARN, "%s", view.warning);
	content_view_clear(&view);
}

static void fill_source(const struct app *app, struct page *page)
{
	char name[APP_DISK_TEXT];
	page_text(page, STYLE_STRONG, _("FROM  %s  (only read)"),
		  app_disk_name(app, &app->plan.source, name));
	fill_chosen_parts(app, page);
}

static void fill_space(const struct plan *plan, struct page *page)
{
	page_option(page, REVIEW_SPACE, _("Space"), "%s",
		    plan->whole ? _("everything, free space too") : _("used blocks only"));
}

static void fill_bad(const struct plan *plan, struct page *page)
{
	const char *skip =
		plan->kind == PLAN_CLONE ? _("write zeros and go on") : _("mark them and go on");
	page_option(page, REVIEW_BAD, _("Bad sectors"), "%s", plan->skip_bad ? skip : _("stop"));
}

static void fill_verify(const struct plan *plan, struct page *page)
{
	page_option(page, REVIEW_VERIFY, _("Check after"), "%s",
		    plan->no_verify ? _("no") : _("yes, read back and compare"));
}

/* What is to be known of the source, and what is better for one that is failing. */
static void fill_health(const struct app *app, struct page *page)
{
	disks_warning(app, page, &app->plan.source, false);
	if (disks_is_failing(app, &app->plan.source))
		page_item(page, REVIEW_RESCUE, 'X', NULL, "%s", _("Rescue this disk instead"));
}

/* ---- a save ---- */

static void look_run(void *arg)
{
	struct review_look *look = arg;
	char part[sizeof(look->path) + 8];
	struct image_info info = {0};
	uint64_t ignored;
	struct stat st;
	snprintf(part, sizeof(part), "%s.part", look->path);
	look->exists = lstat(look->path, &st) == 0;
	look->unfinished = lstat(part, &st) == 0;
	look->unlocked = look->unfinished && !image_begun(part, &info, &ignored) &&
			 image_begun_unlocked(&info);
	image_info_clear(&info);
}

/* What the store said, once it has; waits at most `ms`. */
static void look_take(struct app *app, struct review_state *s, int ms)
{
	if (!s->looking || !task_ended(s->looking, ms))
		return;
	if (!s->known)
		app->plan.resume = app->plan.kind == PLAN_SAVE && s->look->unfinished;
	s->known = true;
	s->exists = s->look->exists;
	s->unfinished = s->look->unfinished;
	s->unlocked = s->look->unlocked;
	task_leave(s->looking);
	s->looking = NULL;
}

static void look_begin(const struct app *app, struct review_state *s)
{
	if (s->looking)
		return;
	s->look = calloc(1, sizeof(*s->look));
	if (!s->look)
		return;
	flow_image_path(app, s->look->path, sizeof(s->look->path));
	s->looking = task_begin(look_run, free, s->look);
}

static int open_review(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct review_state *s = screen->state;
	(void)err;
	app->plan.resume = false;
	s->known = !flow_writes_store(&app->plan);
	if (!s->known)
		look_begin(app, s);
	look_take(app, s, TASK_GRACE_MS);
	return 0;
}

/* Nothing is begun that a silent store may collide with. */
static const char *not_yet(const struct review_state *s)
{
	return s->known ? NULL : _("the place it goes to does not answer yet");
}

static void fill_start(const struct app *app, const struct review_state *s, struct page *page)
{
	const struct plan *plan = &app->plan;
	const char *why = not_yet(s);
	if (s->exists)
		why = _("an image of this name is already there: go back and type another name");
	else if (s->unfinished && !plan->resume)
		why = _("an unfinished backup of this name is there: go on with it, or type "
			"another name");
	else if (s->unlocked && plan->resume && !keyring_has(app->keyring, &plan->source))
		why = _("it was begun with an encrypted volume unlocked: unlock it first");
	page_item(page, REVIEW_START, 0, why, "%s",
		  plan->resume ? _("GO ON with the unfinished backup") : _("START the backup"));
}

static void fill_save(const struct app *app, const struct review_state *s, struct page *page)
{
	const struct plan *plan = &app->plan;
	char image[1400];
	fill_source(app, page);
	flow_image_path(app, image, sizeof(image));
	page_text(page, STYLE_STRONG, _("TO    %s"), image);
	page_gap(page);
	fill_start(app, s, page);
	unlock_plan_item(app, page, REVIEW_UNLOCK);
	if (!plan->resume) {
		fill_space(plan, page);
		page_option(page, REVIEW_PRESET, _("Compression"), "%s",
			    _(preset_words[plan->preset]));
	}
	fill_verify(plan, page);
	fill_bad(plan, page);
	if (s->unfinished)
		page_option(page, REVIEW_RESUME, _("Unfinished"), "%s",
			    plan->resume ? _("go on with it") : _("leave it alone"));
	page_field(page, REVIEW_NOTE, _("Note"), plan->note, false);
	page_gap(page);
	fill_health(app, page);
	fill_doubts(app, page);
}

/* ---- what is overwritten: a restore, a clone ---- */

static void fill_target(const struct app *app, struct page *page)
{
	char name[APP_DISK_TEXT];
	page_text(page, STYLE_STRONG, _("TO    %s"), app_disk_name(app, &app->plan.target, name));
	erase_loss(app, page, &app->plan.target);
	disks_warning(app, page, &app->plan.target, true);
	page_gap(page);
}

static void fill_free(const struct plan *plan, struct page *page)
{
	page_option(page, REVIEW_FREE, _("Free space"), "%s", _(free_words[plan->free_mode]));
}

static void fill_erase(const struct plan *plan, const char *what, struct page *page)
{
	page_gap(page);
	erase_check(page, &plan->target, REVIEW_TYPED, plan->typed);
	page_item(page, REVIEW_START, 0,
		  erase_confirmed(&plan->target, plan->typed)
			  ? NULL
			  : _("not before the check above is typed"),
		  "%s", what);
}

static void fill_restore(const struct app *app, struct page *page)
{
	const struct plan *plan = &app->plan;
	char image[1400];
	page_text(page, STYLE_DANGER, "%s", _("THIS ERASES A DISK"));
	flow_image_path(app, image, sizeof(image));
	page_text(page, STYLE_STRONG, _("FROM  %s"), image);
	fill_target(app, page);
	fill_free(plan, page);
	fill_verify(plan, page);
	fill_erase(plan, _("ERASE the disk and restore"), page);
}

static void fill_clone(const struct app *app, struct page *page)
{
	const struct plan *plan = &app->plan;
	page_text(page, STYLE_DANGER, "%s", _("THIS ERASES A DISK"));
	fill_source(app, page);
	fill_health(app, page);
	fill_target(app, page);
	unlock_plan_item(app, page, REVIEW_UNLOCK);
	fill_space(plan, page);
	fill_free(plan, page);
	fill_verify(plan, page);
	fill_bad(plan, page);
	fill_erase(plan, _("ERASE the disk and clone"), page);
	fill_doubts(app, page);
}

/* ---- a copy of files ---- */

#define MARKS_SHOWN 10

static void fill_copy(const struct app *app, const struct review_state *s, struct page *page)
{
	const struct plan *plan = &app->plan;
	char folder[1400];
	page_text(page, STYLE_STRONG, _("FROM  %s  (only read)"), plan->volume);
	for (size_t i = 0; i < plan->marks.n && i < MARKS_SHOWN; i++) {
		char *clean = sv_text_clean(plan->marks.v[i]);
		page_text(page, STYLE_NORMAL, "        /%s", clean ? clean : "?");
		free(clean);
	}
	if (plan->marks.n > MARKS_SHOWN)
		page_text(page, STYLE_NORMAL, _("        and %zu more"),
			  plan->marks.n - MARKS_SHOWN);
	flow_image_path(app, folder, sizeof(folder));
	page_text(page, STYLE_STRONG, _("TO    %s"), folder);
	page_gap(page);
	page_item(page, REVIEW_START, 0,
		  s->exists || s->unfinished ? _("a folder of this name is already there: go back "
						 "and type another name")
					     : not_yet(s),
		  "%s", _("START the copy"));
	page_gap(page);
	page_text(page, STYLE_DIM, "%s",
		  _("What cannot be read is zeros in the copy and stands in the report beside the "
		    "files. All "
		    "that was copied is read back and compared."));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	char command[3000];
	flow_head(app, page, app->plan.kind == PLAN_COPY ? 3 : 2);
	if (app->plan.kind == PLAN_COPY)
		fill_copy(app, screen->state, page);
	else if (app->plan.kind == PLAN_SAVE)
		fill_save(app, screen->state, page);
	else if (app->plan.kind == PLAN_CLONE)
		fill_clone(app, page);
	else
		fill_restore(app, page);
	disks_remarks(app, page, true);
	flow_command(app, command, sizeof(command));
	page_head(page, "%s", _("The same as a command"));
	page_text(page, STYLE_DIM, "%s", command);
}

static void step(unsigned int *value, unsigned int n, enum request request)
{
	*value = (*value + (request == REQ_LEFT ? n - 1 : 1)) % n;
}

static void change(struct app *app, enum request request, int id)
{
	struct plan *plan = &app->plan;
	switch (id) {
	case REVIEW_SPACE:
		plan->whole = !plan->whole;
		break;
	case REVIEW_PRESET:
		step(&plan->preset, FLOW_PRESETS, request);
		break;
	case REVIEW_VERIFY:
		plan->no_verify = !plan->no_verify;
		break;
	case REVIEW_BAD:
		plan->skip_bad = !plan->skip_bad;
		break;
	case REVIEW_RESUME:
		plan->resume = !plan->resume;
		break;
	case REVIEW_FREE:
		step(&plan->free_mode, SV_ARRAY(free_words), request);
		break;
	default:
		break;
	}
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request == REQ_LEFT || request == REQ_RIGHT)
		change(app, request, id);
	if (request != REQ_ENTER)
		return false;
	if (id == REVIEW_RESCUE) {
		flow_rescue_instead(app);
		return true;
	}
	if (id == REVIEW_UNLOCK) {
		unlock_push(app, &app->plan.source);
		return true;
	}
	if (id != REVIEW_START) {
		change(app, REQ_RIGHT, id);
		return true;
	}
	if (flow_erases_disk(&app->plan) && !erase_confirmed(&app->plan.target, app->plan.typed))
		return true;
	if (flow_disks_still_there(app))
		flow_start(app);
	return true;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	(void)screen;
	if (id == REVIEW_NOTE)
		snprintf(app->plan.note, sizeof(app->plan.note), "%s", value);
	if (id == REVIEW_TYPED)
		snprintf(app->plan.typed, sizeof(app->plan.typed), "%s", value);
}

static void tick(struct app *app, struct screen *screen)
{
	struct review_state *s = screen->state;
	look_take(app, s, 0);
	if (flow_writes_store(&app->plan))
		look_begin(app, s);
}

static void done(struct app *app, struct screen *screen)
{
	struct review_state *s = screen->state;
	(void)app;
	task_leave(s->looking);
}

const struct screen_ops screen_review = {
	.name = "review",
	.help = N_("Everything on one page: from where, to where, and how. The options have "
		   "sensible values; left and right change them. A backup erases nothing. "
		   "Restoring and cloning ask you to type the end of the serial number of the disk "
		   "that will be overwritten, so that it is never the wrong one."),
	.state_size = sizeof(struct review_state),
	.tick_ms = 1000,
	.open = open_review,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
	.done = done,
};
