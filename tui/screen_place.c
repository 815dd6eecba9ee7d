/* screen_place.c - where the image goes, or where the images are */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ID_PLACE = 100,
	ID_MOUNT = 1000,
	ID_UNFINISHED = 2000,
	ID_FOLDER = 1,
	ID_NAME,
	ID_NEXT,
	ID_SHARE
};

#define MAX_MOUNTS 64

/* A partition that is not mounted but could be. */
struct candidate {
	char node[160], label[64], fs[32];
	uint64_t size;
	unsigned int disk;
	bool on_source;
};

struct place_state {
	struct place_list places;
	struct candidate mounts[MAX_MOUNTS];
	size_t n_mounts;
	uint64_t needed; /* bytes that would be read; 0 = not known */
};

static bool mountable(const char *fs)
{
	static const char *const known[] = {"ext2", "ext3", "ext4",  "vfat", "exfat",
					    "ntfs", "xfs",  "btrfs", "f2fs"};
	for (size_t i = 0; i < SV_ARRAY(known); i++)
		if (!strcmp(fs, known[i]))
			return true;
	return false;
}

static void add_candidates(const struct app *app, struct place_state *s, const struct disk *disk)
{
	struct content_view view;
	content_get(app->content, disk, &view);
	for (size_t i = 0; i < view.n_parts && s->n_mounts < MAX_MOUNTS; i++) {
		const struct sv_map_part *part = &view.parts[i];
		if (!mountable(part->fs))
			continue;
		struct candidate *c = &s->mounts[s->n_mounts++];
		disks_part_node(disk, part->number, c->node, sizeof(c->node));
		snprintf(c->label, sizeof(c->label), "%.63s",
			 *part->label ? part->label : part->name);
		snprintf(c->fs, sizeof(c->fs), "%s", part->fs);
		c->size = part->size;
		c->disk = app_disk_number(app, disk);
		c->on_source =
			flow_writes_store(&app->plan) && app_same_disk(disk, &app->plan.source);
	}
	content_view_clear(&view);
}

static void look(struct app *app, struct place_state *s)
{
	struct sv_err err = {0};
	struct content_view view;
	places_clear(&s->places);
	if (places_list(app->root, &s->places, &err))
		app_log(app, "%s", err.text);
	s->n_mounts = 0;
	for (size_t i = 0; i < app->disks.n; i++)
		if (!*app->disks.v[i].in_use)
			add_candidates(app, s, &app->disks.v[i]);
	s->needed = 0;
	if (app->plan.kind != PLAN_SAVE)
		return;
	content_get(app->content, &app->plan.source, &view);
	for (size_t i = 0; i < view.n_parts; i++)
		s->needed += view.parts[i].used;
	content_view_clear(&view);
}

static int open_place(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	look(app, screen->state);
	if (flow_writes_store(&app->plan))
		flow_propose_name(app);
	return 0;
}

/* Compressed it will need less; how much less, nobody knows before. */
static const char *fits(const struct place_state *s, const struct place *place)
{
	if (!s->needed)
		return "";
	if (place->free > s->needed)
		return _("enough");
	return place->free > s->needed / 3 ? _("perhaps enough, when the data compresses well")
					   : _("TOO SMALL");
}

static void fill_places(const struct app *app, const struct place_state *s, struct page *page)
{
	char size[SV_SIZE_TEXT];
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *place = &s->places.v[i];
		bool write = flow_writes_store(&app->plan);
		page_item(page, ID_PLACE + (int)i, 0,
			  write && place->read_only ? _("mounted read-only") : NULL,
			  _("%s   %s   %s free   %s"), place->path, place->fs,
			  sv_text_size(size, place->free), write ? fits(s, place) : "");
		page_item_line(page, STYLE_DIM, "%s", place->source);
	}
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct candidate *c = &s->mounts[i];
		page_item(page, ID_MOUNT + (int)i, 0,
			  c->on_source ? _("lies on the disk that is read") : NULL,
			  _("Disk #%u  %s  \"%s\"  %s  %s   Enter mounts it"), c->disk, c->node,
			  c->label, c->fs, sv_text_size(size, c->size));
	}
	if (!s->places.n && !s->n_mounts)
		page_text(page, STYLE_WARN, "%s",
			  _("No filesystem for images was found. Plug in a disk and press R."));
}

/* Backups of the very disk that were stopped. */
static void fill_unfinished(const struct app *app, struct page *page)
{
	struct unfinished_save found[UNFINISHED_MAX];
	const char *reason;
	size_t n = app->plan.kind == PLAN_SAVE ? unfinished_get(app->unfinished, found) : 0;
	for (size_t i = 0; i < n; i++) {
		const struct disk *disk = flow_disk_of(app, &found[i], &reason);
		if (disk && app_same_disk(disk, &app->plan.source))
			page_item(page, ID_UNFINISHED + (int)i, i ? 0 : 'U', NULL,
				  _("Go on with an unfinished backup, %u %%: %s"), found[i].percent,
				  found[i].name);
	}
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct place_state *s = screen->state;
	const struct plan *plan = &app->plan;
	char size[SV_SIZE_TEXT];
	flow_head(app, page, plan->kind == PLAN_COPY ? 2 : plan->kind == PLAN_SAVE);
	if (plan->kind == PLAN_SAVE && s->needed)
		page_text(page, STYLE_STRONG,
			  _("Where should the image of disk #%u go? %s are in use."),
			  app_disk_number(app, &plan->source), sv_text_size(size, s->needed));
	else
		page_text(page, STYLE_STRONG, "%s",
			  plan->kind == PLAN_SAVE   ? _("Where should the image go?")
			  : plan->kind == PLAN_COPY ? _("Where should the files go?")
						    : _("Where are the images?"));
	page_gap(page);
	fill_unfinished(app, page);
	fill_places(app, s, page);
	page_item(page, ID_SHARE, 'S', NULL, "%s",
		  _("A folder on another machine: Windows share, NAS, NFS, SSH ..."));
	page_gap(page);
	page_field(page, ID_FOLDER, _("Folder"), plan->folder, false);
	if (flow_writes_store(plan))
		page_field(page, ID_NAME, plan->kind == PLAN_COPY ? _("New folder") : _("Image"),
			   plan->name, false);
	page_item(page, ID_NEXT, 0, *plan->folder ? NULL : _("choose or type a folder first"), "%s",
		  _("Go on"));
	page_action(page, REQ_RESCAN, NULL);
}

static void go_on(struct app *app, size_t i)
{
	struct unfinished_save found[UNFINISHED_MAX];
	const char *reason;
	size_t n = unfinished_get(app->unfinished, found);
	const struct disk *disk = i < n ? flow_disk_of(app, &found[i], &reason) : NULL;
	if (!disk)
		return;
	flow_plan_resume(app, &found[i], disk);
	app_push(app, &screen_review);
}

static void use_folder(struct app *app, struct screen *screen, const char *path)
{
	snprintf(app->plan.folder, sizeof(app->plan.folder), "%s", path);
	unfinished_want(app->unfinished, path);
	screen->view.focus = ID_NEXT;
}

static void mount_it(struct app *app, struct screen *screen, const struct candidate *c)
{
	char path[256];
	struct sv_err err = {0};
	if (places_mount(app->root, c->node,
			 flow_writes_store(&app->plan) ? PLACES_WRITE : PLACES_READ, path, &err)) {
		app_say(app, STYLE_WARN, _("It cannot be mounted"), err.text);
		return;
	}
	app_log(app, _("%s is mounted on %s"), c->node, path);
	use_folder(app, screen, path);
	app_scan_disks(app);
	look(app, screen->state);
}

static void next(struct app *app)
{
	if (!flow_writes_store(&app->plan))
		app_push(app, &screen_image);
	else if (!*app->plan.name || strchr(app->plan.name, '/'))
		app_say(app, STYLE_WARN, _("A name is needed"),
			_("Type a name of letters, digits, points, dashes and underscores."));
	else
		app_push(app, &screen_review);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct place_state *s = screen->state;
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		look(app, s);
	}
	if (request != REQ_ENTER)
		return false;
	if (id == ID_SHARE)
		app_push(app, &screen_share);
	else if (id >= ID_UNFINISHED)
		go_on(app, (size_t)(id - ID_UNFINISHED));
	else if (id >= ID_MOUNT && (size_t)(id - ID_MOUNT) < s->n_mounts)
		mount_it(app, screen, &s->mounts[id - ID_MOUNT]);
	else if (id >= ID_PLACE && (size_t)(id - ID_PLACE) < s->places.n)
		use_folder(app, screen, s->places.v[id - ID_PLACE].path);
	else if (*app->plan.folder)
		next(app);
	return false;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	(void)screen;
	if (id == ID_FOLDER)
		snprintf(app->plan.folder, sizeof(app->plan.folder), "%s", value);
	if (id == ID_NAME)
		snprintf(app->plan.name, sizeof(app->plan.name), "%s", value);
}

static void tick(struct app *app, struct screen *screen)
{
	if (content_changed(app->content))
		look(app, screen->state);
}

/* From the page of shares. */
static void back(struct app *app, struct screen *screen)
{
	look(app, screen->state);
	if (app->share && !strcmp(app->plan.folder, share_path(app->share)))
		screen->view.focus = ID_NEXT;
}

static void done(struct app *app, struct screen *screen)
{
	struct place_state *s = screen->state;
	(void)app;
	places_clear(&s->places);
}

const struct screen_ops screen_place = {
	.name = "place",
	.help = N_(
		"Images are folders on an ordinary filesystem: a USB disk, a second disk, a share. "
		"What is mounted already comes first; another partition is mounted when you choose "
		"it. A folder can also be typed. Nothing is written here before the last page."),
	.state_size = sizeof(struct place_state),
	.tick_ms = 1000,
	.open = open_place,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
	.back = back,
	.done = done,
};
