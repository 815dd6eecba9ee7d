/* extent.h - sorted lists of byte ranges, and run maps with a kind per range */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_EXTENT_H
#define SV_UTIL_EXTENT_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A range of bytes [start, start + len); len > 0, start + len fits 64 bits. */
struct sv_extent {
	uint64_t start;
	uint64_t len;
};

/*
 * A set of bytes. Zero-initialised = empty. Ranges may be added in any order; every other function
 * wants a normal list (ascending, disjoint, not touching) and makes it normal itself where the
 * parameter is not const. Owned by whoever declared it; release with sv_extents_clear(). Not
 * locked: one thread at a time.
 */
struct sv_extents {
	struct sv_extent *v;
	size_t n;
	size_t cap;
	bool unsorted; /* true after an add that was not ascending, until sv_extents_normalise() */
};

void sv_extents_clear(struct sv_extents *list);

/* Add a range; len 0 adds nothing. SV_E_RANGE when start + len overflows, SV_E_NOMEM. */
int sv_extents_add(struct sv_extents *list, uint64_t start, uint64_t len);

/* Sort and merge. Cheap when nothing is to do. */
void sv_extents_normalise(struct sv_extents *list);

int sv_extents_copy(struct sv_extents *dst, const struct sv_extents *src);

/* Take [start, start + len) out. */
int sv_extents_remove(struct sv_extents *list, uint64_t start, uint64_t len);

/* dst = a minus b; dst = a and b; dst = a or b; dst = [0, size) minus a. dst must be empty and none
 * of the inputs; inputs normal. */
int sv_extents_subtract(struct sv_extents *dst, const struct sv_extents *a,
			const struct sv_extents *b);
int sv_extents_intersect(struct sv_extents *dst, const struct sv_extents *a,
			 const struct sv_extents *b);
int sv_extents_union(struct sv_extents *dst, const struct sv_extents *a,
		     const struct sv_extents *b);
int sv_extents_invert(struct sv_extents *dst, const struct sv_extents *a, uint64_t size);

/* Sum of the lengths of a normal list. */
uint64_t sv_extents_total(const struct sv_extents *list);

/* true when all of [start, start + len) is in the (normal) list. */
bool sv_extents_contain(const struct sv_extents *list, uint64_t start, uint64_t len);

/* Index of the first extent of a normal list that ends after `pos`; list->n when there is none. */
size_t sv_extents_seek(const struct sv_extents *list, uint64_t pos);

/* The next part of a normal list in [*pos, end), which becomes *part; *pos moves behind it. false
 * when there is none. */
bool sv_extents_next(const struct sv_extents *list, uint64_t *pos, uint64_t end,
		     struct sv_extent *part);

/* What a range of the stream is. The values are on disk (docs/image-format.md): never renumber. */
enum sv_run_kind {
	SV_RUN_DATA = 1,   /* read, not all zeros */
	SV_RUN_ZERO = 2,   /* read, all zeros */
	SV_RUN_FREE = 3,   /* proven unused, not read */
	SV_RUN_BAD = 4,	   /* could not be read */
	SV_RUN_ABSENT = 5, /* not selected */
	SV_RUN_READ = 6,   /* only in a plan: will be read; becomes data, zero or bad */
};

const char *sv_run_kind_name(int kind);

struct sv_run {
	uint64_t start;
	uint64_t len;
	int kind; /* enum sv_run_kind */
};

/* A run map: runs ascending, gapless, neighbours of different kind. Zero-initialised = empty map of
 * [0, 0). */
struct sv_runs {
	struct sv_run *v;
	size_t n;
	size_t cap;
};

void sv_runs_clear(struct sv_runs *runs);

/* Append len bytes of `kind` at the end; merges with the last run where the kind is the same. */
int sv_runs_append(struct sv_runs *runs, uint64_t len, int kind);

/* Where the map ends (its first byte is 0). */
uint64_t sv_runs_end(const struct sv_runs *runs);

/* Index of the run that holds `pos`; runs->n when past the end. */
size_t sv_runs_seek(const struct sv_runs *runs, uint64_t pos);

/* Bytes of [start, end) whose kind is in the mask (1u << kind); whether there are any. */
uint64_t sv_runs_within(const struct sv_runs *runs, unsigned int kinds, uint64_t start,
			uint64_t end);
bool sv_runs_touch(const struct sv_runs *runs, unsigned int kinds, uint64_t start, uint64_t end);

/* Sum of the lengths of all runs of a kind. */
uint64_t sv_runs_total(const struct sv_runs *runs, int kind);

/* dst (empty) = the bytes whose kind is in the mask (1u << kind). */
int sv_runs_select(struct sv_extents *dst, const struct sv_runs *runs, unsigned int kinds);

#endif
