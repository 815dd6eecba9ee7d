/* screen_place.c - where the image goes, or where the images are */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/numbers.h"
#include "tui/reach.h"
#include "tui/task.h"

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
	ID_SHARE,
	ID_FORMAT
};

#define MAX_MOUNTS 64

/* A partition that is not mounted but could be. */
struct candidate {
	char node[160], label[64], fs[32];
	uint64_t size;
	unsigned int disk;
	int number;	    /* of its node */
	const char *reason; /* why not there; NULL = it can be */
};

/* The task's until it has ended. */
struct place_look {
	const char *root;
	struct place_list places;
	struct sv_err err;
};

struct place_state {
	struct place_list places;
	struct task *looking; /* a share may take its time to say what is free */
	struct place_look *look;
	bool looked;		/* once at least */
	struct numbers numbers; /* of all that was ever listed: paths and nodes */
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

/* What is written must be neither on what is read nor on what is overwritten. */
static const char *not_on(const struct plan *plan, bool on_source, bool on_target)
{
	if (flow_writes_store(plan) && on_source)
		return _("lies on the disk that is read");
	return plan->kind == PLAN_RESCUE && !plan->to_file && on_target
		       ? _("lies on the disk that is overwritten")
		       : NULL;
}

static const char *not_on_disk(const struct plan *plan, const struct disk *disk)
{
	return not_on(plan, app_same_disk(disk, &plan->source), app_same_disk(disk, &plan->target));
}

/* Of something mounted, by its device. */
static const char *not_on_device(const struct plan *plan, const char *kname)
{
	if (plan->kind != PLAN_RESCUE || !*kname)
		return NULL;
	return not_on(plan, disk_holds(&plan->source, kname), disk_holds(&plan->target, kname));
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
		c->number = numbers_give(&s->numbers, c->node);
		c->size = part->size;
		c->disk = app_disk_number(app, disk);
		c->reason = not_on_disk(&app->plan, disk);
	}
	content_view_clear(&view);
}

/* ---- looking, in the background ---- */

static void look_run(void *arg)
{
	struct place_look *look = arg;
	places_list(look->root, &look->places, &look->err);
}

static void look_drop(void *arg)
{
	struct place_look *look = arg;
	places_clear(&look->places);
	free(look);
}

/* What was found, once it is there; waits at most `ms`. */
static void look_take(struct app *app, struct place_state *s, int ms)
{
	if (!s->looking || !task_ended(s->looking, ms))
		return;
	if (s->look->err.code)
		app_log(app, "%s", s->look->err.text);
	places_clear(&s->places);
	s->places = s->look->places;
	s->look->places = (struct place_list){0};
	for (size_t i = 0; i < s->places.n; i++)
		numbers_give(&s->numbers, s->places.v[i].path);
	s->looked = true;
	task_leave(s->looking);
	s->looking = NULL;
}

static void look_begin(struct app *app, struct place_state *s)
{
	task_leave(s->looking);
	s->looking = NULL;
	s->look = calloc(1, sizeof(*s->look));
	if (!s->look)
		return;
	s->look->root = app->root;
	s->looking = task_begin(look_run, look_drop, s->look);
	look_take(app, s, TASK_GRACE_MS);
}

static void look_at_disks(struct app *app, struct place_state *s)
{
	struct content_view view;
	s->n_mounts = 0;
	for (size_t i = 0; i < app->disks.n; i++)
		if (!*app->disks.v[i].in_use)
			add_candidates(app, s, &app->disks.v[i]);
	/* an image is made while the copy is there */
	s->needed = app->plan.kind == PLAN_RESCUE && app->plan.to_file
			    ? app->plan.source.size * (1 + app->plan.to_image)
			    : 0;
	if (app->plan.kind != PLAN_SAVE)
		return;
	content_get(app->content, &app->plan.source, &view);
	for (size_t i = 0; i < view.n_parts; i++)
		s->needed += view.parts[i].used;
	content_view_clear(&view);
}

static void look(struct app *app, struct place_state *s)
{
	look_at_disks(app, s);
	look_begin(app, s);
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
static const char *fits(const struct plan *plan, const struct place_state *s,
			const struct place *place)
{
	if (!s->needed)
		return "";
	if (place->free > s->needed)
		return _("enough");
	if (plan->kind == PLAN_RESCUE)
		return _("enough only for a disk that is not full");
	return place->free > s->needed / 3 ? _("perhaps enough, when the data compresses well")
					   : _("TOO SMALL");
}

static void fill_places(const struct app *app, const struct place_state *s, struct page *page)
{
	char size[SV_SIZE_TEXT];
	for (size_t i = 0; i < s->places.n; i++) {
		const struct place *place = &s->places.v[i];
		bool write = flow_writes_store(&app->plan);
		page_item(page, ID_PLACE + numbers_find(&s->numbers, place->path), 0,
			  write && place->read_only ? _("mounted read-only")
						    : not_on_device(&app->plan, place->kname),
			  _("%s   %s   %s free   %s"), place->path, place->fs,
			  sv_text_size(size, place->free), write ? fits(&app->plan, s, place) : "");
		page_item_line(page, STYLE_DIM, "%s", place->source);
	}
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct candidate *c = &s->mounts[i];
		page_item(page, ID_MOUNT + c->number, 0, c->reason,
			  _("Disk #%u  %s  \"%s\"  %s  %s   Enter mounts it"), c->disk, c->node,
			  c->label, c->fs, sv_text_size(size, c->size));
	}
	if (!s->looked)
		page_text(page, STYLE_DIM, "%s",
			  _("The mounted filesystems are being looked at; one of them does not "
			    "answer yet."));
	else if (!s->places.n && !s->n_mounts)
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
			flow_fill_unfinished(page, ID_UNFINISHED, i, &found[i], NULL);
	}
}

static const char *question_of_rescue(const struct plan *plan)
{
	return plan->to_image  ? _("Where should the image go? Until it is made, the copy and the "
				    "map of the rescue are beside it.")
	       : plan->to_file ? _("Where should the copy and the map of the rescue go?")
			       : _("Where should the map of the rescue live?");
}

static const char *name_of_name(const struct plan *plan)
{
	return plan->kind == PLAN_COPY			      ? _("New folder")
	       : plan->kind == PLAN_RESCUE && !plan->to_image ? _("Name")
							      : _("Image");
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct place_state *s = screen->state;
	const struct plan *plan = &app->plan;
	char size[SV_SIZE_TEXT];
	flow_head(app, page, flow_place_step(plan));
	if (plan->kind == PLAN_SAVE && s->needed)
		page_text(page, STYLE_STRONG,
			  _("Where should the image of disk #%u go? %s are in use."),
			  app_disk_number(app, &plan->source), sv_text_size(size, s->needed));
	else
		page_text(page, STYLE_STRONG, "%s",
			  plan->kind == PLAN_SAVE     ? _("Where should the image go?")
			  : plan->kind == PLAN_COPY   ? _("Where should the files go?")
			  : plan->kind == PLAN_RESCUE ? question_of_rescue(plan)
						      : _("Where are the images?"));
	if (plan->kind == PLAN_RESCUE)
		page_text(
			page, STYLE_NORMAL, "%s",
			_("The map tells what was read and what was not. With it the rescue can go "
			  "on at any time, also after a power cut."));
	page_gap(page);
	fill_unfinished(app, page);
	fill_places(app, s, page);
	page_item(page, ID_SHARE, 'S', NULL, "%s",
		  _("A folder on another machine: Windows share, NAS, NFS, SSH ..."));
	if (flow_writes_store(plan))
		page_item(page, ID_FORMAT, 'F', NULL, "%s",
			  _("Format an empty disk as a new backup disk ..."));
	page_gap(page);
	page_field(page, ID_FOLDER, _("Folder"), plan->folder, false);
	if (flow_writes_store(plan))
		page_field(page, ID_NAME, name_of_name(plan), plan->name, false);
	page_item(page, ID_NEXT, 0, *plan->folder ? NULL : _("choose or type a folder first"), "%s",
		  _("Go on"));
	page_action(page, REQ_RESCAN, NULL);
}

static void use_folder(struct app *app, struct screen *screen, const char *path)
{
	snprintf(app->plan.folder, sizeof(app->plan.folder), "%s", path);
	unfinished_want(app->unfinished, path);
	screen->view.focus = ID_NEXT;
}

static void mounted(struct app *app, const char *node, const char *path)
{
	(void)node;
	use_folder(app, app->top, path);
	app_scan_disks(app);
	look(app, app->top->state);
}

static void resume(struct app *app, int number)
{
	if (flow_plan_unfinished(app, number))
		app_push(app, &screen_review);
}

static void go_there(struct app *app)
{
	if (!flow_writes_store(&app->plan))
		app_push(app, &screen_image);
	else if (!*app->plan.name || strchr(app->plan.name, '/'))
		app_say(app, STYLE_WARN, _("A name is needed"),
			_("Type a name of letters, digits, points, dashes and underscores."));
	else
		app_push(app,
			 app->plan.kind == PLAN_RESCUE ? &screen_rescue_start : &screen_review);
}

/* A folder can also be typed: the same rules. The engine checks all of it again. */
static void check_there(struct app *app, const char *node, const char *kname)
{
	const char *why = not_on_device(&app->plan, kname);
	(void)node;
	if (why)
		app_say(app, STYLE_WARN, _("This is not possible"), why);
	else
		go_there(app);
}

static void next(struct app *app)
{
	if (app->plan.kind == PLAN_RESCUE)
		reach_device(app, app->plan.folder, check_there);
	else
		go_there(app);
}

static void use_place(struct app *app, struct screen *screen, int number)
{
	const struct place_state *s = screen->state;
	for (size_t i = 0; i < s->places.n; i++)
		if (numbers_find(&s->numbers, s->places.v[i].path) == number)
			return use_folder(app, screen, s->places.v[i].path);
}

static void mount_candidate(struct app *app, const struct place_state *s, int number)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].number == number)
			return reach_mount(app, s->mounts[i].node, flow_writes_store(&app->plan),
					   mounted);
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
	else if (id == ID_FORMAT)
		app_push(app, &screen_format);
	else if (id >= ID_UNFINISHED)
		resume(app, id - ID_UNFINISHED);
	else if (id >= ID_MOUNT)
		mount_candidate(app, s, id - ID_MOUNT);
	else if (id >= ID_PLACE)
		use_place(app, screen, id - ID_PLACE);
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
	struct place_state *s = screen->state;
	look_take(app, s, 0);
	if (!content_changed(app->content))
		return;
	look_at_disks(app, s);
	if (!s->looking)
		look_begin(app, s);
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
	task_leave(s->looking);
	places_clear(&s->places);
	numbers_clear(&s->numbers);
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
