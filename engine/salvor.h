/* salvor.h - the public face of the engine: all that the command and the interface may see */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SALVOR_H
#define SALVOR_H

#include "engine/disk/disk.h"
#include "engine/disk/health.h"
#include "engine/disk/machine.h"
#include "engine/disk/places.h"
#include "engine/fsmap/files.h"
#include "engine/fsmap/unlock.h"
#include "engine/image/image.h"
#include "engine/share/share.h"
#include "engine/util/bytes.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"
#include "engine/util/secret.h"
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
	char inside[160]; /* an encrypted volume that was opened, a disk of a mirror, other disks
			     that were read for it: "LUKS2, unlocked: ext4 inside"; "" */
	char reason[240]; /* "" when exact */
	uint64_t used;	  /* bytes of this partition that would be read */
	bool locked;	  /* an encrypted volume is in it whose key would tell what is free */
	unsigned int unlocked; /* encrypted volumes in it that were opened */
	unsigned int joined;   /* other disks that were read for it */
	char apart[200];       /* why one was not that would have helped; "" */
	bool extended;	       /* an extended partition: only its EBRs are read for it */
};

/* Release with sv_map_destroy(). Constant after sv_map_read(). */
struct sv_map {
	char source[160];
	uint64_t size;
	uint32_t sector_size;
	char table[16]; /* libparted's name, "none", "unknown" */
	bool primary_gpt_dead;
	char doubt[240];  /* why the table was not trusted; "" */
	char locked[360]; /* why a volume stays locked that was to be opened; "" */
	uint64_t used;	  /* bytes that would be read */
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
	bool whole;	 /* nothing is free */
	bool ntfs_union; /* an NTFS that was not shut down cleanly is not read whole */
	bool unguarded;	 /* only a look: the kernel's read-only flag is left alone */
	/* encrypted volumes of those partitions; NULL: they stay locked. What it points to is not
	 * copied, not even for a job, and must live as long. */
	const struct sv_unlock *unlock;
	/* Where else to look for the other disks of a volume that lies on several: devices and raw
	 * files; SOURCE may be among them. The disks that are attached are looked at without, when
	 * SOURCE is one. Not copied, either. */
	const char *const *with;
	size_t n_with;
};

/* SV_E_NOT_FOUND, SV_E_REFUSED (live source; no such partition is SV_E_NOT_FOUND), SV_E_SOURCE,
 * SV_E_NOMEM; with `unlock` SV_E_PASSPHRASE and SV_E_USAGE, and what its ask() says. */
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

/* A rescue into an image has its copy and its map in the folder IMAGE.rescue, until the image is
 * made. */
#define SV_RESCUE_FOLDER ".rescue"
#define SV_RESCUE_COPY	 "disk.raw"
#define SV_RESCUE_MAP	 "rescue.map"

struct sv_rescue_params {
	const char *root;
	const char *source;   /* block device, serial=, wwn=, or raw file */
	const char *target;   /* device spec or file; a file that is not there is made */
	const char *image;    /* an image to be made of it; then target and mapfile are NULL: they
				 are in SV_RESCUE_FOLDER, which is made and goes when the image is
				 done. NULL = none */
	const char *mapfile;  /* ddrescue's; beside it MAPFILE.salvor.json; what is there goes on */
	uint32_t sector_size; /* of raw files; 0 = find out */
	enum sv_domain domain;
	const char *domain_file; /* a mapfile whose '+' blocks are read, instead; NULL = none */
	const struct sv_unlock *unlock; /* as for a map */
	bool ntfs_union;		/* as for a map */
	const char *const *with;	/* as for a map */
	size_t n_with;
	unsigned int passes;   /* mask of enum sv_pass; 0 = all */
	uint32_t retries;      /* of bad sectors; UINT32_MAX = until stopped */
	uint32_t save_every_s; /* the mapfile; 0 = 20 */
	uint32_t slow_ms; /* a read that takes longer is slow, and what is around it comes later; 0
			     = by what is usual on this disk */
	uint32_t wait_s;  /* for a source that went away; 0 = without end */
	const char
		*confirm_erase; /* NULL = not given; a file that the side file knows needs none */
	bool dry_run;
};
#define SV_RESCUE_SAVE_ALWAYS UINT32_MAX /* after each read */
#define SV_RESCUE_NEVER_SLOW  UINT32_MAX
#define SV_RESCUE_WAIT_NOT    UINT32_MAX /* the job ends with SV_E_SOURCE at once */

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

/*
 * A whole disk that becomes one for images: a GPT with one partition over all of it, an empty
 * filesystem labelled SV_FORMAT_LABEL in it. Everything that was on it is lost.
 */
enum sv_format_fs {
	SV_FORMAT_EXFAT, /* Windows, macOS and Linux read it */
	SV_FORMAT_EXT4,	 /* only Linux does; it has a journal */
};
#define SV_FORMAT_LABEL "SALVOR"

struct sv_format_params {
	const char *root;
	const char *target; /* device spec of a whole disk */
	enum sv_format_fs fs;
	const char *confirm_erase; /* as for a restore; NULL = not given */
	bool only_empty;	   /* SV_E_REFUSED when there is anything on it */
	bool dry_run;
};

/* Whether its tool is installed, and can do it for sectors of that size. */
bool sv_format_can(enum sv_format_fs fs, uint32_t sector_size);

enum sv_phase { SV_PHASE_PREPARE, SV_PHASE_COPY, SV_PHASE_FLUSH, SV_PHASE_VERIFY, SV_PHASE_FINISH };

/* What a rescue waits for; it can be stopped meanwhile. */
enum sv_rescue_wait {
	SV_WAIT_NONE,
	SV_WAIT_ANSWER, /* a read does not come back */
	SV_WAIT_DISK,	/* the disk is gone: to be plugged in again, or power-cycled */
};

/* Where a rescue stands; bytes of the whole disk. */
struct sv_rescue_state {
	const char *pass; /* "metadata", "copy", "edges", "probe", "sweep", "trim", "scrape",
			     "retry", "finished", "image" (the copy becomes one); constant; NULL:
			     no rescue */
	uint64_t rescued, untried;
	uint64_t failed;	      /* in failed reads, not yet looked at sector by sector */
	uint64_t bad;		      /* sectors that were read alone, and failed */
	uint64_t bad_areas;	      /* runs of them */
	uint64_t slow;		      /* of those rescued in this run, the ones that came slowly */
	uint64_t reads, failed_reads; /* of all runs */
	uint64_t failed_ms;	      /* that a failed read took in this run, the mean; 0: none */
	uint64_t size;		      /* of the disk; 0 while that is not known */
	uint64_t pos;		      /* where it reads */
	uint64_t good_ms;	      /* since a read went well, or since the beginning */
	bool paused;		      /* it stands still, and its map is saved */
	enum sv_rescue_wait waits;
	uint64_t wait_s; /* since when */
	int last_errno;	 /* of the last failed read; 0: none has failed */
};

/* One end of a rescue, as its side file knows it. */
struct sv_rescue_end {
	char name[512]; /* a device's node then, or the real path of a file */
	char model[80], serial[80], wwn[80];
	uint64_t size;
	bool is_device;
	bool beside; /* a file in the folder of the mapfile, wherever that is now */
};

/* A part of the disk; bytes, by what is known of them. */
struct sv_rescue_cell {
	uint64_t rescued, untried, failed, bad;
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
	SV_EVENT_REPORT, /* the end of a rescue: which files were hit; `report` is valid during the
			    call, and longer with sv_report_keep() */
};

struct sv_report; /* below */

struct sv_event {
	enum sv_event_kind kind;
	const char *sentence; /* never NULL */
	const char *object;   /* file, partition or device; may be NULL */
	uint64_t start, len;
	uint64_t resumed_from; /* START of a save: bytes already there */
	bool resumed;	       /* --resume really continued something */
	const struct sv_map *map;
	struct sv_report *report;
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
int sv_job_create_format(const struct sv_format_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err);

/* Start the job's thread. */
int sv_job_start(struct sv_job *job, struct sv_err *err);
void sv_job_progress(struct sv_job *job, struct sv_progress *progress_ret);
/* Stop cleanly at the next chunk, keeping what can be resumed; the job then ends with SV_E_STOPPED.
 * Async-signal-safe. */
void sv_job_cancel(struct sv_job *job);
/*
 * How the n equal parts of [start, start + len) of the disk stand, for a picture: a copy. Any
 * thread until sv_job_destroy(), also while a read hangs and after the end; it holds up no read.
 * O(n + log blocks + blocks in there). false, with all zeros: not a rescue, its map is not read
 * yet, or the range is not on the disk.
 */
bool sv_job_rescue_cells(struct sv_job *job, uint64_t start, uint64_t len,
			 struct sv_rescue_cell *cells, size_t n);
/* A rescue stops between two reads, saves its map, and waits until it is told to go on; other jobs
 * take no notice. Any thread. */
void sv_job_pause(struct sv_job *job, bool on);
/* A rescue rests after each read, so many times as long as the read took (0 = not at all, which is
 * how it begins): for a disk that gets hot, or worse by the strain. Any thread. */
void sv_job_rest(struct sv_job *job, unsigned int times);
#define SV_REST_MOST 15u
/* Wait for the end; 0 or a negative code with the story in err: -code is the exit code
 * (sv_exit_code). */
int sv_job_wait(struct sv_job *job, struct sv_err *err);
/* Cancels and waits when still running. NULL is fine. */
void sv_job_destroy(struct sv_job *job);

/* ---- rescues that were begun ---- */

struct sv_rescue_entry {
	char name[256]; /* of the mapfile */
	struct sv_rescue_end source, target;
	enum sv_domain domain;
	bool finished;	      /* nothing was left to be done */
	uint64_t done, total; /* bytes that were to be read, of them those that were; total 0: it
				 was not known yet */
};

/* What the side file of a mapfile says. SV_E_NOT_FOUND: there is none (a map of another tool, or
 * none at all); SV_E_REFUSED: it is no such file; SV_E_STORE, SV_E_NOMEM. */
int sv_rescue_look(const char *mapfile, struct sv_rescue_entry *entry_ret, struct sv_err *err);
/* All of a folder, by name; what is no side file is passed over. SV_E_NOT_FOUND, SV_E_STORE,
 * SV_E_NOMEM. The caller frees the list. */
int sv_rescue_list(const char *folder, struct sv_rescue_entry **list_ret, size_t *n_ret,
		   struct sv_err *err);
/* Is that end this disk? Known by serial number and size, whatever its node is called now. */
bool sv_rescue_is_disk(const struct sv_rescue_end *end, const struct disk *disk);

/* ---- reports: which files were hit ---- */

struct sv_report_params {
	const char *root;
	const char *what; /* the mapfile of a rescue, or a folder that a job made: an image, copied
			     files */
	const char *copy; /* of a mapfile: what was rescued onto; NULL = as its side file says */
	uint32_t sector_size;		/* of a raw file; 0 = find out */
	const struct sv_unlock *unlock; /* of encrypted volumes; NULL: they stay locked */
	/* the other disks of volumes that lie on several, as for a map; those that are attached
	 * are looked at without, when it is about a disk */
	const char *const *with;
	size_t n_with;
};

/* A volume that lost something. */
struct sv_report_volume {
	int number;	/* of the partition; 0: a filesystem on the bare device */
	char name[304]; /* of one inside of it, from the outside in: "LUKS2, vg0/root"; "" of the
			   partition itself, which comes before those inside */
	uint64_t start; /* of the partition */
	uint64_t size;
	uint64_t lost;		   /* bytes of it */
	struct fsmap_files *files; /* owned */
};

struct sv_report {
	char *what, *copy; /* owned; copy NULL: the image itself, or nothing */
	char *told;	   /* report.txt of the folder; NULL when there is none */
	bool looked;	   /* there is something to look into: the rest counts */
	uint64_t size;	   /* of the disk */
	uint64_t lost;	   /* bytes that were not read */
	size_t n_areas;	   /* they lie in so many areas */
	char table[16];	   /* libparted's name, "none", "unknown" */
	bool table_lost;   /* areas of the table are lost: there may be more partitions */
	struct sv_report_volume *volumes;
	size_t n_volumes;
	struct sv_extents outside; /* lost bytes in no volume */
	atomic_uint keepers;	   /* besides the first one */
};

/*
 * What was lost, and whose it was. Reads the copy, not the source. SV_E_NOT_FOUND, SV_E_REFUSED (a
 * map without a side file, and no copy named; a copy that is in use), SV_E_DIFFERS (a damaged
 * image), SV_E_TARGET (the copy cannot be read), SV_E_STORE, SV_E_NOMEM; with `unlock`
 * SV_E_PASSPHRASE and SV_E_USAGE, and what its ask() says.
 */
int sv_report_read(const struct sv_report_params *params, struct sv_report **report_ret,
		   struct sv_err *err);
/* For whoever wants it beyond the call that it came with: one sv_report_destroy() more frees it. It
 * is constant from then on, for all threads. */
void sv_report_keep(struct sv_report *report);
void sv_report_destroy(struct sv_report *report);
/* For people: lines of text, to be freed; NULL = out of memory. */
char *sv_report_text(const struct sv_report *report);
/* Files of all volumes whose content is not whole, and the bytes that are surely nobody's. */
size_t sv_report_files(const struct sv_report *report);
uint64_t sv_report_free(const struct sv_report *report);

/* ---- images: open, look, list: image_reader_open(), image_reader_info(), image_list() of
 * engine/image/image.h ---- */

#endif
