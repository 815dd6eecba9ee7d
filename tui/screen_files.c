/* screen_files.c - files off a disk: which volume, and which of its files and folders */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/folder.h"
#include "tui/i18n.h"
#include "tui/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the volume ---- */

enum { ID_DISK = 1000 }; /* a volume is its disk's place in the list times this, and its number */

struct volume_state {
	struct disk disk; /* of the volume that is being mounted */
};

static void fill_volumes(const struct app *app, size_t i, struct page *page)
{
	struct content_view view;
	char size[SV_SIZE_TEXT], used[SV_SIZE_TEXT];
	content_get(app->content, &app->disks.v[i], &view);
	for (size_t k = 0; k < view.n_parts && k < ID_DISK; k++) {
		const struct sv_map_part *part = &view.parts[k];
		if (!*part->fs || part->extended || !strcmp(part->fs, "swap"))
			continue;
		page_item(page, (int)(i * ID_DISK + k), 0, NULL, "%d  %s  \"%s\"  %s, %s",
			  part->number, part->fs, *part->label ? part->label : part->name,
			  sv_text_size(size, part->size), sv_text_size(used, part->used));
	}
	if (view.state != CONTENT_READY && *view.sentence)
		page_text(page, STYLE_DIM, "    %s", view.sentence);
	content_view_clear(&view);
}

static void volume_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	char name[APP_DISK_TEXT];
	(void)screen;
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, "%s",
		  _("On which volume are the files? It is only read, never changed."));
	page_gap(page);
	for (size_t i = 0; i < app->disks.n; i++) {
		page_text(page, STYLE_NORMAL, "%s", app_disk_name(app, &app->disks.v[i], name));
		fill_volumes(app, i, page);
	}
	page_action(page, REQ_HEALTH, NULL);
	page_action(page, REQ_RESCAN, NULL);
}

static void volume_mounted(struct app *app, const char *node, const char *path)
{
	const struct volume_state *s = app->top->state;
	struct plan *plan = &app->plan;
	snprintf(plan->volume, sizeof(plan->volume), "%s", node);
	snprintf(plan->from, sizeof(plan->from), "%s", path);
	plan->source = s->disk;
	plan->has_source = true;
	plan->at[0] = '\0';
	app_push(app, &screen_files);
}

static void open_volume(struct app *app, struct screen *screen, const struct disk *disk,
			const struct sv_map_part *part)
{
	struct volume_state *s = screen->state;
	struct plan *plan = &app->plan;
	char node[sizeof(plan->volume)];
	disks_part_node(disk, part->number, node, sizeof(node));
	if (strcmp(node, plan->volume) != 0) {
		marks_clear(&plan->marks);
		plan->name[0] = '\0';
	}
	s->disk = *disk;
	reach_browse(app, node, volume_mounted);
}

static bool volume_act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct content_view view;
	size_t i = (size_t)id / ID_DISK, k = (size_t)id % ID_DISK;
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		content_want(app->content, &app->disks, true);
	}
	if (request != REQ_ENTER || id < 0 || i >= app->disks.n)
		return false;
	content_get(app->content, &app->disks.v[i], &view);
	if (k < view.n_parts)
		open_volume(app, screen, &app->disks.v[i], &view.parts[k]);
	content_view_clear(&view);
	return false;
}

static void volume_tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
}

const struct screen_ops screen_volume = {
	.name = "volume",
	.help = N_(
		"For a computer that does not start any more: its files can be copied to another "
		"disk or to a share. The volume is mounted without changing a byte of it; what "
		"only its journal knows is not seen. A disk that is failing is better cloned "
		"first."),
	.state_size = sizeof(struct volume_state),
	.tick_ms = 2000,
	.fill = volume_fill,
	.act = volume_act,
	.tick = volume_tick,
};

/* ---- its files ---- */

enum { ID_NEXT = FOLDER_MAX, ID_UP };

struct files_state {
	struct folder *folder; /* of plan->at */
};

/* NAME in the folder that is shown, as a path below the volume; "" when that is too long. */
static void path_of(const struct plan *plan, const char *name, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s%s%s", plan->at, *plan->at ? "/" : "", name);
	if (n >= (int)cap)
		out[0] = '\0';
}

static void look(struct app *app, struct files_state *s)
{
	char path[sizeof(app->plan.from) + sizeof(app->plan.at)];
	folder_close(s->folder);
	snprintf(path, sizeof(path), "%s/%s", app->plan.from, app->plan.at);
	s->folder = folder_open(path);
}

static int files_open(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct files_state *s = screen->state;
	look(app, s);
	return s->folder ? 0 : sv_fail_nomem(err);
}

static const char *mark_of(const struct plan *plan, const struct folder_entry *e)
{
	char path[sizeof(plan->at)];
	path_of(plan, e->name, path, sizeof(path));
	switch (marks_of(&plan->marks, path)) {
	case MARKS_ITSELF:
	case MARKS_WITHIN:
		return "[x]";
	case MARKS_BELOW:
		return "[+]";
	default:
		return "[ ]";
	}
}

static void fill_entry(const struct plan *plan, size_t i, const struct folder_entry *e,
		       struct page *page)
{
	char size[SV_SIZE_TEXT], day[16] = "";
	struct tm tm;
	/* any bytes can be in a name */
	char *clean = sv_text_clean(e->name);
	if (localtime_r(&e->changed, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	if (e->kind == FOLDER_FILE)
		page_item(page, (int)i, 0, NULL, "%s %-44s %10s  %s", mark_of(plan, e),
			  clean ? clean : "?", sv_text_size(size, e->size), day);
	else
		page_item(page, (int)i, 0, e->kind == FOLDER_OTHER ? _("no file") : NULL,
			  e->kind == FOLDER_FOLDER ? "%s %s/" : "%s %s", mark_of(plan, e),
			  clean ? clean : "?");
	free(clean);
}

static void fill_folder(const struct app *app, const struct folder *folder, struct page *page)
{
	for (size_t i = 0; i < folder->n; i++)
		fill_entry(&app->plan, i, &folder->v[i], page);
	if (!folder->n && !*folder->sentence)
		page_text(page, STYLE_DIM, "%s", _("This folder is empty."));
	if (folder->more)
		page_text(page, STYLE_WARN,
			  _("%zu more are not shown; the folder as a whole can be marked."),
			  folder->more);
	if (*folder->sentence)
		page_text(page, STYLE_DANGER, _("Not all of this folder can be read: %s"),
			  folder->sentence);
}

static void files_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct files_state *s = screen->state;
	const struct plan *plan = &app->plan;
	char *clean = sv_text_clean(plan->at);
	flow_head(app, page, 1);
	page_text(page, STYLE_STRONG, "%s: /%s", plan->volume, clean ? clean : "");
	free(clean);
	page_item(page, ID_NEXT, 0, plan->marks.n ? NULL : _("mark files or folders first: Space"),
		  _n("Copy what is marked (%zu)", "Copy what is marked (%zu)", plan->marks.n),
		  plan->marks.n);
	if (*plan->at)
		page_item(page, ID_UP, 0, NULL, "[..]");
	if (!folder_ready(s->folder))
		page_text(page, STYLE_DIM, "%s", _("reading ..."));
	else
		fill_folder(app, s->folder, page);
	page_action(page, REQ_MARK, NULL);
}

static void go_up(struct app *app, struct screen *screen)
{
	char *slash = strrchr(app->plan.at, '/');
	if (slash)
		*slash = '\0';
	else
		app->plan.at[0] = '\0';
	screen->view = (struct face_view){0};
	look(app, screen->state);
	app->fresh = true;
}

static void go_down(struct app *app, struct screen *screen, const struct folder_entry *e)
{
	char path[sizeof(app->plan.at)];
	path_of(&app->plan, e->name, path, sizeof(path));
	if (!*path)
		return;
	memcpy(app->plan.at, path, sizeof(app->plan.at));
	screen->view = (struct face_view){.focus = ID_UP};
	look(app, screen->state);
	app->fresh = true;
}

static void mark(struct app *app, const struct folder_entry *e)
{
	char path[sizeof(app->plan.at)];
	path_of(&app->plan, e->name, path, sizeof(path));
	if (*path && e->kind != FOLDER_OTHER)
		marks_toggle(&app->plan.marks, path);
}

static bool files_act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct files_state *s = screen->state;
	const struct folder_entry *e =
		s->folder && folder_ready(s->folder) && id >= 0 && (size_t)id < s->folder->n
			? &s->folder->v[id]
			: NULL;
	if (request == REQ_BACK && *app->plan.at) {
		go_up(app, screen);
		return true;
	}
	if (request == REQ_MARK && e)
		mark(app, e);
	if (request != REQ_ENTER)
		return false;
	if (id == ID_UP)
		go_up(app, screen);
	else if (id == ID_NEXT && app->plan.marks.n)
		app_push(app, &screen_place);
	else if (e && e->kind == FOLDER_FOLDER)
		go_down(app, screen, e);
	else if (e)
		mark(app, e);
	return true;
}

static void files_done(struct app *app, struct screen *screen)
{
	struct files_state *s = screen->state;
	(void)app;
	folder_close(s->folder);
}

const struct screen_ops screen_files = {
	.name = "files",
	.help = N_(
		"Enter opens a folder, Space marks a file or a whole folder. [+]: something in it "
		"is marked. Marks are kept while you look into other folders. Nothing on this "
		"volume is changed."),
	.state_size = sizeof(struct files_state),
	.tick_ms = 300,
	.open = files_open,
	.fill = files_fill,
	.act = files_act,
	.done = files_done,
};
