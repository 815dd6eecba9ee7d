/* gpt_make.c - a new GPT that holds one partition: both copies, as the bytes of the disk's ends */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/gpt.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ENTRIES 128 /* what every system makes (UEFI 2.10 section 5.3.1: at least 16 KiB) */

/* Mixed endian, as on the disk. */
static const uint8_t types[][16] = {
	/* ebd0a0a2-b9e5-4433-87c0-68b6b72699c7 */
	[LAYOUT_BASIC_DATA] = {0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68,
			       0xb6, 0xb7, 0x26, 0x99, 0xc7},
	/* 0fc63daf-8483-4772-8e79-3d69d8477de4 */
	[LAYOUT_LINUX] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69,
			  0xd8, 0x47, 0x7d, 0xe4},
};

/* A random GUID (RFC 9562 version 4; its version is in the high byte of a little endian field). */
static int random_guid(uint8_t *guid, struct sv_err *err)
{
	if (getrandom(guid, 16, 0) != 16)
		return sv_fail(err, SV_E_FAILED, errno, "", "there are no random numbers");
	guid[7] = (guid[7] & 0x0f) | 0x40;
	guid[8] = (guid[8] & 0x3f) | 0x80;
	return 0;
}

/* One entry over the whole disk, or as much as it can name (UEFI 2.10 section 5.2.3). */
static void put_protective_mbr(uint8_t *mbr, uint64_t sectors)
{
	static const uint8_t chs_first[3] = {0x00, 0x02, 0x00}, chs_last[3] = {0xff, 0xff, 0xff};
	uint8_t *e = mbr + MBR_TABLE;
	memcpy(e + 1, chs_first, sizeof(chs_first));
	e[MBR_TYPE] = MBR_TYPE_GPT;
	memcpy(e + 5, chs_last, sizeof(chs_last));
	put_le32(e + MBR_START, 1);
	put_le32(e + MBR_COUNT, (uint32_t)SV_MIN(sectors - 1, UINT32_MAX));
	put_le16(mbr + 510, 0xaa55);
}

static int put_entry(uint8_t *e, const struct layout_new *l, uint32_t ss, enum layout_type type,
		     const char *name, struct sv_err *err)
{
	memcpy(e + GPT_E_TYPE, types[type], sizeof(types[type]));
	put_le64(e + GPT_E_FIRST, l->part_start / ss);
	put_le64(e + GPT_E_LAST, (l->part_start + l->part_size) / ss - 1);
	for (int i = 0; i < GPT_NAME_UNITS && name[i]; i++)
		put_le16(e + GPT_E_NAME + 2 * i, (unsigned char)name[i]);
	return random_guid(e + GPT_E_GUID, err);
}

static int put_header(struct gpt_copy *c, uint64_t first, struct sv_err *err)
{
	uint8_t *s = c->sector;
	memcpy(s, "EFI PART", 8);
	put_le32(s + GPT_H_REVISION, GPT_REVISION);
	put_le32(s + GPT_H_SIZE, GPT_HEADER_MIN);
	put_le64(s + GPT_H_FIRST, first);
	put_le32(s + GPT_H_COUNT, ENTRIES);
	put_le32(s + GPT_H_ENTRY_SIZE, GPT_ENTRY_MIN);
	put_le32(s + GPT_H_ARRAY_CRC, sv_crc32(c->array, ENTRIES * GPT_ENTRY_MIN));
	return random_guid(s + GPT_H_GUID, err);
}

/* LBA 0: MBR, 1: header, 2: array; at the end array, then header in the very last sector. */
static int fill(struct layout_new *l, uint64_t sectors, uint32_t ss, enum layout_type type,
		const char *name, struct sv_err *err)
{
	size_t array_len = l->tail_len - ss;
	uint64_t array_sectors = array_len / ss, last_lba = sectors - 1;
	uint64_t last = last_lba - array_sectors - 1;
	struct gpt_copy primary = {
		.sector_size = ss, .sector = l->head + ss, .array = l->head + 2 * (size_t)ss};
	put_protective_mbr(l->head, sectors);
	int rc = put_entry(primary.array, l, ss, type, name, err);
	if (!rc)
		rc = put_header(&primary, 2 + array_sectors, err);
	if (rc)
		return rc;
	struct gpt_copy backup = {
		.sector_size = ss, .sector = l->tail + array_len, .array = l->tail};
	memcpy(backup.array, primary.array, array_len);
	memcpy(backup.sector, primary.sector, ss);
	gpt_copy_place(&primary, 1, last_lba, 2, last);
	gpt_copy_place(&backup, last_lba, 1, last_lba - array_sectors, last);
	return 0;
}

int layout_new_gpt(uint64_t size, uint32_t ss, enum layout_type type, const char *name,
		   struct layout_new *l, struct sv_err *err)
{
	size_t array_len = (size_t)sv_round_up(ENTRIES * GPT_ENTRY_MIN, ss);
	memset(l, 0, sizeof(*l));
	if (size < LAYOUT_NEW_MIN)
		return sv_fail(err, SV_E_REFUSED, 0, "", "a disk of %llu bytes is too small",
			       (unsigned long long)size);
	l->part_start = SV_MIB;
	l->part_size = sv_round_down(size - SV_MIB, SV_MIB) - SV_MIB;
	l->head_len = 2 * (size_t)ss + array_len;
	l->tail_len = array_len + ss;
	l->tail_off = sv_round_down(size, ss) - l->tail_len;
	l->head = calloc(1, l->head_len);
	l->tail = calloc(1, l->tail_len);
	int rc = l->head && l->tail ? fill(l, size / ss, ss, type, name, err) : sv_fail_nomem(err);
	if (rc) {
		free(l->head);
		free(l->tail);
		memset(l, 0, sizeof(*l));
	}
	return rc;
}
