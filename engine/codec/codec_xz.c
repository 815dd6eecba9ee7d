/* codec_xz.c - blocks of one .xz stream (the .xz file format, version 1.1.0) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/codec/ops.h"

#include "engine/util/bytes.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#define CHECK	     LZMA_CHECK_CRC64
#define CHECK_LEN    8u
#define MAX_VLI	     9u
#define MAX_DECODER  (160 * SV_MIB) /* xz -9 needs 65 MiB */
#define MIN_DICT     4096u
#define ZERO_LENGTHS 2 /* a full frame and the last one */

/* A compressed block of zeros, made once. */
struct zero_block {
	size_t raw_len, stored_len;
	uint8_t *stored;
};

struct codec_ctx {
	int level;
	struct zero_block zeros[ZERO_LENGTHS];
	unsigned int next_zero; /* slot that is replaced next */
};

static size_t xz_bound(size_t raw_len)
{
	return lzma_block_buffer_bound(raw_len);
}

static struct codec_ctx *xz_create(int level)
{
	struct codec_ctx *ctx = calloc(1, sizeof(*ctx));
	if (ctx)
		ctx->level = level;
	return ctx;
}

static void xz_destroy(struct codec_ctx *ctx)
{
	if (!ctx)
		return;
	for (size_t i = 0; i < ZERO_LENGTHS; i++)
		free(ctx->zeros[i].stored);
	free(ctx);
}

/* A block with both sizes in its header, so that stock xz decodes blocks in parallel. */
static int xz_encode(int level, const void *raw, size_t raw_len, void *stored, size_t cap,
		     size_t *stored_len)
{
	lzma_options_lzma options;
	if (lzma_lzma_preset(&options, (uint32_t)level))
		return SV_E_FAILED;
	/* no larger than the block: saves both sides memory */
	while (options.dict_size / 2 >= raw_len && options.dict_size / 2 >= MIN_DICT)
		options.dict_size /= 2;
	lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA2, .options = &options},
				 {.id = LZMA_VLI_UNKNOWN}};
	lzma_block block = {.check = CHECK, .filters = filters};
	size_t out = 0;
	lzma_ret ret = lzma_block_buffer_encode(&block, NULL, raw, raw_len, stored, &out, cap);
	if (ret == LZMA_MEM_ERROR)
		return SV_E_NOMEM;
	if (ret != LZMA_OK)
		return SV_E_FAILED;
	*stored_len = out;
	return 0;
}

static int xz_compress(struct codec_ctx *ctx, const void *raw, size_t raw_len, void *stored,
		       size_t stored_cap, size_t *stored_len)
{
	return xz_encode(ctx->level, raw, raw_len, stored, stored_cap, stored_len);
}

static void free_filters(lzma_filter *filters)
{
	for (; filters->id != LZMA_VLI_UNKNOWN; filters++)
		free(filters->options);
}

/* The header of a block: sizes present, one LZMA2 filter of bounded memory. Filters are the
 * caller's to free when 0 is returned. */
static int read_header(const uint8_t *s, size_t len, lzma_block *block, lzma_filter *filters)
{
	memset(block, 0, sizeof(*block));
	if (len < LZMA_BLOCK_HEADER_SIZE_MIN || s[0] == 0)
		return SV_E_DATA;
	block->version = 1;
	block->check = CHECK;
	block->filters = filters;
	block->header_size = lzma_block_header_size_decode(s[0]);
	if (block->header_size > len)
		return SV_E_DATA;
	lzma_ret ret = lzma_block_header_decode(block, NULL, s);
	if (ret != LZMA_OK)
		return ret == LZMA_MEM_ERROR ? SV_E_NOMEM : SV_E_DATA;
	bool fine = block->compressed_size != LZMA_VLI_UNKNOWN &&
		    block->uncompressed_size != LZMA_VLI_UNKNOWN &&
		    block->uncompressed_size <= CODEC_MAX_RAW &&
		    filters[0].id == LZMA_FILTER_LZMA2 && filters[1].id == LZMA_VLI_UNKNOWN &&
		    lzma_raw_decoder_memusage(filters) <= MAX_DECODER;
	if (!fine)
		free_filters(filters);
	return fine ? 0 : SV_E_DATA;
}

static int xz_decompress(struct codec_ctx *ctx, const void *stored, size_t stored_len, void *raw,
			 size_t raw_len)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block;
	size_t in, out = 0;
	(void)ctx;
	int rc = read_header(stored, stored_len, &block, filters);
	if (rc)
		return rc;
	lzma_ret ret = LZMA_DATA_ERROR;
	in = block.header_size;
	if (block.uncompressed_size == raw_len && lzma_block_total_size(&block) == stored_len)
		ret = lzma_block_buffer_decode(&block, NULL, stored, &in, stored_len, raw, &out,
					       raw_len);
	free_filters(filters);
	if (ret == LZMA_MEM_ERROR)
		return SV_E_NOMEM;
	return ret == LZMA_OK && in == stored_len && out == raw_len ? 0 : SV_E_DATA;
}

static int make_zero(struct zero_block *zero, size_t raw_len)
{
	size_t cap = xz_bound(raw_len);
	uint8_t *raw = calloc(1, raw_len);
	uint8_t *stored = malloc(cap);
	int rc = raw && stored ? xz_encode(0, raw, raw_len, stored, cap, &zero->stored_len)
			       : SV_E_NOMEM;
	free(raw);
	uint8_t *fit = rc ? NULL : realloc(stored, zero->stored_len);
	if (!fit) {
		free(stored);
		return SV_E_NOMEM;
	}
	free(zero->stored);
	zero->stored = fit;
	zero->raw_len = raw_len;
	return 0;
}

static size_t xz_zero_frame(struct codec_ctx *ctx, size_t raw_len, void *stored, size_t stored_cap)
{
	struct zero_block *zero = NULL;
	if (raw_len == 0 || raw_len > CODEC_MAX_RAW)
		return 0;
	for (size_t i = 0; i < ZERO_LENGTHS; i++)
		if (ctx->zeros[i].raw_len == raw_len)
			zero = &ctx->zeros[i];
	if (!zero) {
		zero = &ctx->zeros[ctx->next_zero];
		if (make_zero(zero, raw_len))
			return 0;
		ctx->next_zero = (ctx->next_zero + 1) % ZERO_LENGTHS;
	}
	if (zero->stored_len > stored_cap)
		return 0;
	memcpy(stored, zero->stored, zero->stored_len);
	return zero->stored_len;
}

static bool xz_checksum(const void *stored, size_t stored_len, uint32_t *checksum)
{
	(void)stored;
	(void)stored_len;
	*checksum = 0; /* blocks carry a CRC64 */
	return false;
}

static int xz_measure(codec_read_fn read, void *arg, uint64_t off, uint64_t end,
		      struct codec_found *found)
{
	uint8_t head[LZMA_BLOCK_HEADER_SIZE_MAX];
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block;
	memset(found, 0, sizeof(*found));
	if (off >= end)
		return SV_E_DATA;
	size_t len = (size_t)SV_MIN(sizeof(head), end - off);
	int rc = read(arg, head, len, off);
	if (!rc)
		rc = read_header(head, len, &block, filters);
	if (rc)
		return rc;
	free_filters(filters);
	found->raw_len = block.uncompressed_size;
	found->payload = lzma_block_unpadded_size(&block);
	found->stored_len = lzma_block_total_size(&block);
	return found->payload && sv_range_ok(off, found->stored_len, end) ? 0 : SV_E_DATA;
}

/* ---- the container ---- */

/* "Unpadded Size" of the format: what the index records. */
static size_t xz_payload(const void *stored, size_t stored_len)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block;
	if (read_header(stored, stored_len, &block, filters))
		return 0;
	free_filters(filters);
	return lzma_block_total_size(&block) == stored_len
		       ? (size_t)lzma_block_unpadded_size(&block)
		       : 0;
}

static size_t xz_head(void *buf)
{
	const lzma_stream_flags flags = {.version = 0, .check = CHECK};
	return lzma_stream_header_encode(&flags, buf) == LZMA_OK ? LZMA_STREAM_HEADER_SIZE : 0;
}

static int xz_tail(codec_sizes_fn sizes, void *arg, uint64_t n, void **tail_ret, size_t *len_ret)
{
	uint64_t room;
	if (!sv_mul_ok(n, 2 * MAX_VLI, &room) || room > SIZE_MAX / 2)
		return SV_E_NOMEM;
	size_t cap = (size_t)room + 64, at = 1;
	uint8_t *tail = malloc(cap);
	if (!tail)
		return SV_E_NOMEM;
	tail[0] = 0; /* index indicator */
	bool ok = lzma_vli_encode(n, NULL, tail, &at, cap) == LZMA_OK;
	for (uint64_t i = 0; ok && i < n; i++) {
		uint64_t payload, raw;
		sizes(arg, i, &payload, &raw);
		ok = lzma_vli_encode(payload, NULL, tail, &at, cap) == LZMA_OK &&
		     lzma_vli_encode(raw, NULL, tail, &at, cap) == LZMA_OK;
	}
	while (at % 4)
		tail[at++] = 0;
	put_le32(tail + at, lzma_crc32(tail, at, 0));
	at += 4;
	const lzma_stream_flags flags = {.version = 0, .check = CHECK, .backward_size = at};
	if (!ok || lzma_stream_footer_encode(&flags, tail + at) != LZMA_OK) {
		free(tail);
		return SV_E_FAILED;
	}
	*tail_ret = tail;
	*len_ret = at + LZMA_STREAM_HEADER_SIZE;
	return 0;
}

static uint64_t xz_tail_size(const void *footer)
{
	lzma_stream_flags flags;
	if (lzma_stream_footer_decode(&flags, footer) != LZMA_OK || flags.check != CHECK)
		return 0;
	return flags.backward_size + LZMA_STREAM_HEADER_SIZE;
}

static bool read_vli(const uint8_t *tail, size_t *at, size_t end, uint64_t *value)
{
	lzma_vli v = 0;
	if (lzma_vli_decode(&v, NULL, tail, at, end) != LZMA_OK)
		return false;
	*value = v;
	return true;
}

static int xz_tail_parse(const void *data, size_t len,
			 int (*found)(void *arg, uint64_t payload, uint64_t raw), void *arg)
{
	const uint8_t *tail = data;
	uint64_t n, payload, raw;
	if (len < LZMA_STREAM_HEADER_SIZE + 8 || len % 4)
		return SV_E_DATA;
	size_t footer = len - LZMA_STREAM_HEADER_SIZE, end = footer - 4, at = 1;
	if (xz_tail_size(tail + footer) != len || tail[0] != 0 ||
	    get_le32(tail + end) != lzma_crc32(tail, end, 0) || !read_vli(tail, &at, end, &n))
		return SV_E_DATA;
	for (uint64_t i = 0; i < n; i++) {
		if (!read_vli(tail, &at, end, &payload) || !read_vli(tail, &at, end, &raw))
			return SV_E_DATA;
		int rc = found(arg, payload, raw);
		if (rc)
			return rc;
	}
	if (end - at > 3 || !sv_is_zero(tail + at, end - at))
		return SV_E_DATA;
	return 0;
}

const struct codec_ops codec_xz = {
	.name = "xz",
	.extension = ".xz",
	.min_level = 0,
	.max_level = 9,
	.default_level = 6,
	.default_frame = 8 * SV_MIB,
	.bound = xz_bound,
	.create = xz_create,
	.destroy = xz_destroy,
	.compress = xz_compress,
	.decompress = xz_decompress,
	.zero_frame = xz_zero_frame,
	.stored_checksum = xz_checksum,
	.measure = xz_measure,
	.stored_align = 4,
	.payload = xz_payload,
	.stream_head = xz_head,
	.stream_tail = xz_tail,
	.tail_size = xz_tail_size,
	.tail_parse = xz_tail_parse,
};
