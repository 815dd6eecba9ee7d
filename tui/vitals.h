/* vitals.h - how the disks are, asked in the background: one that does not answer must not stop the
 * screen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_VITALS_H
#define TUI_VITALS_H

#include "engine/salvor.h"

/*
 * Threads of its own ask several disks at once; each answer has its time limit. All functions are
 * called from the interface's thread; a lock inside guards what both touch. NULL is fine
 * everywhere: then nothing is known.
 */
struct vitals;
struct vitals *vitals_create(const char *root);
/* Does not wait: the threads end by themselves. */
void vitals_destroy(struct vitals *vitals);

/* Ask these disks; what is known already is kept unless the disk was plugged in anew. */
void vitals_want(struct vitals *vitals, const struct disk_list *disks);
/* Ask this one again; `wake`: even if it sleeps. */
void vitals_again(struct vitals *vitals, const struct disk *disk, bool wake);
/* false while it has not answered yet. */
bool vitals_get(struct vitals *vitals, const struct disk *disk, struct health *health_ret);

#define VITALS_WATCHED 2
#define VITALS_SECONDS 30 /* from one temperature to the next */
/* Keep asking these for their temperature until told otherwise; n = 0: none. One that did not
 * answer once is left alone. */
void vitals_watch(struct vitals *vitals, const struct disk *const disks[], size_t n);

/* What there is to say about the machine, looked at every ten seconds; returns how many. */
size_t vitals_remarks(struct vitals *vitals, struct machine_remark remarks[MACHINE_TRAITS]);

/* The reason in the user's language. Returns out. */
const char *vitals_reason(const struct health_reason *reason, char out[HEALTH_TEXT]);
const char *vitals_remark(const struct machine_remark *remark, char out[MACHINE_TEXT]);

#endif
