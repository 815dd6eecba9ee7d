/* rescue_end.c - how a rescue ended: the verdict, which files were hit, and what can be done now */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/rescue_end.h"
#include "tui/flow.h"
#include "tui/hit.h"
#include "tui/i18n.h"
#include "tui/progress.h"

#include <stdio.h>

enum { ID_HOME = 1, ID_LOG, ID_GO_ON, ID_AGAIN, ID_HIT };

/* It is well when an image lacks free space only, or when all that was chosen is there. */
static const char *good_verdict(const struct sv_rescue_state *now)
{
	if (now->bad || now->failed)
		return _("DONE: ONLY FREE SPACE COULD NOT BE READ.");
	return now->untried ? _("DONE: ALL THAT WAS CHOSEN WAS READ.")
			    : _("DONE: EVERYTHING WAS READ.");
}

const char *rescue_verdict(const struct work *work)
{
	switch (work->code) {
	case 0:
		return good_verdict(&work->now.rescue);
	case 3:
		return _("DONE, BUT SOME AREAS COULD NOT BE READ.");
	case 7:
		return _("NOT DONE: THE STORE IS FULL.");
	case 20:
		return _("STOPPED. THE MAP IS KEPT.");
	default:
		return _("NOT DONE.");
	}
}

void rescue_end_areas(const struct work *work, struct page *page)
{
	char size[SV_SIZE_TEXT];
	uint64_t n = work->bad_areas;
	if (!n)
		return;
	page_head(page, "%s", _("What is missing"));
	for (uint64_t i = 0; i < SV_MIN(n, (uint64_t)WORK_AREAS); i++)
		page_text(page, STYLE_NORMAL, _("  %s at byte %llu"),
			  sv_text_size(size, work->areas[i].len),
			  (unsigned long long)work->areas[i].start);
	if (n > WORK_AREAS)
		page_text(page, STYLE_NORMAL, _("  and %llu more areas; all are in the map"),
			  (unsigned long long)(n - WORK_AREAS));
}

static bool can_go_on(int code)
{
	return code == 7 || code == 8 || code == 9 || code == 10 || code == 20;
}

static void fill_next(const struct app *app, struct page *page)
{
	int code = app->work->code;
	if (can_go_on(code))
		page_item(page, ID_GO_ON, 'G', flow_cannot_go_on(app), "%s", _("Go on with it"));
	if (code == 3 && !flow_rescue_sealed(app))
		page_item(page, ID_AGAIN, 'A', flow_cannot_go_on(app), "%s",
			  _("Try the bad sectors once more"));
	if (app->work->report)
		page_item(page, ID_HIT, 'F', NULL, "%s", _("Show which files were hit"));
	page_item(page, ID_HOME, 0, NULL, "%s", _("Back to start"));
	page_item(page, ID_LOG, 0, NULL, "%s", _("Show the log"));
}

void rescue_end_fill(const struct app *app, struct page *page)
{
	const struct work *work = app->work;
	char time[SV_SIZE_TEXT], map[1400];
	page_text(page,
		  !work->code				? STYLE_OK
		  : work->code == 3 || work->code == 20 ? STYLE_WARN
							: STYLE_DANGER,
		  "%s", rescue_verdict(work));
	if (work->code)
		page_sentence(page, STYLE_NORMAL, work->err.text);
	progress_gone(app, page);
	progress_objects(work, page);
	flow_rescue_map(app, map, sizeof(map));
	if (flow_rescue_sealed(app))
		page_text(page, STYLE_OK, "%s",
			  _("The image is made and checked; the copy and the map are gone."));
	else
		page_text(page, STYLE_NORMAL, _("Map   %s"), map);
	rescue_counts(&work->now.rescue, page);
	page_text(page, STYLE_NORMAL, _("Time %s"), sv_text_duration(time, work_seconds(work)));
	if (work->report)
		hit_summary(app, page);
	fill_next(app, page);
}

void rescue_end_act(struct app *app, int id)
{
	if (id == ID_HOME) {
		app_home(app);
	} else if (id == ID_LOG) {
		app_push(app, &screen_log);
	} else if (id == ID_HIT && app->work->report) {
		app_push(app, &screen_hit);
	} else if (id == ID_GO_ON && can_go_on(app->work->code)) {
		flow_go_on(app);
	} else if (id == ID_AGAIN && app->work->code == 3 && !flow_rescue_sealed(app)) {
		app->plan.retries = SV_MAX(app->plan.retries, 1u);
		flow_go_on(app);
	}
}
