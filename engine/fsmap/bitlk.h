/* bitlk.h - what the files of the BitLocker reader share; private to engine/fsmap/bitlk*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_BITLK_H
#define SV_FSMAP_BITLK_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures, little endian: the format's description in libbde ("BitLocker Drive
 * Encryption (BDE) format"), sections 2 to 5, and cryptsetup's lib/bitlk. A boot sector names three
 * copies of the metadata; the volume's own first sectors have moved to another place, and all else
 * is encrypted where it stands.
 */
#define BITLK_COPIES 3
#define BITLK_AREA   65536 /* bytes of a copy of the metadata */

struct bitlk {
	struct fsmap_reader *r;
	uint64_t copies[BITLK_COPIES]; /* byte of each copy of the metadata */
	uint32_t sector_size;
	uint64_t size;	   /* bytes that are encrypted, from the start of the volume */
	uint64_t moved_to; /* byte where the first `moved` bytes of the volume stand */
	uint64_t moved;
	const char *cipher; /* as blk_crypt knows it */
	uint32_t key_len;
	bool clear_key; /* its key stands on the disk: suspended */
	uint8_t boot[512];
	uint8_t *area; /* BITLK_AREA bytes: the copy that counts */
	int copy;      /* which that is */
};

/* Boot sector and metadata, judged: it is encrypted completely, by a cipher that is known. 0,
 * FSMAP_IS_WHOLE or SV_E_NOMEM. The caller frees `area`. */
int bitlk_read(struct bitlk *b);

#endif
