/* folder.h - what is in a folder of a volume, read in the background: a failing disk must not stop
 * the screen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_FOLDER_H
#define TUI_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum folder_kind { FOLDER_FILE, FOLDER_FOLDER, FOLDER_LINK, FOLDER_OTHER };

struct folder_entry {
	char *name; /* as it is on the disk: any bytes but '/' */
	enum folder_kind kind;
	uint64_t size;
	time_t changed;
};

/* More are counted, not kept. */
#define FOLDER_MAX 5000

/*
 * folder_open() begins to read and returns at once; NULL = out of memory. Once folder_ready(), the
 * rest may be looked at: folders first, then by name; `more` were not kept; `sentence` says what
 * could not be read, "" when all was. folder_close() does not wait: a reader that hangs cleans up
 * when it comes back. All from one thread.
 */
struct folder {
	struct folder_entry *v;
	size_t n, more;
	char sentence[200];
};

struct folder *folder_open(const char *path);
bool folder_ready(const struct folder *folder);
void folder_close(struct folder *folder);

#endif
