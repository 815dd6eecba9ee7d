/* screen_image.c - which image: the list of a folder, and what one image holds */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image_state {
	struct image_list_entry *list;
	size_t n;
	char sentence[256]; /* why there is no list */
};

static void look(struct app *app, struct image_state *s)
{
	struct sv_err err = {0};
	image_list_free(s->list, s->n);
	s->list = NULL;
	s->n = 0;
	*s->sentence = '\0';
	if (image_list(app->plan.folder, &s->list, &s->n, &err))
		snprintf(s->sentence, sizeof(s->sentence), "%.255s", err.text);
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

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct image_state *s = screen->state;
	char size[SV_SIZE_TEXT], stored[SV_SIZE_TEXT];
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, _("Which image in %s?"), app->plan.folder);
	page_gap(page);
	for (size_t i = 0; i < s->n; i++) {
		const struct image_list_entry *e = &s->list[i];
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
	if (!s->n)
		page_text(page, STYLE_WARN, "%s",
			  *s->sentence ? s->sentence : _("There are no images in this folder."));
	page_action(page, REQ_RESCAN, NULL);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct image_state *s = screen->state;
	if (request == REQ_RESCAN)
		look(app, s);
	if (request == REQ_ENTER && id >= 0 && (size_t)id < s->n) {
		snprintf(app->plan.name, sizeof(app->plan.name), "%s", s->list[id].name);
		app_push(app, app->plan.kind == PLAN_RESTORE ? &screen_target : &screen_contents);
	}
	return false;
}

static void done(struct app *app, struct screen *screen)
{
	struct image_state *s = screen->state;
	(void)app;
	image_list_free(s->list, s->n);
}

const struct screen_ops screen_image = {
	.name = "image",
	.help = N_("The images of the folder, each with its date, the disk it was made from, and "
		   "whether it was checked when it was made."),
	.state_size = sizeof(struct image_state),
	.open = open_list,
	.fill = fill,
	.act = act,
	.done = done,
};

/* ---- one image ---- */

struct contents_state {
	struct image_reader *reader;
	const struct image_info *info;
};

enum { ID_CHECK = 1, ID_RESTORE };

static int open_contents(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct contents_state *s = screen->state;
	char path[1400];
	flow_image_path(app, path, sizeof(path));
	int rc = image_reader_open(path, IMAGE_OPEN_SALVAGE, &s->reader, err);
	if (!rc)
		s->info = image_reader_info(s->reader);
	return rc;
}

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
	const struct contents_state *s = screen->state;
	const struct image_info *info = s->info;
	char size[2 * SV_SIZE_TEXT], stored[SV_SIZE_TEXT];
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
	for (size_t i = 0; image_reader_damage(s->reader, i); i++)
		page_text(page, STYLE_DANGER, "%s", image_reader_damage(s->reader, i));
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
	struct contents_state *s = screen->state;
	(void)app;
	image_reader_close(s->reader);
}

const struct screen_ops screen_contents = {
	.name = "contents",
	.help = N_("What this image holds. Checking reads and compares every byte of it and "
		   "changes nothing."),
	.state_size = sizeof(struct contents_state),
	.open = open_contents,
	.fill = fill_contents,
	.act = act_contents,
	.done = done_contents,
};
