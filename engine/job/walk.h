/* walk.h - one walker over the frames of an image, many sinks; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_WALK_H
#define SV_JOB_WALK_H

#include "engine/job/job.h"

/* A decoded frame, checked against its checksum, the granule digests and the run map. */
struct walk_frame {
	uint64_t number, start;
	size_t len;
	const uint8_t *raw; /* undefined when constant or damaged */
	bool constant;	    /* all zeros by the run map */
	const char *damage; /* what is wrong with it, NULL when it is whole */
	size_t stored_len;
};

/* Where the frames go. Called on the walking thread, in order. */
struct walk_sink {
	/* false: this frame is not needed. May be NULL (all are). */
	bool (*wants)(void *arg, uint64_t number);
	/* true: constant frames are read and decoded too, not taken for granted. */
	bool check_constant;
	int (*frame)(void *arg, const struct walk_frame *frame, struct sv_err *err);
};

/* A damaged frame is no error of the walk: the sink decides. SV_E_STOPPED, SV_E_NOMEM, or what the
 * sink returned. */
int walk_frames(struct sv_job *job, struct image_reader *reader, const struct walk_sink *sink,
		void *arg, unsigned int threads, struct sv_err *err);

#endif
