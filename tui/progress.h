/* progress.h - what the pages of running and ended jobs have in common */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_PROGRESS_H
#define TUI_PROGRESS_H

#include "tui/app.h"

const char *progress_phase(enum sv_phase phase);
/* Rounded down: 1000 is only what is complete. */
unsigned int progress_permille(const struct sv_progress *now);
/* How the job ended, in a few words. */
const char *progress_verdict(const struct app *app);
/* Look at the job of the plan, whatever page is shown: when it has just ended, that is told. */
void progress_watch(struct app *app);
/* From where, to where. */
void progress_objects(const struct work *work, struct page *page);
/* The disks that the job reads or writes; returns how many. */
size_t progress_disks(const struct plan *plan, const struct disk *disks[VITALS_WATCHED]);
/* Keep asking them how warm they are, wherever they are plugged in now. */
void progress_watch_heat(struct app *app);
void progress_temperatures(const struct app *app, struct page *page);
/* Disks of a job that failed, that were unplugged. */
void progress_gone(const struct app *app, struct page *page);

#endif
