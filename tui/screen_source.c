/* screen_source.c - which disk is read: the disk picker, and the partitions of the disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/unlock.h"

#include <stdio.h>
#include <string.h>

/* A disk that is failing is better rescued. */
static void fill_offer(const struct app *app, struct page *page)
{
	bool failing = false;
	if (app->plan.kind == PLAN_RESCUE)
		return;
	for (size_t i = 0; i < app->disks.n; i++)
		failing |= disks_is_failing(app, &app->disks.v[i]);
	if (!failing)
		return;
	page_text(page, STYLE_WARN, "%s",
		  _("A disk is failing: mark it and press X to rescue it instead. That reads first "
		    "what is easy, and can be stopped and gone on with."));
	page_action(page, REQ_RESCUE, NULL);
}

/* Below a disk the way to unlock it: its number, and this. */
#define SOURCE_UNLOCK 200000

static void fill_disks(const struct app *app, struct page *page)
{
	char key = 'U';
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		int id = (int)app_disk_number(app, disk);
		disks_item(app, page, id, disk, disk->live ? disk->in_use : NULL);
		unlock_lines(app, page, disk);
		if (!disk->live && unlock_item(app, page, SOURCE_UNLOCK + id, key, disk))
			key = 0;
	}
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	(void)screen;
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, "%s",
		  app->plan.kind == PLAN_CLONE
			  ? _("Which disk do you want to CLONE? It is only read, never changed.")
		  : app->plan.kind == PLAN_RESCUE
			  ? _("Which disk is FAILING? It is only read, never changed.")
			  : _("Which disk do you want to SAVE? It is only read, never changed."));
	page_gap(page);
	fill_disks(app, page);
	if (!app->disks.n)
		page_text(page, STYLE_WARN, "%s", _("No disk was found."));
	fill_offer(app, page);
	if (app->plan.kind != PLAN_RESCUE)
		page_action(page, REQ_PARTS, NULL);
	page_action(page, REQ_HEALTH, NULL);
	page_action(page, REQ_RESCAN, NULL);
}

static bool take_source(struct app *app, int id)
{
	const struct disk *disk = disks_by_number(app, id);
	if (!disk)
		return false;
	if (!app->plan.has_source || !app_same_disk(&app->plan.source, disk)) {
		app->plan.all_parts = true;
		app->plan.name[0] = '\0';
	}
	app->plan.source = *disk;
	app->plan.has_source = true;
	return true;
}

/* Where it goes: into an image, or straight onto a disk. */
static void go_on(struct app *app)
{
	app_push(app, app->plan.kind == PLAN_SAVE ? &screen_place : &screen_target);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	const struct disk *shut = disks_by_number(app, id - SOURCE_UNLOCK);
	(void)screen;
	if (request == REQ_ENTER && shut) {
		unlock_push(app, shut);
		return true;
	}
	id = shut ? id - SOURCE_UNLOCK : id; /* the disk above it is meant */
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		content_want(app->content, &app->disks, true);
	} else if (request == REQ_ENTER && take_source(app, id)) {
		go_on(app);
	} else if (request == REQ_RESCUE && take_source(app, id)) {
		flow_rescue_instead(app);
	} else if (request == REQ_PARTS && take_source(app, id)) {
		app_push(app, &screen_parts);
	}
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
}

const struct screen_ops screen_source = {
	.name = "source",
	.help = N_("Choose the disk whose content goes into an image or onto another disk. One "
		   "that the running system is using cannot be chosen: its data would change "
		   "while it is read."),
	.tick_ms = 2000,
	.fill = fill,
	.act = act,
	.tick = tick,
};

/* ---- its partitions ---- */

#define PARTS_NEXT   100000
#define PARTS_UNLOCK 100001

static void parts_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	struct content_view view;
	char size[SV_SIZE_TEXT], used[SV_SIZE_TEXT], name[APP_DISK_TEXT];
	(void)screen;
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, "%s", _("Which partitions of this disk?"));
	page_text(page, STYLE_NORMAL, "%s", app_disk_name(app, &app->plan.source, name));
	page_gap(page);
	content_get(app->content, &app->plan.source, &view);
	for (size_t i = 0; i < view.n_parts; i++) {
		const struct sv_map_part *part = &view.parts[i];
		if (part->extended)
			continue;
		page_item(page, part->number, 0, NULL, "[%c] %d  %s  %s  %s, %s used",
			  flow_takes_part(&app->plan, part->number) ? 'x' : ' ', part->number,
			  *part->fs ? part->fs : _("unknown"),
			  *part->label ? part->label : part->name, sv_text_size(size, part->size),
			  sv_text_size(used, part->used));
		if (*part->inside)
			page_item_line(page, STYLE_DIM, "%s", part->inside);
		if (*part->reason)
			page_item_line(page, part->locked ? STYLE_WARN : STYLE_DIM, "%s",
				       part->reason);
	}
	if (!view.n_parts)
		page_text(page, STYLE_WARN, "%s",
			  _("The partitions are not known; the whole disk is read."));
	content_view_clear(&view);
	page_gap(page);
	page_item(page, PARTS_NEXT, 0,
		  app->plan.all_parts || app->plan.n_parts ? NULL
							   : _("mark at least one partition"),
		  "%s", _("Go on"));
	unlock_item(app, page, PARTS_UNLOCK, 'U', &app->plan.source);
	page_text(page, STYLE_DIM, "%s", _("The partition table is always included."));
	page_action(page, REQ_MARK, NULL);
}

/* The first change makes "all" into a list. */
static void toggle_part(struct app *app, int number)
{
	struct plan *plan = &app->plan;
	struct content_view view;
	size_t n = 0;
	content_get(app->content, &plan->source, &view);
	int kept[APP_MAX_PARTS] = {0};
	for (size_t i = 0; i < view.n_parts && n < APP_MAX_PARTS; i++) {
		int it = view.parts[i].number;
		if (!view.parts[i].extended && flow_takes_part(plan, it) != (it == number))
			kept[n++] = it;
	}
	size_t all = 0;
	for (size_t i = 0; i < view.n_parts; i++)
		all += !view.parts[i].extended;
	content_view_clear(&view);
	memcpy(plan->parts, kept, n * sizeof(kept[0]));
	plan->n_parts = n;
	plan->all_parts = n == all;
}

static bool parts_act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request == REQ_ENTER && id == PARTS_NEXT)
		go_on(app);
	else if (request == REQ_ENTER && id == PARTS_UNLOCK)
		unlock_push(app, &app->plan.source);
	else if (request == REQ_ENTER || request == REQ_MARK)
		toggle_part(app, id);
	return false;
}

const struct screen_ops screen_parts = {
	.name = "parts",
	.help = N_("Space or Enter takes a partition out or puts it back in. What is not marked is "
		   "not read, and where it would go, a disk is left as it is."),
	.fill = parts_fill,
	.act = parts_act,
};
