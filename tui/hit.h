/* hit.h - which files a rescue has hit, in the words of the pages */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_HIT_H
#define TUI_HIT_H

#include "tui/app.h"

/* Of app->work->report: the counts, the first few files, and where the whole list is. */
void hit_summary(const struct app *app, struct page *page);

#endif
