/* blake2b.c - BLAKE2b with a digest of 256 bits, without a key (RFC 7693) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/hash.h"

#include "engine/util/bytes.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK  128u
#define ROUNDS 12

/* RFC 7693 section 2.6: the fraction bits of the square roots of the first eight primes. */
static const uint64_t iv[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Section 2.7: which word of the message goes where, by round; rounds 10 and 11 are 0 and 1. */
static const uint8_t sigma[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t rotate(uint64_t v, int bits)
{
	return v >> bits | v << (64 - bits);
}

static void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, uint64_t x, uint64_t y)
{
	*a += *b + x;
	*d = rotate(*d ^ *a, 32);
	*c += *d;
	*b = rotate(*b ^ *c, 24);
	*a += *b + y;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 63);
}

static void mix_round(uint64_t v[16], const uint64_t m[16], const uint8_t *s)
{
	for (int i = 0; i < 4; i++) /* columns */
		mix(&v[i], &v[i + 4], &v[i + 8], &v[i + 12], m[s[2 * i]], m[s[2 * i + 1]]);
	for (int i = 0; i < 4; i++) /* diagonals */
		mix(&v[i], &v[4 + (i + 1) % 4], &v[8 + (i + 2) % 4], &v[12 + (i + 3) % 4],
		    m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
}

/* `count`: bytes up to the end of this block. */
static void compress(uint64_t h[8], const uint8_t *block, uint64_t count, bool last)
{
	uint64_t v[16], m[16];
	for (int i = 0; i < 16; i++)
		m[i] = get_le64(block + 8 * i);
	memcpy(v, h, 64);
	memcpy(v + 8, iv, 64);
	v[12] ^= count;
	v[14] ^= last ? ~0ull : 0;
	for (int r = 0; r < ROUNDS; r++)
		mix_round(v, m, sigma[r % 10]);
	for (int i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

void sv_blake2b(const void *buf, size_t len, uint8_t digest[SV_BLAKE2B_LEN])
{
	const uint8_t *b = buf;
	uint8_t tail[BLOCK] = {0};
	uint64_t h[8];
	size_t done = 0;
	memcpy(h, iv, sizeof(h));
	h[0] ^= 0x01010000 ^ SV_BLAKE2B_LEN;
	for (; len - done > BLOCK; done += BLOCK)
		compress(h, b + done, done + BLOCK, false);
	memcpy(tail, b + done, len - done);
	compress(h, tail, len, true);
	for (int i = 0; i < SV_BLAKE2B_LEN / 8; i++)
		put_le64(digest + 8 * i, h[i]);
}
