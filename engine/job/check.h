/* check.h - reading back: every frame of an image, or a device against an image; private to
 * engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_CHECK_H
#define SV_JOB_CHECK_H

#include "engine/job/job.h"

/*
 * Decode every frame of an image and compare it with its checksum, the granule digests and the run
 * map. Each damaged frame is an event (SV_EVENT_DAMAGE with the bytes of the disk and the
 * partition); goes on to the end. 0 or SV_E_DIFFERS, SV_E_STORE, SV_E_STOPPED.
 */
int check_frames(struct sv_job *job, struct image_reader *reader, unsigned int threads,
		 struct sv_err *err);

/*
 * Compare a device with an image: byte p of the image's [start, start + len) stands at p - start +
 * dev_off of dev. Free, absent and bad ranges are passed over; `skip` (ranges of the image, normal
 * list, may be NULL) too; what is lost of the image elsewhere counts as a difference.
 * `check_free_zero`: free and bad ranges must be zeros on the device. `code` is returned for
 * differences: SV_E_DIFFERS or SV_E_TARGET. Unreadable places of dev count as differences.
 * Differences are events.
 */
struct check_device {
	struct blk_dev *dev;
	uint64_t start, len, dev_off;
	const struct sv_extents *skip;
	bool bad_are_zero; /* bad ranges were written as zeros and must read so */
	bool free_are_zero;
	enum sv_error code;
};
int check_device(struct sv_job *job, struct image_reader *reader, const struct check_device *what,
		 unsigned int threads, struct sv_err *err);

/* Tell of bytes of the disk that are not what they should be (SV_EVENT_DAMAGE). */
void check_say_damage(struct sv_job *job, const struct image_info *info, uint64_t start,
		      uint64_t len, const char *what);

/* "partition 2" or "no partition" for a byte of the image's disk. out: 40 bytes. */
void check_where(const struct image_info *info, uint64_t pos, char *out, size_t cap);

#endif
