/* screen_progress.c - how far the job is, and how it ended */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/progress.h"
#include "tui/rescue_end.h"
#include "tui/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ID_HOME = 1, ID_LOG, ID_GO_ON, ID_RESCUE };

/* The space on the store: the task's until it has ended. */
struct store_look {
	char folder[1024], part[1416];
	uint64_t free;
	bool kept;
};

struct progress_state {
	uint64_t free; /* bytes on the store, once a backup has ended without success */
	bool kept;     /* and something of it is there, so that it can be gone on with */
	struct task *looking;
	struct store_look *look;
	unsigned int ticks;
};

#define STALL_SECONDS 10
#define TICK_MS	      200
#define WATCH_MS      2000

const char *progress_phase(enum sv_phase phase)
{
	switch (phase) {
	case SV_PHASE_PREPARE:
		return _("preparing");
	case SV_PHASE_COPY:
		return _("copying");
	case SV_PHASE_FLUSH:
		return _("flushing to the disk");
	case SV_PHASE_VERIFY:
		return _("checking");
	default:
		return _("finishing");
	}
}

unsigned int progress_permille(const struct sv_progress *now)
{
	if (!now->bytes_total || now->bytes_done >= now->bytes_total)
		return now->bytes_total ? 1000 : 0;
	unsigned int p =
		(unsigned int)((double)now->bytes_done * 1000.0 / (double)now->bytes_total);
	return SV_MIN(p, 999u);
}

void progress_objects(const struct work *work, struct page *page)
{
	page_text(page, STYLE_NORMAL, _("From  %s"), work->from);
	if (*work->to)
		page_text(page, STYLE_NORMAL, _("To    %s"), work->to);
}

/* A clone stores nothing. */
static void fill_time(const struct work *work, struct page *page)
{
	char time[SV_SIZE_TEXT], stored[SV_SIZE_TEXT];
	sv_text_duration(time, work_seconds(work));
	sv_text_size(stored, work->now.bytes_stored);
	if (!work->now.bytes_stored)
		page_text(page, STYLE_NORMAL, work->ended ? _("Time %s") : _("%s so far"), time);
	else if (work->ended)
		page_text(page, STYLE_NORMAL, _("Time %s     %s stored"), time, stored);
	else
		page_text(page, STYLE_NORMAL, _("%s so far     %s stored"), time, stored);
}

static void fill_counts(const struct work *work, struct page *page)
{
	char a[SV_SIZE_TEXT];
	if (work->resumed_from)
		page_text(page, STYLE_NORMAL, _("Continued at %s"),
			  sv_text_size(a, work->resumed_from));
	if (work->now.bad_bytes)
		page_text(page, STYLE_WARN, _("Unreadable: %s"),
			  sv_text_size(a, work->now.bad_bytes));
	if (work->damages)
		page_text(page, STYLE_DANGER, _("Damage found: %llu (L shows the log)"),
			  (unsigned long long)work->damages);
	else if (work->warnings)
		page_text(page, STYLE_WARN, _("Warnings: %llu (L shows the log)"),
			  (unsigned long long)work->warnings);
}

static void fill_speed(const struct work *work, struct page *page)
{
	char done[SV_SIZE_TEXT], total[SV_SIZE_TEXT], rate[SV_SIZE_TEXT], left[SV_SIZE_TEXT];
	const struct sv_progress *now = &work->now;
	unsigned int p = progress_permille(now);
	page_text(page, STYLE_STRONG, _("%s: %u.%u %%"), progress_phase(now->phase), p / 10,
		  p % 10);
	page_gauge(page, p);
	page_text(page, STYLE_NORMAL, _("%s of %s     %s/s     %s left"),
		  sv_text_size(done, now->bytes_done), sv_text_size(total, now->bytes_total),
		  sv_text_size(rate, now->bytes_per_s),
		  now->eta_s == UINT64_MAX ? "?" : sv_text_duration(left, now->eta_s));
}

size_t progress_disks(const struct plan *plan, const struct disk *disks[VITALS_WATCHED])
{
	size_t n = 0;
	if (flow_reads_disk(plan))
		disks[n++] = &plan->source;
	if (flow_erases_disk(plan))
		disks[n++] = &plan->target;
	return n;
}

void progress_watch_heat(struct app *app)
{
	const struct disk *disks[VITALS_WATCHED];
	size_t n = progress_disks(&app->plan, disks);
	for (size_t i = 0; i < n; i++)
		disks[i] = app_disk_now(app, disks[i]);
	vitals_watch(app->vitals, disks, n);
}

/* How warm the disks are: a long job heats them. */
void progress_temperatures(const struct app *app, struct page *page)
{
	const struct disk *disks[VITALS_WATCHED];
	size_t n = progress_disks(&app->plan, disks);
	for (size_t i = 0; i < n; i++) {
		struct health health;
		if (!vitals_get(app->vitals, app_disk_now(app, disks[i]), &health) ||
		    health.temperature == HEALTH_NONE)
			continue;
		bool hot = health_is_hot(&health);
		page_text(page, hot ? STYLE_WARN : STYLE_NORMAL,
			  hot ? _("Disk #%u: %llu C, too hot: let air flow")
			      : _("Disk #%u: %llu C"),
			  app_disk_number(app, disks[i]), (unsigned long long)health.temperature);
	}
}

static void fill_running(const struct app *app, struct page *page)
{
	const struct work *work = app->work;
	progress_objects(work, page);
	page_gap(page);
	if (work->now.bytes_total)
		fill_speed(work, page);
	else
		page_text(page, STYLE_STRONG, "%s", progress_phase(work->now.phase));
	fill_time(work, page);
	progress_temperatures(app, page);
	fill_counts(work, page);
	if (work_stalled(work) >= STALL_SECONDS)
		page_text(page, STYLE_WARN,
			  _("No byte has moved for %llu s: a disk does not answer. It is being "
			    "waited for."),
			  (unsigned long long)work_stalled(work));
	if (work->stopping)
		page_text(page, STYLE_WARN, "%s", _("Stopping cleanly ..."));
	page_gap(page);
	page_head(page, "%s", _("Speed"));
	page_graph(page, work->samples, work->n_samples);
	page_action(page, REQ_STOP, NULL);
}

/* ---- the end ---- */

static const char *verdict(const struct work *work)
{
	switch (work->code) {
	case 0:
		return work->unchecked ? _("DONE, NOT CHECKED.") : _("DONE, AND CHECKED.");
	case 3:
		return _("DONE, BUT SOME AREAS COULD NOT BE READ.");
	case 4:
		return _("DAMAGE WAS FOUND.");
	case 7:
		return _("NOT DONE: THE STORE IS FULL.");
	case 20:
		return _("STOPPED.");
	default:
		return _("NOT DONE.");
	}
}

/* A backup that ended with this can be gone on with, where something of it was saved. */
static bool resumable(const struct app *app)
{
	int code = app->work->code;
	return app->plan.kind == PLAN_SAVE && (code == 7 || code == 8 || code == 9 || code == 20);
}

static void fill_go_on(const struct app *app, const struct progress_state *s, struct page *page)
{
	char size[SV_SIZE_TEXT];
	if (app->work->code == 7)
		page_text(page, STYLE_STRONG,
			  _("Make space on the store (F2 is a shell) or come back later: what was "
			    "saved so far is kept. Free now: %s"),
			  sv_text_size(size, s->free));
	else
		page_text(
			page, STYLE_NORMAL, "%s",
			_("What was saved so far is kept. Going on is possible now, or later from "
			  "the first page."));
	page_item(page, ID_GO_ON, 'G', flow_cannot_go_on(app), "%s", _("Go on with it"));
}

static bool is_gone(const struct app *app, const struct disk *disk, struct page *page)
{
	char name[APP_DISK_TEXT];
	if (app_disk_again(app, disk))
		return false;
	page_text(page, STYLE_DANGER, _("This disk is not here any more: %s"),
		  app_disk_name(app, disk, name));
	return true;
}

void progress_gone(const struct app *app, struct page *page)
{
	const struct plan *plan = &app->plan;
	if (!app->work->code)
		return;
	if (flow_reads_disk(plan))
		is_gone(app, &plan->source, page);
	if (flow_erases_disk(plan) && is_gone(app, &plan->target, page))
		page_text(page, STYLE_WARN, "%s",
			  _("It has no partition table now, so that nothing mistakes what is half "
			    "written for a whole. Plug it in again and begin again."));
}

/* After a clone: which of the two starts is chance. */
static void fill_twins(const struct app *app, struct page *page)
{
	if (app->plan.kind == PLAN_CLONE && (!app->work->code || app->work->code == 3))
		page_text(page, STYLE_WARN, "%s",
			  _("Both disks now have the same IDs: unplug one of the two before you "
			    "start a system from them."));
}

/* Areas could not be read. */
static bool rescue_helps(const struct app *app)
{
	int code = app->work->code;
	return (app->plan.kind == PLAN_SAVE || app->plan.kind == PLAN_CLONE) &&
	       (code == 3 || code == 9) && app_disk_again(app, &app->plan.source);
}

const char *progress_verdict(const struct app *app)
{
	return app->plan.kind == PLAN_RESCUE ? rescue_verdict(app->work) : verdict(app->work);
}

void progress_watch(struct app *app)
{
	struct work *work = app->work;
	if (!work || !work->planned || !work_poll(work))
		return;
	app_log(app, "%s: %s %s", work->what, progress_verdict(app), work->err.text);
	vitals_watch(app->vitals, NULL, 0);
	app_scan_disks(app);
	content_want(app->content, &app->disks, true);
	unfinished_want(app->unfinished, app->plan.folder);
	app->fresh = true;
	/* what the page that is shown makes of it */
	if (app->top->ops->tick)
		app->top->ops->tick(app, app->top);
}

static void fill_ended(const struct app *app, const struct progress_state *s, struct page *page)
{
	const struct work *work = app->work;
	page_text(page,
		  !work->code				? STYLE_OK
		  : work->code == 3 || work->code == 20 ? STYLE_WARN
							: STYLE_DANGER,
		  "%s", verdict(work));
	if (work->code)
		page_sentence(page, STYLE_NORMAL, work->err.text);
	progress_gone(app, page);
	fill_twins(app, page);
	page_gap(page);
	progress_objects(work, page);
	fill_time(work, page);
	fill_counts(work, page);
	page_gap(page);
	if (s->kept)
		fill_go_on(app, s, page);
	if (rescue_helps(app))
		page_item(page, ID_RESCUE, 'X', NULL, "%s", _("Rescue the disk instead"));
	page_item(page, ID_HOME, 0, NULL, "%s", _("Back to start"));
	page_item(page, ID_LOG, 0, NULL, "%s", _("Show the log"));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct work *work = app->work;
	page_title(page, work->what);
	if (work->ended)
		fill_ended(app, screen->state, page);
	else
		fill_running(app, page);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	const struct progress_state *s = screen->state;
	if (request == REQ_STOP) {
		work_stop(app->work);
		app_log(app, "%s", _("stopped by the user"));
	}
	/* what is called may leave neither this page nor its job */
	if (request != REQ_ENTER || !app->work->ended)
		return false;
	if (id == ID_GO_ON && s->kept)
		flow_go_on(app);
	else if (id == ID_HOME)
		app_home(app);
	else if (id == ID_RESCUE && rescue_helps(app))
		flow_rescue_instead(app);
	else if (id == ID_LOG)
		app_push(app, &screen_log);
	return false;
}

static void store_run(void *arg)
{
	struct store_look *look = arg;
	struct statvfs st;
	if (!statvfs(look->folder, &st))
		look->free = (uint64_t)st.f_bavail * st.f_frsize;
	look->kept = !access(look->part, F_OK);
}

/* Waits at most `ms` for it. */
static void look_at_store(const struct app *app, struct progress_state *s, int ms)
{
	if (!resumable(app))
		return;
	if (!s->looking) {
		char image[1400];
		s->look = calloc(1, sizeof(*s->look));
		if (!s->look)
			return;
		snprintf(s->look->folder, sizeof(s->look->folder), "%s", app->plan.folder);
		flow_image_path(app, image, sizeof(image));
		snprintf(s->look->part, sizeof(s->look->part), "%s.part", image);
		s->looking = task_begin(store_run, free, s->look);
	}
	if (!s->looking || !task_ended(s->looking, ms))
		return;
	s->free = s->look->free;
	s->kept = s->look->kept;
	task_leave(s->looking);
	s->looking = NULL;
}

/* What the user does about an end without success: plugs in, makes space. */
static void watch(struct app *app, struct progress_state *s)
{
	if (s->ticks++ % (WATCH_MS / TICK_MS))
		return;
	app_scan_disks(app);
	look_at_store(app, s, 0);
}

static void tick(struct app *app, struct screen *screen)
{
	struct progress_state *s = screen->state;
	if (!app->work->ended) {
		progress_watch_heat(app);
		return;
	}
	if (!app->work->seen)
		look_at_store(app, s, TASK_GRACE_MS);
	app->work->seen = true;
	if (app->work->code)
		watch(app, s);
}

static int open_progress(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	tick(app, screen);
	return 0;
}

static void done(struct app *app, struct screen *screen)
{
	struct progress_state *s = screen->state;
	(void)app;
	task_leave(s->looking);
}

const struct screen_ops screen_progress = {
	.name = "progress",
	.help = N_("The job runs on its own: Esc goes back to the first page and it continues; "
		   "shell and log can be used meanwhile. S stops it cleanly. A stopped backup can "
		   "be continued later."),
	.state_size = sizeof(struct progress_state),
	.tick_ms = TICK_MS,
	.open = open_progress,
	.fill = fill,
	.act = act,
	.tick = tick,
	.back = tick,
	.done = done,
};
