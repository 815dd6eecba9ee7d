/* hash.h - digests: XXH3-128 of granules, XXH64 of frames, SHA-256 of files, BLAKE2b */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_HASH_H
#define SV_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3-128 with a seed, in canonical (big endian) byte order. */
struct sv_digest {
	uint8_t b[16];
};
struct sv_digest sv_xxh3_128(const void *buf, size_t len, uint64_t seed);

/* XXH64 with seed 0: the Zstandard content checksum is its low 32 bits. */
uint64_t sv_xxh64(const void *buf, size_t len);

/* SHA-256, incremental. Owned by the caller, who destroys it. create returns NULL when out of
 * memory. One thread at a time. */
#define SV_SHA256_LEN 32
struct sv_sha256;
struct sv_sha256 *sv_sha256_create(void);
void sv_sha256_destroy(struct sv_sha256 *ctx);
void sv_sha256_update(struct sv_sha256 *ctx, const void *buf, size_t len);
/* Writes the digest and starts anew. */
void sv_sha256_finish(struct sv_sha256 *ctx, uint8_t digest[SV_SHA256_LEN]);

/* BLAKE2b with a digest of 256 bits and no key (RFC 7693): one of Btrfs' checksums. */
#define SV_BLAKE2B_LEN 32
void sv_blake2b(const void *buf, size_t len, uint8_t digest[SV_BLAKE2B_LEN]);

/* `len` bytes from the kernel's random source. 0, or SV_E_FAILED when there is none. */
int sv_random(void *buf, size_t len);

#endif
