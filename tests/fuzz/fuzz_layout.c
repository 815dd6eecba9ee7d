/* fuzz_layout.c - hostile partition tables for the engine's own parsers */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: a byte of flags, then patches of 4 bytes (le16 place, value, operation) for the table
 * sectors of a small disk that the target makes itself: a GPT with four entries or an MBR with two
 * logical partitions. Checksums are put right afterwards if a flag says so, or the fuzzer would
 * never get past them. libparted is not asked: a child per input is too slow, and its death is no
 * finding.
 */
#include "engine/disk/gpt.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

#define SS	512
#define SECTORS 160
#define SIZE	(SECTORS * SS)

enum { FLAG_MSDOS = 1, FLAG_SEAL = 2, FLAG_SEAL_ARRAY = 4, FLAG_DEAD_PRIMARY = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_mbr(uint8_t *s, int slot, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = s + MBR_TABLE + slot * MBR_ENTRY;
	e[MBR_TYPE] = type;
	put_le32(e + MBR_START, start);
	put_le32(e + MBR_COUNT, count);
	s[510] = 0x55, s[511] = 0xaa;
}

static void put_gpt(uint8_t *d, uint64_t my, uint64_t alt, uint64_t array)
{
	uint8_t *h = d + my * SS, *e = d + array * SS;
	memcpy(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	put_le64(h + GPT_H_MY_LBA, my);
	put_le64(h + GPT_H_ALT_LBA, alt);
	put_le64(h + GPT_H_FIRST, 8);
	put_le64(h + GPT_H_LAST, SECTORS - 8);
	put_le64(h + GPT_H_ARRAY_LBA, array);
	put_le32(h + GPT_H_COUNT, 4);
	put_le32(h + GPT_H_ENTRY_SIZE, 128);
	for (uint64_t i = 0; i < 4; i++) {
		memset(e + 128 * i, 7, 32);
		put_le64(e + 128 * i + GPT_E_FIRST, 8 + 30 * i);
		put_le64(e + 128 * i + GPT_E_LAST, 37 + 30 * i);
		put_le16(e + 128 * i + GPT_E_NAME, 0xd83d);
		put_le16(e + 128 * i + GPT_E_NAME + 2, 0xde00);
	}
}

static void seal(uint8_t *d, uint64_t lba, unsigned int flags)
{
	uint8_t *h = d + lba * SS;
	uint64_t array = get_le64(h + GPT_H_ARRAY_LBA);
	uint64_t len = (uint64_t)get_le32(h + GPT_H_COUNT) * get_le32(h + GPT_H_ENTRY_SIZE);
	uint32_t size = get_le32(h + GPT_H_SIZE);
	if (flags & FLAG_SEAL_ARRAY && array < SECTORS && len <= SIZE - array * SS)
		put_le32(h + GPT_H_ARRAY_CRC, sv_crc32(d + array * SS, len));
	if (flags & FLAG_SEAL && size >= GPT_HEADER_MIN && size <= SS) {
		put_le32(h + GPT_H_CRC, 0);
		put_le32(h + GPT_H_CRC, sv_crc32(h, size));
	}
}

/* The sectors that patches reach: the first four, the EBRs, the last four. */
static uint64_t place(uint32_t v)
{
	static const uint64_t lba[] = {0, 1, 2, 3, 64, 112, 156, 157, 158, 159};
	return lba[v / SS % SV_ARRAY(lba)] * SS + v % SS;
}

static void build(uint8_t *d, const uint8_t *data, size_t size)
{
	unsigned int flags = data[0];
	if (flags & FLAG_MSDOS) {
		put_mbr(d, 0, 0x83, 8, 40);
		put_mbr(d, 1, 5, 64, 90);
		put_mbr(d + 64 * SS, 0, 0x83, 2, 20);
		put_mbr(d + 64 * SS, 1, 5, 48, 40);
		put_mbr(d + 112 * SS, 0, 7, 2, 20);
	} else {
		put_mbr(d, 0, MBR_TYPE_GPT, 1, SECTORS - 1);
		put_gpt(d, 1, SECTORS - 1, 2);
		put_gpt(d, SECTORS - 1, 1, SECTORS - 2);
		/* a good backup to start from even where the seals are not renewed */
		seal(d, 1, FLAG_SEAL | FLAG_SEAL_ARRAY);
		seal(d, SECTORS - 1, FLAG_SEAL | FLAG_SEAL_ARRAY);
	}
	for (size_t i = 1; i + 4 <= size; i += 4) {
		uint8_t *p = d + place(get_le16(data + i));
		*p = data[i + 3] & 1 ? data[i + 2] : *p ^ data[i + 2];
	}
	if (flags & FLAG_DEAD_PRIMARY)
		memset(d + SS, 0, SS);
	seal(d, 1, flags);
	seal(d, SECTORS - 1, flags);
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void parse(struct blk_dev *disk)
{
	struct layout *l = calloc(1, sizeof(*l));
	struct layout_pieces pieces = {0};
	const uint8_t *mbr = blk_mem_data(disk);
	must(l);
	l->size = SIZE;
	l->sector_size = SS;
	if (boot_sector_classify(mbr, SECTORS, SS) == BOOT_GPT)
		must(!gpt_read(disk, l, &pieces));
	else
		must(!msdos_read(disk, mbr, l, &pieces));
	for (size_t i = 0; i < l->n; i++)
		must(memchr(l->v[i].name, 0, sizeof(l->v[i].name)) && l->v[i].number > 0);
	layout_pieces_clear(&pieces);
	layout_destroy(l);
}

/* A moved table must be read again without complaint. */
static void move(const uint8_t *d)
{
	static const uint64_t targets[] = {SIZE, SIZE + 40 * SS, SIZE / 2};
	for (size_t i = 0; i < SV_ARRAY(targets); i++) {
		struct layout_move m;
		struct blk_dev *disk = NULL;
		uint8_t *head = malloc(SIZE);
		must(head);
		memcpy(head, d, SIZE);
		if (!layout_move_gpt(head, 64 * SS, d + SIZE - 64 * SS, 64 * SS, SIZE, targets[i],
				     SS, &m, NULL) &&
		    m.tail_len) {
			must(m.tail_off + m.tail_len == targets[i]);
			must(m.old_backup.start + m.old_backup.len <= m.tail_off);
			must(!blk_mem_create(NULL, targets[i], SS, &disk));
			memcpy(blk_mem_data(disk), head, 64 * SS);
			memcpy(blk_mem_data(disk) + m.tail_off, m.tail, m.tail_len);
			must(gpt_stands_at(disk, SS, 1));
			must(gpt_stands_at(disk, SS, targets[i] / SS - 1));
			blk_close(disk);
		}
		free(m.tail);
		free(head);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blk_dev *disk;
	if (!size)
		return 0;
	must(!blk_mem_create(NULL, SIZE, SS, &disk));
	build(blk_mem_data(disk), data, size);
	parse(disk);
	move(blk_mem_data(disk));
	blk_close(disk);
	return 0;
}
