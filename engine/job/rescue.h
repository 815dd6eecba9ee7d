/* rescue.h - the parts of a rescue; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_RESCUE_H
#define SV_JOB_RESCUE_H

#include "engine/disk/manners.h"
#include "engine/disk/reader.h"
#include "engine/job/job.h"
#include "engine/job/source.h"
#include "engine/job/target.h"
#include "engine/rescue/mapfile.h"
#include "engine/rescue/passes.h"

#include <time.h>

/* ---- what is kept between runs (rescue_book.c) ---- */

/* What stands in a side file. */
struct book_side {
	struct sv_rescue_end source, target;
	uint32_t sector_size;
	bool made;	/* the target is a file that a rescue made: it was all zeros at first */
	bool finished;	/* nothing was left to be done */
	time_t started; /* the first run */
	uint64_t seconds, reads, failed_reads, slow_bytes; /* of all runs */
	enum sv_domain domain;
	uint64_t done, total; /* bytes that are to be read, of them those that are; total 0: it
				 was not known yet */
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
	struct book_side side;
	bool fresh;    /* there was no mapfile */
	bool has_side; /* there was a side file, and it is ours */
};

/*
 * Read what is there for this source. The ends are those of now; a side file that tells of others
 * is a refusal. SV_E_REFUSED, SV_E_STORE, SV_E_NOMEM.
 */
int book_open(const char *path, const struct sv_rescue_end *source,
	      const struct sv_rescue_end *target, uint32_t sector_size, uint32_t unit,
	      struct book *book, struct sv_err *err);
/* Read what is there, whatever disks are attached, to look at it: source, target and sector_size
 * are those of the side file, if there is one. SV_E_NOT_FOUND, SV_E_REFUSED, SV_E_STORE,
 * SV_E_NOMEM; to be closed in any case. */
int book_look(const char *path, struct book *book, struct sv_err *err);
/* Both files, each at once and synced; everything the map calls read must be safe. `head` and
 * `phase`: what is being done. SV_E_STORE, SV_E_STORE_FULL. */
int book_save(struct book *book, const struct mapfile_head *head, const char *phase,
	      struct sv_err *err);
/* Take away what a run has saved that did not get as far as its first read. */
void book_remove(struct book *book);
/* What a side file says. SV_E_NOT_FOUND when there is none, SV_E_REFUSED when it is not one,
 * SV_E_STORE, SV_E_NOMEM. */
int book_read_side(int dirfd, const char *side_name, struct book_side *side, struct sv_err *err);
#define BOOK_SIDE_SUFFIX ".salvor.json"
/* The mapfile lies in memory. */
bool book_is_volatile(const struct book *book);
void book_close(struct book *book);

/* ---- reading and writing (rescue_io.c) ---- */

enum attempt {
	ATTEMPT_GOOD,
	ATTEMPT_BAD,
	ATTEMPT_AGAIN, /* the disk was away: marks of late are gone from the map */
	ATTEMPT_END,
};

#define RESCUE_AREAS	3
#define RESCUE_SUSPECTS 256

/* A failed read that may have been the disk's farewell. */
struct suspect {
	uint64_t off;
	uint32_t len;
	enum rmap_status before;
};

/* What other threads may look at; belongs to the job and outlives the run. */
struct rescue_shared {
	pthread_mutex_t lock; /* guards the map: the job's thread changes it with the lock, and
				 reads it without */
	struct rmap *map;     /* owned; NULL until it is read */
};

/* Everything is the job thread's. */
struct rescue_run {
	struct sv_job *job;
	const struct sv_rescue_params *params;
	struct source source; /* open, but while the disk is gone; its name and size: book.source */
	struct disk disk;     /* the source as it was at first, when it is a device */
	struct disk_manners *manners; /* the kernel's, with the source; NULL = as always */
	struct disk_reader *reader;   /* of the source; the only one who reads it */
	struct source *left;	      /* room for the source while a read hangs; NULL = not ready */
	struct target target;
	struct target_params target_params;
	struct book book;
	struct rescue_shared *shared; /* the job's; holds the map of the book, too */
	struct passes *passes;
	struct sv_extents areas[RESCUE_AREAS]; /* metadata, used, all: what is to be read */
	size_t n_areas;
	struct sv_extents touched; /* by the readers of metadata */
	struct unlock *unlock;	   /* keys: for the map, and for the report */
	uint32_t unit;
	uint64_t cached;	     /* written, and perhaps not on its way to the medium */
	struct sv_extents unflushed; /* written since the last save */
	bool flush_failed;	     /* what was written is not there: nothing is saved any more */
	uint64_t last_good;
	bool any_good;
	struct suspect suspects[RESCUE_SUSPECTS]; /* failures since the last good read */
	unsigned int n_suspects;
	bool lost;	       /* the disk was away before, ... */
	uint64_t lost_at;      /* ... the last time when this was read */
	uint64_t slow_before;  /* bytes that came slowly, before it was away */
	uint32_t retries_done; /* likewise */
	enum sv_rescue_wait waits;
	uint64_t waits_since_ns;
	int last_errno;
	uint64_t began_ns, saved_ns;
	uint64_t total, done;	      /* bytes of the areas; of them, read */
	uint64_t pos, good_ns;	      /* of the last read; when the last good one ended */
	uint64_t failed_us, n_failed; /* failed reads of this run, and what they took */
	int rc;			      /* the first failure that ends the run; story in err */
	struct sv_err err;
};

/*
 * Read and write it to the target. The map is not touched, unless the disk goes away: then the
 * failures since the last good read are taken back, and it is waited for. *read tells of
 * ATTEMPT_GOOD and ATTEMPT_BAD how they went. ATTEMPT_END: stopped, or the source stays away, or
 * the target failed: run->rc and run->err say which.
 */
enum attempt rescue_attempt(struct rescue_run *run, uint64_t off, uint32_t len,
			    struct disk_read *read);
/* Nothing is left to be read: was what failed last the disk's farewell? ATTEMPT_GOOD: it was not.
 * ATTEMPT_AGAIN, ATTEMPT_END as above. */
enum attempt rescue_farewell(struct rescue_run *run);
/* The run ends for this reason; the first one stays. */
void rescue_end(struct rescue_run *run, enum sv_error code, const struct sv_err *why);

/* ---- the disk (rescue_source.c, rescue_lost.c) ---- */

/* Places that were read: of a disk that is there one of them can be read again. One alone may have
 * gone bad since. The one read last is the first; false when there is no such place. */
#define RESCUE_PLACES 4
bool rescue_known_place(const struct rescue_run *run, unsigned int i, uint64_t *off);

/* What an open source needs to be read: the kernel's manners, and a reader. SV_E_NOMEM,
 * SV_E_FAILED. After a failure rescue_source_close() puts back all. */
int rescue_source_ready(struct rescue_run *run, struct sv_err *err);
/* Never waits: while a read hangs, its thread closes the source when it comes back. */
void rescue_source_close(struct rescue_run *run);
/* One read, into the reader's buffer. false: the job was stopped, and the read is left to itself.
 */
bool rescue_read(struct rescue_run *run, uint64_t off, uint32_t len, struct disk_read *read);
/* What is waited for, and since when, for all who look; SV_WAIT_NONE when it is over. */
void rescue_waits(struct rescue_run *run, enum sv_rescue_wait what, uint64_t since_ns);

/* The source is gone, `why` says how it told. The map is saved, and it is waited for. false: it
 * stays away, or the job was stopped. */
bool rescue_wait_for_disk(struct rescue_run *run, const struct sv_err *why);

/* ---- the view (rescue_view.c) ---- */

/*
 * The source as the readers of metadata see it: what was rescued comes from the target, what was
 * not is rescued by being read, and what has failed fails again without a read. Belongs to run.
 */
int rescue_view_create(struct rescue_run *run, struct blk_dev **dev_ret);

/* ---- who is who (rescue_ends.c) ---- */

/* The ends of a rescue whose source is open. SV_E_NOT_FOUND, SV_E_REFUSED, SV_E_NOMEM. */
int rescue_find_ends(struct rescue_run *run, struct sv_rescue_end *source,
		     struct sv_rescue_end *target, struct sv_err *err);
/* The mapfile is neither of them. SV_E_REFUSED, SV_E_NOMEM. */
int rescue_check_mapfile(const struct rescue_run *run, const struct sv_rescue_end *source,
			 const struct sv_rescue_end *target, struct sv_err *err);

/* ---- the copy (rescue_target.c) ---- */

/*
 * May the target be written? The books are open. A file that belongs to them needs no confirmation
 * again, and grows to the source's size when it is opened. SV_E_REFUSED, SV_E_NOT_FOUND.
 */
int rescue_check_target(struct rescue_run *run, struct sv_err *err);
/* Opens and locks what was checked. SV_E_LOCKED, SV_E_TARGET, SV_E_REFUSED. */
int rescue_open_target(struct rescue_run *run, struct sv_err *err);
/* Zeros over [start, start + len) of the target; over its ends, when nothing was rescued yet: no
 * old table may point at what comes. SV_E_TARGET. */
int rescue_zero(struct rescue_run *run, uint64_t start, uint64_t len, struct sv_err *err);
int rescue_blank_edges(struct rescue_run *run, struct sv_err *err);

/* ---- seen and steered by others (rescue_watch.c) ---- */

/* Gives the map of the book to the job, where others see it; the book keeps using it. */
void rescue_share(struct rescue_run *run, struct rescue_shared *shared);
/* rmap_set(), passes_next() (false also with *rc) and passes_result() on that map. */
int rescue_mark(struct rescue_run *run, uint64_t off, uint64_t len, enum rmap_status status);
bool rescue_next(struct rescue_run *run, struct passes_read *read, int *rc);
int rescue_result(struct rescue_run *run, const struct passes_read *read, uint32_t good,
		  uint64_t us);
/* sv_job_rescue_cells(). Any thread. */
bool rescue_cells(struct rescue_shared *shared, uint64_t start, uint64_t len,
		  struct sv_rescue_cell *cells, size_t n);
/* Where it reads now; how that went, for the figures. */
void rescue_begins(struct rescue_run *run, uint64_t off);
void rescue_note(struct rescue_run *run, bool good, uint64_t us);
/* Between two reads: rests and pauses as the user wants it. The last read took read_us. What
 * rescue_save() returns. */
int rescue_pace(struct rescue_run *run, uint64_t read_us, struct sv_err *err);

/* ---- telling (rescue_save.c) ---- */

/*
 * The map and its side file, as things are. What the map calls read is on the medium before the map
 * says so. SV_E_TARGET when the copy cannot be flushed: then what came since the last save is
 * untried again in the map, which is saved for the last time. SV_E_STORE, SV_E_STORE_FULL.
 */
int rescue_save(struct rescue_run *run, struct sv_err *err);
bool rescue_save_is_due(const struct rescue_run *run);
/* Into the job's progress. */
void rescue_show(struct rescue_run *run);

/* ---- the passes (rescue_passes.c), and the end (rescue_finish.c) ---- */

/* Reads until nothing is left to be done, or the job is stopped, or it fails. */
int rescue_passes(struct rescue_run *run, struct sv_err *err);
/* All is done: zeros where nothing was read, the map, the verdict (SV_E_UNREADABLE). */
int rescue_finish(struct rescue_run *run, struct sv_err *err);
/* Stopped (rc 0) or failed: the map keeps what there is. The first failure is the story. */
int rescue_keep(struct rescue_run *run, int rc, struct sv_err *err);

/* ---- what is read first (rescue_areas.c) ---- */

/* Fills run->areas and total. SV_E_REFUSED for a domain map that does not fit, SV_E_NOMEM. */
int rescue_areas(struct rescue_run *run, struct sv_err *err);

/* ---- which files were hit (rescue_report.c) ---- */

/* Look for them on the copy, write MAPFILE.report.txt and tell it as an event. What goes wrong is a
 * warning: the rescue itself is done. */
void rescue_report(struct rescue_run *run);

/* What of the source is not on the copy; lost is empty. SV_E_NOMEM. */
int rescue_lost(const struct rescue_run *run, struct sv_extents *lost);
#define RESCUE_REPORT_SUFFIX ".report.txt"

/* ---- an image in the end (rescue_image.c) ---- */

/* Target and mapfile of params->image into params (owned). false: out of memory. */
bool rescue_image_paths(struct sv_rescue_params *params);
/* Refuse an image that exists; make the folder for the copy. SV_E_REFUSED, SV_E_STORE. */
int rescue_image_begin(const struct sv_rescue_params *params, struct sv_err *err);
/* The image was begun: the rescue itself is over. */
bool rescue_image_begun(const struct sv_rescue_params *params);
/* Make the image of the copy, as a save that skips what was not read, and take the copy away.
 * SV_E_UNREADABLE and the other ends of a save. */
int rescue_image_seal(struct rescue_run *run, struct sv_err *err);

#endif
