/* clone.h - the parts of a clone; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_CLONE_H
#define SV_JOB_CLONE_H

#include "engine/job/frame.h"
#include "engine/job/sink.h"

/*
 * A clone in progress. What is read is cut into frames; of each, the part that is no held end of
 * the target has one digest, by which it is known again when the target is read back. The producer
 * owns next, the consumer sink, digests and the counts; the rest is constant while frames are
 * copied.
 */
struct clone_run {
	struct sv_job *job;
	const struct sv_clone_params *params;
	struct source source;
	struct sv_map *map;
	struct target_params target;
	struct sink sink;
	struct frames frames;
	unsigned int kinds; /* mask of those of the plan that are to be looked at */
	uint64_t next;	    /* number of the next frame */
	uint64_t *digests;  /* one for each frame */
	uint64_t bad_bytes;
};

/* Digests of all frames stay in memory: so large disks have larger frames, and at most so many. */
#define CLONE_FRAME  ((size_t)(2 * SV_MIB))
#define CLONE_FRAMES ((uint64_t)1 << 22)

/* From source to sink. */
int clone_copy(struct clone_run *run, struct sv_err *err);
/* Compare the target with the digests, but for its ends. */
int clone_check(struct clone_run *run, struct sv_err *err);

#endif
