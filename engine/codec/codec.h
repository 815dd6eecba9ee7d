/* codec.h - compressors of frames behind one table */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_CODEC_CODEC_H
#define SV_CODEC_CODEC_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames hold at most this many raw bytes (the seekable format's reference decoder allows no more).
 */
#define CODEC_MAX_RAW 0x40000000u

/* Private state of one thread: a compression or decompression context. */
struct codec_ctx;

/* Sizes of frame i of a stream: raw bytes, and stored bytes without padding. */
typedef void (*codec_sizes_fn)(void *arg, uint64_t i, uint64_t *payload, uint64_t *raw);

/* Bytes [off, off + len) of a stored stream into buf; 0 or an error, which ends the caller. */
typedef int (*codec_read_fn)(void *arg, void *buf, size_t len, uint64_t off);

/* One frame found in a stored stream. */
struct codec_found {
	uint64_t stored_len, payload, raw_len;
	bool skippable; /* holds no data (zstd's skippable frames) */
};

struct codec_ops {
	const char *name;      /* "zstd", "xz", "none" */
	const char *extension; /* ".zst", ".xz", "" */
	int min_level, max_level, default_level;
	uint32_t default_frame; /* bytes */
	/* largest stored length of a frame of raw_len bytes */
	size_t (*bound)(size_t raw_len);
	/* level is ignored when the ctx only decompresses. NULL = out of memory. */
	struct codec_ctx *(*create)(int level);
	void (*destroy)(struct codec_ctx *ctx);
	/*
	 * One frame, independent of all others, that stock tools accept when frames are simply
	 * concatenated (zstd: a frame with Content_Size and Content_Checksum; xz: see codec_xz.c -
	 * a block of a single stream). stored_cap >= bound(raw_len). SV_E_FAILED, SV_E_NOMEM.
	 */
	int (*compress)(struct codec_ctx *ctx, const void *raw, size_t raw_len, void *stored,
			size_t stored_cap, size_t *stored_len);
	/* Exactly raw_len bytes come out, checksum verified, else SV_E_DATA. Never writes past raw
	 * + raw_len. */
	int (*decompress)(struct codec_ctx *ctx, const void *stored, size_t stored_len, void *raw,
			  size_t raw_len);
	/* The constant stored form of raw_len zeros: no CPU to make (xz: none after the first of a
	 * length in a ctx); raw_len <= 1 GiB. Returns its length, or 0 when stored_cap is too
	 * small. */
	size_t (*zero_frame)(struct codec_ctx *ctx, size_t raw_len, void *stored,
			     size_t stored_cap);
	/* true and the low 32 bits of XXH64 of the raw bytes, when a valid frame carries them: what
	 * decompress() has verified need not be computed again. */
	bool (*stored_checksum)(const void *stored, size_t stored_len, uint32_t *checksum);
	/* Measure the frame at `off` of a stored stream of `end` bytes from its headers alone.
	 * SV_E_DATA when there is none or it does not fit; what `read` failed with. NULL: frames
	 * have no headers. */
	int (*measure)(codec_read_fn read, void *arg, uint64_t off, uint64_t end,
		       struct codec_found *found);

	/* ---- the container around the frames; NULL where frames stand alone (zstd, none) ---- */

	/* Frames are padded to a multiple of this; payload() is the length without that padding. */
	unsigned int stored_align;
	size_t (*payload)(const void *stored, size_t stored_len);
	/* Bytes before the first frame; returns their number, at most CODEC_HEAD_MAX. */
	size_t (*stream_head)(void *buf);
	/* Bytes after the last of n frames: malloc'ed. SV_E_NOMEM. */
	int (*stream_tail)(codec_sizes_fn sizes, void *arg, uint64_t n, void **tail_ret,
			   size_t *len_ret);
	/* Length of the tail by the last CODEC_FOOTER bytes of the stream; 0 when they are
	 * damaged. */
	uint64_t (*tail_size)(const void *footer);
	/* Sizes of the frames by the tail: calls `found` for each in order, until it returns not 0.
	 * SV_E_DATA when the tail is damaged (found may have been called before). */
	int (*tail_parse)(const void *tail, size_t len,
			  int (*found)(void *arg, uint64_t payload, uint64_t raw), void *arg);
};

#define CODEC_HEAD_MAX 32
#define CODEC_FOOTER   12

/* NULL when there is none of that name. */
const struct codec_ops *codec_find(const char *name);

/* Presets of DESIGN section 3: fast, normal, small, smallest. false when unknown. */
struct codec_preset {
	const char *name;
	const char *codec;
	int level;
	uint32_t frame_size;
};
const struct codec_preset *codec_preset_find(const char *name);

#endif
