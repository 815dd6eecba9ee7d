/* codec_none.c - frames as they are, without any header */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/codec/ops.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

struct codec_ctx {
	char unused;
};

static size_t none_bound(size_t raw_len)
{
	return raw_len;
}

static struct codec_ctx *none_create(int level)
{
	(void)level;
	return calloc(1, sizeof(struct codec_ctx));
}

static void none_destroy(struct codec_ctx *ctx)
{
	free(ctx);
}

static int none_compress(struct codec_ctx *ctx, const void *raw, size_t raw_len, void *stored,
			 size_t stored_cap, size_t *stored_len)
{
	(void)ctx;
	if (stored_cap < raw_len)
		return SV_E_FAILED;
	memcpy(stored, raw, raw_len);
	*stored_len = raw_len;
	return 0;
}

static int none_decompress(struct codec_ctx *ctx, const void *stored, size_t stored_len, void *raw,
			   size_t raw_len)
{
	(void)ctx;
	if (stored_len != raw_len)
		return SV_E_DATA;
	memcpy(raw, stored, raw_len);
	return 0;
}

static size_t none_zero_frame(struct codec_ctx *ctx, size_t raw_len, void *stored,
			      size_t stored_cap)
{
	(void)ctx;
	if (stored_cap < raw_len)
		return 0;
	memset(stored, 0, raw_len);
	return raw_len;
}

static bool none_checksum(const void *stored, size_t stored_len, uint32_t *checksum)
{
	(void)stored;
	(void)stored_len;
	*checksum = 0;
	return false;
}

const struct codec_ops codec_none = {
	.name = "none",
	.extension = "",
	.min_level = 0,
	.max_level = 0,
	.default_level = 0,
	.default_frame = 1 * SV_MIB,
	.bound = none_bound,
	.create = none_create,
	.destroy = none_destroy,
	.compress = none_compress,
	.decompress = none_decompress,
	.zero_frame = none_zero_frame,
	.stored_checksum = none_checksum,
	.stored_align = 1,
};
