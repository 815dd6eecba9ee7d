/* restore.h - the parts of a restore; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_RESTORE_H
#define SV_JOB_RESTORE_H

#include "engine/job/job.h"
#include "engine/job/target.h"
#include "engine/job/walk.h"

/* The first or last MiB of what is restored, kept in memory until everything else is safe.
 * Positions of the stream. */
struct held {
	uint64_t start;
	size_t len;
	uint8_t *buf; /* zeros where nothing was put */
};

/* A restore in progress: everything is the job thread's, but what walk_frames() reads. */
struct restore_run {
	struct sv_job *job;
	const struct sv_restore_params *params;
	struct image_reader *reader;
	struct target target;
	uint64_t start, len;	   /* the part of the stream that is restored */
	struct held held[2];	   /* head, tail */
	struct sv_extents damaged; /* ranges of the stream lost to damaged frames */
	bool image_damaged;	   /* some file of the image is not what it was */
	uint8_t *zeros;		   /* RESTORE_ZEROS zero bytes */
};
#define RESTORE_ZEROS ((size_t)SV_MIB)

/* Write `len` bytes at `off` of the target; raw NULL = zeros. SV_E_IO and the like: the caller
 * recodes. */
int restore_write(struct restore_run *run, uint64_t off, size_t len, const uint8_t *raw,
		  struct sv_err *err);

/* A damaged frame: remember and tell. */
int restore_damage(struct restore_run *run, const struct walk_frame *frame, struct sv_err *err);

/* Zero the target's first and last MiB and flush, so that no old table points at half-written data.
 * Absent ranges are left alone. */
int restore_begin(struct restore_run *run, struct sv_err *err);

/* Write tail and head, the very first sector last; on a larger disk with the GPT moved. Flush, read
 * back, let the kernel look. After a failure all of it is zeros again, as far as that can be
 * written.
 */
int restore_end(struct restore_run *run, struct sv_err *err);

void restore_release(struct restore_run *run);

#endif
