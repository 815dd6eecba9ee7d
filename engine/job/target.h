/* target.h - the thing a restore writes to: found, checked, opened; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_TARGET_H
#define SV_JOB_TARGET_H

#include "engine/salvor.h"

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

/*
 * All checks of DESIGN section 6 but the size: existence, use, store, source, confirmation.
 * `needed` bytes will be written; `image_sector` is the image's sector size. partition M > 0 of a
 * named disk is written instead of the disk. SV_E_NOT_FOUND, SV_E_REFUSED.
 */
int target_check(const struct sv_restore_params *params, const char *store, uint64_t needed,
		 uint32_t image_sector, struct target *target, struct sv_err *err);

/* Open for writing, checking again on the descriptor that it is still what was checked.
 * SV_E_REFUSED, SV_E_TARGET. */
int target_open(const struct sv_restore_params *params, struct target *target, struct sv_err *err);

/* Closes. `remove_new`: a file that target_open() made is removed again. */
void target_close(struct target *target, bool remove_new);

#endif
