/* screen_rescue_start.c - the last page before a rescue: from where, to where, its map, and how */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/erase.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/task.h"
#include "tui/unlock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_START = 1, ID_DOMAIN, ID_RETRIES, ID_SLOW, ID_TYPED, ID_UNLOCK };

static const char *const domain_words[] = {N_("everything, what is in use first"),
					   N_("only what is in use"),
					   N_("only what tells where the files are")};

/* What is there of that name. */
struct found {
	bool has_map, in_memory;
	bool has_file;	      /* and no map that would tell of it; or the image */
	unsigned int percent; /* of the map */
	const char *alien;    /* why the map cannot be gone on with */
};

/* A store may take its time to say so: the task's until it has ended. */
struct start_look {
	struct plan plan; /* of it: the disks, and whether it goes into a file */
	char map[1400], file[1400];
	struct found found;
};

struct start_state {
	bool known; /* the store has answered */
	struct found found;
	struct task *looking;
	struct start_look *look;
};

static const char *alien(const struct plan *plan, const struct sv_rescue_entry *e)
{
	if (!sv_rescue_is_disk(&e->source, &plan->source))
		return _("the map of this name belongs to another disk: go back and type another "
			 "name");
	if (e->target.is_device == plan->to_file ||
	    (e->target.is_device && !sv_rescue_is_disk(&e->target, &plan->target)))
		return _("the map of this name belongs to another copy: choose that copy, or go "
			 "back and type another name");
	return NULL;
}

/* A map that is there is gone on with, if it is the right one. */
static void look_at_map(const struct plan *plan, const char *map, struct found *s)
{
	struct sv_rescue_entry e;
	struct sv_err ignored = {0};
	int rc = sv_rescue_look(map, &e, &ignored);
	if (rc == SV_E_REFUSED)
		s->alien = _("what stands beside the map of this name is no file of a rescue: go "
			     "back and type another name");
	/* a map of another tool is believed */
	if (rc)
		return;
	s->alien = alien(plan, &e);
	s->percent = e.total ? (unsigned int)((double)e.done * 100 / (double)e.total) : 0;
}

static void look_run(void *arg)
{
	struct start_look *look = arg;
	struct found *found = &look->found;
	struct stat st;
	int fd = open(look->plan.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	found->in_memory = fd >= 0 && places_in_memory(fd);
	if (fd >= 0)
		close(fd);
	found->has_map = lstat(look->map, &st) == 0;
	found->has_file = (look->plan.to_image || !found->has_map) && look->plan.to_file &&
			  lstat(look->file, &st) == 0;
	if (found->has_map)
		look_at_map(&look->plan, look->map, found);
}

/* What the store said, once it has; waits at most `ms`. */
static void look_take(struct start_state *s, int ms)
{
	if (!s->looking || !task_ended(s->looking, ms))
		return;
	s->known = true;
	s->found = s->look->found;
	task_leave(s->looking);
	s->looking = NULL;
}

static void look_begin(const struct app *app, struct start_state *s)
{
	if (s->looking)
		return;
	s->look = calloc(1, sizeof(*s->look));
	if (!s->look)
		return;
	s->look->plan = app->plan;
	/* these stay the interface's */
	s->look->plan.marks = (struct marks){0};
	flow_rescue_map(app, s->look->map, sizeof(s->look->map));
	flow_rescue_file(app, s->look->file, sizeof(s->look->file));
	s->looking = task_begin(look_run, free, s->look);
}

static int open_start(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct start_state *s = screen->state;
	(void)err;
	look_begin(app, s);
	look_take(s, TASK_GRACE_MS);
	return 0;
}

/* ---- the page ---- */

static const char *cannot_start(const struct plan *plan, const struct start_state *s)
{
	if (!s->known)
		return _("the place it goes to does not answer yet");
	if (s->found.alien)
		return s->found.alien;
	if (s->found.has_file)
		return plan->to_image
			       ? _("an image of this name is already there: go back and type "
				   "another name")
			       : _("a file of this name is already there: go back and type another "
				   "name");
	return plan->to_file || erase_confirmed(&plan->target, plan->typed)
		       ? NULL
		       : _("not before the check above is typed");
}

static void fill_ends(const struct app *app, struct page *page)
{
	const struct plan *plan = &app->plan;
	char name[APP_DISK_TEXT], file[1400];
	page_text(page, STYLE_STRONG, _("FROM  %s  (only read)"),
		  app_disk_name(app, &plan->source, name));
	if (plan->to_file) {
		flow_rescue_file(app, file, sizeof(file));
		page_text(page, STYLE_STRONG,
			  plan->to_image ? _("TO    the image %s") : _("TO    %s"), file);
		return;
	}
	page_text(page, STYLE_STRONG, _("TO    %s"), app_disk_name(app, &plan->target, name));
	erase_loss(app, page, &plan->target);
	disks_warning(app, page, &plan->target, true);
}

static void fill_map(const struct app *app, const struct start_state *s, struct page *page)
{
	char map[1400];
	flow_rescue_map(app, map, sizeof(map));
	page_text(page, STYLE_STRONG, _("MAP   %s"), map);
	if (s->found.has_map && !s->found.alien)
		page_text(page, STYLE_OK,
			  _("      it is there already: the rescue goes on at %u %%"),
			  s->found.percent);
	if (s->found.in_memory)
		page_text(page, STYLE_DANGER, "%s",
			  _("! This folder is in memory: after a power cut nobody knows what was "
			    "rescued. Take a folder on a disk or a stick."));
}

static void fill_options(const struct plan *plan, struct page *page)
{
	page_option(page, ID_DOMAIN, _("Read"), "%s", _(domain_words[plan->domain]));
	page_option(page, ID_RETRIES, _("Bad sectors"), "%s", _(flow_retries[plan->retries].words));
	page_option(page, ID_SLOW, _("Slow is"), "%s", _(flow_slow[plan->slow].words));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct plan *plan = &app->plan;
	const struct start_state *s = screen->state;
	char command[3000];
	flow_head(app, page, 3);
	if (!plan->to_file)
		page_text(page, STYLE_DANGER, "%s", _("THIS ERASES A DISK"));
	fill_ends(app, page);
	fill_map(app, s, page);
	fill_options(plan, page);
	unlock_plan_item(app, page, ID_UNLOCK);
	if (!plan->to_file)
		erase_check(page, &plan->target, ID_TYPED, plan->typed);
	page_item(page, ID_START, 0, cannot_start(plan, s), "%s",
		  plan->to_file
			  ? s->found.has_map ? _("GO ON with the rescue") : _("START the rescue")
		  : s->found.has_map ? _("GO ON with the rescue onto this disk")
				     : _("ERASE the disk and start the rescue"));
	disks_remarks(app, page, true);
	flow_command(app, command, sizeof(command));
	page_head(page, "%s", _("The same as a command"));
	page_text(page, STYLE_DIM, "%s", command);
}

static void step(unsigned int *value, unsigned int n, enum request request)
{
	*value = (*value + (request == REQ_LEFT ? n - 1 : 1)) % n;
}

static void change(struct plan *plan, enum request request, int id)
{
	if (id == ID_DOMAIN)
		step(&plan->domain, SV_ARRAY(domain_words), request);
	else if (id == ID_RETRIES)
		step(&plan->retries, FLOW_RETRIES, request);
	else if (id == ID_SLOW)
		step(&plan->slow, FLOW_SLOW, request);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct start_state *s = screen->state;
	if (request == REQ_LEFT || request == REQ_RIGHT)
		change(&app->plan, request, id);
	if (request != REQ_ENTER)
		return false;
	if (id == ID_UNLOCK) {
		unlock_push(app, &app->plan.source);
		return true;
	}
	if (id != ID_START) {
		change(&app->plan, REQ_RIGHT, id);
		return true;
	}
	if (!cannot_start(&app->plan, s) && flow_disks_still_there(app))
		flow_start(app);
	return true;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	(void)screen;
	if (id == ID_TYPED)
		snprintf(app->plan.typed, sizeof(app->plan.typed), "%s", value);
}

static void tick(struct app *app, struct screen *screen)
{
	struct start_state *s = screen->state;
	look_take(s, 0);
	look_begin(app, s);
}

static void done(struct app *app, struct screen *screen)
{
	struct start_state *s = screen->state;
	(void)app;
	task_leave(s->looking);
}

const struct screen_ops screen_rescue_start = {
	.name = "rescue_start",
	.help = N_("Everything on one page. The options have sensible values; left and right "
		   "change them. Read: what filesystems keep their files by always comes first. "
		   "Bad sectors: how often they are tried again at the very end; each try costs "
		   "the disk strength. Slow: a disk that reads slowly somewhere is read elsewhere "
		   "first. The map on its own disk or stick is what lets you stop and go on."),
	.state_size = sizeof(struct start_state),
	.tick_ms = 1000,
	.open = open_start,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
	.done = done,
};
