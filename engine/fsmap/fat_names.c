/* fat_names.c - folder entries of FAT, and long names put together */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat_names.h"

#include "engine/fsmap/owners.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRY_ATTR = 11,
	ENTRY_CASE = 12, /* Windows NT: 8 = lower-case name, 16 = lower-case extension */
	ENTRY_CLUSTER_HI = 20,
	ENTRY_CLUSTER_LO = 26,
	ENTRY_FILE_SIZE = 28,
	LONG_ORDER = 0,
	LONG_CHECKSUM = 13,
	LONG_LAST = 0x40,

	NAME_LEN = 11,
	NAME_END = 0x00,
	NAME_DELETED = 0xe5,
	NAME_KANJI = 0x05, /* stands for a first byte of 0xe5 */
	ATTR_LABEL = 0x08, /* also in every piece of a long name */
	ATTR_LONG = 0x0f,
	ATTR_DIRECTORY = 0x10,
	ATTR_LONG_MASK = 0x3f,
	ATTR_UNDEFINED = 0xc0,
	CASE_BASE = 8,
	CASE_EXT = 16,
};

bool fat_entry_is_folder(const uint8_t *entry)
{
	return entry[ENTRY_ATTR] & ATTR_DIRECTORY;
}

bool fat_entry_is_self(const uint8_t *entry)
{
	return memcmp(entry, ".          ", NAME_LEN) == 0;
}

bool fat_entry_is_dots(const uint8_t *entry)
{
	return fat_entry_is_self(entry) || memcmp(entry, "..         ", NAME_LEN) == 0;
}

bool fat_entry_is_end(const uint8_t *entry)
{
	return entry[0] == NAME_END;
}

bool fat_entry_is_deleted(const uint8_t *entry)
{
	return entry[0] == NAME_DELETED;
}

bool fat_entry_is_label(const uint8_t *entry)
{
	return entry[ENTRY_ATTR] & ATTR_LABEL;
}

bool fat_entry_is_rubbish(const uint8_t *entry)
{
	if (entry[ENTRY_ATTR] & ATTR_UNDEFINED)
		return true;
	for (size_t i = 0; i < NAME_LEN; i++)
		if (entry[i] < 0x20 && !(i == 0 && entry[i] == NAME_KANJI))
			return true;
	return false;
}

uint32_t fat_entry_cluster(unsigned int bits, const uint8_t *entry)
{
	uint32_t cluster = get_le16(entry + ENTRY_CLUSTER_LO);
	return bits == 32 ? cluster | (uint32_t)get_le16(entry + ENTRY_CLUSTER_HI) << 16 : cluster;
}

uint32_t fat_entry_size(const uint8_t *entry)
{
	return get_le32(entry + ENTRY_FILE_SIZE);
}

void fat_name_reset(struct fat_name *name)
{
	name->pieces = name->next = 0;
}

static void take_piece(struct fat_name *name, const uint8_t *entry)
{
	unsigned int number = entry[LONG_ORDER] & ~(unsigned int)LONG_LAST;
	if (entry[LONG_ORDER] & LONG_LAST && number >= 1 && number <= FAT_NAME_PIECES) {
		name->pieces = name->next = number;
		name->checksum = entry[LONG_CHECKSUM];
	}
	if (!name->pieces || number != name->next || !number ||
	    entry[LONG_CHECKSUM] != name->checksum) {
		fat_name_reset(name);
		return;
	}
	uint8_t *out = name->text + (size_t)(number - 1) * FAT_PIECE_CHARS * 2;
	memcpy(out, entry + 1, 10);
	memcpy(out + 10, entry + 14, 12);
	memcpy(out + 22, entry + 28, 4);
	name->next--;
}

enum fat_feed fat_name_feed(struct fat_name *name, const uint8_t *entry)
{
	if (fat_entry_is_end(entry))
		return FAT_FEED_END;
	if (fat_entry_is_deleted(entry)) {
		fat_name_reset(name);
		return FAT_FEED_MORE;
	}
	if ((entry[ENTRY_ATTR] & ATTR_LONG_MASK) == ATTR_LONG) {
		take_piece(name, entry);
		return FAT_FEED_MORE;
	}
	if (fat_entry_is_label(entry)) {
		fat_name_reset(name);
		return FAT_FEED_MORE;
	}
	return fat_entry_is_rubbish(entry) ? FAT_FEED_RUBBISH : FAT_FEED_FILE;
}

static uint8_t checksum(const uint8_t *entry)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < NAME_LEN; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + entry[i]);
	return sum;
}

/* Bytes above 127 are of a code page that the volume does not name. */
static char *put_short(char *out, const uint8_t *from, size_t len, bool lower)
{
	while (len && from[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (from[i] >= 0x80 || from[i] < 0x20 || from[i] == '/') {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
		} else {
			bool upper = from[i] >= 'A' && from[i] <= 'Z';
			*out++ = (char)(lower && upper ? from[i] + 32 : from[i]);
		}
	}
	return out;
}

static void short_name(const uint8_t *entry, char *out)
{
	char *end = put_short(out, entry, 8, entry[ENTRY_CASE] & CASE_BASE);
	if (memcmp(entry + 8, "   ", 3) != 0) {
		*end++ = '.';
		end = put_short(end, entry + 8, 3, entry[ENTRY_CASE] & CASE_EXT);
	}
	*end = '\0';
}

void fat_name_get(const struct fat_name *name, const uint8_t *entry, char out[FAT_NAME_MAX])
{
	size_t chars = 0, max = (size_t)name->pieces * FAT_PIECE_CHARS;
	short_name(entry, out);
	if (!name->pieces || name->next || name->checksum != checksum(entry))
		return;
	while (chars < max && get_le16(name->text + chars * 2))
		chars++;
	char *text = owners_utf8(name->text, chars);
	if (text && *text)
		snprintf(out, FAT_NAME_MAX, "%s", text);
	free(text);
}
