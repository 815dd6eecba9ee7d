/* ext_super.c - ext2/3/4: the superblock, judged: what is it, may it be read, was it shut down? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <string.h>

/* Offsets in the superblock: kernel fs/ext4/ext4.h, struct ext4_super_block. */
enum {
	SB_INODES = 0x00,
	SB_BLOCKS_LO = 0x04,
	SB_FIRST_DATA_BLOCK = 0x14,
	SB_LOG_BLOCK_SIZE = 0x18,
	SB_LOG_CLUSTER_SIZE = 0x1c,
	SB_BLOCKS_PER_GROUP = 0x20,
	SB_CLUSTERS_PER_GROUP = 0x24,
	SB_INODES_PER_GROUP = 0x28,
	SB_MAGIC = 0x38,
	SB_STATE = 0x3a,
	SB_REV = 0x4c,
	SB_INODE_SIZE = 0x58,
	SB_COMPAT = 0x5c,
	SB_INCOMPAT = 0x60,
	SB_RO_COMPAT = 0x64,
	SB_UUID = 0x68,
	SB_RESERVED_GDT = 0xce,
	SB_DESC_SIZE = 0xfe,
	SB_FIRST_META_BG = 0x104,
	SB_BLOCKS_HI = 0x150,
	SB_MMP_BLOCK = 0x168,
	SB_CHECKSUM_TYPE = 0x175,
	SB_CHECKSUM_SEED = 0x270,
	SB_CHECKSUM = 0x3fc,
};

enum {
	STATE_VALID = 1,
	STATE_ERROR = 2,
	MAX_LOG_BLOCK_SIZE = 6, /* 64 KiB */
	MAX_CLUSTER_LOG = 30,	/* kernel EXT4_MAX_CLUSTER_LOG_SIZE, in bytes */
	MAX_DESC_SIZE = 1024,
	MIN_GROUP = 256, /* mke2fs -g allows no less; one short group may be the only one */
	MMP_MAGIC = 0x004d4d50,
	MMP_CHECKSUM = 0x3fc,
};
#define MMP_SEQ_CLEAN 0xff4d4d50u

static uint16_t sb16(const struct ext_fs *fs, size_t off)
{
	return get_le16(fs->sb + off);
}

static uint32_t sb32(const struct ext_fs *fs, size_t off)
{
	return get_le32(fs->sb + off);
}

static int unknown(struct ext_fs *fs, const char *kind, uint32_t bits)
{
	return fsmap_whole(fs->r, "it uses %s features unknown to this map (0x%" PRIx32 ")", kind,
			   bits);
}

static int read_features(struct ext_fs *fs)
{
	fs->compat = sb32(fs, SB_COMPAT);
	fs->incompat = sb32(fs, SB_INCOMPAT);
	fs->ro_compat = sb32(fs, SB_RO_COMPAT);
	uint32_t rev = sb32(fs, SB_REV);
	if (rev > 1)
		return fsmap_whole(fs->r, "its revision %" PRIu32 " is unknown", rev);
	if (rev == 0 && (fs->compat | fs->incompat | fs->ro_compat))
		return fsmap_whole(fs->r, "it has feature flags in a revision without features");
	if (fs->incompat & ~(uint32_t)EXT_INCOMPAT_KNOWN)
		return unknown(fs, "incompatible", fs->incompat & ~(uint32_t)EXT_INCOMPAT_KNOWN);
	if (fs->ro_compat & ~(uint32_t)EXT_RO_KNOWN)
		return unknown(fs, "read-only compatible", fs->ro_compat & ~(uint32_t)EXT_RO_KNOWN);
	if (fs->compat & ~(uint32_t)EXT_COMPAT_KNOWN)
		return unknown(fs, "compatible", fs->compat & ~(uint32_t)EXT_COMPAT_KNOWN);
	return 0;
}

/* The seed of every later checksum; the superblock's own starts from ~0. */
static int check_checksum(struct ext_fs *fs)
{
	fs->csum = fs->ro_compat & EXT_RO_METADATA_CSUM;
	if (!fs->csum) {
		if (fs->incompat & EXT_INCOMPAT_CSUM_SEED)
			return fsmap_whole(fs->r, "it has a checksum seed but no checksums");
		return 0;
	}
	if (fs->sb[SB_CHECKSUM_TYPE] != 1)
		return fsmap_whole(fs->r, "its checksum type %u is unknown",
				   fs->sb[SB_CHECKSUM_TYPE]);
	if (sv_crc32c(~0u, fs->sb, SB_CHECKSUM) != sb32(fs, SB_CHECKSUM))
		return fsmap_whole(fs->r, "its superblock has a wrong checksum");
	fs->seed = fs->incompat & EXT_INCOMPAT_CSUM_SEED ? sb32(fs, SB_CHECKSUM_SEED)
							 : sv_crc32c(~0u, fs->sb + SB_UUID, 16);
	return 0;
}

/* Kernel ext4_setup_super(): with a journal the state stays valid while mounted, so a missing
 * valid bit means somebody wrote without one, and no journal can vouch for the bitmaps. */
static int check_state(struct ext_fs *fs)
{
	uint16_t state = sb16(fs, SB_STATE);
	if (state & STATE_ERROR)
		return fsmap_whole(fs->r, "it is marked as having errors");
	if (!(state & STATE_VALID))
		return fsmap_whole(fs->r, "it was not shut down cleanly and its journal does not "
					  "cover that");
	if (state != STATE_VALID)
		return fsmap_whole(fs->r, "its state 0x%x is unusual: a recovery was interrupted",
				   state);
	fs->dirty = fs->incompat & EXT_INCOMPAT_RECOVER;
	if (fs->dirty && !(fs->compat & EXT_COMPAT_HAS_JOURNAL))
		return fsmap_whole(fs->r, "it was not shut down cleanly and has no journal");
	return 0;
}

static int read_block_size(struct ext_fs *fs)
{
	uint32_t log = sb32(fs, SB_LOG_BLOCK_SIZE), cluster_log = sb32(fs, SB_LOG_CLUSTER_SIZE);
	if (log > MAX_LOG_BLOCK_SIZE)
		return fsmap_whole(fs->r, "its block size is out of range");
	fs->block_size = 1024u << log;
	fs->ratio = 1;
	if (fs->ro_compat & EXT_RO_BIGALLOC) {
		if (cluster_log < log || cluster_log > MAX_CLUSTER_LOG - 10)
			return fsmap_whole(fs->r, "its cluster size is out of range");
		fs->ratio = 1u << (cluster_log - log);
	}
	fsmap_set_block_size(fs->r, fs->block_size * fs->ratio);
	return 0;
}

static int read_size(struct ext_fs *fs)
{
	fs->blocks = sb32(fs, SB_BLOCKS_LO);
	if (fs->incompat & EXT_INCOMPAT_64BIT)
		fs->blocks |= (uint64_t)sb32(fs, SB_BLOCKS_HI) << 32;
	uint64_t bytes;
	if (!sv_mul_ok(fs->blocks, fs->block_size, &bytes) || bytes > fsmap_size(fs->r))
		return fsmap_whole(fs->r, "it claims to be larger than its volume");
	fs->first_block = sb32(fs, SB_FIRST_DATA_BLOCK);
	uint64_t expected = fs->block_size == 1024 && fs->ratio == 1;
	if (fs->first_block != expected || fs->blocks <= fs->first_block)
		return fsmap_whole(fs->r, "its first data block is not where it must be");
	return 0;
}

static int read_groups(struct ext_fs *fs)
{
	uint32_t per_bitmap = fs->block_size * 8;
	fs->blocks_per_group = sb32(fs, SB_BLOCKS_PER_GROUP);
	uint32_t clusters = fs->blocks_per_group / fs->ratio;
	if (!clusters || clusters % 8 || clusters > per_bitmap || fs->blocks_per_group % fs->ratio)
		return fsmap_whole(fs->r, "its number of blocks per group is out of range");
	if (fs->ratio > 1 && clusters != sb32(fs, SB_CLUSTERS_PER_GROUP))
		return fsmap_whole(fs->r, "its numbers of blocks and clusters per group disagree");
	uint64_t data = fs->blocks - fs->first_block;
	fs->groups = (data - 1) / fs->blocks_per_group + 1;
	if (fs->groups > 1 && fs->blocks_per_group < MIN_GROUP)
		return fsmap_whole(fs->r, "its groups are impossibly small");
	fs->inodes_per_group = sb32(fs, SB_INODES_PER_GROUP);
	if (!fs->inodes_per_group || fs->inodes_per_group > per_bitmap ||
	    fs->groups * fs->inodes_per_group != sb32(fs, SB_INODES))
		return fsmap_whole(fs->r, "its number of inodes per group is out of range");
	return 0;
}

static int read_inode_size(struct ext_fs *fs)
{
	fs->inode_size = sb32(fs, SB_REV) == 0 ? 128 : sb16(fs, SB_INODE_SIZE);
	if (!sv_is_pow2(fs->inode_size) || fs->inode_size < 128 || fs->inode_size > fs->block_size)
		return fsmap_whole(fs->r, "its inode size is out of range");
	uint32_t per_block = fs->block_size / fs->inode_size;
	fs->itable_blocks = (fs->inodes_per_group - 1) / per_block + 1;
	if (fs->itable_blocks >= fs->blocks_per_group)
		return fsmap_whole(fs->r, "its inode tables are larger than a group");
	return 0;
}

static int read_descriptors(struct ext_fs *fs)
{
	fs->desc_size = fs->incompat & EXT_INCOMPAT_64BIT ? sb16(fs, SB_DESC_SIZE) : 32;
	if (!sv_is_pow2(fs->desc_size) || fs->desc_size > MAX_DESC_SIZE ||
	    (fs->incompat & EXT_INCOMPAT_64BIT && fs->desc_size < 64))
		return fsmap_whole(fs->r, "its descriptor size is out of range");
	fs->descs_per_block = fs->block_size / fs->desc_size;
	fs->gdt_blocks = (fs->groups - 1) / fs->descs_per_block + 1;
	fs->reserved_gdt = sb16(fs, SB_RESERVED_GDT);
	if (fs->reserved_gdt > fs->block_size / 4)
		return fsmap_whole(fs->r, "its reserved descriptor blocks are out of range");
	fs->first_meta_bg = ~0ull;
	if (fs->incompat & EXT_INCOMPAT_META_BG)
		fs->first_meta_bg = sb32(fs, SB_FIRST_META_BG);
	uint64_t in_front = SV_MIN(fs->first_meta_bg, fs->gdt_blocks);
	if (fs->incompat & EXT_INCOMPAT_META_BG && fs->first_meta_bg > fs->gdt_blocks)
		return fsmap_whole(fs->r, "its first meta group is out of range");
	if (2 + in_front + fs->reserved_gdt > fs->blocks_per_group ||
	    2 + in_front + fs->reserved_gdt > fs->blocks)
		return fsmap_whole(fs->r, "its descriptors are larger than a group");
	return 0;
}

/* Multi-mount protection (kernel fs/ext4/mmp.c): anything but the clean sequence means that some
 * machine has the filesystem mounted, or had and crashed, or checks it. */
static int check_mmp(struct ext_fs *fs)
{
	if (!(fs->incompat & EXT_INCOMPAT_MMP))
		return 0;
	uint64_t block = get_le64(fs->sb + SB_MMP_BLOCK);
	uint8_t mmp[1024];
	if (block <= fs->first_block || block >= fs->blocks)
		return fsmap_whole(fs->r, "its multi-mount block is out of range");
	int ret = fsmap_read_meta(fs->r, mmp, sizeof(mmp), block * fs->block_size,
				  "the multi-mount block");
	if (!ret)
		ret = ext_mark_used(fs, block, 1);
	if (ret)
		return ret;
	if (get_le32(mmp) != MMP_MAGIC)
		return fsmap_whole(fs->r, "its multi-mount block is damaged");
	if (fs->csum && sv_crc32c(fs->seed, mmp, MMP_CHECKSUM) != get_le32(mmp + MMP_CHECKSUM))
		return fsmap_whole(fs->r, "its multi-mount block has a wrong checksum");
	if (get_le32(mmp + 4) != MMP_SEQ_CLEAN)
		return fsmap_whole(fs->r, "its multi-mount block says that it is in use");
	return 0;
}

int ext_super_layout(struct ext_fs *fs, uint64_t offset)
{
	static int (*const steps[])(struct ext_fs *) = {
		read_features, check_checksum,	read_block_size,  read_size,
		read_groups,   read_inode_size, read_descriptors,
	};
	int ret = fsmap_read_meta(fs->r, fs->sb, sizeof(fs->sb), offset, "the superblock");
	if (ret)
		return ret;
	if (sb16(fs, SB_MAGIC) != 0xef53)
		return fsmap_whole(fs->r, "its superblock has no magic number");
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](fs);
	return ret;
}

int ext_super_read(struct ext_fs *fs)
{
	int ret = ext_super_layout(fs, EXT_SUPER_OFFSET);
	if (!ret)
		ret = check_state(fs);
	return ret ? ret : check_mmp(fs);
}

/* What must not change between the volume's superblock and a copy of it. */
static bool same_layout(const struct ext_fs *fs, const uint8_t *copy)
{
	static const struct {
		uint16_t off;
		uint16_t len;
	} fixed[] = {
		{SB_FIRST_DATA_BLOCK, 0x2c - SB_FIRST_DATA_BLOCK},
		{SB_REV, 4},
		{SB_INODE_SIZE, 2},

		{SB_DESC_SIZE, 2},
		{SB_FIRST_META_BG, 4},
	};
	for (size_t i = 0; i < SV_ARRAY(fixed); i++)
		if (memcmp(copy + fixed[i].off, fs->sb + fixed[i].off, fixed[i].len) != 0)
			return false;
	uint32_t incompat = get_le32(copy + SB_INCOMPAT) ^ fs->incompat;
	uint32_t ro_compat = get_le32(copy + SB_RO_COMPAT) ^ fs->ro_compat;
	return !(incompat & (EXT_INCOMPAT_META_BG | EXT_INCOMPAT_64BIT | EXT_INCOMPAT_FLEX_BG)) &&
	       !(ro_compat & (EXT_RO_BIGALLOC | EXT_RO_METADATA_CSUM | EXT_RO_GDT_CSUM));
}

int ext_super_check_copy(struct ext_fs *fs, const uint8_t *copy)
{
	copy += fs->block_size > EXT_SUPER_OFFSET ? EXT_SUPER_OFFSET : 0;
	if (get_le16(copy + SB_MAGIC) != 0xef53)
		return 0; /* of a log that has been overwritten since */
	uint64_t blocks = get_le32(copy + SB_BLOCKS_LO);
	if (fs->incompat & EXT_INCOMPAT_64BIT)
		blocks |= (uint64_t)get_le32(copy + SB_BLOCKS_HI) << 32;
	if (blocks > fsmap_size(fs->r) / fs->block_size || !same_layout(fs, copy))
		return fsmap_whole(fs->r,
				   "it was not shut down cleanly and its journal changes its "
				   "layout");
	return 0;
}
