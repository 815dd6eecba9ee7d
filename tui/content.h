/* content.h - what is on the disks, found out in the background: a failing disk must not stop the
 * screen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_CONTENT_H
#define TUI_CONTENT_H

#include "tui/keyring.h"

#include "engine/salvor.h"

enum content_state {
	CONTENT_WAITING, /* not yet looked at */
	CONTENT_READING,
	CONTENT_READY,
	CONTENT_FAILED, /* in use, unreadable ...: the sentence says why */
};

/* A copy for the screen; release with content_view_clear(). */
struct content_view {
	enum content_state state;
	char sentence[256];
	uint64_t used;
	char table[16];
	bool blank;		   /* nothing is on it, as far as can be told */
	struct sv_map_part *parts; /* owned by the view */
	size_t n_parts;
	char warning[256];
};

/*
 * One thread of its own reads one disk after the other. All functions are called from the
 * interface's thread; a lock inside guards what both touch. content_destroy() does not wait for a
 * disk that does not answer: the thread then ends with the program.
 */
struct content;
/* `ring`: what opens encrypted volumes; NULL is fine. */
struct content *content_create(const char *root, struct keyring *ring);
void content_destroy(struct content *content);

/* Look at these disks; what is known already is kept unless the disk was plugged in anew. `again`:
 * look anew at those that were written to since, or could not be read. */
void content_want(struct content *content, const struct disk_list *disks, bool again);
/* Look at this one anew, whatever was written to it: its keys are others now. */
void content_again(struct content *content, const struct disk *disk);
/* Somebody has looked at it meanwhile: this is what is on it. */
void content_put(struct content *content, const struct disk *disk, const struct sv_map *map);
void content_get(struct content *content, const struct disk *disk, struct content_view *view_ret);
void content_view_clear(struct content_view *view);
/* true once after something new was found out. */
bool content_changed(struct content *content);

#endif
