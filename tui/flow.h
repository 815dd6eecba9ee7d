/* flow.h - the steps of each task, as the head of its pages shows them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_FLOW_H
#define TUI_FLOW_H

#include "tui/app.h"

extern const char *const flow_steps_save[];
extern const char *const flow_steps_restore[];
extern const char *const flow_steps_clone[];

#define FLOW_PRESETS 4
#define FLOW_NORMAL  1
extern const char *const flow_presets[FLOW_PRESETS]; /* by the names of the engine */

/* Something is put into a folder: a save, or a copy of files. */
bool flow_writes_store(const struct plan *plan);
/* Title and steps of the flow that is on. */
void flow_head(const struct app *app, struct page *page, unsigned int step);
/* Folder and name of the image as one path. */
void flow_image_path(const struct app *app, char *out, size_t cap);
/* "laptop_SERIAL_2026-11-26": letters, digits, point, dash and underscore only. */
void flow_propose_name(struct app *app);
/* The disk of an unfinished backup; NULL with the reason when it is not here, not free, or not told
 * from another one. */
const struct disk *flow_disk_of(const struct app *app, const struct unfinished_save *save,
				const char **reason);
/* Make the plan one that goes on with it. */
void flow_plan_resume(struct app *app, const struct unfinished_save *save, const struct disk *disk);
/* Whether the stopped backup of the plan can be gone on with now: NULL, or why not. */
const char *flow_cannot_go_on(const struct app *app);
/* Go on with it. */
void flow_go_on(struct app *app);
/* What the plan reads and what it overwrites: disks that must not be pulled out. */
bool flow_reads_disk(const struct plan *plan);
bool flow_erases_disk(const struct plan *plan);
/* The equal command, for the Review page and the log. */
void flow_command(const struct app *app, char *out, size_t cap);
/* Create and start the job of the plan, and show its progress. */
void flow_start(struct app *app);

#endif
