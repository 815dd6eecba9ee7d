/* gpt.h - the GUID partition table: one copy of it, checked, and its fields */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_GPT_H
#define SV_DISK_GPT_H

/* Structures: UEFI 2.10 section 5.3. All fields little endian. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPT_REVISION   0x00010000
#define GPT_HEADER_MIN 92	      /* bytes of a header that are in use */
#define GPT_ENTRY_MIN  128	      /* bytes of an entry, at least */
#define GPT_ENTRY_MAX  4096	      /* more is nonsense */
#define GPT_ARRAY_MAX  (1024U * 1024) /* bytes of the whole array that we accept */

/* Offsets in a header. */
enum {
	GPT_H_REVISION = 8,
	GPT_H_SIZE = 12,
	GPT_H_CRC = 16,
	GPT_H_MY_LBA = 24,
	GPT_H_ALT_LBA = 32,
	GPT_H_FIRST = 40,
	GPT_H_LAST = 48,
	GPT_H_GUID = 56,
	GPT_H_ARRAY_LBA = 72,
	GPT_H_COUNT = 80,
	GPT_H_ENTRY_SIZE = 84,
	GPT_H_ARRAY_CRC = 88,
};

/* Offsets in an entry. */
enum {
	GPT_E_TYPE = 0,
	GPT_E_GUID = 16,
	GPT_E_FIRST = 32,
	GPT_E_LAST = 40,
	GPT_E_NAME = 56, /* 36 UTF-16 units */
	GPT_NAME_UNITS = 36,
};

/* One copy of the table. */
struct gpt_copy {
	bool ok; /* both checksums hold and the fields make sense */
	uint64_t my_lba, alt_lba, first, last, array_lba;
	uint32_t count, entry_size, array_crc;
	uint8_t guid[16];
	uint32_t sector_size;
	uint64_t array_sectors;
	uint8_t *sector; /* the header's whole sector */
	uint8_t *array;	 /* array_sectors sectors */
};

/* Fetch bytes of the disk; false when it cannot be had. */
typedef bool (*gpt_fetch)(void *ctx, void *buf, size_t len, uint64_t off);

/* Load and check the copy whose header is at `lba`. 0 (look at ok) or SV_E_NOMEM. */
int gpt_copy_load(struct gpt_copy *copy, gpt_fetch fetch, void *ctx, uint32_t sector_size,
		  uint64_t lba);
void gpt_copy_clear(struct gpt_copy *copy);

/* The i-th entry, and whether it is in use. */
const uint8_t *gpt_entry(const struct gpt_copy *copy, uint32_t i);
bool gpt_entry_used(const uint8_t *entry);

/* true when the two describe the same partitions of the same disk */
bool gpt_copy_equal(const struct gpt_copy *a, const struct gpt_copy *b);

/* Give the header other places and seal it again; the array stays as it is. */
void gpt_copy_place(struct gpt_copy *copy, uint64_t my_lba, uint64_t alt_lba, uint64_t array_lba,
		    uint64_t last);

/* 16 bytes of a GUID as text, mixed endian as usual, lower case. out: 37 bytes. */
void gpt_guid_text(char *out, const uint8_t *guid);

#endif
