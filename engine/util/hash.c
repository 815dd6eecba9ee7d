/* hash.c - digests: XXH3-128 of granules, XXH64 of frames, SHA-256 of files */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/hash.h"

#include "engine/util/err.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

struct sv_sha256 {
	struct sha256_ctx nettle;
};

struct sv_digest sv_xxh3_128(const void *buf, size_t len, uint64_t seed)
{
	XXH128_canonical_t canonical;
	struct sv_digest digest;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(buf, len, seed));
	memcpy(digest.b, canonical.digest, sizeof(digest.b));
	return digest;
}

uint64_t sv_xxh64(const void *buf, size_t len)
{
	return XXH64(buf, len, 0);
}

struct sv_sha256 *sv_sha256_create(void)
{
	struct sv_sha256 *ctx = calloc(1, sizeof(*ctx));
	if (ctx)
		sha256_init(&ctx->nettle);
	return ctx;
}

void sv_sha256_destroy(struct sv_sha256 *ctx)
{
	free(ctx);
}

void sv_sha256_update(struct sv_sha256 *ctx, const void *buf, size_t len)
{
	sha256_update(&ctx->nettle, len, buf);
}

void sv_sha256_finish(struct sv_sha256 *ctx, uint8_t digest[SV_SHA256_LEN])
{
	sha256_digest(&ctx->nettle, SV_SHA256_LEN, digest);
}

int sv_random(void *buf, size_t len)
{
	char *b = buf;
	while (len > 0) {
		ssize_t got = getrandom(b, len, 0);
		if (got < 0 && errno != EINTR)
			return SV_E_FAILED;
		if (got > 0) {
			b += got;
			len -= (size_t)got;
		}
	}
	return 0;
}
