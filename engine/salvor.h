/* salvor.h - the public face of the engine: all that the command and the interface may see */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SALVOR_H
#define SALVOR_H

#include "engine/disk/disk.h"
#include "engine/disk/health.h"
#include "engine/disk/machine.h"
#include "engine/disk/places.h"
#include "engine/image/image.h"
#include "engine/share/share.h"
#include "engine/util/bytes.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"
#include "engine/util/text.h"

/*
 * Threads: every function may be called from any thread; one object is used by one thread at a
 * time, except struct sv_job, whose sv_job_progress() and sv_job_cancel() any thread may call
 * between sv_job_start() and sv_job_destroy(). The engine never prints, never exits, never asks. It
 * handles no signals; callers block or handle them. All sizes in bytes.
 */

const char *sv_version(void);

/* Put right what a killed run left behind (kernel read-only flags and manners, mounted shares).
 * Call once at the start of the program. */
void sv_init(const char *root);

/* ---- what is on a disk, and which bytes would be read ---- */

struct sv_map_part {
	int number; /* 0: a filesystem on the bare device */
	uint64_t start, size;
	char type[40], name[128];
	char fs[32], label[256], uuid[64];
	char state[8];	  /* "exact", "union", "whole", "absent" (not selected) */
	char reason[240]; /* "" when exact */
	uint64_t used;	  /* bytes of this partition that would be read */
	bool extended;	  /* an extended partition: only its EBRs are read for it */
};

/* Release with sv_map_destroy(). Constant after sv_map_read(). */
struct sv_map {
	char source[160];
	uint64_t size;
	uint32_t sector_size;
	char table[16]; /* libparted's name, "none", "unknown" */
	bool primary_gpt_dead;
	char doubt[240]; /* why the table was not trusted; "" */
	uint64_t used;	 /* bytes that would be read */
	struct sv_map_part *parts;
	size_t n_parts;
	struct sv_runs plan; /* read, free, absent over [0, size) */
	struct sv_digest meta_digest;
};

struct sv_map_params {
	const char *root;      /* "" = the real machine */
	const char *source;    /* block device, serial=, wwn=, or raw file */
	uint32_t sector_size;  /* of a raw file; 0 = find out */
	const int *partitions; /* only these; NULL = all */
	size_t n_partitions;
	bool whole;	/* nothing is free */
	bool unguarded; /* only a look: the kernel's read-only flag is left alone */
};

/* SV_E_NOT_FOUND, SV_E_REFUSED (live source; no such partition is SV_E_NOT_FOUND), SV_E_SOURCE,
 * SV_E_NOMEM. */
int sv_map_read(const struct sv_map_params *params, struct sv_map **map_ret, struct sv_err *err);
void sv_map_destroy(struct sv_map *map);

/* ---- jobs ---- */

struct sv_job;

enum sv_job_kind { SV_JOB_SAVE, SV_JOB_RESTORE, SV_JOB_VERIFY, SV_JOB_CLONE, SV_JOB_RESCUE };
enum sv_on_error { SV_ON_ERROR_STOP, SV_ON_ERROR_SKIP };
enum sv_free_mode { SV_FREE_KEEP, SV_FREE_DISCARD, SV_FREE_ZERO };

struct sv_save_params {
	struct sv_map_params map;
	const char *image;    /* the image directory to make */
	const char *preset;   /* NULL = "normal" */
	const char *codec;    /* NULL = the preset's */
	int level;	      /* INT_MIN = the preset's */
	uint64_t volume_size; /* 0 = one file where the store allows it */
	unsigned int
		threads; /* 0 = as many as processors; 1..; SV_THREADS_SERIAL = the serial twin */
	enum sv_on_error on_error;
	bool verify, resume, dry_run;
	const char *note; /* NULL = none */
};
#define SV_THREADS_SERIAL UINT32_MAX

struct sv_restore_params {
	const char *root;
	const char *image;
	const char *target;   /* device spec or file */
	int partition;	      /* 0 = the whole disk; else this one of the image */
	int target_partition; /* 0 = TARGET itself receives it when it is a partition node or file,
				 else the partition of that number */
	enum sv_free_mode free_mode;
	const char *confirm_erase; /* NULL = not given */
	uint32_t sector_size;	   /* of a raw file target; 0 = the image's */
	unsigned int threads;
	bool verify, dry_run;
};

struct sv_verify_params {
	const char *root;
	const char *image;
	const char *against; /* NULL = the image alone */
	uint32_t sector_size;
	unsigned int threads;
};

struct sv_clone_params {
	struct sv_map_params map; /* sector_size: of raw files, source and target */
	const char *target;	  /* device spec or file; a file that is not there is made */
	enum sv_free_mode free_mode;
	const char *confirm_erase; /* NULL = not given */
	unsigned int threads;
	enum sv_on_error on_error; /* skipped areas are zeros on the target */
	bool verify, dry_run;
};

/* What a rescue reads: everything, what is in use first; only that; only what filesystems need to
 * know it. What cannot be found out counts as in use. */
enum sv_domain { SV_DOMAIN_WHOLE, SV_DOMAIN_USED, SV_DOMAIN_METADATA };
enum sv_pass { SV_PASS_COPY = 1, SV_PASS_TRIM = 2, SV_PASS_SCRAPE = 4, SV_PASS_RETRY = 8 };

struct sv_rescue_params {
	const char *root;
	const char *source;   /* block device, serial=, wwn=, or raw file */
	const char *target;   /* device spec or file; a file that is not there is made */
	const char *mapfile;  /* ddrescue's; beside it MAPFILE.salvor.json; what is there goes on */
	uint32_t sector_size; /* of raw files; 0 = find out */
	enum sv_domain domain;
	const char *domain_file; /* a mapfile whose '+' blocks are read, instead; NULL = none */
	unsigned int passes;	 /* mask of enum sv_pass; 0 = all */
	uint32_t retries;	 /* of bad sectors; UINT32_MAX = until stopped */
	uint32_t save_every_s;	 /* the mapfile; 0 = 20 */
	const char
		*confirm_erase; /* NULL = not given; a file that the side file knows needs none */
	bool dry_run;
};
#define SV_RESCUE_SAVE_ALWAYS UINT32_MAX /* after each read */

/*
 * Files and folders copied off a mounted volume into a new folder: TO/FOLDER/files, with SHA256SUMS
 * and report.txt. What cannot be read is zeros in the copy and stands in the report; the job then
 * ends with SV_E_UNREADABLE. All is read back. Until then, and after a failure, it is FOLDER.part.
 */
struct sv_copy_params {
	const char *from; /* the folder that the names are in: where the volume is mounted */
	const char *const *names; /* "home/me/letters": files or folders below it */
	size_t n_names;
	const char *to;	    /* an existing folder on another filesystem */
	const char *folder; /* what the new one is called */
};

enum sv_phase { SV_PHASE_PREPARE, SV_PHASE_COPY, SV_PHASE_FLUSH, SV_PHASE_VERIFY, SV_PHASE_FINISH };

/* Where a rescue stands; bytes of the whole disk. */
struct sv_rescue_state {
	const char *pass; /* "metadata", "copy", "edges", "probe", "sweep", "trim", "scrape",
			     "retry", "finished"; constant; NULL: no rescue */
	uint64_t rescued, untried;
	uint64_t failed;	      /* in failed reads, not yet looked at sector by sector */
	uint64_t bad;		      /* sectors that were read alone, and failed */
	uint64_t slow;		      /* of those rescued in this run, the ones that came slowly */
	uint64_t reads, failed_reads; /* of all runs */
};

/* A copy of where the job stands. */
struct sv_progress {
	enum sv_phase phase;
	uint64_t bytes_done, bytes_total; /* of this phase: bytes of the disk that are read, written
					     or checked */
	uint64_t bytes_stored;		  /* written to or read from the store */
	uint64_t bad_bytes;
	uint64_t bytes_per_s, eta_s; /* eta UINT64_MAX while unknown */
	bool finished;
	struct sv_rescue_state rescue;
};

enum sv_event_kind {
	SV_EVENT_START,	  /* the job knows its objects: source, image, target, resumed_from */
	SV_EVENT_PLAN,	  /* the map is made: `map` is valid during the call (save, clone, restore
			     with a table) */
	SV_EVENT_WARNING, /* something the user must read; the job goes on */
	SV_EVENT_BAD,	  /* an area could not be read: start, len */
	SV_EVENT_DAMAGE, /* verify or restore found damage: object, start, len (0 = whole), sentence
			  */
	SV_EVENT_NOTE,	 /* information */
};

struct sv_event {
	enum sv_event_kind kind;
	const char *sentence; /* never NULL */
	const char *object;   /* file, partition or device; may be NULL */
	uint64_t start, len;
	uint64_t resumed_from; /* START of a save: bytes already there */
	bool resumed;	       /* --resume really continued something */
	const struct sv_map *map;
};

/* Called on the job's thread, one call at a time; must not block for long and must not call the
 * job's functions but sv_job_cancel. */
typedef void (*sv_event_fn)(void *arg, const struct sv_event *event);

/* Everything the job needs is copied. SV_E_USAGE for senseless parameters, SV_E_NOMEM. Nothing is
 * touched before start. */
int sv_job_create_save(const struct sv_save_params *params, sv_event_fn fn, void *arg,
		       struct sv_job **job_ret, struct sv_err *err);
int sv_job_create_restore(const struct sv_restore_params *params, sv_event_fn fn, void *arg,
			  struct sv_job **job_ret, struct sv_err *err);
int sv_job_create_clone(const struct sv_clone_params *params, sv_event_fn fn, void *arg,
			struct sv_job **job_ret, struct sv_err *err);
int sv_job_create_rescue(const struct sv_rescue_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err);
int sv_job_create_verify(const struct sv_verify_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err);

int sv_job_create_copy(const struct sv_copy_params *params, sv_event_fn fn, void *arg,
		       struct sv_job **job_ret, struct sv_err *err);

/* Start the job's thread. */
int sv_job_start(struct sv_job *job, struct sv_err *err);
void sv_job_progress(struct sv_job *job, struct sv_progress *progress_ret);
/* Stop cleanly at the next chunk, keeping what can be resumed; the job then ends with SV_E_STOPPED.
 * Async-signal-safe. */
void sv_job_cancel(struct sv_job *job);
/* Wait for the end; 0 or a negative code with the story in err: -code is the exit code
 * (sv_exit_code). */
int sv_job_wait(struct sv_job *job, struct sv_err *err);
/* Cancels and waits when still running. NULL is fine. */
void sv_job_destroy(struct sv_job *job);

/* ---- images: open, look, list: image_reader_open(), image_reader_info(), image_list() of
 * engine/image/image.h ---- */

#endif
