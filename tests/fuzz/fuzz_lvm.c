/* fuzz_lvm.c - hostile LVM2 physical volumes: label, header of the metadata, and the text, which
 * names another volume, too */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_owners.h"

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <string.h>

/*
 * Input: the label's sector, the first sector of a metadata area, and what follows it. They are
 * laid at 512 and 4096 of a volume of 64 MiB of zeros; all checksums are put right. The first other
 * volume that is asked for is there, with the same text.
 */
#define SIZE	  (64 * SV_MIB)
#define SECTOR	  512u
#define AREA	  4096u
#define CRC_START 0xf597a6cfu

struct volume {
	struct blk_dev dev;
	uint8_t label[SECTOR], header[SECTOR];
	const uint8_t *text;
	size_t len;
};

static int volume_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	const struct volume *v = (struct volume *)dev;
	(void)err;
	memset(buf, 0, len);
	fuzz_lay(buf, len, off, v->label, SECTOR, SECTOR);
	fuzz_lay(buf, len, off, v->header, SECTOR, AREA);
	fuzz_lay(buf, len, off, v->text, v->len, AREA + SECTOR);
	return 0;
}

static void volume_close(struct blk_dev *dev)
{
	(void)dev;
}

static const struct blk_ops volume_ops = {
	.name = "fuzz", .pread = volume_pread, .close = volume_close};

static void seal(struct volume *v)
{
	uint64_t off = get_le64(v->header + 40), len = get_le64(v->header + 48);
	if (off == SECTOR && len <= v->len)
		put_le32(v->header + 56, sv_crc32_raw(CRC_START, v->text, len));
	put_le32(v->header, sv_crc32_raw(CRC_START, v->header + 4, SECTOR - 4));
	put_le32(v->label + 16, sv_crc32_raw(CRC_START, v->label + 20, SECTOR - 20));
}

struct machine {
	struct fsmap_others ops;
	struct volume own, other;
	char asked[64]; /* the other's UUID as it was asked for; "" before */
};

static bool is_own(const struct volume *v, const char *uuid)
{
	const uint8_t *label = v->label + get_le32(v->label + 20);
	size_t n = 0;
	if (get_le32(v->label + 20) > SECTOR - 32)
		return true;
	for (; *uuid; uuid++)
		if (*uuid != '-' && (n == 32 || label[n++] != (uint8_t)*uuid))
			return false;
	return n == 32;
}

static int find(void *arg, const char *type, const char *uuid, enum others_found *found,
		struct blk_dev **dev)
{
	struct machine *m = arg;
	size_t at = get_le32(m->own.label + 20), n = 0;
	must(!strcmp(type, "LVM2_member") && strlen(uuid) < sizeof(m->asked));
	*found = OTHERS_ABSENT;
	if (is_own(&m->own, uuid) || (*m->asked && strcmp(m->asked, uuid) != 0))
		return 0;
	memcpy(m->asked, uuid, strlen(uuid) + 1);
	m->other = m->own;
	for (; *uuid; uuid++)
		if (*uuid != '-' && n < 32)
			m->other.label[at + n++] = (uint8_t)*uuid;
	seal(&m->other);
	*found = OTHERS_FOUND;
	*dev = &m->other.dev;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine m = {
		.ops = {.find = find, .arg = &m},
		.own.dev = {.ops = &volume_ops, .name = "fuzz", .size = SIZE, .sector_size = 512}};
	struct volume *v = &m.own;
	struct fsmap *map = NULL;
	if (size < (size_t)2 * SECTOR)
		return -1;
	memcpy(v->label, data, SECTOR);
	memcpy(v->header, data + SECTOR, SECTOR);
	v->text = data + (size_t)2 * SECTOR;
	v->len = size - (size_t)2 * SECTOR;
	put_le64(v->header + 48, v->len); /* the text is as long as it is */
	seal(v);
	const struct fsmap_how how = {.others = &m.ops};
	must(!fsmap_read_with(&v->dev, &fsmap_lvm_ops, "LVM2_member", &how, &map, NULL));
	must(map->state != FSMAP_WHOLE || sv_extents_total(&map->used) == map->size);
	must((map->state == FSMAP_EXACT) == (map->reason[0] == '\0'));
	fuzz_search_inside(&v->dev, &fsmap_lvm_ops, &how);
	fsmap_destroy(map);
	return 0;
}
