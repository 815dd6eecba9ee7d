/* bytes.c - zero test, hex, sizes as text */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/bytes.h"

#include <string.h>

bool sv_is_zero(const void *buf, size_t len)
{
	const uint8_t *b = buf;
	if (len == 0)
		return true;
	/* comparing the buffer with itself one byte on lets libc's vector memcmp do the work */
	return b[0] == 0 && memcmp(b, b + 1, len - 1) == 0;
}

void sv_hex(char *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool sv_unhex(void *bytes, size_t len, const char *text)
{
	uint8_t *b = bytes;
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_value(text[2 * i]);
		int lo = hex_value(text[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static bool unit_factor(const char *suffix, uint64_t *factor)
{
	static const char letters[] = "KMGT";
	*factor = 1;
	if (*suffix && strchr(letters, *suffix)) {
		*factor = 1ULL << (10 * (strchr(letters, *suffix) - letters + 1));
		suffix++;
		if (*suffix == 'i')
			return strcmp(suffix, "iB") == 0;
	}
	return *suffix == '\0' || strcmp(suffix, "B") == 0;
}

bool sv_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t value = 0, factor;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++)
		if (!sv_mul_ok(value, 10, &value) ||
		    !sv_add_ok(value, (uint64_t)(*p - '0'), &value))
			return false;
	if (p == text || !unit_factor(p, &factor))
		return false;
	return sv_mul_ok(value, factor, bytes);
}
