/* frame.h - one piece of a source: read, then sorted into data, zeros, bad and free; private to
 * engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_FRAME_H
#define SV_JOB_FRAME_H

#include "engine/job/job.h"

/* What is cut into frames. Constant while frames are read. */
struct frames {
	struct blk_dev *dev;
	const struct sv_runs *plan; /* read, free, absent over the whole device */
	size_t frame_size;	    /* a multiple of IMAGE_GRANULE */
	bool skip_bad;		    /* go on at what cannot be read */
};

struct frame {
	uint64_t start;
	size_t len;
	uint8_t *raw; /* the stream's bytes: free, bad and absent ranges are zeros; undefined when
			 `empty` */
	bool empty;   /* nothing in it is to be read */
	uint64_t bytes_read;   /* bytes that were to be read, good or bad */
	struct sv_extents bad; /* what could not be read, in bytes of the source */
	struct sv_runs runs;   /* by frame_sort(): kinds within the frame, in bytes of the source */
};

/* Memory for frames of that size. 0 or SV_E_NOMEM, and then the frame is still to be cleared. */
int frame_init(struct frame *f, size_t frame_size);
void frame_clear(struct frame *f);

/* Read frame `number`. POOL_END behind the last, SV_E_SOURCE, SV_E_NOMEM. */
int frame_read(const struct frames *frames, uint64_t number, struct frame *f, struct sv_err *err);

/* Fill f->runs; without input or output. 0 or SV_E_NOMEM. */
int frame_sort(const struct frames *frames, struct frame *f);

/* Tell of what could not be read in a frame; returns its bytes. On the job's thread. */
uint64_t frame_tell_bad(struct sv_job *job, const char *source, const struct frame *f);

#endif
