/* ext_groups.c - ext2/3/4: group descriptors and block bitmaps become the map */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel fs/ext4/ext4.h, struct ext4_group_desc; the high halves only in 64-byte descriptors. */
enum {
	GD_BLOCK_BITMAP_LO = 0x00,
	GD_INODE_BITMAP_LO = 0x04,
	GD_INODE_TABLE_LO = 0x08,
	GD_FREE_BLOCKS_LO = 0x0c,
	GD_FLAGS = 0x12,
	GD_BITMAP_CSUM_LO = 0x18,
	GD_ITABLE_UNUSED_LO = 0x1c,
	GD_CHECKSUM = 0x1e,
	GD_BLOCK_BITMAP_HI = 0x20,
	GD_INODE_BITMAP_HI = 0x24,
	GD_INODE_TABLE_HI = 0x28,
	GD_FREE_BLOCKS_HI = 0x2c,
	GD_ITABLE_UNUSED_HI = 0x32,
	GD_BITMAP_CSUM_HI = 0x38,

	GD_INODE_UNINIT = 1, /* in flags */
	GD_BLOCK_UNINIT = 2,

	SB_FREE_BLOCKS_LO = 0x0c,
	SB_FREE_BLOCKS_HI = 0x158,
	SB_BACKUP_BGS = 0x24c,
	SB_UUID = 0x68,
};

uint64_t ext_group_first(const struct ext_fs *fs, uint64_t group)
{
	return fs->first_block + group * fs->blocks_per_group;
}

uint64_t ext_group_blocks(const struct ext_fs *fs, uint64_t group)
{
	return SV_MIN(fs->blocks_per_group, fs->blocks - ext_group_first(fs, group));
}

int ext_read_block(struct ext_fs *fs, void *buf, uint64_t block, const char *what)
{
	if (block >= fs->blocks)
		return fsmap_whole(fs->r, "the place of %s is outside the filesystem", what);
	return fsmap_read_meta(fs->r, buf, fs->block_size, block * fs->block_size, what);
}

int ext_mark_used(struct ext_fs *fs, uint64_t first, uint64_t count)
{
	uint64_t end =
		SV_MIN(sv_round_up(first + count - fs->first_block, fs->ratio) + fs->first_block,
		       fs->blocks);
	uint64_t start =
		first < fs->first_block
			? 0
			: sv_round_down(first - fs->first_block, fs->ratio) + fs->first_block;
	return fsmap_mark_used(fs->r, start * fs->block_size, (end - start) * fs->block_size);
}

static bool is_power_of(uint64_t n, uint64_t base)
{
	while (n > 1 && n % base == 0)
		n /= base;
	return n == 1;
}

/* Kernel ext4_bg_has_super(). */
static bool has_super(const struct ext_fs *fs, uint64_t group)
{
	if (group == 0)
		return true;
	if (fs->compat & EXT_COMPAT_SPARSE_SUPER2)
		return group == get_le32(fs->sb + SB_BACKUP_BGS) ||
		       group == get_le32(fs->sb + SB_BACKUP_BGS + 4);
	if (group == 1 || !(fs->ro_compat & EXT_RO_SPARSE_SUPER))
		return true;
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

/* Block 0 comes before the superblock's own block only where blocks are 1 KiB; with bigalloc it
 * belongs to group 0 (kernel descriptor_loc()). */
static uint64_t boot_blocks(const struct ext_fs *fs, uint64_t group)
{
	return group == 0 && fs->block_size == 1024 && fs->first_block == 0;
}

/* How many blocks at the start of a group hold superblock and descriptors: kernel
 * ext4_num_base_meta_blocks(). */
uint64_t ext_group_base(const struct ext_fs *fs, uint64_t group)
{
	uint64_t meta_group = group / fs->descs_per_block;
	uint64_t n = has_super(fs, group) ? 1 + boot_blocks(fs, group) : 0;
	if (meta_group >= fs->first_meta_bg) {
		uint64_t i = group % fs->descs_per_block;
		return n + (i == 0 || i == 1 || i == fs->descs_per_block - 1);
	}
	if (n)
		n += SV_MIN(fs->gdt_blocks, fs->first_meta_bg) + fs->reserved_gdt;
	return n;
}

uint64_t ext_gdt_block(const struct ext_fs *fs, uint64_t i)
{
	if (i < fs->first_meta_bg)
		return fs->first_block + boot_blocks(fs, 0) + 1 + i;
	uint64_t group = i * fs->descs_per_block;
	return ext_group_first(fs, group) + boot_blocks(fs, group) + has_super(fs, group);
}

static bool desc_csum_ok(const struct ext_fs *fs, uint64_t group, const uint8_t *raw)
{
	static const uint8_t zero[2];
	uint8_t le_group[4];
	size_t rest = GD_CHECKSUM + 2;
	put_le32(le_group, (uint32_t)group);
	if (fs->csum) {
		uint32_t crc = sv_crc32c(fs->seed, le_group, sizeof(le_group));
		crc = sv_crc32c(crc, raw, GD_CHECKSUM);
		crc = sv_crc32c(crc, zero, sizeof(zero));
		crc = sv_crc32c(crc, raw + rest, fs->desc_size - rest);
		return (uint16_t)crc == get_le16(raw + GD_CHECKSUM);
	}
	if (!(fs->ro_compat & EXT_RO_GDT_CSUM))
		return true;
	uint16_t crc = sv_crc16(0xffff, fs->sb + SB_UUID, 16);
	crc = sv_crc16(crc, le_group, sizeof(le_group));
	crc = sv_crc16(crc, raw, GD_CHECKSUM);
	crc = sv_crc16(crc, raw + rest, fs->desc_size - rest);
	return crc == get_le16(raw + GD_CHECKSUM);
}

/* Where the kernel would accept a group's tables: ext4_check_descriptors(). */
static bool table_ok(const struct ext_fs *fs, uint64_t group, uint64_t first, uint64_t count)
{
	uint64_t low = fs->first_block, high = fs->blocks;
	if (!(fs->incompat & EXT_INCOMPAT_FLEX_BG)) {
		low = ext_group_first(fs, group);
		high = low + ext_group_blocks(fs, group);
	}
	return first >= low && first > fs->first_block && first < high && count <= high - first;
}

static uint64_t join(const struct ext_fs *fs, const uint8_t *raw, size_t lo, size_t hi)
{
	uint64_t v = get_le32(raw + lo);
	return fs->desc_size >= 64 ? v | (uint64_t)get_le32(raw + hi) << 32 : v;
}

/* Of a table that was never written to its end, only the start holds inodes; the counts are kept
 * only where descriptors have checksums. */
static uint32_t inodes_used(const struct ext_fs *fs, const uint8_t *raw)
{
	uint32_t unused = get_le16(raw + GD_ITABLE_UNUSED_LO);
	if (!(fs->ro_compat & (EXT_RO_GDT_CSUM | EXT_RO_METADATA_CSUM)))
		return fs->inodes_per_group;
	if (get_le16(raw + GD_FLAGS) & GD_INODE_UNINIT)
		return 0;
	if (fs->desc_size >= 64)
		unused |= (uint32_t)get_le16(raw + GD_ITABLE_UNUSED_HI) << 16;
	return unused <= fs->inodes_per_group ? fs->inodes_per_group - unused
					      : fs->inodes_per_group;
}

/* Take a descriptor apart; the checksum is for the caller. */
static int parse(struct ext_fs *fs, uint64_t group, const uint8_t *raw, struct ext_group *desc)
{
	desc->block_bitmap = join(fs, raw, GD_BLOCK_BITMAP_LO, GD_BLOCK_BITMAP_HI);
	desc->inode_bitmap = join(fs, raw, GD_INODE_BITMAP_LO, GD_INODE_BITMAP_HI);
	desc->inode_table = join(fs, raw, GD_INODE_TABLE_LO, GD_INODE_TABLE_HI);
	desc->free_clusters = get_le16(raw + GD_FREE_BLOCKS_LO);
	desc->bitmap_csum = get_le16(raw + GD_BITMAP_CSUM_LO);
	desc->inodes = inodes_used(fs, raw);
	if (fs->desc_size >= 64) {
		desc->free_clusters |= (uint32_t)get_le16(raw + GD_FREE_BLOCKS_HI) << 16;
		desc->bitmap_csum |= (uint32_t)get_le16(raw + GD_BITMAP_CSUM_HI) << 16;
	}
	/* the kernel honours the flag only where descriptors have checksums */
	desc->block_uninit = get_le16(raw + GD_FLAGS) & GD_BLOCK_UNINIT &&
			     fs->ro_compat & (EXT_RO_GDT_CSUM | EXT_RO_METADATA_CSUM);
	if (!table_ok(fs, group, desc->block_bitmap, 1) ||
	    !table_ok(fs, group, desc->inode_bitmap, 1) ||
	    !table_ok(fs, group, desc->inode_table, fs->itable_blocks))
		return fsmap_whole(fs->r, "the tables of group %" PRIu64 " are out of place",
				   group);
	return 0;
}

int ext_group_load(struct ext_fs *fs, uint64_t group, struct ext_group *desc)
{
	uint64_t i = group / fs->descs_per_block;
	if (fs->gdt_cached != i) {
		fs->gdt_cached = ~0ull;
		uint64_t block = ext_gdt_block(fs, i) + fs->gdt_copy * fs->blocks_per_group;
		int ret = ext_read_block(fs, fs->gdt, block, "a group descriptor");
		if (ret)
			return ret;
		fs->gdt_cached = i;
	}
	const uint8_t *raw = fs->gdt + group % fs->descs_per_block * fs->desc_size;
	if (!desc_csum_ok(fs, group, raw))
		return fsmap_whole(
			fs->r, "the descriptor of group %" PRIu64 " has a wrong checksum", group);
	return parse(fs, group, raw, desc);
}

static int mark_tables(struct ext_fs *fs, const struct ext_group *desc)
{
	int ret = ext_mark_used(fs, desc->block_bitmap, 1);
	if (!ret)
		ret = ext_mark_used(fs, desc->inode_bitmap, 1);
	if (!ret)
		ret = ext_mark_used(fs, desc->inode_table, fs->itable_blocks);
	return ret;
}

/* Superblock and descriptor copies at the start of a group. */
static int mark_base(struct ext_fs *fs, uint64_t group)
{
	uint64_t n = SV_MIN(ext_group_base(fs, group), ext_group_blocks(fs, group));
	return n ? ext_mark_used(fs, ext_group_first(fs, group), n) : 0;
}

/* Set the bits of blocks [first, first + count) as far as they lie in the group. */
static void set_bits(const struct ext_fs *fs, uint64_t group, uint8_t *bitmap, uint64_t first,
		     uint64_t count)
{
	uint64_t low = ext_group_first(fs, group), high = low + ext_group_blocks(fs, group);
	uint64_t end = SV_MIN(first + count, high);
	for (uint64_t b = SV_MAX(first, low); b < end; b++) {
		uint64_t bit = (b - low) / fs->ratio;
		bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

/* What the kernel would write into a bitmap that was never written: ext4_init_block_bitmap(). */
static void make_bitmap(const struct ext_fs *fs, uint64_t group, const struct ext_group *desc,
			uint8_t *bitmap)
{
	memset(bitmap, 0, fs->block_size);
	set_bits(fs, group, bitmap, ext_group_first(fs, group), ext_group_base(fs, group));
	set_bits(fs, group, bitmap, desc->block_bitmap, 1);
	set_bits(fs, group, bitmap, desc->inode_bitmap, 1);
	set_bits(fs, group, bitmap, desc->inode_table, fs->itable_blocks);
}

static bool bitmap_csum_ok(const struct ext_fs *fs, const struct ext_group *desc,
			   const uint8_t *bitmap)
{
	if (!fs->csum)
		return true;
	uint32_t crc = sv_crc32c(fs->seed, bitmap, fs->blocks_per_group / fs->ratio / 8);
	if (fs->desc_size < 64)
		crc &= 0xffff;
	return crc == desc->bitmap_csum;
}

/* While mounted, a bitmap and its checksum reach their places at different times; then the journal
 * still has at least one of them. */
static bool may_differ(const struct ext_fs *fs, uint64_t group, const struct ext_group *desc)
{
	return fs->dirty && (ext_log_has(fs, desc->block_bitmap) ||
			     ext_log_has(fs, ext_gdt_block(fs, group / fs->descs_per_block)));
}

static int load_bitmap(struct ext_fs *fs, uint64_t group, const struct ext_group *desc,
		       uint8_t *bitmap)
{
	if (desc->block_uninit) {
		if (group == 0)
			return fsmap_whole(fs->r, "the bitmap of group 0 is marked as unwritten");
		make_bitmap(fs, group, desc, bitmap);
		return 0;
	}
	int ret = ext_read_block(fs, bitmap, desc->block_bitmap, "a block bitmap");
	if (ret)
		return ret;
	if (!bitmap_csum_ok(fs, desc, bitmap) && !may_differ(fs, group, desc))
		return fsmap_whole(fs->r, "the bitmap of group %" PRIu64 " has a wrong checksum",
				   group);
	return 0;
}

static uint64_t count_free(const uint8_t *bitmap, uint64_t bits)
{
	uint64_t used = 0, i = 0;
	for (; i + 64 <= bits; i += 64)
		used += (unsigned int)__builtin_popcountll(get_le64(bitmap + i / 8));
	for (; i < bits; i++)
		used += bitmap[i / 8] >> i % 8 & 1;
	return bits - used;
}

static int check_count(struct ext_fs *fs, uint64_t group, const struct ext_group *desc,
		       uint64_t free_clusters)
{
	if (free_clusters == desc->free_clusters)
		return 0;
	return fsmap_whole(fs->r,
			   "group %" PRIu64 " has %" PRIu64 " free clusters, not %" PRIu32
			   " as it says",
			   group, free_clusters, desc->free_clusters);
}

int ext_group_bitmap(struct ext_fs *fs, uint64_t group, const struct ext_group *desc, uint8_t *buf)
{
	int ret = load_bitmap(fs, group, desc, buf);
	if (!ret && fs->dirty)
		ret = ext_log_merge(fs, desc->block_bitmap, buf, buf + fs->block_size);
	return ret;
}

/* `buf`: two blocks. */
static int map_bitmap(struct ext_fs *fs, uint64_t group, const struct ext_group *desc, uint8_t *buf,
		      uint64_t *free_clusters)
{
	uint64_t blocks = ext_group_blocks(fs, group);
	int ret = load_bitmap(fs, group, desc, buf);
	if (ret)
		return ret;
	uint64_t n = count_free(buf, (blocks - 1) / fs->ratio + 1);
	*free_clusters += n;
	if (fs->dirty)
		ret = ext_log_merge(fs, desc->block_bitmap, buf, buf + fs->block_size);
	else
		ret = check_count(fs, group, desc, n);
	if (ret)
		return ret;
	/* a cluster cut short by the end of the filesystem stays used */
	return fsmap_mark_bitmap(fs->r, buf, 0, blocks / fs->ratio,
				 ext_group_first(fs, group) * fs->block_size,
				 (uint64_t)fs->ratio * fs->block_size);
}

static int map_group(struct ext_fs *fs, uint64_t group, uint8_t *buf, uint64_t *free_clusters)
{
	struct ext_group desc;
	int ret = ext_group_load(fs, group, &desc);
	if (!ret)
		ret = mark_base(fs, group);
	if (!ret)
		ret = mark_tables(fs, &desc);
	return ret ? ret : map_bitmap(fs, group, &desc, buf, free_clusters);
}

static int check_total(struct ext_fs *fs, uint64_t free_clusters)
{
	uint64_t said = get_le32(fs->sb + SB_FREE_BLOCKS_LO);
	if (fs->incompat & EXT_INCOMPAT_64BIT)
		said |= (uint64_t)get_le32(fs->sb + SB_FREE_BLOCKS_HI) << 32;
	if (free_clusters * fs->ratio == said)
		return 0;
	return fsmap_whole(fs->r,
			   "it has %" PRIu64 " free blocks, not %" PRIu64 " as its superblock says",
			   free_clusters * fs->ratio, said);
}

int ext_groups_map(struct ext_fs *fs)
{
	uint8_t *buf = malloc(2 * (size_t)fs->block_size);
	if (!buf)
		return SV_E_NOMEM;
	uint64_t free_clusters = 0;
	int ret = 0;
	for (uint64_t g = 0; !ret && g < fs->groups; g++)
		ret = map_group(fs, g, buf, &free_clusters);
	if (!ret && !fs->dirty) /* else the counts are as old as anything */
		ret = check_total(fs, free_clusters);
	free(buf);
	return ret;
}

uint64_t ext_gdt_blocks_grown(const struct ext_fs *fs)
{
	uint64_t blocks = SV_MAX(fsmap_size(fs->r) / fs->block_size, fs->blocks) - fs->first_block;
	uint64_t groups = blocks / fs->blocks_per_group + 1;
	return groups / fs->descs_per_block + 1;
}

/* A group that is added: whatever of its tables lies among the old groups will be used. What lies
 * behind them was no part of the filesystem, and all of that is read. */
static int mark_grown(struct ext_fs *fs, const uint8_t *copy)
{
	const struct {
		uint64_t block, count;
	} tables[] = {{join(fs, copy, GD_BLOCK_BITMAP_LO, GD_BLOCK_BITMAP_HI), 1},
		      {join(fs, copy, GD_INODE_BITMAP_LO, GD_INODE_BITMAP_HI), 1},
		      {join(fs, copy, GD_INODE_TABLE_LO, GD_INODE_TABLE_HI), fs->itable_blocks}};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(tables); i++)
		if (tables[i].block < fs->blocks)
			ret = ext_mark_used(fs, tables[i].block, tables[i].count);
	return ret;
}

static int check_old(struct ext_fs *fs, uint64_t group, const uint8_t *copy)
{
	struct ext_group ours, theirs;
	int ret = ext_group_load(fs, group, &ours);
	if (!ret)
		ret = parse(fs, group, copy, &theirs);
	if (!ret &&
	    (ours.block_bitmap != theirs.block_bitmap || ours.inode_bitmap != theirs.inode_bitmap ||
	     ours.inode_table != theirs.inode_table))
		ret = fsmap_whole(fs->r, "its journal moves the tables of group %" PRIu64, group);
	return ret;
}

int ext_gdt_check_copy(struct ext_fs *fs, uint64_t i, const uint8_t *copy)
{
	uint64_t first = i * fs->descs_per_block;
	int ret = 0;
	for (uint64_t g = first; !ret && g < first + fs->descs_per_block;
	     g++, copy += fs->desc_size) {
		if (!desc_csum_ok(fs, g, copy))
			continue; /* of a log that has been overwritten since, or no group */
		ret = g < fs->groups ? check_old(fs, g, copy) : mark_grown(fs, copy);
	}
	return ret;
}
