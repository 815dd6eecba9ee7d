/* screen_review.c - the only page with options, the last one before anything happens */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
	REVIEW_RESUME
};

static const char *const preset_words[FLOW_PRESETS] = {N_("fast     zstd 1"), N_("normal   zstd 3"),
						       N_("small    zstd 9"),
						       N_("smallest zstd 19, slow")};
static const char *const free_words[] = {N_("leave as it is"), N_("discard (TRIM)"),
					 N_("overwrite with zeros")};

struct review_state {
	bool exists;	 /* an image of that name */
	bool unfinished; /* NAME.part */
};

/* A small disk without a serial number is told by MB, others by GB. */
static bool in_megabytes(const struct disk *target)
{
	return target->size < 10000000000;
}

/* What has to be typed: the end of the serial number; without one, the size as a whole number. */
static void expected(const struct disk *target, char *out, size_t cap)
{
	size_t len = strlen(target->serial);
	uint64_t unit = in_megabytes(target) ? 1000000 : 1000000000;
	if (len)
		snprintf(out, cap, "%.15s", target->serial + (len > 4 ? len - 4 : 0));
	else
		snprintf(out, cap, "%llu", (unsigned long long)(target->size / unit));
}

static bool typed_right(const struct plan *plan)
{
	char want[16];
	expected(&plan->target, want, sizeof(want));
	return !strcasecmp(plan->typed, want);
}

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

static void fill_doubts(const struct app *app, struct page *page)
{
	struct content_view view;
	content_get(app->content, &app->plan.source, &view);
	for (size_t i = 0; i < view.n_parts; i++)
		if (*view.parts[i].reason && !view.parts[i].extended)
			page_text(page, STYLE_DIM, _("Partition %d: %s"), view.parts[i].number,
				  view.parts[i].reason);
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

/* ---- a save ---- */

/* Does the name collide with what is there? */
static void look(struct app *app, struct review_state *s)
{
	char path[1400], part[1408];
	struct stat st;
	flow_image_path(app, path, sizeof(path));
	snprintf(part, sizeof(part), "%s.part", path);
	s->exists = flow_writes_store(&app->plan) && lstat(path, &st) == 0;
	s->unfinished = flow_writes_store(&app->plan) && lstat(part, &st) == 0;
}

static int open_review(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct review_state *s = screen->state;
	(void)err;
	look(app, s);
	app->plan.resume = app->plan.kind == PLAN_SAVE && s->unfinished;
	return 0;
}

static void fill_start(const struct plan *plan, const struct review_state *s, struct page *page)
{
	const char *why = NULL;
	if (s->exists)
		why = _("an image of this name is already there: go back and type another name");
	else if (s->unfinished && !plan->resume)
		why = _("an unfinished backup of this name is there: go on with it, or type "
			"another name");
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
	fill_start(plan, s, page);
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
	disks_warning(app, page, &plan->source, false);
	fill_doubts(app, page);
}

/* ---- what is overwritten: a restore, a clone ---- */

static void fill_loss(const struct app *app, struct page *page)
{
	struct content_view view;
	struct page_segment segments[64];
	char size[SV_SIZE_TEXT];
	content_get(app->content, &app->plan.target, &view);
	if (view.state == CONTENT_READY && view.n_parts) {
		page_bar(
			page, segments,
			disks_segments(&view, app->plan.target.size, segments, SV_ARRAY(segments)));
		page_text(page, STYLE_DANGER,
			  _n("WILL BE LOST: %zu partition, %s in use",
			     "WILL BE LOST: %zu partitions, %s in use", view.n_parts),
			  view.n_parts, sv_text_size(size, view.used));
	} else if (view.state == CONTENT_READY) {
		page_text(page, STYLE_NORMAL, "%s",
			  _("No partitions are known on it. Whatever is there will be lost."));
	} else {
		page_text(page, STYLE_DANGER, _("WILL BE LOST: everything on it (%s)"),
			  view.state == CONTENT_FAILED ? view.sentence : _("being looked at ..."));
	}
	content_view_clear(&view);
}

/* The question that keeps the wrong disk safe. */
static void fill_check(const struct plan *plan, struct page *page)
{
	bool small = in_megabytes(&plan->target);
	if (*plan->target.serial) {
		page_text(page, STYLE_NORMAL, "%s",
			  _("To go on, type the last 4 characters of the serial number of the disk "
			    "that is overwritten:"));
		page_field(page, REVIEW_TYPED, _("Serial ends"), plan->typed, false);
		return;
	}
	page_text(page, STYLE_NORMAL, "%s",
		  small ? _("This disk has no serial number. To go on, type its size in MB, a "
			    "whole number:")
			: _("This disk has no serial number. To go on, type its size in GB, a "
			    "whole number:"));
	page_field(page, REVIEW_TYPED, small ? _("MB") : _("GB"), plan->typed, false);
}

static void fill_target(const struct app *app, struct page *page)
{
	char name[APP_DISK_TEXT];
	page_text(page, STYLE_STRONG, _("TO    %s"), app_disk_name(app, &app->plan.target, name));
	fill_loss(app, page);
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
	fill_check(plan, page);
	page_item(page, REVIEW_START, 0,
		  typed_right(plan) ? NULL : _("not before the check above is typed"), "%s", what);
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
	disks_warning(app, page, &plan->source, false);
	fill_target(app, page);
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
					     : NULL,
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

static bool is_there(const struct app *app, const struct disk *disk)
{
	const struct disk *now = app_disk_again(app, disk);
	return now && now->diskseq == disk->diskseq && !strcmp(now->path, disk->path);
}

/* The disks may have changed while this page was open. */
static bool still_there(struct app *app)
{
	const struct plan *plan = &app->plan;
	app_scan_disks(app);
	if ((!flow_reads_disk(plan) || is_there(app, &plan->source)) &&
	    (!flow_erases_disk(plan) || is_there(app, &plan->target)))
		return true;
	app_say(app, STYLE_DANGER, _("The disk has changed"),
		_("The chosen disk was unplugged or replaced. Nothing was written. Choose it "
		  "again."));
	return false;
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request == REQ_LEFT || request == REQ_RIGHT)
		change(app, request, id);
	if (request != REQ_ENTER)
		return false;
	if (id != REVIEW_START) {
		change(app, REQ_RIGHT, id);
		return true;
	}
	if (flow_erases_disk(&app->plan) && !typed_right(&app->plan))
		return true;
	if (still_there(app))
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
	look(app, screen->state);
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
};
