/* screen_rescue.c - a rescue as it runs: the map of the disk, the speed, the log */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/eta.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/progress.h"
#include "tui/rescue_end.h"

#include <stdio.h>
#include <string.h>

enum view { VIEW_MAP, VIEW_SPEED, VIEW_LOG, VIEWS };

#define CELLS	      2000
#define ZOOM	      4	 /* times, each step */
#define ZOOM_MOST     12 /* steps */
#define TICK_MS	      200
#define STALL_SECONDS 3
#define LOG_LINES     8

struct rescue_state {
	enum view view;
	unsigned int zoom; /* steps */
	uint64_t middle;   /* of the window, when it does not go with the reads */
	bool stands;
	uint64_t start, len; /* the window; len 0: there is no map yet */
	struct sv_rescue_cell parts[CELLS];
	uint8_t cells[CELLS];
};

/* ---- the map ---- */

static enum page_cell state_of(const struct sv_rescue_cell *cell)
{
	return cell->bad       ? CELL_BAD
	       : cell->failed  ? CELL_SKIPPED
	       : cell->untried ? CELL_NOT_YET
			       : CELL_COPIED;
}

/* The window around its middle, within the disk. */
static void place_window(struct rescue_state *s, const struct sv_rescue_state *now)
{
	s->len = now->size;
	for (unsigned int i = 0; i < s->zoom; i++)
		s->len = SV_MAX(s->len / ZOOM, SV_MIN(now->size, (uint64_t)CELLS));
	uint64_t middle = s->stands ? s->middle : now->pos, half = s->len / 2;
	s->start = SV_MIN(middle > half ? middle - half : 0, now->size - s->len);
}

static void look_at_map(const struct work *work, struct rescue_state *s)
{
	const struct sv_rescue_state *now = &work->now.rescue;
	place_window(s, now);
	if (!sv_job_rescue_cells(work->job, s->start, s->len, s->parts, CELLS)) {
		s->len = 0;
		return;
	}
	for (size_t i = 0; i < CELLS; i++)
		s->cells[i] = (uint8_t)state_of(&s->parts[i]);
	if (!work->ended && now->pos >= s->start && now->pos - s->start < s->len)
		s->cells[(size_t)((double)(now->pos - s->start) * CELLS / (double)s->len)] =
			CELL_HERE;
}

static void fill_map(const struct app *app, const struct rescue_state *s, struct page *page)
{
	char from[SV_SIZE_TEXT], to[SV_SIZE_TEXT];
	unsigned int number = app_disk_number(app, &app->plan.source);
	if (s->zoom)
		page_head(page, _("Map of disk #%u, from %s to %s"), number,
			  sv_text_size(from, s->start), sv_text_size(to, s->start + s->len));
	else
		page_head(page, _("Map of disk #%u"), number);
	if (s->len)
		page_map(page, s->cells, CELLS, s->len);
}

/* ---- as it runs ---- */

static const struct {
	const char *name, *words;
} passes[] = {
	{"copy", N_("what reads well")},	   {"edges", N_("beside what was leapt over")},
	{"probe", N_("into what was leapt over")}, {"sweep", N_("all the rest")},
	{"trim", N_("the edges of bad areas")},	   {"scrape", N_("bad areas, sector by sector")},
	{"retry", N_("bad sectors once again")},
};

static size_t pass_of(const char *name)
{
	size_t i = 0;
	while (i < SV_ARRAY(passes) && strcmp(passes[i].name, name))
		i++;
	return i;
}

/* The copy is done, and becomes the image. */
static bool seals(const struct app *app)
{
	const char *pass = app->work->now.rescue.pass;
	return pass && !strcmp(pass, "image");
}

static void fill_pass(const struct app *app, struct page *page)
{
	const struct sv_progress *now = &app->work->now;
	unsigned int p = progress_permille(now);
	size_t i = pass_of(now->rescue.pass ? now->rescue.pass : "");
	size_t n = SV_ARRAY(passes) - !flow_retries[app->plan.retries].value;
	if (seals(app))
		page_text(page, STYLE_STRONG, _("The copy becomes an image, %s: %u.%u %%"),
			  progress_phase(now->phase), p / 10, p % 10);
	else if (now->phase != SV_PHASE_COPY || i == SV_ARRAY(passes))
		page_text(page, STYLE_STRONG, "%s",
			  now->rescue.pass && now->phase == SV_PHASE_PREPARE
				  ? _("First what tells where the files are")
				  : progress_phase(now->phase));
	else
		page_text(page, STYLE_STRONG, _("Pass %zu of %zu, %s: %u.%u %%"), i + 1, n,
			  _(passes[i].words), p / 10, p % 10);
	page_gauge(page, p);
}

static void fill_speed(const struct app *app, struct page *page)
{
	const struct work *work = app->work;
	char done[SV_SIZE_TEXT], total[SV_SIZE_TEXT], rate[SV_SIZE_TEXT], left[ETA_TEXT];
	const struct sv_progress *now = &work->now;
	struct eta_facts facts = {
		.left = now->bytes_total - SV_MIN(now->bytes_done, now->bytes_total),
		.failed = now->rescue.failed,
		.now = now->bytes_per_s,
		.mean = work_mean(work),
		.sector =
			SV_MAX(app->plan.source.physical_sector_size, app->plan.source.sector_size),
		.failed_ms = now->rescue.failed_ms,
	};
	page_text(page, STYLE_NORMAL, _("%s of %s     %s/s     left: %s"),
		  sv_text_size(done, now->bytes_done), sv_text_size(total, now->bytes_total),
		  sv_text_size(rate, now->rescue.paused ? 0 : now->bytes_per_s),
		  now->rescue.paused ? "?" : eta_text(&facts, left));
}

void rescue_counts(const struct sv_rescue_state *now, struct page *page)
{
	char copied[SV_SIZE_TEXT], untried[SV_SIZE_TEXT], failed[SV_SIZE_TEXT], bad[SV_SIZE_TEXT];
	page_text(page, STYLE_NORMAL,
		  _n("copied %s   not yet %s   skipped %s   bad %s in %llu area",
		     "copied %s   not yet %s   skipped %s   bad %s in %llu areas",
		     (unsigned long)now->bad_areas),
		  sv_text_size(copied, now->rescued), sv_text_size(untried, now->untried),
		  sv_text_size(failed, now->failed), sv_text_size(bad, now->bad),
		  (unsigned long long)now->bad_areas);
}

static const char *pace_words(unsigned int rest)
{
	return rest == 0   ? _("full speed")
	       : rest == 1 ? _("half speed")
	       : rest == 3 ? _("a quarter of the speed")
			   : _("an eighth of the speed");
}

static void fill_figures(const struct work *work, struct page *page)
{
	page_text(page, STYLE_NORMAL, _("failed reads %llu   last good read %llu s ago   %s"),
		  (unsigned long long)work->now.rescue.failed_reads,
		  (unsigned long long)(work->now.rescue.good_ms / 1000), pace_words(work->rest));
}

/* A read that does not come back, or the disk itself, which its user can bring back. */
static void fill_waits_for(const struct app *app, struct page *page)
{
	const struct sv_rescue_state *now = &app->work->now.rescue;
	unsigned int number = app_disk_number(app, &app->plan.source);
	uint64_t stalled = work_stalled(app->work);
	if (now->waits == SV_WAIT_DISK) {
		page_text(page, STYLE_DANGER, _("Disk #%u is gone, %llu s."), number,
			  (unsigned long long)now->wait_s);
		page_text(page, STYLE_WARN, "%s",
			  _("Power-cycle it now, or plug it in again: it is waited for, and the "
			    "rescue goes on by itself. The map is saved."));
	} else if (stalled >= STALL_SECONDS && !seals(app)) {
		page_text(page, STYLE_WARN,
			  _("Disk #%u does not answer, %llu s. It is waited for."), number,
			  (unsigned long long)stalled);
	} else {
		return;
	}
	if (now->last_errno)
		page_text(page, STYLE_NORMAL, _("Last error: %s"), strerror(now->last_errno));
}

/* What is waited for. */
static void fill_waits(const struct app *app, struct page *page)
{
	const struct work *work = app->work;
	if (work->hot)
		page_text(page, STYLE_DANGER, "%s",
			  _("PAUSED: a disk is too hot. It goes on by itself when it has cooled "
			    "down: let air flow."));
	if (work->paused)
		page_text(page, STYLE_WARN, "%s",
			  work->now.rescue.paused
				  ? _("PAUSED. The map is saved. P goes on with it.")
				  : _("It pauses when this read is over."));
	if (work->stopping)
		page_text(page, STYLE_WARN, "%s", _("Stopping cleanly ..."));
	else
		fill_waits_for(app, page);
}

static void fill_log(const struct app *app, struct page *page)
{
	char line[WORK_LOG_TEXT];
	size_t n = work_log_count(app->log);
	page_head(page, "%s", _("Log"));
	for (size_t i = n > LOG_LINES ? n - LOG_LINES : 0; work_log_line(app->log, i, line); i++)
		page_text(page, STYLE_NORMAL, "%s", line);
}

static void fill_view(const struct app *app, const struct rescue_state *s, struct page *page)
{
	if (s->view == VIEW_LOG) {
		fill_log(app, page);
	} else if (s->view == VIEW_SPEED) {
		page_head(page, "%s", _("Speed"));
		page_graph(page, app->work->samples, app->work->n_samples);
	} else {
		fill_map(app, s, page);
	}
}

static void fill_actions(const struct app *app, const struct rescue_state *s, struct page *page)
{
	if (!seals(app)) {
		page_action(page, REQ_PAUSE, app->work->paused ? _("Go on") : NULL);
		page_action(page, REQ_SLOWER, NULL);
	}
	page_action(page, REQ_STOP, _("Stop, keep map"));
	page_action(page, REQ_VIEW, NULL);
	if (s->view != VIEW_MAP)
		return;
	page_action(page, REQ_ZOOM_IN, NULL);
	page_action(page, REQ_ZOOM_OUT, NULL);
}

static void fill_running(const struct app *app, const struct rescue_state *s, struct page *page)
{
	const struct work *work = app->work;
	progress_objects(work, page);
	fill_pass(app, page);
	fill_speed(app, page);
	rescue_counts(&work->now.rescue, page);
	fill_figures(work, page);
	progress_temperatures(app, page);
	fill_waits(app, page);
	fill_view(app, s, page);
	fill_actions(app, s, page);
}

static void fill_ended(const struct app *app, const struct rescue_state *s, struct page *page)
{
	rescue_end_fill(app, page);
	fill_map(app, s, page);
	rescue_end_areas(app->work, page);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	page_title(page, app->work->what);
	if (app->work->ended)
		fill_ended(app, screen->state, page);
	else
		fill_running(app, screen->state, page);
}

/* ---- keys ---- */

static void zoom(struct rescue_state *s, bool in)
{
	if (in && s->zoom < ZOOM_MOST)
		s->zoom++;
	else if (!in && s->zoom)
		s->zoom--;
	/* the whole of it, and from there again to where it reads */
	if (!s->zoom)
		s->stands = false;
}

static void go_along(struct rescue_state *s, const struct sv_rescue_state *now, bool on)
{
	uint64_t step = s->len / 2;
	if (!s->zoom || !s->len)
		return;
	s->middle = s->start + s->len / 2;
	s->middle = on ? SV_MIN(s->middle + step, now->size) : s->middle - SV_MIN(step, s->middle);
	s->stands = true;
}

static void act_running(struct app *app, struct rescue_state *s, enum request request)
{
	struct work *work = app->work;
	switch (request) {
	case REQ_PAUSE:
		work_pause(work, !work->paused, work->hot);
		app_log(app, "%s", work->paused ? _("paused by the user") : _("goes on"));
		break;
	case REQ_SLOWER:
		work_slower(work);
		app_log(app, "%s", pace_words(work->rest));
		break;
	case REQ_STOP:
		work_stop(work);
		app_log(app, "%s", _("stopped by the user"));
		break;
	case REQ_VIEW:
		s->view = (s->view + 1) % VIEWS;
		break;
	case REQ_ZOOM_IN:
	case REQ_ZOOM_OUT:
		zoom(s, request == REQ_ZOOM_IN);
		break;
	case REQ_LEFT:
	case REQ_RIGHT:
		go_along(s, &work->now.rescue, request == REQ_RIGHT);
		break;
	default:
		return;
	}
	look_at_map(work, s);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	if (!app->work->ended)
		act_running(app, screen->state, request);
	else if (request == REQ_ENTER)
		rescue_end_act(app, id);
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	struct rescue_state *s = screen->state;
	if (!app->work->ended) {
		progress_watch_heat(app);
	} else {
		if (app->work->code)
			app_scan_disks(app);
		if (!app->work->seen)
			s->zoom = 0;
		s->stands &= s->zoom > 0;
		app->work->seen = true;
	}
	look_at_map(app->work, s);
}

static int open_rescue(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	tick(app, screen);
	return 0;
}

const struct screen_ops screen_rescue = {
	.name = "rescue",
	.help = N_("The map is the whole disk, from its first byte to its last. What reads badly "
		   "is skipped at first and comes later, so that what is easy is safe soon. P "
		   "stands still, T gives the disk rest, S stops and keeps the map: the rescue can "
		   "go on at any time, also after a power cut. Esc goes back to the first page and "
		   "it continues."),
	.state_size = sizeof(struct rescue_state),
	.tick_ms = TICK_MS,
	.open = open_rescue,
	.fill = fill,
	.act = act,
	.tick = tick,
	.back = tick,
};
