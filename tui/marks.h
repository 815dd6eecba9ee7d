/* marks.h - which files and folders of a volume are wanted */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_MARKS_H
#define TUI_MARKS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Paths below the volume ("home/me"), none below another: a marked folder stands for all in it.
 * Zero-initialised = none. One thread.
 */
struct marks {
	char **v;
	size_t n;
};

/* How a path stands: marked itself, within something marked, with something marked in it, or none.
 */
enum marks_how { MARKS_NOT, MARKS_ITSELF, MARKS_WITHIN, MARKS_BELOW };
enum marks_how marks_of(const struct marks *marks, const char *path);

/* Mark it (what is marked below it is part of it then), or take its mark away; MARKS_WITHIN:
 * nothing. false when out of memory. */
bool marks_toggle(struct marks *marks, const char *path);
void marks_clear(struct marks *marks);

#endif
