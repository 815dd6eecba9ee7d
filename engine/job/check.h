/* check.h - reading back: every frame of an image, or a device against what it should be; private
 * to engine/job */
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

/* One piece of a device on its way to be compared. */
struct check_piece {
	uint64_t start; /* in the stream */
	size_t len;
	uint8_t *dev;		/* the device's bytes; zeros where nothing is compared */
	struct sv_extents lost; /* unreadable on the device */
	struct sv_extents diff; /* what differs: bytes of the stream */
	void *own;		/* the reference's */
};

/* What a device is compared with. `arg` is constant while it goes on, but for fetch(). */
struct check_ref {
	const char *name; /* "the image" */
	/* Memory of its own in each piece; NULL = out of memory. Both members may be NULL. */
	void *(*create)(void *arg);
	void (*destroy)(void *own);
	/* Get what the piece is compared with; on the thread that reads, in order. May be NULL. */
	int (*fetch)(void *arg, struct check_piece *piece, struct sv_err *err);
	/* Fill piece->diff, but for what is lost; on any thread. */
	int (*compare)(const void *arg, struct check_piece *piece);
	/* Tell of [start, start + len); on the job's thread. */
	void (*say)(void *arg, uint64_t start, uint64_t len, const char *what);
};

/*
 * Compare a device with a reference. Byte p of the stream stands at p - start + dev_off of dev;
 * of [start, start + len) those ranges are compared whose kind in `runs` is in `kinds`. Pieces end
 * at multiples of `piece` (bytes) of the stream. Differences, and what cannot be read, are told.
 * SV_E_DIFFERS, SV_E_SOURCE, SV_E_STOPPED, SV_E_NOMEM, or what the reference returned.
 */
struct check_device {
	struct blk_dev *dev;
	const struct sv_runs *runs;
	unsigned int kinds;
	uint64_t start, len, dev_off;
	size_t piece;
	const struct check_ref *ref;
	void *arg;
};
int check_device(struct sv_job *job, const struct check_device *what, unsigned int threads,
		 struct sv_err *err);

/*
 * Compare a device with an image, from byte 0 of dev on. Free, absent and bad ranges are passed
 * over; `skip` (ranges of the image, normal list, may be NULL) too; what is lost of the image
 * elsewhere counts as a difference. Results as of check_device().
 */
struct check_image {
	struct blk_dev *dev;
	uint64_t start, len; /* of the image */
	const struct sv_extents *skip;
	bool bad_are_zero; /* bad ranges were written as zeros and must read so */
	bool free_are_zero;
};
int check_against_image(struct sv_job *job, struct image_reader *reader,
			const struct check_image *what, unsigned int threads, struct sv_err *err);

/* "in partition 2", or what is said of a disk that is one volume (number 0). */
#define CHECK_PLACE   48
#define CHECK_OUTSIDE "outside of the partitions"
void check_place(char where[CHECK_PLACE], int number);

/* Tell of bytes of the disk that are not what they should be (SV_EVENT_DAMAGE), and of their
 * place. */
void check_say(struct sv_job *job, const char *where, uint64_t start, uint64_t len,
	       const char *what);

/* The same, the place being one of an image's disk. */
void check_say_damage(struct sv_job *job, const struct image_info *info, uint64_t start,
		      uint64_t len, const char *what);

#endif
