/* codec_zstd.c - Zstandard frames with content size and checksum (RFC 8878) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/codec/ops.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FRAME_MAGIC	   0xFD2FB528u
#define SKIPPABLE_MAGIC	   0x184D2A50u /* low four bits free */
#define MAX_BLOCK	   (128u * 1024)
#define DESCRIPTOR_AT	   4u
#define CHECKSUM_FLAG	   4u
#define SINGLE_SEGMENT	   0x20u
#define RESERVED_BITS	   0x18u /* one reserved, one unused */
#define ZERO_HEADER	   10u	 /* magic, descriptor, window, content size of 4 bytes */
#define ZERO_WINDOW	   0x38u /* 128 KiB: exponent 17 - 10, mantissa 0 */
#define MAX_HEADER	   18u
#define BLOCK_HEADER	   3u
#define SKIPPABLE_HEADER   8u
#define RLE_BLOCK	   1u
#define RESERVED_BLOCK	   3u
#define CONTENT_SIZE_4BYTE 0x80u

struct codec_ctx {
	int level;
	ZSTD_CCtx *compress; /* made at first use */
	ZSTD_DCtx *decompress;
};

static size_t zstd_zero_size(size_t raw_len)
{
	return ZERO_HEADER + 4 * ((raw_len + MAX_BLOCK - 1) / MAX_BLOCK);
}

static size_t zstd_bound(size_t raw_len)
{
	return SV_MAX(ZSTD_compressBound(raw_len), zstd_zero_size(raw_len));
}

static struct codec_ctx *zstd_create(int level)
{
	struct codec_ctx *ctx = calloc(1, sizeof(*ctx));
	if (ctx)
		ctx->level = level;
	return ctx;
}

static void zstd_destroy(struct codec_ctx *ctx)
{
	if (!ctx)
		return;
	ZSTD_freeCCtx(ctx->compress);
	ZSTD_freeDCtx(ctx->decompress);
	free(ctx);
}

static int compressor(struct codec_ctx *ctx)
{
	if (ctx->compress)
		return 0;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	if (!c)
		return SV_E_NOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, ctx->level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 1))) {
		ZSTD_freeCCtx(c);
		return SV_E_FAILED;
	}
	ctx->compress = c;
	return 0;
}

static int zstd_compress(struct codec_ctx *ctx, const void *raw, size_t raw_len, void *stored,
			 size_t stored_cap, size_t *stored_len)
{
	int rc = compressor(ctx);
	if (rc)
		return rc;
	size_t n = ZSTD_compress2(ctx->compress, stored, stored_cap, raw, raw_len);
	if (ZSTD_isError(n))
		return SV_E_FAILED;
	*stored_len = n;
	return 0;
}

/* One frame, exactly as long as told: in one go, so no window is allocated by the frame's word. */
static int zstd_decompress(struct codec_ctx *ctx, const void *stored, size_t stored_len, void *raw,
			   size_t raw_len)
{
	const uint8_t *s = stored;
	if (stored_len < DESCRIPTOR_AT + 1 || get_le32(s) != FRAME_MAGIC ||
	    s[DESCRIPTOR_AT] & RESERVED_BITS)
		return SV_E_DATA;
	if (ZSTD_getFrameContentSize(stored, stored_len) != raw_len ||
	    ZSTD_findFrameCompressedSize(stored, stored_len) != stored_len)
		return SV_E_DATA;
	if (!ctx->decompress)
		ctx->decompress = ZSTD_createDCtx();
	if (!ctx->decompress)
		return SV_E_NOMEM;
	size_t n = ZSTD_decompressDCtx(ctx->decompress, raw, raw_len, stored, stored_len);
	return n == raw_len ? 0 : SV_E_DATA; /* an error code is larger than any length */
}

/* Hand-made, so that it is constant: RLE blocks of zeros, no checksum (the seek table has it). */
static size_t zstd_zero_frame(struct codec_ctx *ctx, size_t raw_len, void *stored,
			      size_t stored_cap)
{
	uint8_t *p = stored;
	size_t size = zstd_zero_size(raw_len);
	(void)ctx;
	if (raw_len == 0 || raw_len > CODEC_MAX_RAW || stored_cap < size)
		return 0;
	put_le32(p, FRAME_MAGIC);
	p[DESCRIPTOR_AT] = CONTENT_SIZE_4BYTE;
	p[5] = ZERO_WINDOW;
	put_le32(p + 6, (uint32_t)raw_len);
	p += ZERO_HEADER;
	for (size_t left = raw_len; left;) {
		uint32_t n = (uint32_t)SV_MIN(left, MAX_BLOCK);
		left -= n;
		put_le32(p, n << 3 | RLE_BLOCK << 1 | (left == 0)); /* and the byte 0 */
		p += 4;
	}
	return size;
}

static bool zstd_checksum(const void *stored, size_t stored_len, uint32_t *checksum)
{
	const uint8_t *s = stored;
	if (stored_len < MAX_HEADER / 2 || !(s[DESCRIPTOR_AT] & CHECKSUM_FLAG))
		return false;
	*checksum = get_le32(s + stored_len - 4);
	return true;
}

/* Length of a frame header and its content size, by its first bytes (MAX_HEADER of them, or zeros
 * behind the end). */
static int read_header(const uint8_t *h, size_t *header_len, uint64_t *raw_len)
{
	static const uint8_t dictionary_size[] = {0, 1, 2, 4};
	uint8_t d = h[DESCRIPTOR_AT];
	size_t at = DESCRIPTOR_AT + 1;
	if (d & RESERVED_BITS)
		return SV_E_DATA;
	at += d & SINGLE_SEGMENT ? 0 : 1;
	at += dictionary_size[d & 3];
	switch (d >> 6) {
	case 0:
		if (!(d & SINGLE_SEGMENT))
			return SV_E_DATA; /* no content size: not one of ours */
		*raw_len = h[at];
		at += 1;
		break;
	case 1:
		*raw_len = get_le16(h + at) + 256u;
		at += 2;
		break;
	case 2:
		*raw_len = get_le32(h + at);
		at += 4;
		break;
	default:
		*raw_len = get_le64(h + at);
		at += 8;
	}
	*header_len = at;
	return *raw_len <= CODEC_MAX_RAW ? 0 : SV_E_DATA;
}

static int measure_blocks(codec_read_fn read, void *arg, uint64_t *pos, uint64_t end)
{
	bool last = false;
	while (!last) {
		uint8_t b[BLOCK_HEADER];
		if (!sv_range_ok(*pos, sizeof(b), end))
			return SV_E_DATA;
		int rc = read(arg, b, sizeof(b), *pos);
		if (rc)
			return rc;
		uint32_t header = get_le16(b) | (uint32_t)b[2] << 16;
		uint32_t type = header >> 1 & 3, size = header >> 3;
		last = header & 1;
		if (type == RESERVED_BLOCK || size > MAX_BLOCK)
			return SV_E_DATA;
		*pos += BLOCK_HEADER + (type == RLE_BLOCK ? 1 : size);
	}
	return 0;
}

static int zstd_measure(codec_read_fn read, void *arg, uint64_t off, uint64_t end,
			struct codec_found *found)
{
	uint8_t h[MAX_HEADER] = {0};
	size_t header_len = 0;
	uint64_t pos = off;
	memset(found, 0, sizeof(*found));
	if (off >= end || end - off < SKIPPABLE_HEADER)
		return SV_E_DATA;
	int rc = read(arg, h, (size_t)SV_MIN(sizeof(h), end - off), off);
	if (rc)
		return rc;
	if ((get_le32(h) & ~15u) == SKIPPABLE_MAGIC) {
		found->skippable = true;
		pos += SKIPPABLE_HEADER + (uint64_t)get_le32(h + 4);
	} else {
		rc = get_le32(h) == FRAME_MAGIC ? read_header(h, &header_len, &found->raw_len)
						: SV_E_DATA;
		pos += header_len;
		if (!rc)
			rc = measure_blocks(read, arg, &pos, end);
		pos += h[DESCRIPTOR_AT] & CHECKSUM_FLAG ? 4 : 0;
	}
	if (rc || pos > end)
		return rc ? rc : SV_E_DATA;
	found->stored_len = found->payload = pos - off;
	return 0;
}

const struct codec_ops codec_zstd = {
	.name = "zstd",
	.extension = ".zst",
	.min_level = 1,
	.max_level = 22,
	.default_level = 3,
	.default_frame = 4 * SV_MIB,
	.bound = zstd_bound,
	.create = zstd_create,
	.destroy = zstd_destroy,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
	.zero_frame = zstd_zero_frame,
	.stored_checksum = zstd_checksum,
	.measure = zstd_measure,
	.stored_align = 1,
};
