/* screen_format.c - a disk becomes a new backup disk: which one, the check, and how far it is */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/erase.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <string.h>

/* ---- which one ---- */

/* Why a disk cannot become one; NULL when it can. The engine checks all of it again. */
static const char *reason(const struct app *app, const struct disk *disk)
{
	if (disk->boot_medium)
		return _("Salvor was started from it");
	if (app_same_disk(disk, &app->plan.source))
		return _("is the source");
	if (app->plan.kind == PLAN_RESCUE && !app->plan.to_file &&
	    app_same_disk(disk, &app->plan.target))
		return _("is the target");
	return *disk->in_use ? disk->in_use : NULL;
}

static void pick_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	(void)screen;
	page_title(page, _("New backup disk"));
	page->no_default = true;
	page_text(page, STYLE_STRONG, "%s",
		  _("Which disk should become a new backup disk? Everything on it will be LOST."));
	page_gap(page);
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		disks_item(app, page, (int)app_disk_number(app, disk), disk, reason(app, disk));
	}
	if (!app->disks.n)
		page_text(page, STYLE_WARN, "%s", _("No disk was found."));
	page_action(page, REQ_HEALTH, NULL);
	page_action(page, REQ_RESCAN, NULL);
}

static bool pick_act(struct app *app, struct screen *screen, enum request request, int id)
{
	const struct disk *disk = disks_by_number(app, id);
	(void)screen;
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		content_want(app->content, &app->disks, true);
	}
	if (request == REQ_ENTER && disk && !reason(app, disk)) {
		app->to_format = *disk;
		app->plan.typed[0] = '\0';
		app_push(app, &screen_format_check);
	}
	return false;
}

static void pick_tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
}

const struct screen_ops screen_format = {
	.name = "format",
	.help = N_("Choose a disk that images shall lie on from now on. An empty one is best. "
		   "Disks that cannot be used say why. Nothing happens yet: the next page says "
		   "what is on the disk, and asks once more."),
	.tick_ms = 2000,
	.fill = pick_fill,
	.act = pick_act,
	.tick = pick_tick,
};

/* ---- the check, and the job ---- */

enum { ID_START = 1, ID_FS, ID_TYPED, ID_STOP };

struct format_state {
	enum sv_format_fs fs;
	bool began; /* app->work is ours */
};

static const char *const fs_words[] = {
	[SV_FORMAT_EXFAT] = N_("exFAT: Windows, macOS and Linux read it"),
	[SV_FORMAT_EXT4] = N_("ext4: only Linux reads it; safer when power fails"),
};

static bool can(const struct app *app, enum sv_format_fs fs)
{
	return sv_format_can(fs, app->to_format.sector_size);
}

static int check_open(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct format_state *s = screen->state;
	(void)err;
	s->fs = can(app, SV_FORMAT_EXFAT) ? SV_FORMAT_EXFAT : SV_FORMAT_EXT4;
	return 0;
}

static bool is_blank(const struct app *app)
{
	struct content_view view;
	content_get(app->content, &app->to_format, &view);
	bool blank = view.blank;
	content_view_clear(&view);
	return blank;
}

static bool confirmed(const struct app *app)
{
	return erase_confirmed(&app->to_format, app->plan.typed);
}

static bool busy(const struct app *app, const struct format_state *s)
{
	return s->began && app->work && !app->work->ended;
}

static void fill_busy(const struct work *work, struct page *page)
{
	unsigned int p =
		work->now.bytes_total
			? (unsigned int)(work->now.bytes_done * 1000 / work->now.bytes_total)
			: 0;
	page_text(page, STYLE_STRONG, "%s", _("The disk is being made ready ..."));
	page_gauge(page, p);
	if (work->stopping)
		page_text(page, STYLE_WARN, "%s", _("Stopping cleanly ..."));
	page_item(page, ID_STOP, 0, NULL, "%s", _("Stop"));
}

/* What the last attempt came to; a success has left this page. */
static void fill_failed(const struct app *app, const struct format_state *s, struct page *page)
{
	if (s->began && app->work)
		page_sentence(page, STYLE_DANGER, app->work->err.text);
}

static void fill_fs(const struct app *app, const struct format_state *s, struct page *page)
{
	if (can(app, SV_FORMAT_EXFAT) && can(app, SV_FORMAT_EXT4))
		page_option(page, ID_FS, _("Filesystem"), "%s", _(fs_words[s->fs]));
	else
		page_text(page, STYLE_NORMAL, "%s", _(fs_words[s->fs]));
}

/* Nothing can be lost: one answer is enough. */
static void fill_blank(const struct app *app, const struct format_state *s, struct page *page)
{
	page_item(page, ID_START, 0, NULL, "%s", _("Make it a backup disk"));
	fill_fs(app, s, page);
}

static void fill_erase(const struct app *app, const struct format_state *s, struct page *page)
{
	fill_fs(app, s, page);
	page_gap(page);
	erase_check(page, &app->to_format, ID_TYPED, app->plan.typed);
	page_item(page, ID_START, 0,
		  confirmed(app) ? NULL : _("not before the check above is typed"), "%s",
		  _("ERASE it and make it a backup disk"));
}

static void fill_check(const struct app *app, const struct format_state *s, struct page *page)
{
	bool blank = is_blank(app);
	if (!blank)
		page_text(page, STYLE_DANGER, "%s", _("THIS ERASES A DISK"));
	erase_loss(app, page, &app->to_format);
	disks_warning(app, page, &app->to_format, true);
	page_gap(page);
	if (blank)
		fill_blank(app, s, page);
	else
		fill_erase(app, s, page);
	fill_failed(app, s, page);
}

static void check_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct format_state *s = screen->state;
	char name[APP_DISK_TEXT];
	page_title(page, _("New backup disk"));
	page_text(page, STYLE_STRONG, "%s", app_disk_name(app, &app->to_format, name));
	if (busy(app, s))
		fill_busy(app->work, page);
	else
		fill_check(app, s, page);
}

static int create(struct app *app, const struct format_state *s, struct sv_job **job,
		  struct sv_err *err)
{
	const struct disk *disk = &app->to_format;
	char id[128];
	disk_confirm_id(disk, id, sizeof(id));
	const struct sv_format_params params = {
		.root = app->root,
		.target = disk->path,
		.fs = s->fs,
		.confirm_erase = id,
		.only_empty = !confirmed(app),
	};
	return sv_job_create_format(&params, work_event, app->work, job, err);
}

static void start(struct app *app, struct screen *screen)
{
	struct format_state *s = screen->state;
	struct sv_job *job = NULL;
	struct sv_err err = {0};
	char name[APP_DISK_TEXT];
	app_disk_name(app, &app->to_format, name);
	app_log(app, _("new backup disk: %s"), name);
	work_destroy(app->work);
	app->work = work_create(app->log, _("New backup disk"), name, "");
	s->began = true;
	int rc = app->work ? create(app, s, &job, &err) : sv_fail_nomem(&err);
	if (!app_start_job(app, rc, job, &err))
		return;
	screen->view.focus = ID_STOP;
	app->fresh = true;
}

static void try_start(struct app *app, struct screen *screen)
{
	app_scan_disks(app);
	if (!disks_is_there(app, &app->to_format))
		app_say(app, STYLE_DANGER, _("The disk has changed"),
			_("The chosen disk was unplugged or replaced. Nothing was written. Choose "
			  "it again."));
	else if (is_blank(app) || confirmed(app))
		start(app, screen);
}

static void change_fs(const struct app *app, struct format_state *s)
{
	enum sv_format_fs other = s->fs == SV_FORMAT_EXFAT ? SV_FORMAT_EXT4 : SV_FORMAT_EXFAT;
	if (can(app, other))
		s->fs = other;
}

static bool check_act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct format_state *s = screen->state;
	if (busy(app, s)) {
		if (request == REQ_BACK || (request == REQ_ENTER && id == ID_STOP))
			work_stop(app->work);
		return true;
	}
	bool change = request == REQ_ENTER || request == REQ_LEFT || request == REQ_RIGHT;
	if (change && id == ID_FS)
		change_fs(app, s);
	else if (request == REQ_ENTER && id == ID_START)
		try_start(app, screen);
	return false;
}

static void check_text(struct app *app, struct screen *screen, int id, const char *value)
{
	(void)screen;
	if (id == ID_TYPED)
		snprintf(app->plan.typed, sizeof(app->plan.typed), "%s", value);
}

/* Back to the page of places, where it is one now. */
static void leave(struct app *app)
{
	app_log(app, "%s", _("the new backup disk is ready"));
	app_pop(app);
	app_pop(app);
}

static void check_tick(struct app *app, struct screen *screen)
{
	struct format_state *s = screen->state;
	struct disk disk = app->to_format;
	const struct disk_list one = {.v = &disk, .n = 1};
	if (!busy(app, s) || !work_poll(app->work))
		return;
	app->fresh = true;
	app_scan_disks(app);
	content_want(app->content, &one, true);
	if (!app->work->code)
		leave(app);
	else
		app_log(app, "%s", app->work->err.text);
}

const struct screen_ops screen_format_check = {
	.name = "format-check",
	.help = N_("The disk gets a partition table and one empty filesystem called SALVOR, which "
		   "is read back. On an empty disk nothing can be lost; on any other the end of "
		   "its serial number has to be typed first. Then it is one of the places where "
		   "the image can go."),
	.state_size = sizeof(struct format_state),
	.tick_ms = 200,
	.open = check_open,
	.fill = check_fill,
	.act = check_act,
	.text = check_text,
	.tick = check_tick,
};
