/* unfinished.h - backups and rescues that were stopped and can be gone on with, found in the
 * background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_UNFINISHED_H
#define TUI_UNFINISHED_H

#include "engine/salvor.h"

/* One of them. Plain data. */
struct unfinished_save {
	char folder[1024], name[256];	     /* of the image, without ".part" */
	char model[80], serial[80], wwn[80]; /* of its disk */
	uint64_t size;
	unsigned int percent;
	int number; /* stays its own as long as the program runs, < NUMBERS_MAX; -1 = none */
};

/* Likewise. */
struct unfinished_rescue {
	char folder[1024]; /* of the map */
	struct sv_rescue_entry entry;
	unsigned int percent;
	int number; /* likewise */
};

#define UNFINISHED_MAX 16

/*
 * A thread of its own looks at the mounted filesystems and one folder deep; a share whose server
 * does not answer stops it, not the screen. All functions are called from the interface's thread.
 * unfinished_destroy() does not wait for a look that hangs.
 */
struct unfinished;
struct unfinished *unfinished_create(const char *root);
void unfinished_destroy(struct unfinished *u);

/* Look (again), also in `folder`, where images were put last; may be "". */
void unfinished_want(struct unfinished *u, const char *folder);
/* A look has not ended yet; it has files of the filesystems open. */
bool unfinished_looking(struct unfinished *u);
/* Copies what the last look found, at most UNFINISHED_MAX; returns how many. */
size_t unfinished_get(struct unfinished *u, struct unfinished_save out[UNFINISHED_MAX]);
size_t unfinished_get_rescues(struct unfinished *u, struct unfinished_rescue out[UNFINISHED_MAX]);

#endif
