/* codec.h - compressors of frames behind one table */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_CODEC_CODEC_H
#define SV_CODEC_CODEC_H

#include "engine/util/err.h"

#include <stddef.h>
#include <stdint.h>

/* Private state of one thread: a compression or decompression context. */
struct codec_ctx;

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
	/* The constant stored form of raw_len zeros: no CPU to make; raw_len <= 1 GiB. Returns its
	 * length, or 0 when stored_cap is too small. */
	size_t (*zero_frame)(size_t raw_len, void *stored, size_t stored_cap);
};

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
