/* writer_priv.h - the parts of the writer; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_WRITER_PRIV_H
#define SV_IMAGE_WRITER_PRIV_H

#include "engine/image/index.h"
#include "engine/image/manifest.h"
#include "engine/io/store.h"
#include "engine/io/volumes.h"

/* A frame that is in the stream while its record is still held back. */
struct pending {
	uint64_t stream_end; /* where the frame ends in the stream */
	uint64_t record;     /* where its record begins in disk.idx */
};

struct image_writer {
	char *parent, *name, *part_name; /* PARENT/NAME, and NAME.part */
	char *part;			 /* PARENT/NAME.part, for sentences */
	int parent_fd, dirfd;
	const struct store_faults *faults;
	struct store_lock *lock;
	const struct codec_ops *codec;
	struct volumes_writer *stream;
	struct index_writer *index;
	struct index_head head;
	struct geometry geometry;
	struct manifest m;
	char *report_head;

	uint32_t head_len;	   /* bytes before the first frame */
	uint64_t position;	   /* where the next frame goes in the stream */
	uint64_t next;		   /* number of the next frame */
	struct frame_table frames; /* of all that were appended, with their records */
	struct sv_runs runs;	   /* the merged map so far */

	struct pending *pending;
	size_t n_pending, cap_pending;
	uint64_t unsynced; /* bytes of input since the last sync */
	uint64_t synced_ns;

	uint64_t resumed_frames;
	uint64_t safe_frames; /* whose records are on stable storage */
	int old_fd;	      /* disk.idx, for digests of resumed frames; -1 = none */
	struct index_digests *old;

	bool landed;	       /* something stands that a later resume can use */
	bool failed;	       /* an append or sync failed: only suspend and destroy are left */
	bool stream_finished;  /* the stream has its end */
	bool finished;	       /* so has disk.idx */
	bool committed;	       /* PATH stands */
	bool dir_sync_missing; /* the store cannot sync directories */
};

/* Give raw causes the role of the store: SV_E_STORE, SV_E_STORE_FULL. */
int writer_store_error(int rc, struct sv_err *err);

/* Sync stream, then the records of what is in it. Raw errors. */
int writer_sync(struct image_writer *w, struct sv_err *err);

/* Account for the runs of a frame in map and counts. SV_E_NOMEM. */
int writer_count_runs(struct image_writer *w, const struct sv_run *runs, size_t n);

/* The name of the stream's files, and what the volume writer is told. */
void writer_volumes(const struct image_writer *w, struct volumes_create *create);

/*
 * Take up what stands in PATH.part. *resumed false: nothing to resume there. SV_E_REFUSED: another
 * source, codec or frame size.
 */
int writer_resume(struct image_writer *w, const struct image_create *create, bool *resumed,
		  struct sv_err *err);

#endif
