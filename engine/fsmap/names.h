/* names.h - from folders that list inodes to the names of files that were hit; private to
 * engine/fsmap */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_NAMES_H
#define SV_FSMAP_NAMES_H

#include "engine/fsmap/owners.h"

/* The folders of a filesystem, whose inodes are never 0. Zero-initialised = empty. Added in any
 * order; everything else wants them sorted. */
struct names_dirs {
	uint64_t *ids, *parents; /* 0 = parent not known */
	size_t n, cap;
};
int names_dirs_add(struct names_dirs *dirs, uint64_t id); /* 0, SV_E_NOMEM */
void names_dirs_sort(struct names_dirs *dirs);		  /* each once */
bool names_dirs_hold(const struct names_dirs *dirs, uint64_t id);
void names_dirs_clear(struct names_dirs *dirs);

struct names_state;

/* What a reader brings along. Functions return 0 or SV_E_NOMEM. */
struct names {
	struct owners *o; /* sealed */
	struct names_dirs *dirs;
	uint64_t root; /* may be found out in the first pass */
	void *arg;
	/* All folders are read once, those above files that were hit twice: called before each. */
	void (*restart)(void *arg);
	/* Call names_entry() for each entry of the folder that can be read, but "." and "..". */
	int (*read)(void *arg, struct names *n, uint64_t dir);
	/* In place of read(), where entries do not stand folder by folder: call names_enter() and
	 * names_entry() for those of all folders. */
	int (*read_all)(void *arg, struct names *n);
	/* The size of a file's content, 0 when it is not known. */
	int (*size)(void *arg, uint64_t id, uint64_t *size);

	struct names_state *state; /* of names_find() */
};

/* The entries to come are of that folder. */
void names_enter(struct names *n, uint64_t dir);
/* An entry of the folder being read; `folder`: it says that it is one. */
int names_entry(struct names *n, uint64_t id, const char *name, size_t len, bool folder);

/* Give the files that were hit their names and sizes. 0, SV_E_NOMEM. */
int names_find(struct names *n);

#endif
