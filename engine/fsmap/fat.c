/* fat.c - used-block map of FAT12, FAT16 and FAT32 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * Boot sector: Microsoft FAT specification (August 2005) section 3, Linux
 * include/uapi/linux/msdos_fs.h.
 */
#define BPB_SECTOR	 0x0b
#define BPB_PER_CLUSTER	 0x0d
#define BPB_RESERVED	 0x0e
#define BPB_COPIES	 0x10
#define BPB_ROOT_ENTRIES 0x11
#define BPB_TOTAL16	 0x13
#define BPB_MEDIA	 0x15
#define BPB_FAT_LEN16	 0x16
#define BPB_TOTAL32	 0x20
#define BPB_FAT_LEN32	 0x24
#define BPB_STATE16	 0x25
#define BPB_EXT_FLAGS	 0x28
#define BPB_VERSION32	 0x2a
#define BPB_ROOT_CLUSTER 0x2c
#define BPB_BACKUP32	 0x32
#define BPB_TYPE16	 0x36
#define BPB_STATE32	 0x41

#define STATE_DIRTY    1
#define FLAGS_ONE_FAT  0x80
#define FLAGS_ACTIVE   0x0f
#define DIR_ENTRY_SIZE 32

/* The type follows from the number of clusters alone (FAT specification section 3.5). */
#define FAT12_MAX 4084u
#define FAT16_MAX 65524u
#define FAT32_MAX 0x0ffffff6u

/* A multiple of every size of entry, and of the three bytes that hold two of FAT12. */
#define PIECE ((size_t)192 * 1024)

uint32_t fat_entry(unsigned int bits, const uint8_t *table, uint32_t n)
{
	if (bits == 32)
		return get_le32(table + (size_t)n * 4) & 0x0fffffff;
	if (bits == 16)
		return get_le16(table + (size_t)n * 2);
	uint16_t pair = get_le16(table + n + n / 2);
	return n % 2 ? pair >> 4 : pair & 0xfff;
}

int fat_lookup(struct fat *fat, unsigned int copy, uint32_t cluster, uint32_t *value)
{
	uint8_t raw[4] = {0};
	uint64_t off = (uint64_t)cluster * fat->bits / 8;
	size_t len = fat->bits == 32 ? 4 : 2;
	int rc = fsmap_read_hint(fat->r, raw, len, fat->fat_start + copy * fat->fat_len + off,
				 "the FAT");
	if (rc)
		return rc;
	if (fat->bits == 12)
		*value = cluster % 2 ? get_le16(raw) >> 4 : get_le16(raw) & 0xfff;
	else
		*value = fat_entry(fat->bits, raw, 0);
	return 0;
}

/* Links from here on are marks (reserved, bad, end of chain), not clusters. */
static uint32_t first_mark(const struct fat *fat)
{
	return fat->bits == 32 ? 0x0ffffff0 : fat->bits == 16 ? 0xfff0 : 0xff0;
}

/* ---- geometry ---- */

static int check_basics(struct fat *fat, const uint8_t *boot)
{
	uint32_t sector = get_le16(boot + BPB_SECTOR), spc = boot[BPB_PER_CLUSTER];
	if (!sv_is_pow2(sector) || sector < 512 || sector > 4096)
		return fsmap_whole(fat->r, "sectors of %" PRIu32 " bytes are not FAT's", sector);
	if (!sv_is_pow2(spc))
		return fsmap_whole(fat->r, "clusters of %" PRIu32 " sectors are not FAT's", spc);
	if (get_le16(boot + BPB_RESERVED) == 0)
		return fsmap_whole(fat->r, "its boot sector leaves no room for itself");
	if (fat->copies == 0 || fat->copies > FAT_COPIES_MAX)
		return fsmap_whole(fat->r, "%u copies of the FAT are not FAT's", fat->copies);
	if (fat->media < 0xf8 && fat->media != 0xf0)
		return fsmap_whole(fat->r, "media type 0x%02x is not FAT's", fat->media);
	return 0;
}

static int set_type(struct fat *fat, const uint8_t *boot, uint64_t clusters)
{
	if (get_le16(boot + BPB_FAT_LEN16) == 0)
		fat->bits = 32;
	else
		fat->bits = clusters <= FAT12_MAX ? 12 : 16;
	uint32_t max = fat->bits == 32 ? FAT32_MAX : FAT16_MAX;
	if (clusters == 0 || clusters > max)
		return fsmap_whole(fat->r, "%" PRIu64 " clusters are not FAT%u's", clusters,
				   fat->bits);
	if ((fat->bits == 12 && memcmp(boot + BPB_TYPE16, "FAT16   ", 8) == 0) ||
	    (fat->bits == 16 && memcmp(boot + BPB_TYPE16, "FAT12   ", 8) == 0))
		return fsmap_whole(fat->r, "its boot sector contradicts its size about FAT12");
	fat->clusters = (uint32_t)clusters;
	return 0;
}

static uint64_t table_bytes(const struct fat *fat)
{
	return (((uint64_t)fat->clusters + 2) * fat->bits + 7) / 8;
}

/* A wrong cluster size shows in a FAT that is too short, or longer than padding explains. */
static int check_table_len(struct fat *fat)
{
	uint64_t want = table_bytes(fat);
	if (fat->fat_len < want)
		return fsmap_whole(fat->r, "its FAT is too short for its clusters");
	if (fat->fat_len > want + want / 2 && fat->fat_len - want > fat->cluster)
		return fsmap_whole(fat->r, "its FAT is too long for its clusters");
	return 0;
}

/* Where FAT32 keeps a second boot sector, both must tell the same geometry. */
static int check_backup(struct fat *fat, const uint8_t *boot)
{
	static const uint8_t parts[][2] = {
		{BPB_SECTOR, BPB_FAT_LEN16 + 2},
		{BPB_TOTAL32, BPB_EXT_FLAGS},
		{BPB_VERSION32, BPB_ROOT_CLUSTER + 4},
	};
	uint8_t backup[512];
	uint32_t at = get_le16(boot + BPB_BACKUP32);
	if (at == 0 || at >= get_le16(boot + BPB_RESERVED))
		return 0;
	int rc = fsmap_read_meta(fat->r, backup, sizeof(backup),
				 (uint64_t)at * get_le16(boot + BPB_SECTOR),
				 "the second boot sector");
	if (rc || get_le16(backup + 510) != 0xaa55)
		return rc;
	for (size_t i = 0; i < SV_ARRAY(parts); i++)
		if (memcmp(backup + parts[i][0], boot + parts[i][0],
			   (size_t)(parts[i][1] - parts[i][0])) != 0)
			return fsmap_whole(fat->r, "its two boot sectors differ");
	return 0;
}

static int set_fat32(struct fat *fat, const uint8_t *boot)
{
	unsigned int flags = get_le16(boot + BPB_EXT_FLAGS);
	fat->root_cluster = get_le32(boot + BPB_ROOT_CLUSTER);
	if (get_le16(boot + BPB_VERSION32) != 0)
		return fsmap_whole(fat->r, "its FAT32 version is not known");
	if (fat->root_len != 0)
		return fsmap_whole(fat->r, "it has the root folder of a FAT16");
	if (!fat_in_range(fat, fat->root_cluster))
		return fsmap_whole(fat->r, "its root folder would lie outside of the volume");
	if ((flags & FLAGS_ONE_FAT) && (flags & FLAGS_ACTIVE) >= fat->copies)
		return fsmap_whole(fat->r, "its active FAT does not exist");
	fat->dirty |= boot[BPB_STATE32] & STATE_DIRTY;
	return fat->alone ? 0 : check_backup(fat, boot);
}

/* All sums below stay under 2^60: 32-bit counts of sectors of at most 4096 bytes, four copies. */
static int set_geometry(struct fat *fat, const uint8_t *boot)
{
	uint64_t sector = get_le16(boot + BPB_SECTOR);
	uint64_t fat_len = get_le16(boot + BPB_FAT_LEN16);
	uint64_t total = get_le16(boot + BPB_TOTAL16);
	uint64_t root = (uint64_t)get_le16(boot + BPB_ROOT_ENTRIES) * DIR_ENTRY_SIZE;
	if (!fat_len)
		fat_len = get_le32(boot + BPB_FAT_LEN32);
	if (!total)
		total = get_le32(boot + BPB_TOTAL32);
	fat->cluster = (uint32_t)sector * boot[BPB_PER_CLUSTER];
	fat->fat_start = get_le16(boot + BPB_RESERVED) * sector;
	fat->fat_len = fat_len * sector;
	fat->root_start = fat->fat_start + fat->copies * fat->fat_len;
	fat->root_len = root;
	fat->data_start = fat->root_start + sv_round_up(root, sector);
	if (total * sector > fsmap_size(fat->r))
		return fsmap_whole(fat->r, "it is larger than the volume: %" PRIu64 " bytes",
				   total * sector);
	if (fat->data_start >= total * sector)
		return fsmap_whole(fat->r, "its tables leave no room for data");
	int rc = set_type(fat, boot, (total * sector - fat->data_start) / fat->cluster);
	if (rc)
		return rc;
	rc = check_table_len(fat);
	if (rc)
		return rc;
	fsmap_set_block_size(fat->r, fat->cluster);
	if (fat->bits == 32)
		return set_fat32(fat, boot);
	if (root == 0 || root % sector)
		return fsmap_whole(fat->r, "its root folder does not fill its sectors");
	fat->dirty |= boot[BPB_STATE16] & STATE_DIRTY;
	return 0;
}

int fat_boot_read(struct fat *fat, uint64_t at)
{
	uint8_t boot[512];
	int rc = fsmap_read_meta(fat->r, boot, sizeof(boot), at, "the boot sector");
	if (rc)
		return rc;
	fat->copies = boot[BPB_COPIES];
	fat->media = boot[BPB_MEDIA];
	rc = check_basics(fat, boot);
	return rc ? rc : set_geometry(fat, boot);
}

/* ---- the tables ---- */

struct count {
	uint64_t used;	/* clusters with a link or mark in any copy */
	uint64_t links; /* looked at, over all copies that differ */
	uint64_t bad;	/* that lead nowhere */
};

/* The first two entries hold the media type and, but for FAT12, whether it was unmounted. */
static int check_head(struct fat *fat, const uint8_t *table)
{
	uint32_t state = fat_entry(fat->bits, table, 1);
	uint32_t clean = fat->bits == 32 ? 0x0c000000 : fat->bits == 16 ? 0xc000 : 0;
	if (table[0] != fat->media)
		return fsmap_whole(fat->r, "a FAT does not begin with the media type");
	if ((state | clean) < first_mark(fat))
		return fsmap_whole(fat->r, "a FAT does not begin with its marks");
	if ((state & clean) != clean)
		fat->dirty = true;
	return 0;
}

static void take_entry(struct fat *fat, uint32_t cluster, uint32_t value, struct count *count)
{
	count->links++;
	fat_set_used(fat, cluster);
	if (fat_in_range(fat, value))
		fat_set_used(fat, value); /* it may have been freed in the copy that counts */
	else if (value < first_mark(fat))
		count->bad++;
}

/* Entries [first, first + n) of all copies; `tables` holds them one PIECE after the other. */
static void take_piece(struct fat *fat, const uint8_t *tables, unsigned int distinct,
		       uint32_t first, uint32_t n, struct count *count)
{
	for (uint32_t i = first ? 0 : 2; i < n; i++) {
		uint32_t value = fat_entry(fat->bits, tables, i), any = value;
		if (value)
			take_entry(fat, first + i, value, count);
		for (unsigned int c = 1; c < distinct; c++) {
			uint32_t other = fat_entry(fat->bits, tables + c * PIECE, i);
			if (other != value)
				fat->differ = true;
			if (other)
				take_entry(fat, first + i, other, count);
			any |= other;
		}
		count->used += any != 0;
	}
}

static int read_piece(struct fat *fat, uint8_t *tables, uint32_t first, uint32_t n,
		      struct count *count)
{
	uint64_t off = fat->fat_start + (uint64_t)first * fat->bits / 8;
	size_t len = (size_t)(((uint64_t)n * fat->bits + 7) / 8);
	unsigned int distinct = 1;
	for (unsigned int c = 0; c < fat->copies; c++) {
		uint8_t *table = tables + c * PIECE;
		int rc = fsmap_read_meta(fat->r, table, len, off + c * fat->fat_len, "the FAT");
		if (!rc && first == 0)
			rc = check_head(fat, table);
		if (rc)
			return rc;
		if (memcmp(table, tables, len) != 0)
			distinct = fat->copies;
	}
	take_piece(fat, tables, distinct, first, n, count);
	return 0;
}

static uint64_t count_bits(const struct fat *fat)
{
	uint64_t n = 0;
	for (size_t i = 0; i < (fat->clusters + 7u) / 8; i++)
		n += (uint64_t)__builtin_popcount(fat->used[i]);
	return n;
}

/* Links that lead to clusters which all copies call free, or to nowhere. */
static int judge(struct fat *fat, const struct count *count)
{
	if (count->bad * 1000 > count->links)
		return fsmap_whole(fat->r,
				   "%" PRIu64 " of %" PRIu64 " links in its FAT lead nowhere",
				   count->bad, count->links);
	if (count->bad > 0 || count_bits(fat) != count->used)
		fat->damaged = true;
	if (fat->bits == 32 && !fat_is_used(fat, fat->root_cluster)) {
		fat->damaged = true;
		fat_set_used(fat, fat->root_cluster);
	}
	return 0;
}

static int read_tables(struct fat *fat)
{
	struct count count = {0};
	uint32_t step = (uint32_t)(PIECE * 8 / fat->bits), end = fat->clusters + 2;
	int rc = 0;
	uint8_t *tables = malloc(fat->copies * PIECE);
	fat->used = calloc((fat->clusters + 7u) / 8, 1);
	if (!tables || !fat->used)
		rc = SV_E_NOMEM;
	for (uint32_t first = 0; !rc && first < end; first += step)
		rc = read_piece(fat, tables, first, SV_MIN(step, end - first), &count);
	free(tables);
	return rc ? rc : judge(fat, &count);
}

static void name_state(struct fat *fat)
{
	if (fat->dirty)
		fsmap_union(fat->r, "it was not shut down cleanly; all copies of the FAT and the "
				    "folders are used");
	else if (fat->differ)
		fsmap_union(fat->r, "the copies of the FAT differ; all of them and the folders are "
				    "used");
	else if (fat->damaged)
		fsmap_union(fat->r, "some chains in the FAT are damaged; the folders are used too");
}

static int fat_read(struct fsmap_reader *r)
{
	struct fat fat = {.r = r};
	int rc = fat_boot_read(&fat, 0);
	if (!rc)
		rc = read_tables(&fat);
	if (!rc)
		rc = fat_tree_check(&fat);
	if (!rc && (fat.dirty || fat.differ || fat.damaged))
		rc = fat_tree_walk(&fat);
	if (!rc)
		rc = fsmap_mark_bitmap(r, fat.used, 0, fat.clusters, fat.data_start, fat.cluster);
	if (!rc)
		name_state(&fat);
	free(fat.used);
	return rc;
}

static const char *const fat_types[] = {"vfat", NULL};

const struct fsmap_ops fsmap_fat_ops = {
	.name = "fat",
	.types = fat_types,
	.read = fat_read,
	.files = fat_files_find,
};
