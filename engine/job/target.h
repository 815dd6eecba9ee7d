/* target.h - the thing a job writes to: found, checked, opened; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_TARGET_H
#define SV_JOB_TARGET_H

#include "engine/job/source.h"

/* What is to be written where, and what must not be hit by it. Strings are the caller's. */
struct target_params {
	const char *root;
	const char *target;	     /* device spec or file */
	const char *confirm_erase;   /* NULL = not given */
	int disk_part;		     /* > 0: this partition of TARGET when that is a whole disk */
	int file_part;		     /* > 0: this partition of TARGET when that is a file */
	uint32_t sector_size;	     /* of a raw file; 0 = that of what is written */
	uint64_t needed;	     /* bytes that will be written */
	uint32_t needed_sector;	     /* sector size of what is written */
	const char *image;	     /* the image that is read; NULL = none */
	const char *source_name;     /* the source that is read, and ... */
	const struct source *source; /* ... what it is, open; NULL = none */
};

/* Zero-initialised = nothing. After target_check() nothing is open yet; after target_open() dev is.
 */
struct target {
	const char *path; /* what the user named */
	bool is_device;
	bool create;   /* a regular file that does not exist yet */
	uint64_t size; /* of what will be written; for a file to be made: what is needed */
	uint32_t sector_size;
	struct disk_identity identity;	   /* when it is a device */
	struct blk_dev *base;		   /* the opened node or file */
	struct blk_dev *dev;		   /* base, or a window on it */
	uint64_t window_start, window_len; /* a partition without a node of its own; len 0 = none */
};

/* All checks of DESIGN section 6: existence, use, image, source, confirmation, size, sectors.
 * SV_E_NOT_FOUND, SV_E_REFUSED. */
int target_check(const struct target_params *params, struct target *target, struct sv_err *err);

/* A warning of what a checked disk keeps back, which stays as it is. */
void target_say_hidden(struct sv_job *job, const struct target_params *params,
		       const struct target *target);

/* Open for writing, checking again on the descriptor that it is still what was checked.
 * SV_E_REFUSED, SV_E_TARGET. */
int target_open(const struct target_params *params, struct target *target, struct sv_err *err);

/* Closes. `remove_new`: a file that target_open() made is removed again. */
void target_close(struct target *target, bool remove_new);

#endif
