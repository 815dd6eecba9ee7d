/* screen_target.c - which disk an image or another disk is written to */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <string.h>

enum { ID_FILE = 100000, ID_IMAGE }; /* no number of a disk is as large */

struct target_state {
	uint64_t size; /* of the disk that is written: the image's, or the source */
	uint32_t sector_size;
	char from[280];
	char store[64]; /* kernel name of the disk or partition that holds the image */
};

/* The image has been opened; where the page below shows its contents it stays so. */
static void take_image(struct app *app, struct target_state *s)
{
	const struct image_info *info = image_reader_info(app->image.reader);
	s->size = info->size;
	s->sector_size = info->sector_size;
	snprintf(s->from, sizeof(s->from), "%s  S/N %s", *info->model ? info->model : info->source,
		 *info->serial ? info->serial : _("none"));
	memcpy(s->store, app->image.store, sizeof(s->store));
	if (app->top->ops == &screen_contents)
		return;
	image_reader_close(app->image.reader);
	app->image.reader = NULL;
}

static int open_target(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct target_state *s = screen->state;
	(void)err;
	if (app->plan.kind == PLAN_RESTORE) {
		take_image(app, s);
		return 0;
	}
	s->size = app->plan.source.size;
	s->sector_size = app->plan.source.sector_size;
	return 0;
}

/* Why a disk cannot be the target; NULL when it can. The engine checks all of it again. */
static const char *reason(const struct app *app, const struct target_state *s,
			  const struct disk *disk, char *out, size_t cap)
{
	char size[SV_SIZE_TEXT];
	bool clone = app->plan.kind != PLAN_RESTORE;
	if (disk->boot_medium)
		return _("Salvor was started from it");
	if (clone && app_same_disk(disk, &app->plan.source))
		return _("is the source");
	if (*s->store && disk_holds(disk, s->store))
		return _("holds the image");
	if (*disk->in_use)
		return disk->in_use;
	if (disk->size < s->size) {
		snprintf(out, cap, _("too small by %s (%llu bytes)"),
			 sv_text_size(size, s->size - disk->size),
			 (unsigned long long)(s->size - disk->size));
		return out;
	}
	if (disk->sector_size != s->sector_size) {
		snprintf(out, cap,
			 clone ? _("its sectors have %u bytes, those of the source %u")
			       : _("its sectors have %u bytes, those of the image %u"),
			 disk->sector_size, s->sector_size);
		return out;
	}
	return NULL;
}

static void fill_question(const struct app *app, const struct target_state *s, struct page *page)
{
	char size[2 * SV_SIZE_TEXT], name[APP_DISK_TEXT];
	if (app->plan.kind != PLAN_RESTORE) {
		page_text(page, STYLE_STRONG, "%s",
			  _("Which disk should be OVERWRITTEN with the copy?"));
		page_text(page, STYLE_NORMAL, _("Copy of %s"),
			  app_disk_name(app, &app->plan.source, name));
		return;
	}
	page_text(page, STYLE_STRONG, "%s", _("Which disk should be OVERWRITTEN with the image?"));
	page_text(page, STYLE_NORMAL, _("Image %s, of %s, %s"), app->plan.name, s->from,
		  sv_text_size_both(size, s->size));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct target_state *s = screen->state;
	char text[200];
	flow_head(app, page, 1);
	page->no_default = true;
	fill_question(app, s, page);
	page_gap(page);
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		disks_item(app, page, (int)app_disk_number(app, disk), disk,
			   reason(app, s, disk, text, sizeof(text)));
	}
	if (app->plan.kind == PLAN_RESCUE) {
		page_item(page, ID_FILE, 'F', NULL, "%s",
			  _("Into a file on another disk or on a share: nothing is erased"));
		page_item(page, ID_IMAGE, 'I', NULL, "%s",
			  _("Into an image, to be restored like a backup: nothing is erased"));
	}
	page_action(page, REQ_HEALTH, NULL);
	page_action(page, REQ_RESCAN, NULL);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request == REQ_RESCAN)
		app_scan_disks(app);
	if (request == REQ_ENTER && (id == ID_FILE || id == ID_IMAGE)) {
		app->plan.to_file = true;
		app->plan.to_image = id == ID_IMAGE;
		app_push(app, &screen_place);
		return false;
	}
	for (size_t i = 0; request == REQ_ENTER && i < app->disks.n; i++) {
		if ((int)app_disk_number(app, &app->disks.v[i]) != id)
			continue;
		app->plan.target = app->disks.v[i];
		app->plan.has_target = true;
		app->plan.typed[0] = '\0';
		app->plan.to_file = app->plan.to_image = false;
		app_push(app, app->plan.kind == PLAN_RESCUE ? &screen_place : &screen_review);
		break;
	}
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
}

const struct screen_ops screen_target = {
	.name = "target",
	.help = N_("Choose the disk that is overwritten. Everything that is on it now will be "
		   "lost. Disks that cannot be used say why. Nothing happens yet: the next page "
		   "asks once more."),
	.state_size = sizeof(struct target_state),
	.tick_ms = 2000,
	.open = open_target,
	.fill = fill,
	.act = act,
	.tick = tick,
};
