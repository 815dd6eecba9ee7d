/* msdos.c - the boot sector at LBA 0: what it is, and the partitions of an MBR with its EBR chain
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOGICALS 256 /* more than the kernel shows */
#define TYPE_LDM     0x42

static bool has_55aa(const uint8_t *sector)
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static const uint8_t *entry_at(const uint8_t *sector, int slot)
{
	return sector + MBR_TABLE + slot * MBR_ENTRY;
}

static bool entry_used(const uint8_t *entry)
{
	return entry[MBR_TYPE] && get_le32(entry + MBR_COUNT);
}

/* A FAT BIOS parameter block (Microsoft FAT specification 1.03, section 3.1) that fits the disk. */
static bool bpb_sane(const uint8_t *s, uint64_t disk_bytes)
{
	uint32_t bytes = get_le16(s + 11), total = get_le16(s + 19);
	if (!total)
		total = get_le32(s + 32);
	if (s[0] != 0xeb && s[0] != 0xe9)
		return false;
	if (!sv_is_pow2(bytes) || bytes < 512 || bytes > 4096 || !sv_is_pow2(s[13]))
		return false;
	if (!get_le16(s + 14) || !s[16] || s[16] > 4 || (s[21] != 0xf0 && s[21] < 0xf8))
		return false;
	return total && (uint64_t)total * bytes <= disk_bytes;
}

static bool is_filesystem(const uint8_t *s, uint64_t disk_bytes)
{
	static const char *const oem[] = {"NTFS    ", "EXFAT   ", "-FVE-FS-"};
	for (size_t i = 0; i < SV_ARRAY(oem); i++)
		if (!memcmp(s + 3, oem[i], 8))
			return true;
	return bpb_sane(s, disk_bytes);
}

/* Boot code in the place of the table is told by its "active" bytes, as the kernel does. */
static bool table_plausible(const uint8_t *mbr)
{
	for (int i = 0; i < MBR_ENTRIES; i++)
		if (entry_at(mbr, i)[0] & 0x7f)
			return false;
	return true;
}

/* A used entry that is not the whole-disk one which some tools put into a FAT boot sector. */
static bool table_used(const uint8_t *mbr)
{
	for (int i = 0; i < MBR_ENTRIES; i++)
		if (entry_used(entry_at(mbr, i)) && get_le32(entry_at(mbr, i) + MBR_START))
			return true;
	return false;
}

enum boot_sector boot_sector_classify(const uint8_t *mbr, uint64_t sectors, uint32_t sector_size)
{
	if (!has_55aa(mbr))
		return BOOT_OTHER;
	bool plausible = table_plausible(mbr);
	for (int i = 0; i < MBR_ENTRIES && plausible; i++)
		if (entry_at(mbr, i)[MBR_TYPE] == MBR_TYPE_GPT)
			return BOOT_GPT;
	if (is_filesystem(mbr, sectors * sector_size))
		return plausible && table_used(mbr) ? BOOT_AMBIGUOUS : BOOT_FILESYSTEM;
	return plausible ? BOOT_MSDOS : BOOT_OTHER;
}

static int add_entry(struct layout *layout, const uint8_t *entry, int number, uint64_t base,
		     bool logical)
{
	uint64_t ss = layout->sector_size;
	struct layout_part part = {
		.number = number,
		.start = (base + get_le32(entry + MBR_START)) * ss,
		.size = get_le32(entry + MBR_COUNT) * ss,
		.logical = logical,
		.extended = !logical && is_extended(entry[MBR_TYPE]),
		.raw = entry[MBR_TYPE] == TYPE_LDM ? "a partition of a Windows dynamic disk (LDM)"
						   : NULL,
	};
	snprintf(part.type, sizeof(part.type), "0x%02x", entry[MBR_TYPE]);
	return layout_add(layout, &part);
}

/* The chain in hand. All positions in sectors. */
struct chain {
	uint64_t first, end; /* the extended partition */
	uint64_t seen[MAX_LOGICALS + 1];
	size_t n_seen;
	int number; /* of the next logical partition */
};

/* Read one EBR; false ends the chain (with a doubt unless the first one is simply empty). */
static bool read_ebr(struct blk_dev *disk, struct layout *layout, struct chain *chain, uint64_t lba,
		     uint8_t *sector)
{
	for (size_t i = 0; i < chain->n_seen; i++)
		if (chain->seen[i] == lba) {
			layout_doubt(layout, "the chain of logical partitions is a loop");
			return false;
		}
	if (lba < chain->first || lba >= chain->end || chain->n_seen > MAX_LOGICALS) {
		layout_doubt(layout, "the chain of logical partitions leads out of the extended "
				     "partition");
		return false;
	}
	if (blk_pread(disk, sector, layout->sector_size, lba * layout->sector_size, NULL)) {
		layout_doubt(layout, "a table of logical partitions cannot be read");
		return false;
	}
	chain->seen[chain->n_seen++] = lba;
	if (!has_55aa(sector) && chain->n_seen > 1)
		layout_doubt(layout, "the chain of logical partitions is broken");
	return has_55aa(sector);
}

/* The logical partitions one EBR describes; *next = the LBA of the next EBR or 0. */
static int parse_ebr(struct layout *layout, struct chain *chain, uint64_t lba,
		     const uint8_t *sector, uint64_t *next)
{
	int rc = 0;
	*next = 0;
	for (int i = 0; i < MBR_ENTRIES && !rc; i++) {
		const uint8_t *e = entry_at(sector, i);
		if (!entry_used(e))
			continue;
		if (is_extended(e[MBR_TYPE])) {
			if (*next)
				layout_doubt(layout, "the chain of logical partitions is forked");
			*next = chain->first + get_le32(e + MBR_START);
			continue;
		}
		uint64_t start = lba + get_le32(e + MBR_START);
		if (i > 1 || start <= lba || start + get_le32(e + MBR_COUNT) > chain->end) {
			layout_doubt(layout,
				     "logical partition %d lies outside of the extended "
				     "partition",
				     chain->number);
			continue;
		}
		rc = add_entry(layout, e, chain->number++, lba, true);
	}
	return rc;
}

static int read_chain(struct blk_dev *disk, struct layout *layout, const uint8_t *extended,
		      struct layout_pieces *pieces)
{
	struct chain chain = {.first = get_le32(extended + MBR_START), .number = 5};
	chain.end = SV_MIN(chain.first + get_le32(extended + MBR_COUNT),
			   layout->size / layout->sector_size);
	uint8_t *sector = malloc(layout->sector_size);
	uint64_t lba = chain.first;
	int rc = sector ? 0 : SV_E_NOMEM;
	while (!rc && lba && read_ebr(disk, layout, &chain, lba, sector)) {
		uint64_t next;
		rc = layout_pieces_add(pieces, lba * layout->sector_size, sector,
				       layout->sector_size);
		if (!rc)
			rc = parse_ebr(layout, &chain, lba, sector, &next);
		if (!rc)
			lba = next;
	}
	free(sector);
	return rc;
}

int msdos_read(struct blk_dev *disk, const uint8_t *mbr, struct layout *layout,
	       struct layout_pieces *pieces)
{
	const uint8_t *extended = NULL;
	int rc = 0;
	snprintf(layout->table, sizeof(layout->table), "msdos");
	for (int i = 0; i < MBR_ENTRIES && !rc; i++) {
		const uint8_t *e = entry_at(mbr, i);
		if (!entry_used(e))
			continue;
		if (!get_le32(e + MBR_START))
			layout_doubt(layout, "partition %d holds the partition table", i + 1);
		if (is_extended(e[MBR_TYPE])) {
			if (extended)
				layout_doubt(layout, "there are two extended partitions");
			extended = e;
		}
		rc = add_entry(layout, e, i + 1, 0, false);
	}
	if (!rc && extended && !*layout->doubt)
		rc = read_chain(disk, layout, extended, pieces);
	return rc;
}
