/* rescue.h - the parts of a rescue; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_RESCUE_H
#define SV_JOB_RESCUE_H

#include "engine/disk/manners.h"
#include "engine/job/job.h"
#include "engine/job/source.h"
#include "engine/job/target.h"
#include "engine/rescue/mapfile.h"
#include "engine/rescue/passes.h"

#include <time.h>

/* ---- what is kept between runs (rescue_book.c) ---- */

/* One end of a rescue, as the side file knows it. */
struct book_end {
	char name[512]; /* a device's node, or the real path of a file */
	char model[80], serial[80], wwn[80];
	uint64_t size;
	bool is_device;
};

/*
 * The mapfile, and beside it MAPFILE.salvor.json with what ddrescue's grammar has no room for: of
 * which disk and which copy it is, and figures. Zero-initialised = closed (dirfd is -1 by
 * book_open()).
 */
struct book {
	int dirfd; /* the folder of the mapfile */
	char *path, *name, *side_name;
	struct rmap *map;
	struct book_end source, target;
	uint32_t sector_size;
	bool fresh;	/* there was no mapfile */
	bool has_side;	/* there was a side file, and it is ours */
	bool made;	/* the target is a file that a rescue made: it was all zeros at first */
	time_t started; /* the first run */
	uint64_t seconds, reads, failed_reads, slow_bytes; /* of all runs */
};

/*
 * Read what is there for this source. The ends are those of now; a side file that tells of others
 * is a refusal. SV_E_REFUSED, SV_E_STORE, SV_E_NOMEM.
 */
int book_open(const char *path, const struct book_end *source, const struct book_end *target,
	      uint32_t sector_size, uint32_t unit, struct book *book, struct sv_err *err);
/* Both files, each at once and synced; everything the map calls read must be safe. `head` and
 * `phase`: what is being done. SV_E_STORE, SV_E_STORE_FULL. */
int book_save(struct book *book, const struct mapfile_head *head, const char *phase,
	      struct sv_err *err);
/* Take away what a run has saved that did not get as far as its first read. */
void book_remove(struct book *book);
/* The mapfile lies in memory. */
bool book_is_volatile(const struct book *book);
void book_close(struct book *book);

/* ---- reading and writing (rescue_io.c) ---- */

enum attempt { ATTEMPT_GOOD, ATTEMPT_BAD, ATTEMPT_END };

#define RESCUE_AREAS	3
#define RESCUE_SUSPECTS 256

/* A failed read that may have been the disk's farewell. */
struct suspect {
	uint64_t off;
	uint32_t len;
	enum rmap_status before;
};

/* Everything is the job thread's. */
struct rescue_run {
	struct sv_job *job;
	const struct sv_rescue_params *params;
	struct source source;
	struct disk_manners *manners; /* the kernel's, with the source; NULL = as always */
	struct target target;
	struct target_params target_params;
	struct book book;
	struct passes *passes;
	struct sv_extents areas[RESCUE_AREAS]; /* metadata, used, all: what is to be read */
	size_t n_areas;
	struct sv_extents touched; /* by the readers of metadata */
	uint32_t unit;
	uint8_t *buf;	   /* a cluster */
	uint64_t cached;   /* written, and perhaps not on its way to the medium */
	bool flush_failed; /* what was written is not there: nothing is saved any more */
	uint64_t last_good;
	bool any_good;
	struct suspect suspects[RESCUE_SUSPECTS]; /* failures since the last good read */
	unsigned int n_suspects;
	uint64_t began_ns, saved_ns;
	uint64_t total, done; /* bytes of the areas; of them, read */
	int rc;		      /* the first failure that ends the run; story in err */
	struct sv_err err;
};

/*
 * Read into run->buf and write it to the target; the map is not touched. ATTEMPT_END: the source
 * is gone or the target failed, run->rc and run->err say which.
 */
enum attempt rescue_attempt(struct rescue_run *run, uint64_t off, uint32_t len, uint64_t *us);
/* After failures: does the disk still answer? false: it does not; what failed of late is untried
 * again. */
bool rescue_still_there(struct rescue_run *run);
/* Zeros over [start, start + len) of the target. */
int rescue_zero(struct rescue_run *run, uint64_t start, uint64_t len, struct sv_err *err);

/*
 * The source as the readers of metadata see it: what was rescued comes from the target, what was
 * not is rescued by being read, and what has failed fails again without a read. Belongs to run.
 */
int rescue_view_create(struct rescue_run *run, struct blk_dev **dev_ret);

/* ---- what is read first (rescue_areas.c) ---- */

/* Fills run->areas and total. SV_E_REFUSED for a domain map that does not fit, SV_E_NOMEM. */
int rescue_areas(struct rescue_run *run, struct sv_err *err);

#endif
