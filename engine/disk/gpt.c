/* gpt.c - the GUID partition table: loading and checking a copy, and the partitions in it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/gpt.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Types whose partitions are read whole: they hold no filesystem, or are pieces of volumes that lie
 * across partitions and disks, where a filesystem that seems to be in one may be an old one.
 * Microsoft's are those of the PARTITION_INFORMATION_GPT structure, Apple's spell their names.
 */
static const struct {
	const char *guid, *name;
} raw_types[] = {
	{"21686148-6449-6e6f-744e-656564454649", "a BIOS boot partition"},
	{"e3c9e316-0b5c-4db8-817d-f92df00215ae", "a Microsoft reserved partition"},
	{"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "the database of a Windows dynamic disk (LDM)"},
	{"af9b60a0-1431-4f62-bc68-3311714a69ad", "a partition of a Windows dynamic disk (LDM)"},
	{"e75caf8f-f680-4cee-afa3-b001e56efc2d", "a partition of Windows Storage Spaces"},
	{"53746f72-6167-11aa-aa11-00306543ecac", "a partition of Apple Core Storage"},
	{"52414944-0000-11aa-aa11-00306543ecac", "a partition of an Apple software RAID"},
	{"52414944-5f4f-11aa-aa11-00306543ecac", "a partition of an Apple software RAID"},
};

void gpt_guid_text(char *out, const uint8_t *g)
{
	char node[13];
	sv_hex(node, g + 10, 6);
	snprintf(out, 37, "%08x-%04x-%04x-%02x%02x-%s", get_le32(g), get_le16(g + 4),
		 get_le16(g + 6), g[8], g[9], node);
}

const uint8_t *gpt_entry(const struct gpt_copy *copy, uint32_t i)
{
	return copy->array + (size_t)i * copy->entry_size;
}

bool gpt_entry_used(const uint8_t *entry)
{
	return !sv_is_zero(entry + GPT_E_TYPE, 16);
}

bool gpt_copy_equal(const struct gpt_copy *a, const struct gpt_copy *b)
{
	return a->array_crc == b->array_crc && a->count == b->count &&
	       a->entry_size == b->entry_size && !memcmp(a->guid, b->guid, sizeof(a->guid));
}

void gpt_copy_clear(struct gpt_copy *copy)
{
	free(copy->sector);
	free(copy->array);
	memset(copy, 0, sizeof(*copy));
}

/* The header's own checksum is over header_size bytes with the checksum field as zero. */
static uint32_t header_crc(const uint8_t *sector, uint32_t header_size)
{
	uint8_t copy[4096];
	memcpy(copy, sector, header_size);
	put_le32(copy + GPT_H_CRC, 0);
	return sv_crc32(copy, header_size);
}

static void parse_fields(struct gpt_copy *c)
{
	const uint8_t *s = c->sector;
	c->my_lba = get_le64(s + GPT_H_MY_LBA);
	c->alt_lba = get_le64(s + GPT_H_ALT_LBA);
	c->first = get_le64(s + GPT_H_FIRST);
	c->last = get_le64(s + GPT_H_LAST);
	c->array_lba = get_le64(s + GPT_H_ARRAY_LBA);
	c->count = get_le32(s + GPT_H_COUNT);
	c->entry_size = get_le32(s + GPT_H_ENTRY_SIZE);
	c->array_crc = get_le32(s + GPT_H_ARRAY_CRC);
	memcpy(c->guid, s + GPT_H_GUID, sizeof(c->guid));
}

/* A sealed header of this place whose numbers can be worked with. */
static bool header_ok(struct gpt_copy *c, uint64_t lba)
{
	uint32_t size = get_le32(c->sector + GPT_H_SIZE);
	if (memcmp(c->sector, "EFI PART", 8) || size < GPT_HEADER_MIN || size > c->sector_size ||
	    size > 4096)
		return false;
	if (header_crc(c->sector, size) != get_le32(c->sector + GPT_H_CRC))
		return false;
	parse_fields(c);
	if (c->my_lba != lba || (lba >= c->first && lba <= c->last))
		return false;
	if (c->first < 2 || c->first > c->last || c->last >= UINT64_MAX / c->sector_size)
		return false;
	if (!sv_is_pow2(c->entry_size) || c->entry_size < GPT_ENTRY_MIN ||
	    c->entry_size > GPT_ENTRY_MAX || !c->count || c->count > GPT_ARRAY_MAX / c->entry_size)
		return false;
	/* the array lies outside of the partitions' space, and is not the header */
	uint64_t bytes = (uint64_t)c->count * c->entry_size, end;
	c->array_sectors = (bytes + c->sector_size - 1) / c->sector_size;
	if (!sv_add_ok(c->array_lba, c->array_sectors, &end) || c->array_lba < 2 ||
	    end > UINT64_MAX / c->sector_size)
		return false;
	if (lba >= c->array_lba && lba < end)
		return false;
	return end <= c->first || c->array_lba > c->last;
}

int gpt_copy_load(struct gpt_copy *c, gpt_fetch fetch, void *ctx, uint32_t sector_size,
		  uint64_t lba)
{
	memset(c, 0, sizeof(*c));
	c->sector_size = sector_size;
	c->sector = malloc(sector_size);
	if (!c->sector)
		return SV_E_NOMEM;
	if (lba >= UINT64_MAX / sector_size ||
	    !fetch(ctx, c->sector, sector_size, lba * sector_size) || !header_ok(c, lba))
		return 0;
	size_t len = (size_t)c->array_sectors * sector_size;
	c->array = malloc(len);
	if (!c->array)
		return SV_E_NOMEM;
	if (!fetch(ctx, c->array, len, c->array_lba * sector_size))
		return 0;
	c->ok = sv_crc32(c->array, (size_t)c->count * c->entry_size) == c->array_crc;
	return 0;
}

void gpt_copy_place(struct gpt_copy *c, uint64_t my_lba, uint64_t alt_lba, uint64_t array_lba,
		    uint64_t last)
{
	put_le64(c->sector + GPT_H_MY_LBA, my_lba);
	put_le64(c->sector + GPT_H_ALT_LBA, alt_lba);
	put_le64(c->sector + GPT_H_ARRAY_LBA, array_lba);
	put_le64(c->sector + GPT_H_LAST, last);
	put_le32(c->sector + GPT_H_CRC, header_crc(c->sector, get_le32(c->sector + GPT_H_SIZE)));
	parse_fields(c);
}

static bool fetch_blk(void *ctx, void *buf, size_t len, uint64_t off)
{
	struct blk_dev *dev = ctx;
	return sv_range_ok(off, len, dev->size) && !blk_pread(dev, buf, len, off, NULL);
}

bool gpt_stands_at(struct blk_dev *disk, uint32_t sector_size, uint64_t lba)
{
	struct gpt_copy copy;
	bool ok = !gpt_copy_load(&copy, fetch_blk, disk, sector_size, lba) && copy.ok;
	gpt_copy_clear(&copy);
	return ok;
}

static char *put_utf8(char *out, uint32_t cp)
{
	if (cp < 0x80) {
		*out++ = (char)(cp < 0x20 || cp == 0x7f ? '_' : cp);
	} else if (cp < 0x800) {
		*out++ = (char)(0xc0 | cp >> 6);
		*out++ = (char)(0x80 | (cp & 0x3f));
	} else if (cp < 0x10000) {
		*out++ = (char)(0xe0 | cp >> 12);
		*out++ = (char)(0x80 | (cp >> 6 & 0x3f));
		*out++ = (char)(0x80 | (cp & 0x3f));
	} else {
		*out++ = (char)(0xf0 | cp >> 18);
		*out++ = (char)(0x80 | (cp >> 12 & 0x3f));
		*out++ = (char)(0x80 | (cp >> 6 & 0x3f));
		*out++ = (char)(0x80 | (cp & 0x3f));
	}
	return out;
}

/* 36 units make at most 108 bytes of UTF-8. A lone surrogate becomes U+FFFD. */
static void entry_name(char *out, const uint8_t *entry)
{
	const uint8_t *p = entry + GPT_E_NAME;
	for (int i = 0; i < GPT_NAME_UNITS; i++) {
		uint32_t u = get_le16(p + 2 * i);
		if (!u)
			break;
		if (u >= 0xd800 && u < 0xe000) {
			uint32_t low =
				u < 0xdc00 && i + 1 < GPT_NAME_UNITS ? get_le16(p + 2 * i + 2) : 0;
			if (low >= 0xdc00 && low < 0xe000) {
				u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
				i++;
			} else {
				u = 0xfffd;
			}
		}
		out = put_utf8(out, u);
	}
	*out = '\0';
}

static int add_entry(const struct gpt_copy *c, uint32_t i, struct layout *layout)
{
	const uint8_t *e = gpt_entry(c, i);
	uint64_t first = get_le64(e + GPT_E_FIRST), last = get_le64(e + GPT_E_LAST);
	struct layout_part part = {.number = (int)i + 1};
	if (first > last || first < c->first || last > c->last) {
		layout_doubt(layout, "partition %d of the GPT lies outside of the usable space",
			     part.number);
		return 0;
	}
	part.start = first * c->sector_size;
	part.size = (last - first + 1) * c->sector_size;
	gpt_guid_text(part.type, e + GPT_E_TYPE);
	entry_name(part.name, e);
	for (size_t t = 0; t < SV_ARRAY(raw_types); t++)
		if (!strcmp(part.type, raw_types[t].guid))
			part.raw = raw_types[t].name;
	return layout_add(layout, &part);
}

/* libparted gives up on a dead primary: show it the one that the backup implies. */
static int show_rebuilt(struct gpt_copy *backup, struct layout *layout,
			struct layout_pieces *pieces)
{
	if (2 + backup->array_sectors > backup->first) {
		layout_doubt(layout, "there is no room for the primary GPT in front of the first "
				     "partition");
		return 0;
	}
	gpt_copy_place(backup, 1, backup->my_lba, 2, backup->last);
	uint32_t ss = backup->sector_size;
	int rc = layout_pieces_add(pieces, ss, backup->sector, ss);
	if (!rc)
		rc = layout_pieces_add(pieces, 2 * (uint64_t)ss, backup->array,
				       (size_t)backup->array_sectors * ss);
	return rc;
}

static void compare_copies(const struct gpt_copy *primary, const struct gpt_copy *backup,
			   uint64_t last_lba, struct layout *layout)
{
	layout->primary_gpt_dead = !primary->ok;
	/* a backup that is not at the end (the disk grew) does not count as one */
	layout->backup_gpt_dead = !backup->ok || (primary->ok && primary->alt_lba != last_lba);
	if (primary->ok && !layout->backup_gpt_dead && !gpt_copy_equal(primary, backup))
		layout_doubt(layout, "the two copies of the GPT are not the same");
}

int gpt_read(struct blk_dev *disk, struct layout *layout, struct layout_pieces *pieces)
{
	struct gpt_copy primary = {0}, backup = {0};
	uint32_t ss = layout->sector_size;
	uint64_t last_lba = layout->size / ss - 1;
	snprintf(layout->table, sizeof(layout->table), "gpt");
	int rc = gpt_copy_load(&primary, fetch_blk, disk, ss, 1);
	if (!rc)
		rc = gpt_copy_load(&backup, fetch_blk, disk, ss, last_lba);
	if (rc)
		goto out;
	compare_copies(&primary, &backup, last_lba, layout);
	const struct gpt_copy *use = primary.ok ? &primary : &backup;
	if (!use->ok) {
		layout_doubt(layout, "both copies of the GPT are damaged");
		snprintf(layout->table, sizeof(layout->table), "unknown");
		goto out;
	}
	if (use->last > last_lba)
		layout_doubt(layout, "the GPT was made for a larger disk");
	for (uint32_t i = 0; i < use->count && !rc; i++)
		if (gpt_entry_used(gpt_entry(use, i)))
			rc = add_entry(use, i, layout);
	if (!rc && !primary.ok)
		rc = show_rebuilt(&backup, layout, pieces);
out:
	gpt_copy_clear(&primary);
	gpt_copy_clear(&backup);
	return rc;
}
