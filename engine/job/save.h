/* save.h - the parts of a save; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_SAVE_H
#define SV_JOB_SAVE_H

#include "engine/job/frame.h"
#include "engine/job/source.h"

/* One frame on its way from the source to the store: the item of the pipeline. */
struct save_frame {
	struct frame frame;
	uint64_t number;
	void *stored;
	size_t stored_len;
	uint32_t checksum;
	struct sv_digest *digests;
	size_t n_digests;
};

/* A save in progress. The producer owns source and next; the consumer owns writer and the counts.
 * The rest is constant. */
struct save_run {
	struct sv_job *job;
	struct sv_save_params params; /* settled; strings are the caller's */
	int *partitions;	      /* own storage for those taken over from IMAGE.part */
	struct source source;
	struct sv_map *map;
	struct frames frames;
	const struct codec_ops *codec;
	int level;
	uint32_t frame_size;
	uint64_t digest_seed;
	struct image_writer *writer;
	uint64_t next; /* number of the next frame to read */
	uint32_t zero_checksum,
		zero_checksum_last; /* of a full frame of zeros, and of the last frame */
	uint64_t bad_bytes, bad_areas;
	const char *more;    /* for the end of report.txt; NULL = nothing */
	struct unlock *keys; /* the caller's; NULL: those of params are read */
};

/* A whole save of a source that is open and stays the caller's, like the keys; params->map.source
 * only names it. Errors as of a save. */
int save_from(struct sv_job *job, const struct sv_save_params *params, const struct source *source,
	      struct unlock *keys, const char *more, struct sv_err *err);

/*
 * Codec, level and frame size, and what else of the parameters was not given. With `resume`,
 * IMAGE.part decides about all that was not given. SV_E_USAGE, SV_E_REFUSED (IMAGE exists, or what
 * was given is not what IMAGE.part was begun with), SV_E_NOT_FOUND, SV_E_FORMAT, SV_E_NOMEM.
 */
int save_settle_options(struct save_run *run, struct sv_err *err);
/*
 * With `resume`, when the map is read: keys and other disks must have helped as much as when
 * IMAGE.part was begun; else the plan is another one, which looks like a disk that has changed.
 * SV_E_REFUSED.
 */
int save_check_help(const struct save_run *run, struct sv_err *err);

/* The pipeline of frames; arg is a struct save_run. */
extern const struct pool_ops save_pool_ops;

/* Lines for report.txt; malloc'ed, NULL when out of memory. */
char *save_report_head(const struct save_run *run);
char *save_report_tail(const struct save_run *run, bool verified);

#endif
