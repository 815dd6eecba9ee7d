/* passes.h - which read of a failing disk comes next? A machine without devices and without a clock
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_RESCUE_PASSES_H
#define SV_RESCUE_PASSES_H

#include "engine/rescue/rmap.h"
#include "engine/util/extent.h"

/*
 * The order of a rescue: what is easy first, what may take the disk's last strength at the end.
 * Whoever drives it asks for a read, makes it (a device, or a model in a test), tells how it went
 * and how long it took, and asks again. All it knows stands in the map, which it keeps; so it can
 * be stopped between any two reads, and begun again with the map alone. One thread at a time.
 */
enum passes_stage {
	PASSES_FORWARD, /* untried, forwards; leaps over what fails or is slow, and back to its end
			 */
	PASSES_EDGES,	/* what lies beside something that was read well, up to the first trouble */
	PASSES_PROBE,	/* the middle of what is left, and on from there where that goes well */
	PASSES_SWEEP,	/* all that is still untried */
	PASSES_TRIM,	/* failed reads: from both edges, sector by sector, to the first bad one;
			   before what is hard only from edges beside what was read well */
	PASSES_SCRAPE,	/* between them, sector by sector */
	PASSES_RETRY,	/* bad sectors, once more */
	PASSES_END,
};

#define PASSES_NEVER_SLOW UINT64_MAX
#define PASSES_RETRY_EVER UINT32_MAX
#define PASSES_CLUSTER	  65536u
#define PASSES_DO(stage)  (1u << (stage))
#define PASSES_DO_COPY                                                                             \
	(PASSES_DO(PASSES_FORWARD) | PASSES_DO(PASSES_EDGES) | PASSES_DO(PASSES_PROBE) |           \
	 PASSES_DO(PASSES_SWEEP))
#define PASSES_DO_ALL (PASSES_DO(PASSES_END) - 1)

struct passes_params {
	uint32_t unit;	  /* the smallest that is read alone: a physical sector; a power of two */
	uint32_t cluster; /* what is read at once while it goes well; 0 = PASSES_CLUSTER */
	uint64_t slow_us; /* a read that took longer is slow; 0 = by what is usual on this disk */
	uint32_t retries; /* how often bad sectors are tried again */
	unsigned int stages; /* mask of PASSES_DO(); 0 = all */
	/*
	 * What is read, in this order; each list holds the ones before it, and is rounded by
	 * passes_round(). None: the whole disk. Not copied.
	 */
	const struct sv_extents *areas;
	size_t n_areas;
};

struct passes_read {
	uint64_t off;
	uint32_t len;
};

struct passes;

/* `map` stays the caller's, who changes it no more. SV_E_NOMEM. */
int passes_create(const struct passes_params *params, struct rmap *map, struct passes **passes_ret);
void passes_destroy(struct passes *passes);

/* The next read; false when nothing is left to be done. 0 < len <= cluster. SV_E_NOMEM in *rc. */
bool passes_next(struct passes *passes, struct passes_read *read, int *rc);

/*
 * How it went: `good` bytes from its start were read (and are safe with the caller), then it failed
 * if that is not all. us: how long it took. SV_E_NOMEM.
 */
int passes_result(struct passes *passes, const struct passes_read *read, uint32_t good,
		  uint64_t us);

/*
 * After a result that was not all good: the disk itself named this byte as the first that failed.
 * It saves reads where all around it is read well, and is believed only as long as no sector so
 * named is ever read. SV_E_NOMEM.
 */
int passes_hint(struct passes *passes, uint64_t bad);

enum passes_stage passes_stage(const struct passes *passes);
/* Which of the areas, from 0; which of the retries, from 1. */
size_t passes_area(const struct passes *passes);
uint32_t passes_retry(const struct passes *passes);
/* Bytes that came, but slowly. */
uint64_t passes_slow_bytes(const struct passes *passes);

/* dst (empty) = src in whole clusters of a disk of `size` bytes; gaps that are not worth a move of
 * the head are read with it. SV_E_NOMEM. */
int passes_round(struct sv_extents *dst, const struct sv_extents *src, uint32_t cluster,
		 uint64_t size);

#endif
