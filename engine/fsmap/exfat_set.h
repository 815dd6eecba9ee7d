/* exfat_set.h - exFAT: the entries of a folder, gathered into the sets they make; private to
 * exfat*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_EXFAT_SET_H
#define SV_FSMAP_EXFAT_SET_H

#include "engine/fsmap/exfat.h"

/* Specification sections 6 and 7: a set is a primary entry and the secondary entries it counts. */
enum {
	EXFAT_ENTRY_SIZE = 32,
	EXFAT_IN_USE = 0x80,
	EXFAT_SECONDARY = 0x40,
	EXFAT_BENIGN = 0x20,

	EXFAT_BITMAP = 0x81,
	EXFAT_UPCASE = 0x82,
	EXFAT_LABEL = 0x83,
	EXFAT_FILE = 0x85,
	EXFAT_STREAM = 0xc0,
	EXFAT_NAME = 0xc1,

	EXFAT_E_FLAGS = 1, /* of a secondary entry, and of the bitmap's */
	EXFAT_E_FIRST = 20,
	EXFAT_E_LEN = 24,

	EXFAT_FLAG_ALLOCATION = 1,
	EXFAT_FLAG_CONTIGUOUS = 2,

	EXFAT_SET_MAX = 256 * EXFAT_ENTRY_SIZE,
	EXFAT_NAME_MAX = 255 * 3 + 1, /* UTF-8, with NUL */
};
#define EXFAT_FOLDER_MAX (256 * SV_MIB)

/* Zero-initialised, or exfat_set_reset(): nothing was gathered. */
struct exfat_set {
	size_t have, want; /* bytes; want 0 = none is being gathered */
	uint8_t v[EXFAT_SET_MAX];
};

enum exfat_feed {
	EXFAT_FEED_MORE,    /* an unused entry, or a part of a set */
	EXFAT_FEED_SET,	    /* a set is complete; it stands until the next call */
	EXFAT_FEED_SINGLE,  /* bitmap, upcase table or label: stands alone, in the root folder */
	EXFAT_FEED_END,	    /* nothing follows in this folder */
	EXFAT_FEED_STRAY,   /* a secondary entry without a primary one */
	EXFAT_FEED_UNKNOWN, /* of a kind that may not be ignored */
};

/* The next entry of a folder, in order. */
enum exfat_feed exfat_set_feed(struct exfat_set *set, const uint8_t *entry);

static inline void exfat_set_reset(struct exfat_set *set)
{
	set->have = set->want = 0;
}

/* A complete set has its checksum, and if it is a file's the entries that takes. */
bool exfat_set_sound(const struct exfat_set *set);

/* Of the set of a file or folder. */
bool exfat_set_is_folder(const struct exfat_set *set);
void exfat_set_name(const struct exfat_set *set, char out[EXFAT_NAME_MAX]);

struct exfat_stream exfat_stream_of(const uint8_t *entry, unsigned int flags);

#endif
