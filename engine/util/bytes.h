/* bytes.h - little and big endian fields, checked sums, alignment */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_BYTES_H
#define SV_UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SV_KIB	     1024ULL
#define SV_MIB	     (1024ULL * 1024)
#define SV_GIB	     (1024ULL * 1024 * 1024)
#define SV_ARRAY(a)  (sizeof(a) / sizeof((a)[0]))
#define SV_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SV_MAX(a, b) ((a) > (b) ? (a) : (b))

static inline uint16_t get_le16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t get_le32(const void *p)
{
	const uint8_t *b = p;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t get_le64(const void *p)
{
	const uint8_t *b = p;
	return get_le32(b) | (uint64_t)get_le32(b + 4) << 32;
}

static inline uint16_t get_be16(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t get_be32(const void *p)
{
	const uint8_t *b = p;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

static inline uint64_t get_be64(const void *p)
{
	const uint8_t *b = p;
	return (uint64_t)get_be32(b) << 32 | get_be32(b + 4);
}

static inline void put_le16(void *p, uint16_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(void *p, uint32_t v)
{
	uint8_t *b = p;
	put_le16(b, (uint16_t)v);
	put_le16(b + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(void *p, uint64_t v)
{
	uint8_t *b = p;
	put_le32(b, (uint32_t)v);
	put_le32(b + 4, (uint32_t)(v >> 32));
}

/* The bits of a byte in the other order. */
static inline uint8_t sv_reverse_bits(uint8_t byte)
{
	byte = (uint8_t)((byte & 0xf0) >> 4 | (byte & 0x0f) << 4);
	byte = (uint8_t)((byte & 0xcc) >> 2 | (byte & 0x33) << 2);
	return (uint8_t)((byte & 0xaa) >> 1 | (byte & 0x55) << 1);
}

/* true and *sum = a + b when that fits 64 bits. */
static inline bool sv_add_ok(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* true and *product = a * b when that fits 64 bits. */
static inline bool sv_mul_ok(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* true when [off, off+len) lies inside [0, size). */
static inline bool sv_range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static inline bool sv_is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* Round to a multiple of `unit` (any value but 0). Rounding up may overflow only within `unit` of
 * 2^64. */
static inline uint64_t sv_round_down(uint64_t v, uint64_t unit)
{
	return v - v % unit;
}

static inline uint64_t sv_round_up(uint64_t v, uint64_t unit)
{
	return sv_round_down(v + unit - 1, unit);
}

/* true when all bytes are zero; fast on large buffers. */
bool sv_is_zero(const void *buf, size_t len);

/* Write the bytes as lower-case hex with a final NUL; `out` holds 2 * len + 1. */
void sv_hex(char *out, const void *bytes, size_t len);

/* The reverse; false unless `text` is exactly 2 * len hex digits. */
bool sv_unhex(void *bytes, size_t len, const char *text);

/*
 * "512", "64K", "4GiB", "1M" with K, M, G, T powers of 1024 (an "iB" or "B" may follow). false for
 * anything else, for 0 digits and for what does not fit 64 bits.
 */
bool sv_parse_size(const char *text, uint64_t *bytes);

#endif
