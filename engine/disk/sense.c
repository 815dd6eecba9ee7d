/* sense.c - what a disk says of a command that failed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/sense.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	KEY_RECOVERED = 0x1,
	KEY_NOT_READY = 0x2,
	KEY_MEDIUM = 0x3,
	KEY_HARDWARE = 0x4,
	KEY_ILLEGAL = 0x5,
	KEY_ATTENTION = 0x6,
};
#define ASC_OUT_OF_RANGE 0x21

static void parse_fixed(const uint8_t *d, size_t len, struct sense *s)
{
	s->key = len > 2 ? d[2] & 0x0f : 0;
	s->has_info = len >= 7 && d[0] & 0x80;
	if (s->has_info)
		s->info = get_be32(d + 3);
	/* what lies behind is as long as it says */
	size_t end = len > 7 ? SV_MIN(len, 8 + (size_t)d[7]) : len;
	s->asc = end > 12 ? d[12] : 0;
	s->ascq = end > 13 ? d[13] : 0;
}

static void parse_descriptors(const uint8_t *d, size_t len, struct sense *s)
{
	s->key = len > 1 ? d[1] & 0x0f : 0;
	s->asc = len > 2 ? d[2] : 0;
	s->ascq = len > 3 ? d[3] : 0;
	size_t end = len > 7 ? SV_MIN(len, 8 + (size_t)d[7]) : 0;
	for (size_t at = 8; at + 2 <= end; at += 2 + (size_t)d[at + 1]) {
		if (d[at] != 0 || d[at + 1] < 10 || at + 12 > end || !(d[at + 2] & 0x80))
			continue;
		s->has_info = true;
		s->info = get_be64(d + at + 4);
		return;
	}
}

void sense_parse(const uint8_t *data, size_t len, struct sense *s)
{
	memset(s, 0, sizeof(*s));
	switch (len ? data[0] & 0x7f : 0) {
	case 0x70:
		parse_fixed(data, len, s);
		break;
	case 0x72:
		parse_descriptors(data, len, s);
		break;
	default: /* about an earlier command, or nothing */
		break;
	}
}

int sense_errno(const struct sense *s)
{
	switch (s->key) {
	case KEY_RECOVERED:
		return 0;
	case KEY_NOT_READY:
		return ENOMEDIUM;
	case KEY_MEDIUM:
		return ENODATA;
	case KEY_HARDWARE:
		return EREMOTEIO;
	case KEY_ILLEGAL:
		return s->asc == ASC_OUT_OF_RANGE ? EIO : SENSE_UNSUPPORTED;
	case KEY_ATTENTION:
		return SENSE_REPEAT;
	default:
		return EIO;
	}
}

int nvme_status_errno(unsigned int status)
{
	unsigned int code = status & 0xff, type = status >> 8 & 7;
	if (type == 0 && code == 0)
		return 0;
	/* generic: no such opcode, field or namespace */
	if (type == 0 && (code == 0x01 || code == 0x02 || code == 0x0b))
		return SENSE_UNSUPPORTED;
	/* media: unrecovered read; checks of guard and tags */
	if (type == 2 && code == 0x81)
		return ENODATA;
	if (type == 2 && code >= 0x82 && code <= 0x84)
		return EILSEQ;
	return EIO;
}
