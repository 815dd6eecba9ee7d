/* frames.h - where the frames of a stream are; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_FRAMES_H
#define SV_IMAGE_FRAMES_H

#include "engine/codec/codec.h"
#include "engine/image/format.h"
#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One frame: 24 bytes, of which there are millions. payload 0: it is not known where it is. */
struct frame_entry {
	uint64_t offset;	   /* in the stored stream */
	uint32_t payload;	   /* stored bytes without padding */
	uint32_t checksum;	   /* low 32 bits of XXH64 of the raw frame */
	uint64_t record : 63;	   /* where its record begins in disk.idx; 0: unknown */
	uint64_t has_checksum : 1; /* `checksum` is known */
};

/* Zero-initialised = empty. */
struct frame_table {
	struct frame_entry *v;
	uint64_t n, cap;
};

void frame_table_clear(struct frame_table *t);
/* SV_E_NOMEM, SV_E_DATA past MAX_FRAMES. */
int frame_table_add(struct frame_table *t, const struct frame_entry *e);
/* Make it n entries long, new ones unknown. SV_E_NOMEM. */
int frame_table_resize(struct frame_table *t, uint64_t n);
/* true when no entry is unknown. */
bool frame_table_whole(const struct frame_table *t);

/* Stored length with padding. */
static inline uint64_t frame_stored_len(const struct codec_ops *codec, const struct frame_entry *e)
{
	return sv_round_up(e->payload, codec->stored_align);
}

/* A table of frames read from the end of a stream. */
struct stream_table {
	struct frame_table frames;
	uint64_t raw_len;    /* sum */
	uint32_t frame_size; /* raw length of the first frame */
	uint64_t tail_at;    /* where the frames end in the stored stream */
};
void stream_table_clear(struct stream_table *t);

/*
 * The table a stream of `end` stored bytes carries itself: zstd's seek table, xz's index. Frames
 * are uniform (all but the last as long as the first). SV_E_DATA when there is none or it is
 * damaged, SV_E_NOMEM, or what read failed with.
 */
int stream_table_load(const struct codec_ops *codec, codec_read_fn read, void *arg, uint64_t end,
		      struct stream_table *t);

/* What takes the bytes of a table, in order. */
typedef int (*frames_emit_fn)(void *arg, const void *buf, size_t len);

/*
 * Write zstd's seek table: entries for a skippable frame of head_len stored bytes, the frames, a
 * skippable frame of result_len bytes.
 */
int seektable_write(const struct frame_table *t, const struct geometry *g, uint32_t head_len,
		    uint32_t result_len, frames_emit_fn emit, void *arg);

/* A stored stream that is looked through. Files of it may be missing: holes. */
struct frames_stream {
	codec_read_fn read;
	void *arg;
	uint64_t end;	  /* its length, which may be no more than a claim */
	uint64_t present; /* bytes of it that are there: what bounds the time of a walk */
	/* The first of them at or behind off, else `end`. NULL: all are there. */
	uint64_t (*next)(void *arg, uint64_t off);
};

/*
 * Find the frames by walking their headers from `start`; damage is stepped over by looking for the
 * next header that leads to another one. Frames before the first damage are numbered from the
 * start; frames after the last are numbered from the end when the stream's end is whole. Only
 * entries that are unknown in t (of geometry_frames() entries) are filled in. *damaged: stored
 * bytes that belong to nothing. SV_E_DATA when the codec has no headers; SV_E_NOMEM.
 */
int frames_walk(const struct codec_ops *codec, const struct frames_stream *stream, uint64_t start,
		const struct geometry *g, struct frame_table *t, uint64_t *damaged);

/* Geometry of a stream without any table: walk it all. SV_E_DATA when not even one frame is whole.
 */
int frames_guess_geometry(const struct codec_ops *codec, const struct frames_stream *stream,
			  uint64_t start, struct geometry *g);

#endif
