/* exfat_set.c - exFAT: the entries of a folder, gathered into the sets they make */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat_set.h"

#include "engine/fsmap/owners.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPE_END = 0x00,
	E_SECONDARIES = 1, /* of a file or benign primary entry */
	E_CHECKSUM = 2,
	E_ATTRIBUTES = 4, /* of a file */
	E_NAME_LEN = 3,	  /* of a stream entry: characters */
	E_NAME = 2,	  /* of a name entry */
	NAME_CHARS = 15,
	NAME_ALL = 255,
	ATTRIBUTE_FOLDER = 0x10,
};

static enum exfat_feed begin(struct exfat_set *set, const uint8_t *entry)
{
	uint8_t type = entry[0];
	if (type == TYPE_END)
		return EXFAT_FEED_END;
	if (!(type & EXFAT_IN_USE))
		return EXFAT_FEED_MORE;
	if (type & EXFAT_SECONDARY)
		return EXFAT_FEED_STRAY;
	if (type == EXFAT_BITMAP || type == EXFAT_UPCASE || type == EXFAT_LABEL)
		return EXFAT_FEED_SINGLE;
	if (type != EXFAT_FILE && !(type & EXFAT_BENIGN))
		return EXFAT_FEED_UNKNOWN;
	set->want = (size_t)(1 + entry[E_SECONDARIES]) * EXFAT_ENTRY_SIZE;
	return EXFAT_FEED_MORE;
}

enum exfat_feed exfat_set_feed(struct exfat_set *set, const uint8_t *entry)
{
	if (set->want && set->have == set->want)
		exfat_set_reset(set);
	if (!set->want) {
		enum exfat_feed feed = begin(set, entry);
		if (!set->want)
			return feed;
	}
	memcpy(set->v + set->have, entry, EXFAT_ENTRY_SIZE);
	set->have += EXFAT_ENTRY_SIZE;
	return set->have == set->want ? EXFAT_FEED_SET : EXFAT_FEED_MORE;
}

static uint16_t checksum(const uint8_t *set, size_t len)
{
	uint16_t sum = 0;
	for (size_t i = 0; i < len; i++)
		if (i != E_CHECKSUM && i != E_CHECKSUM + 1)
			sum = (uint16_t)((uint16_t)(sum << 15 | sum >> 1) + set[i]);
	return sum;
}

bool exfat_set_sound(const struct exfat_set *set)
{
	if (checksum(set->v, set->want) != get_le16(set->v + E_CHECKSUM))
		return false;
	return set->v[0] != EXFAT_FILE ||
	       (set->want >= 3 * EXFAT_ENTRY_SIZE && set->v[EXFAT_ENTRY_SIZE] == EXFAT_STREAM);
}

bool exfat_set_is_folder(const struct exfat_set *set)
{
	return set->v[0] == EXFAT_FILE && get_le16(set->v + E_ATTRIBUTES) & ATTRIBUTE_FOLDER;
}

void exfat_set_name(const struct exfat_set *set, char out[EXFAT_NAME_MAX])
{
	uint8_t wide[(NAME_ALL + NAME_CHARS) * 2] = {0};
	size_t chars = 0, max = set->v[EXFAT_ENTRY_SIZE + E_NAME_LEN];
	for (size_t at = 2 * (size_t)EXFAT_ENTRY_SIZE; at < set->want && chars < max;
	     at += EXFAT_ENTRY_SIZE) {
		if (set->v[at] != EXFAT_NAME)
			continue;
		memcpy(wide + chars * 2, set->v + at + E_NAME, NAME_CHARS * 2);
		chars += NAME_CHARS;
	}
	char *text = owners_utf8(wide, SV_MIN(chars, max));
	snprintf(out, EXFAT_NAME_MAX, "%s", text && *text ? text : "?");
	free(text);
}

struct exfat_stream exfat_stream_of(const uint8_t *entry, unsigned int flags)
{
	return (struct exfat_stream){
		.first = get_le32(entry + EXFAT_E_FIRST),
		.len = get_le64(entry + EXFAT_E_LEN),
		.contiguous = flags & EXFAT_FLAG_CONTIGUOUS,
	};
}
