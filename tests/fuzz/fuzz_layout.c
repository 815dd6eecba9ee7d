/* fuzz_layout.c - hostile partition tables for the engine's own parsers */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: a byte of flags, then patches of 4 bytes (le16 place, value, operation) for the table
 * sectors of a small disk that the target makes itself: a GPT with four entries or an MBR with two
 * logical partitions. Checksums are put right afterwards if a flag says so, or the fuzzer would
 * never get past them. libparted is not asked: a child per input is too slow, and its death is no
 * finding. In its place the target answers: mostly what our own parser found.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/disk/gpt.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECTORS 160

enum {
	FLAG_MSDOS = 1,
	FLAG_SEAL = 2,
	FLAG_SEAL_ARRAY = 4,
	FLAG_DEAD_PRIMARY = 8,
	FLAG_4096 = 16, /* sectors of 4096 bytes */
	FLAG_BAD = 128, /* the first patched sector cannot be read, but for the first of the disk */
	FLAG_PARTED = 96, /* agrees, finds something else, gives up, has a table of its own */
};

/* The disk in hand. */
struct table {
	uint8_t *d;
	uint32_t ss;
	uint64_t size;
	unsigned int flags;
};

/* What stands in for libparted says of it. */
static struct parted_view opinion;

static void put_mbr(uint8_t *s, int slot, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = s + MBR_TABLE + slot * MBR_ENTRY;
	e[MBR_TYPE] = type;
	put_le32(e + MBR_START, start);
	put_le32(e + MBR_COUNT, count);
	s[510] = 0x55, s[511] = 0xaa;
}

static void put_gpt(const struct table *t, uint64_t my, uint64_t alt, uint64_t array)
{
	uint8_t *h = t->d + my * t->ss, *e = t->d + array * t->ss;
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

static void seal(const struct table *t, uint64_t lba, unsigned int flags)
{
	uint8_t *h = t->d + lba * t->ss;
	uint64_t array = get_le64(h + GPT_H_ARRAY_LBA);
	uint64_t len = (uint64_t)get_le32(h + GPT_H_COUNT) * get_le32(h + GPT_H_ENTRY_SIZE);
	uint32_t size = get_le32(h + GPT_H_SIZE);
	if (flags & FLAG_SEAL_ARRAY && array < SECTORS && len <= t->size - array * t->ss)
		put_le32(h + GPT_H_ARRAY_CRC, sv_crc32(t->d + array * t->ss, len));
	if (flags & FLAG_SEAL && size >= GPT_HEADER_MIN && size <= t->ss) {
		put_le32(h + GPT_H_CRC, 0);
		put_le32(h + GPT_H_CRC, sv_crc32(h, size));
	}
}

/* The sectors that patches reach: the first four, the EBRs, the last four. */
static uint64_t place(const struct table *t, uint32_t v)
{
	static const uint64_t lba[] = {0, 1, 2, 3, 64, 112, 156, 157, 158, 159};
	return lba[v / 512 % SV_ARRAY(lba)] * t->ss + v % 512;
}

static void put_msdos(const struct table *t)
{
	put_mbr(t->d, 0, 0x83, 8, 40);
	put_mbr(t->d, 1, 5, 64, 90);
	put_mbr(t->d + 64 * t->ss, 0, 0x83, 2, 20);
	put_mbr(t->d + 64 * t->ss, 1, 5, 48, 40);
	put_mbr(t->d + 112 * t->ss, 0, 7, 2, 20);
}

static void build(const struct table *t, const uint8_t *patches, size_t size)
{
	if (t->flags & FLAG_MSDOS) {
		put_msdos(t);
	} else {
		put_mbr(t->d, 0, MBR_TYPE_GPT, 1, SECTORS - 1);
		put_gpt(t, 1, SECTORS - 1, 2);
		put_gpt(t, SECTORS - 1, 1, SECTORS - 2);
		/* a good backup to start from even where the seals are not renewed */
		seal(t, 1, FLAG_SEAL | FLAG_SEAL_ARRAY);
		seal(t, SECTORS - 1, FLAG_SEAL | FLAG_SEAL_ARRAY);
	}
	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint8_t *p = t->d + place(t, get_le16(patches + i));
		*p = patches[i + 3] & 1 ? patches[i + 2] : *p ^ patches[i + 2];
	}
	if (t->flags & FLAG_DEAD_PRIMARY)
		memset(t->d + t->ss, 0, t->ss);
	seal(t, 1, t->flags);
	seal(t, SECTORS - 1, t->flags);
}

/* Instead of table_parted.c. */
int parted_look(uint64_t size, uint32_t sector_size, const struct layout_pieces *pieces,
		struct parted_view **view_ret, struct sv_err *err)
{
	(void)sector_size, (void)err;
	for (size_t i = 0; i < pieces->n; i++)
		must(sv_range_ok(pieces->v[i].off, pieces->v[i].len, size));
	*view_ret = malloc(sizeof(opinion));
	must(*view_ret);
	memcpy(*view_ret, &opinion, sizeof(opinion));
	return 0;
}

static void agree(const struct layout *l)
{
	opinion.n = (uint32_t)SV_MIN(l->n, PARTED_MAX);
	snprintf(opinion.table, sizeof(opinion.table), "%s", l->table);
	for (uint32_t i = 0; i < opinion.n; i++)
		opinion.v[i] = (struct parted_part){.number = l->v[i].number,
						    .logical = l->v[i].logical,
						    .extended = l->v[i].extended,
						    .start = l->v[i].start,
						    .size = l->v[i].size};
}

static void form_opinion(const struct layout *l, unsigned int flags)
{
	memset(&opinion, 0, sizeof(opinion));
	agree(l);
	switch (flags & FLAG_PARTED) {
	case 32:
		opinion.n = SV_MAX(opinion.n, 1u);
		opinion.v[0].start += 512;
		break;
	case 64:
		opinion.died = flags & FLAG_SEAL;
		opinion.unreadable = !opinion.died;
		break;
	case 96:
		strcpy(opinion.table, flags & FLAG_SEAL ? "mac" : "loop");
		break;
	}
}

/* The parsers alone. */
static void parse(struct blk_dev *disk, const struct table *t)
{
	struct layout *l = calloc(1, sizeof(*l));
	struct layout_pieces pieces = {0};
	must(l);
	l->size = t->size;
	l->sector_size = t->ss;
	if (boot_sector_classify(t->d, SECTORS, t->ss) == BOOT_GPT)
		must(!gpt_read(disk, l, &pieces));
	else
		must(!msdos_read(disk, t->d, l, &pieces));
	for (size_t i = 0; i < l->n; i++)
		must(memchr(l->v[i].name, 0, sizeof(l->v[i].name)) && l->v[i].number > 0);
	form_opinion(l, t->flags);
	layout_pieces_clear(&pieces);
	layout_destroy(l);
}

/* Partitions of a layout that is not in doubt lie on the disk, apart from each other; what is
 * outside of them is in `always`. */
static void check_layout(const struct layout *l)
{
	struct sv_extents all = {0};
	uint64_t end = 0;
	must(!*l->doubt || !l->n);
	must(!sv_extents_add(&all, l->size - SV_MIN(SV_MIB, l->size), SV_MIN(SV_MIB, l->size)));
	for (size_t i = 0; i < l->n; i++) {
		const struct layout_part *p = &l->v[i];
		must(p->size && sv_range_ok(p->start, p->size, l->size));
		must(p->extended || p->start >= end);
		end = p->extended ? end : p->start + p->size;
		must(p->extended || !sv_extents_add(&all, p->start, p->size));
	}
	for (size_t i = 0; i < l->always.n; i++)
		must(!sv_extents_add(&all, l->always.v[i].start, l->always.v[i].len));
	sv_extents_normalise(&all);
	must(all.n == 1 && all.v[0].start == 0 && all.v[0].len == l->size);
	sv_extents_clear(&all);
}

static void read_all(struct blk_dev *disk)
{
	struct layout *l = NULL;
	must(!layout_read(disk, &l, NULL));
	check_layout(l);
	layout_destroy(l);
	uint32_t guess = layout_guess_sector_size(disk);
	must(guess == 512 || guess == 4096);
}

/* A moved table must be read again without complaint. */
static void move(const struct table *t)
{
	const uint32_t ss = t->ss;
	const uint64_t targets[] = {t->size, t->size + 40 * ss, t->size / 2};
	for (size_t i = 0; i < SV_ARRAY(targets); i++) {
		struct layout_move m;
		struct blk_dev *disk = NULL;
		uint8_t *head = malloc(64 * ss);
		must(head);
		memcpy(head, t->d, 64 * ss);
		if (!layout_move_gpt(head, 64 * ss, t->d + t->size - 64 * ss, 64 * ss, t->size,
				     targets[i], ss, &m, NULL) &&
		    m.tail_len) {
			must(m.tail_off + m.tail_len == targets[i]);
			must(m.old_backup.start + m.old_backup.len <= m.tail_off);
			must(!blk_mem_create(NULL, targets[i], ss, &disk));
			memcpy(blk_mem_data(disk), head, 64 * ss);
			memcpy(blk_mem_data(disk) + m.tail_off, m.tail, m.tail_len);
			must(gpt_stands_at(disk, ss, 1));
			must(gpt_stands_at(disk, ss, targets[i] / ss - 1));
			blk_close(disk);
		}
		free(m.tail);
		free(head);
	}
}

/* The disk with one unreadable sector. */
static struct blk_dev *spoil(struct blk_dev *disk, const struct table *t, uint64_t at)
{
	const struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
					    .start = SV_MAX(sv_round_down(at, t->ss), t->ss),
					    .len = t->ss,
					    .sys_errno = EIO};
	struct blk_dev *bad = NULL;
	must(!blk_fault_create(disk, &bad) && !blk_fault_add(bad, &rule));
	return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blk_dev *mem, *disk;
	if (!size)
		return -1;
	struct table t = {.ss = data[0] & FLAG_4096 ? 4096 : 512, .flags = data[0]};
	t.size = (uint64_t)SECTORS * t.ss;
	must(!blk_mem_create(NULL, t.size, t.ss, &mem));
	t.d = blk_mem_data(mem);
	build(&t, data + 1, size - 1);
	bool spoilt = data[0] & FLAG_BAD && size >= 5;
	disk = mem;
	if (spoilt)
		disk = spoil(mem, &t, place(&t, get_le16(data + 1)));
	parse(disk, &t);
	read_all(disk);
	move(&t);
	if (spoilt)
		blk_close(disk);
	blk_close(mem);
	return 0;
}
