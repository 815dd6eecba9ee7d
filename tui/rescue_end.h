/* rescue_end.h - the page of a rescue once it has ended */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_RESCUE_END_H
#define TUI_RESCUE_END_H

#include "tui/app.h"

/* By the exit code, and by what is left. */
const char *rescue_verdict(const struct work *work);
/* How many bytes stand how; also while it runs. */
void rescue_counts(const struct sv_rescue_state *now, struct page *page);
/* All above the map, with what can be chosen; and what stands below it. */
void rescue_end_fill(const struct app *app, struct page *page);
void rescue_end_areas(const struct work *work, struct page *page);
void rescue_end_act(struct app *app, int id);

#endif
