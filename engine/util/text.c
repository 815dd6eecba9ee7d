/* text.c - sizes and times for people, and text that is safe on a terminal */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void scaled(char *out, uint64_t bytes, double step, const char *const *units)
{
	double v = (double)bytes;
	size_t u = 0;
	for (; v >= step && units[u + 1]; u++)
		v /= step;
	snprintf(out, SV_SIZE_TEXT, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

const char *sv_text_size(char out[SV_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB", NULL};
	scaled(out, bytes, 1000, units);
	return out;
}

const char *sv_text_size_both(char out[2 * SV_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB",
					    "TiB",   "PiB", "EiB", NULL};
	char label[SV_SIZE_TEXT], binary[SV_SIZE_TEXT];
	sv_text_size(label, bytes);
	scaled(binary, bytes, 1024, units);
	snprintf(out, 2 * SV_SIZE_TEXT, "%.30s (%.30s)", label, binary);
	return out;
}

const char *sv_text_duration(char out[SV_SIZE_TEXT], uint64_t seconds)
{
	unsigned long long h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
	if (h)
		snprintf(out, SV_SIZE_TEXT, "%llu:%02llu:%02llu", h, m, s);
	else
		snprintf(out, SV_SIZE_TEXT, "%llu:%02llu", m, s);
	return out;
}

/* Length of the well-formed UTF-8 sequence at p, 0 when it is none (overlong, surrogate, cut off).
 */
static size_t utf8_len(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80		   ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;
	if (len < 2)
		return len;
	uint32_t code = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	bool bad = code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
	return bad ? 0 : len;
}

/* C0, DEL and C1: what a terminal could take for a command. */
static bool is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

char *sv_text_clean(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char *clean = malloc(strlen(text) * 3 + 1), *out = clean;
	if (!clean)
		return NULL;
	while (*p) {
		size_t len = utf8_len(p);
		if (!len || is_control(p)) {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
		} else {
			memcpy(out, p, len);
			out += len;
		}
		p += len ? len : 1;
	}
	*out = '\0';
	return clean;
}
