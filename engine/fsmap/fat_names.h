/* fat_names.h - folder entries of FAT, and long names put together; private to fat_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FAT_NAMES_H
#define SV_FSMAP_FAT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microsoft FAT specification (August 2005) sections 6 and 7; Linux include/uapi/linux/msdos_fs.h.
 */
#define FAT_ENTRY_SIZE	32
#define FAT_NAME_PIECES 20
#define FAT_PIECE_CHARS 13
#define FAT_NAME_MAX	(FAT_NAME_PIECES * FAT_PIECE_CHARS * 3 + 1) /* UTF-8, with NUL */

/* The pieces of a long name, which stand before the entry they belong to. */
struct fat_name {
	uint8_t text[FAT_NAME_PIECES * FAT_PIECE_CHARS * 2]; /* UTF-16LE */
	unsigned int pieces; /* of the whole name; 0 = there is none */
	unsigned int next;   /* the number expected next */
	uint8_t checksum;    /* of the short name */
};

enum fat_feed {
	FAT_FEED_FILE,	  /* a file or folder: fat_name_get() */
	FAT_FEED_MORE,	  /* a piece of a name, a deleted entry, the label */
	FAT_FEED_END,	  /* nothing follows in this folder */
	FAT_FEED_RUBBISH, /* not the shape of an entry */
};

void fat_name_reset(struct fat_name *name);
/* The next entry of a folder, in order. */
enum fat_feed fat_name_feed(struct fat_name *name, const uint8_t *entry);
/* The name of the entry that was FILE: the long one where it is whole and belongs to it. */
void fat_name_get(const struct fat_name *name, const uint8_t *entry, char out[FAT_NAME_MAX]);

bool fat_entry_is_folder(const uint8_t *entry);
/* "." or "..", of which only the first is `self`. */
bool fat_entry_is_self(const uint8_t *entry);
bool fat_entry_is_dots(const uint8_t *entry);
/* Nothing follows in this folder. */
bool fat_entry_is_end(const uint8_t *entry);
bool fat_entry_is_deleted(const uint8_t *entry);
/* The label of the volume, or a piece of a long name. */
bool fat_entry_is_label(const uint8_t *entry);
/* Not the shape of an entry: this is no folder, or one full of rubbish. */
bool fat_entry_is_rubbish(const uint8_t *entry);
uint32_t fat_entry_cluster(unsigned int bits, const uint8_t *entry);
uint32_t fat_entry_size(const uint8_t *entry);

#endif
