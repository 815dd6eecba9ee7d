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

struct flow_choice {
	const char *words; /* to be translated */
	uint32_t value;
	const char *argument; /* of the command; NULL = none is needed */
};
#define FLOW_RETRIES 4
#define FLOW_SLOW    4
extern const struct flow_choice flow_retries[FLOW_RETRIES], flow_slow[FLOW_SLOW];

/* Something is put into a folder: a save, or a copy of files. */
bool flow_writes_store(const struct plan *plan);
/* Title and steps of the flow that is on. */
void flow_head(const struct app *app, struct page *page, unsigned int step);
/* The step at which a place is chosen. */
unsigned int flow_place_step(const struct plan *plan);
/* Folder and name of the image as one path. */
void flow_image_path(const struct app *app, char *out, size_t cap);
/* "laptop_SERIAL_2026-11-26": letters, digits, point, dash and underscore only. */
void flow_propose_name(struct app *app);
/* The disk of an unfinished backup; NULL with the reason when it is not here, not free, or not told
 * from another one. */
const struct disk *flow_disk_of(const struct app *app, const struct unfinished_save *save,
				const char **reason);
/* One of the unfinished backups as a thing to choose, the first with a key; `reason`: why it cannot
 * be gone on with now, or NULL. `first`: added to its number it is the id, `i`: how many were
 * before it. */
void flow_fill_unfinished(struct page *page, int first, size_t i,
			  const struct unfinished_save *save, const char *reason);
/* Make the plan one that goes on with the unfinished backup of that number; false: it is not
 * possible any more. */
bool flow_plan_unfinished(struct app *app, int number);
/* Whether the stopped backup or rescue of the plan can be gone on with now: NULL, or why not. */
const char *flow_cannot_go_on(const struct app *app);
/* Go on with it. */
void flow_go_on(struct app *app);
/* What the plan reads and what it overwrites: disks that must not be pulled out. */
bool flow_reads_disk(const struct plan *plan);
/* What is in use is found out by looking into the volumes of the source. */
bool flow_reads_volumes(const struct plan *plan);
/* The partition of the source is among those that are read. */
bool flow_takes_part(const struct plan *plan, int number);
bool flow_erases_disk(const struct plan *plan);
/* The disks may have changed since they were chosen: then a page says so. */
bool flow_disks_still_there(struct app *app);
/* The page of the running or last job. */
const struct screen_ops *flow_progress(const struct app *app);
/* Create and start the job of the plan, and show its progress. */
void flow_start(struct app *app);

/* ---- commands (flow_command.c) ---- */

/* The equal command, for the Review page and the log. */
void flow_command(const struct app *app, char *out, size_t cap);
/* A word of a command, quoted where a shell wants it; a disk as a command names it. */
void flow_add_word(char *out, size_t cap, const char *word);
void flow_disk_spec(const struct disk *disk, char *out, size_t cap);
/* That the volumes of the source are unlocked, where they are. */
void flow_add_unlock(const struct app *app, char *out, size_t cap);

/* ---- rescues (flow_rescue.c) ---- */

void flow_rescue_map(const struct app *app, char *out, size_t cap);
/* What it goes into, where that is no disk: a raw file or an image. */
void flow_rescue_file(const struct app *app, char *out, size_t cap);
/* The image is made, and with it map and copy are gone. */
bool flow_rescue_sealed(const struct app *app);
/* Where the whole list of the files that were hit is, once it has ended. */
void flow_rescue_report(const struct app *app, char *out, size_t cap);
void flow_rescue_command(const struct app *app, char *out, size_t cap);
int flow_rescue_create(struct app *app, struct sv_job **job, struct sv_err *err);
/* Why a rescue that was begun cannot be gone on with; NULL with its disks (target NULL: a file). */
const char *flow_cannot_rescue_on(const struct app *app, const struct unfinished_rescue *rescue,
				  const struct disk **source, const struct disk **target);
void flow_plan_rescue_on(struct app *app, const struct unfinished_rescue *rescue,
			 const struct disk *source, const struct disk *target);
/* Look at the heat of the disks of a running rescue: it pauses when one must not work on, and goes
 * on when that has cooled down. */
void flow_watch_heat(struct app *app);
/* Leave what was planned with this source, and go on to where a rescue of it goes. */
void flow_rescue_instead(struct app *app);

#endif
