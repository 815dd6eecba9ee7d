/* crc.c - cyclic redundancy checks of the on-disk formats */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/crc.h"

/* The tables are computed at compile time: one reflected step per bit. */
#define STEP(v, poly)  (((v) >> 1) ^ ((v)&1 ? (poly) : 0))
#define STEP2(v, poly) STEP(STEP(v, poly), poly)
#define STEP4(v, poly) STEP2(STEP2(v, poly), poly)

/* A nibble table needs 16 entries of 4 steps: small enough for the preprocessor, quick enough for
 * metadata. */
#define NIBBLES(poly)                                                                              \
	{                                                                                          \
		STEP4(0u, poly), STEP4(1u, poly), STEP4(2u, poly), STEP4(3u, poly),                \
			STEP4(4u, poly), STEP4(5u, poly), STEP4(6u, poly), STEP4(7u, poly),        \
			STEP4(8u, poly), STEP4(9u, poly), STEP4(10u, poly), STEP4(11u, poly),      \
			STEP4(12u, poly), STEP4(13u, poly), STEP4(14u, poly), STEP4(15u, poly)     \
	}

static const uint32_t crc32c_nibbles[16] = NIBBLES(0x82F63B78u);
static const uint32_t crc32_nibbles[16] = NIBBLES(0xEDB88320u);
static const uint16_t crc16_nibbles[16] = NIBBLES(0xA001u);

static uint32_t crc_nibble(const uint32_t table[16], uint32_t crc, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *b,
							       size_t len)
{
	uint64_t acc = crc;
	for (; len >= 8; b += 8, len -= 8) {
		uint64_t word;
		__builtin_memcpy(&word, b, 8);
		acc = __builtin_ia32_crc32di(acc, word);
	}
	uint32_t c = (uint32_t)acc;
	for (; len; b++, len--)
		c = __builtin_ia32_crc32qi(c, *b);
	return c;
}
#endif

uint32_t sv_crc32c(uint32_t crc, const void *buf, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, buf, len);
#endif
	return crc_nibble(crc32c_nibbles, crc, buf, len);
}

uint32_t sv_crc32(const void *buf, size_t len)
{
	return ~sv_crc32_raw(~0u, buf, len);
}

uint32_t sv_crc32_raw(uint32_t crc, const void *buf, size_t len)
{
	return crc_nibble(crc32_nibbles, crc, buf, len);
}

uint16_t sv_crc16(uint16_t crc, const void *buf, size_t len)
{
	const uint8_t *b = buf;
	for (size_t i = 0; i < len; i++) {
		crc = (uint16_t)(crc ^ b[i]);
		crc = (uint16_t)((crc >> 4) ^ crc16_nibbles[crc & 15]);
		crc = (uint16_t)((crc >> 4) ^ crc16_nibbles[crc & 15]);
	}
	return crc;
}
