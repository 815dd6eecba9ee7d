/* screen_image.c - which image: the list of a folder, and what one image holds */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/reach.h"
#include "tui/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The images of a folder: the task's until it has ended. */
struct images {
	char folder[1024];
	struct image_list_entry *list;
	size_t n;
	struct sv_err err; /* why there is no list */
};

struct image_state {
	struct task *looking;
	struct images *images; /* NULL = out of memory */
	bool ready;
};

static void look_run(void *arg)
{
	struct images *images = arg;
	image_list(images->folder, &images->list, &images->n, &images->err);
}

static void look_drop(void *arg)
{
	struct images *images = arg;
	image_list_free(images->list, images->n);
	free(images);
}

static void look(struct app *app, struct image_state *s)
{
	task_leave(s->looking);
	*s = (struct image_state){.images = calloc(1, sizeof(*s->images))};
	if (!s->images)
		return;
	snprintf(s->images->folder, sizeof(s->images->folder), "%s", app->plan.folder);
	s->looking = task_begin(look_run, look_drop, s->images);
	if (!s->looking)
		s->images = NULL;
	s->ready = s->looking && task_ended(s->looking, TASK_GRACE_MS);
}

static int open_list(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	look(app, screen->state);
	return 0;
}

static const char *state_words(const struct image_list_entry *e)
{
	if (!e->readable)
		return _("not readable");
	if (strcmp(e->info.verdict, "complete") != 0)
		return _("with unreadable areas");
	return e->info.verified ? _("complete, verified") : _("complete");
}

static void fill_images(const struct images *images, struct page *page)
{
	char size[SV_SIZE_TEXT], stored[SV_SIZE_TEXT];
	for (size_t i = 0; i < images->n; i++) {
		const struct image_list_entry *e = &images->list[i];
		page_item(page, (int)i, 0,
			  e->unfinished ? _("unfinished: back up the same disk to the same name to "
					    "go on with it")
					: NULL,
			  "%s", e->name);
		if (e->readable)
			page_item_line(page, STYLE_DIM, "%.10s   %s, %s stored   %s   %s",
				       e->info.created, sv_text_size(size, e->info.size),
				       sv_text_size(stored, e->info.bytes_stored), state_words(e),
				       *e->info.model ? e->info.model : e->info.source);
	}
	if (!images->n)
		page_text(page, STYLE_WARN, "%s",
			  images->err.code ? images->err.text
					   : _("There are no images in this folder."));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct image_state *s = screen->state;
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, _("Which image in %s?"), app->plan.folder);
	page_gap(page);
	if (s->ready)
		fill_images(s->images, page);
	else
		page_text(page, STYLE_DIM, "%s", s->images ? _("reading ...") : _("out of memory"));
	page_action(page, REQ_RESCAN, NULL);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct image_state *s = screen->state;
	if (request == REQ_RESCAN)
		look(app, s);
	if (request == REQ_ENTER && s->ready && id >= 0 && (size_t)id < s->images->n) {
		snprintf(app->plan.name, sizeof(app->plan.name), "%s", s->images->list[id].name);
		reach_image(app,
			    app->plan.kind == PLAN_RESTORE ? &screen_target : &screen_contents);
	}
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	struct image_state *s = screen->state;
	if (s->ready || !s->looking || !task_ended(s->looking, 0))
		return;
	s->ready = true;
	app->fresh = true;
}

static void done(struct app *app, struct screen *screen)
{
	struct image_state *s = screen->state;
	(void)app;
	task_leave(s->looking);
}

const struct screen_ops screen_image = {
	.name = "image",
	.help = N_("The images of the folder, each with its date, the disk it was made from, and "
		   "whether it was checked when it was made."),
	.state_size = sizeof(struct image_state),
	.tick_ms = 300,
	.open = open_list,
	.fill = fill,
	.act = act,
	.tick = tick,
	.done = done,
};

/* ---- one image ---- */

enum { ID_CHECK = 1, ID_RESTORE };

static void fill_image_parts(const struct image_info *info, struct page *page)
{
	char size[SV_SIZE_TEXT], used[SV_SIZE_TEXT];
	for (size_t i = 0; i < info->n_parts; i++) {
		const struct image_part *part = &info->parts[i];
		bool absent = !strcmp(part->state, "absent");
		page_text(page, absent ? STYLE_DIM : STYLE_NORMAL, "%2d  %-8s %-16s %10s  %s",
			  part->number, *part->fs ? part->fs : "-",
			  *part->label ? part->label : part->name, sv_text_size(size, part->size),
			  absent ? _("not in this image") : sv_text_size(used, part->used));
	}
}

static void fill_contents(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct image_info *info = image_reader_info(app->image.reader);
	char size[2 * SV_SIZE_TEXT], stored[SV_SIZE_TEXT];
	(void)screen;
	page_title(page, app->plan.name);
	page_text(page, STYLE_NORMAL, _("Disk     %s  S/N %s"),
		  *info->model ? info->model : info->source,
		  *info->serial ? info->serial : _("none"));
	page_text(page, STYLE_NORMAL, _("Size     %s, stored in %s (%s, level %d)"),
		  sv_text_size_both(size, info->size), sv_text_size(stored, info->bytes_stored),
		  info->codec, info->level);
	page_text(page, STYLE_NORMAL, _("Made     %s by %s"), info->created, info->tool);
	if (*info->note)
		page_text(page, STYLE_NORMAL, _("Note     %s"), info->note);
	page_text(page, info->verified && !info->bytes_bad ? STYLE_OK : STYLE_WARN,
		  _("State    %s%s"), info->bytes_bad ? _("with unreadable areas") : _("complete"),
		  info->verified ? _(", verified when it was made") : _(", never verified"));
	for (size_t i = 0; image_reader_damage(app->image.reader, i); i++)
		page_text(page, STYLE_DANGER, "%s", image_reader_damage(app->image.reader, i));
	page_gap(page);
	page_head(page, "%s", _("Partitions"));
	fill_image_parts(info, page);
	page_gap(page);
	page_item(page, ID_CHECK, 'V', NULL, "%s", _("Check this image from end to end"));
	page_item(page, ID_RESTORE, 'T', NULL, "%s", _("Restore it to a disk"));
}

static bool act_contents(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request != REQ_ENTER)
		return false;
	if (id == ID_CHECK) {
		app->plan.kind = PLAN_VERIFY;
		flow_start(app);
	} else if (id == ID_RESTORE) {
		app->plan.kind = PLAN_RESTORE;
		app_push(app, &screen_target);
	}
	return true;
}

static void done_contents(struct app *app, struct screen *screen)
{
	(void)screen;
	image_reader_close(app->image.reader);
	app->image.reader = NULL;
}

const struct screen_ops screen_contents = {
	.name = "contents",
	.help = N_("What this image holds. Checking reads and compares every byte of it and "
		   "changes nothing."),
	.fill = fill_contents,
	.act = act_contents,
	.done = done_contents,
};
