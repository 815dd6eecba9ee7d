/* xfs_super.c - XFS: the superblock, judged: what is it, may it be read? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel xfs_format.h, struct xfs_dsb. */
enum {
	SB_MAGIC = 0,
	SB_BLOCK_SIZE = 4,
	SB_BLOCKS = 8,
	SB_RT_BLOCKS = 16,
	SB_UUID = 32,
	SB_LOG_START = 48,
	SB_AG_BLOCKS = 84,
	SB_AGS = 88,
	SB_RT_BITMAP_BLOCKS = 92,
	SB_LOG_BLOCKS = 96,
	SB_VERSION = 100,
	SB_SECTOR_SIZE = 102,
	SB_INODE_SIZE = 104,
	SB_BLOCK_LOG = 120,
	SB_SECTOR_LOG = 121,
	SB_INODES_LOG = 123,
	SB_AG_LOG = 124,
	SB_IN_PROGRESS = 126,
	SB_FREE_BLOCKS = 144,
	SB_FEATURES2 = 200,
	SB_DIR_BLOCK_LOG = 192,
	SB_COMPAT = 208,
	SB_LOG_INCOMPAT = 220,
	SB_CRC = 224,
	SB_META_UUID = 248,
};
#define MAGIC 0x58465342u /* XFSB */

enum {
	VERSION_MASK = 0xf,
	VERSION_LOGV2 = 0x400,
	VERSION_MORE = 0x8000, /* features2 counts */
	FEATURES2_LAZY = 0x2,
	FEATURES2_FTYPE = 0x200,
	INCOMPAT_FTYPE = 0x1,
	FEATURES2_KNOWN = 0x39a, /* lazy_count attr2 parent projid32 crc ftype */

	RO_KNOWN = 0xf, /* finobt rmapbt reflink inobtcount */
	INCOMPAT_META_UUID = 0x4,
	INCOMPAT_METADIR = 0x100,
	INCOMPAT_ZONED = 0x200,
	INCOMPAT_KNOWN = 0xff,	  /* ftype spinodes meta_uuid bigtime needs_repair nrext64 exchrange
				     parent */
	LOG_INCOMPAT_KNOWN = 0x1, /* logged attributes */

	MAX_BLOCK = 65536,
	MIN_INODE = 256,
	MAX_INODE = 2048,
	MAX_SECTOR = 32768,
	MIN_AG_BLOCKS = 64,
	MIN_LOG_SECTORS = 64,
};
#define MAX_LOG (2 * SV_GIB)

static uint32_t sb32(const struct xfs_fs *fs, size_t off)
{
	return get_be32(fs->sb + off);
}

static int check_version(struct xfs_fs *fs)
{
	uint16_t version = get_be16(fs->sb + SB_VERSION);
	uint32_t more = sb32(fs, SB_FEATURES2);
	unsigned int number = version & VERSION_MASK;
	if (number != 4 && number != 5)
		return fsmap_whole(fs->r, "its version %u is unknown", number);
	fs->v5 = number == 5;
	fs->log_v2 = version & VERSION_LOGV2;
	if (version & VERSION_MORE && more & ~(uint32_t)FEATURES2_KNOWN)
		return fsmap_whole(fs->r, "it uses features unknown to this map (0x%" PRIx32 ")",
				   more & ~(uint32_t)FEATURES2_KNOWN);
	if (fs->sb[SB_IN_PROGRESS] && !fs->partly) /* is never cleared in the copies */
		return fsmap_whole(fs->r, "it was not made completely");
	return 0;
}

static int unknown(struct xfs_fs *fs, const char *kind, uint32_t bits)
{
	return fsmap_whole(fs->r, "it uses %s features unknown to this map (0x%" PRIx32 ")", kind,
			   bits);
}

static int check_features(struct xfs_fs *fs)
{
	if (!fs->v5)
		return 0;
	uint32_t incompat = sb32(fs, XFS_SB_INCOMPAT);
	if (incompat & XFS_INCOMPAT_NEEDS_REPAIR && !fs->partly)
		return fsmap_whole(fs->r, "it is marked as needing repair");
	if (incompat & INCOMPAT_ZONED)
		return fsmap_whole(fs->r, "it is made for zoned devices");
	if (incompat & INCOMPAT_METADIR)
		return fsmap_whole(fs->r, "it has a metadata folder, which this map does not know");
	if (incompat & ~(uint32_t)INCOMPAT_KNOWN)
		return unknown(fs, "incompatible", incompat & ~(uint32_t)INCOMPAT_KNOWN);
	if (sb32(fs, XFS_SB_RO_COMPAT) & ~(uint32_t)RO_KNOWN)
		return unknown(fs, "read-only compatible",
			       sb32(fs, XFS_SB_RO_COMPAT) & ~(uint32_t)RO_KNOWN);
	if (sb32(fs, SB_COMPAT))
		return unknown(fs, "compatible", sb32(fs, SB_COMPAT));
	if (sb32(fs, SB_LOG_INCOMPAT) & ~(uint32_t)LOG_INCOMPAT_KNOWN)
		return unknown(fs, "log",
			       sb32(fs, SB_LOG_INCOMPAT) & ~(uint32_t)LOG_INCOMPAT_KNOWN);
	return 0;
}

static int check_sizes(struct xfs_fs *fs)
{
	fs->block_size = sb32(fs, SB_BLOCK_SIZE);
	fs->sector_size = get_be16(fs->sb + SB_SECTOR_SIZE);
	if (!sv_is_pow2(fs->block_size) || fs->block_size < 512 || fs->block_size > MAX_BLOCK ||
	    fs->block_size != 1ull << fs->sb[SB_BLOCK_LOG] % 64)
		return fsmap_whole(fs->r, "its block size is out of range");
	if (!sv_is_pow2(fs->sector_size) || fs->sector_size < 512 || fs->sector_size > MAX_SECTOR ||
	    fs->sector_size > fs->block_size ||
	    fs->sector_size != 1ull << fs->sb[SB_SECTOR_LOG] % 64)
		return fsmap_whole(fs->r, "its sector size is out of range");
	fsmap_set_block_size(fs->r, fs->block_size);
	return 0;
}

/* The CRC covers the whole sector. */
static int check_crc(struct xfs_fs *fs, uint64_t at)
{
	bool own = sb32(fs, XFS_SB_INCOMPAT) & INCOMPAT_META_UUID && fs->v5;
	memcpy(fs->uuid, fs->sb + (own ? SB_META_UUID : SB_UUID), sizeof(fs->uuid));
	if (!fs->v5)
		return 0;
	uint8_t *sector = malloc(fs->sector_size);
	if (!sector)
		return SV_E_NOMEM;
	int ret = fsmap_read_meta(fs->r, sector, fs->sector_size, at, "the superblock");
	if (!ret && !xfs_crc_ok(sector, fs->sector_size, SB_CRC))
		ret = fsmap_whole(fs->r, "its superblock has a wrong checksum");
	free(sector);
	return ret;
}

static int check_groups(struct xfs_fs *fs)
{
	uint64_t bytes;
	fs->blocks = get_be64(fs->sb + SB_BLOCKS);
	fs->ag_blocks = sb32(fs, SB_AG_BLOCKS);
	fs->ags = sb32(fs, SB_AGS);
	uint32_t bits = fs->sb[SB_AG_LOG];
	if (!sv_mul_ok(fs->blocks, fs->block_size, &bytes) || bytes > fsmap_size(fs->r))
		return fsmap_whole(fs->r, "it claims to be larger than its volume");
	if (fs->ag_blocks < MIN_AG_BLOCKS || fs->ags == 0 ||
	    fs->blocks > (uint64_t)fs->ags * fs->ag_blocks ||
	    fs->blocks < (uint64_t)(fs->ags - 1) * fs->ag_blocks + MIN_AG_BLOCKS)
		return fsmap_whole(fs->r, "its groups do not fit its size");
	if (bits > 31 || fs->ag_blocks > 1ull << bits || fs->ag_blocks <= 1ull << bits >> 1)
		return fsmap_whole(fs->r, "its group size is out of range");
	return 0;
}

/* A log or realtime section elsewhere is not seen here, and what is here is worth little without.
 */
static int check_devices(struct xfs_fs *fs)
{
	uint64_t start = get_be64(fs->sb + SB_LOG_START);
	uint64_t len = (uint64_t)sb32(fs, SB_LOG_BLOCKS) * fs->block_size;
	uint32_t bits = fs->sb[SB_AG_LOG];
	uint64_t ag = start >> bits, block = start & ((1ull << bits) - 1);
	fs->log_sectors = 0;
	if (start == 0 && fs->partly)
		return 0;
	if (start == 0)
		return fsmap_whole(fs->r, "its log is on another device");
	if (get_be64(fs->sb + SB_RT_BLOCKS) && !fs->partly)
		return fsmap_whole(fs->r, "it has a realtime section on another device");
	if (ag >= fs->ags || len < MIN_LOG_SECTORS * 512 || len > MAX_LOG ||
	    block + len / fs->block_size > fs->ag_blocks ||
	    ag * fs->ag_blocks + block + len / fs->block_size > fs->blocks)
		return fsmap_whole(fs->r, "its log is out of place");
	fs->log_start = (ag * fs->ag_blocks + block) * fs->block_size;
	fs->log_sectors = (uint32_t)(len / 512);
	return 0;
}

bool xfs_has(const struct xfs_fs *fs, size_t word, uint32_t bit)
{
	return fs->v5 && sb32(fs, word) & bit;
}

/* The map needs none of this, and does not refuse what is odd about it. */
static void take_inodes(struct xfs_fs *fs)
{
	uint32_t size = get_be16(fs->sb + SB_INODE_SIZE), bits = fs->sb[SB_INODES_LOG];
	uint32_t dir = fs->sb[SB_DIR_BLOCK_LOG] % 32;
	fs->group_bits = fs->sb[SB_AG_LOG];
	fs->sparse = xfs_has(fs, XFS_SB_INCOMPAT, XFS_INCOMPAT_SPARSE);
	fs->ftype = fs->v5 ? xfs_has(fs, XFS_SB_INCOMPAT, INCOMPAT_FTYPE)
			   : get_be16(fs->sb + SB_VERSION) & VERSION_MORE &&
				     sb32(fs, SB_FEATURES2) & FEATURES2_FTYPE;
	fs->inode_size = 0;
	fs->inode_bits = bits + fs->group_bits;
	fs->dir_block = fs->block_size << dir;
	if (sv_is_pow2(size) && size >= MIN_INODE && size <= MAX_INODE && bits < 32 &&
	    (uint64_t)size << bits == fs->block_size && dir <= 7 && fs->dir_block <= MAX_BLOCK)
		fs->inode_size = size;
}

int xfs_super_read_at(struct xfs_fs *fs, uint64_t at)
{
	static int (*const steps[])(struct xfs_fs *) = {
		check_features,
		check_groups,
		check_devices,
	};
	int ret = fsmap_read_meta(fs->r, fs->sb, sizeof(fs->sb), at, "the superblock");
	if (ret)
		return ret;
	if (sb32(fs, SB_MAGIC) != MAGIC)
		return fsmap_whole(fs->r, "its superblock has no magic number");
	ret = check_version(fs);
	if (!ret)
		ret = check_sizes(fs);
	if (!ret)
		ret = check_crc(fs, at);
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](fs);
	take_inodes(fs);
	return ret;
}

int xfs_super_read(struct xfs_fs *fs)
{
	return xfs_super_read_at(fs, 0);
}

int xfs_super_check_copy(struct xfs_fs *fs, const uint8_t *copy, uint32_t ag)
{
	static const struct {
		uint8_t off, len;
	} fixed[] = {
		{SB_MAGIC, SB_RT_BLOCKS - SB_MAGIC},
		{SB_UUID, SB_LOG_START + 8 - SB_UUID},
		{SB_AG_BLOCKS, SB_RT_BITMAP_BLOCKS - SB_AG_BLOCKS},
		{SB_LOG_BLOCKS, 4},
		{SB_SECTOR_SIZE, SB_INODE_SIZE - SB_SECTOR_SIZE},
		{SB_BLOCK_LOG, 2},
		{SB_AG_LOG, 1},
	};
	for (size_t i = 0; i < SV_ARRAY(fixed); i++)
		if (memcmp(copy + fixed[i].off, fs->sb + fixed[i].off, fixed[i].len) != 0)
			return fsmap_whole(
				fs->r, "its superblock and the copy in group %" PRIu32 " differ",
				ag);
	return 0;
}

/* Old filesystems, which keep the superblock's count always up to date, do not count all the blocks
 * of their trees. */
int xfs_super_check_free(struct xfs_fs *fs)
{
	uint64_t says = get_be64(fs->sb + SB_FREE_BLOCKS);
	bool lazy = get_be16(fs->sb + SB_VERSION) & VERSION_MORE &&
		    sb32(fs, SB_FEATURES2) & FEATURES2_LAZY;
	if ((fs->v5 || lazy) && fs->free_blocks != says)
		return fsmap_whole(fs->r,
				   "it has %" PRIu64 " free blocks, but its superblock says "
				   "%" PRIu64,
				   fs->free_blocks, says);
	return 0;
}
