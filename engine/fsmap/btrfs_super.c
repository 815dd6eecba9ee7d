/* btrfs_super.c - Btrfs: the superblock and its copies, judged; checksums */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <string.h>

/* Kernel include/uapi/linux/btrfs_tree.h, struct btrfs_super_block and, in it, btrfs_dev_item. */
enum {
	SB_FSID = 32,
	SB_BYTENR = 48,
	SB_FLAGS = 56,
	SB_MAGIC = 64,
	SB_GENERATION = 72,
	SB_ROOT = 80,
	SB_CHUNK_ROOT = 88,
	SB_LOG_ROOT = 96,
	SB_TOTAL_BYTES = 112,
	SB_BYTES_USED = 120,
	SB_NUM_DEVICES = 136,
	SB_SECTOR_SIZE = 144,
	SB_NODE_SIZE = 148,
	SB_CHUNK_ROOT_GENERATION = 164,
	SB_COMPAT = 172,
	SB_COMPAT_RO = 180,
	SB_INCOMPAT = 188,
	SB_CSUM_TYPE = 196,
	SB_ROOT_LEVEL = 198,
	SB_CHUNK_ROOT_LEVEL = 199,
	SB_LOG_ROOT_LEVEL = 200,
	SB_DEV_ID = 201,
	SB_DEV_TOTAL_BYTES = 209,
	SB_DEV_BYTES_USED = 217,
	SB_DEV_UUID = 267,
	SB_METADATA_UUID = 571,

	CSUM_LEN = 32, /* room for the checksum at the start of every block */
	MIN_BLOCK = 4096,
	MAX_BLOCK = 65536,
};

enum csum_type { CSUM_CRC32C, CSUM_XXHASH64, CSUM_SHA256, CSUM_BLAKE2B };

#define FLAG_WRITTEN	    1ull
#define FLAG_SEEDING	    (1ull << 32)
#define INCOMPAT_BACKREF    0x1ull
#define INCOMPAT_META_UUID  0x400ull
#define RO_BLOCK_GROUP_TREE 0x8ull

/* mixed_backref default_subvol mixed_groups compress_lzo compress_zstd big_metadata extended_iref
 * raid56 skinny_metadata no_holes metadata_uuid raid1c34 simple_quota */
#define INCOMPAT_KNOWN 0x10fffull
/* free_space_tree free_space_tree_valid verity block_group_tree */
#define RO_KNOWN 0xfull

#define UNKNOWN "it uses %s features unknown to this map (0x%" PRIx64 ")"

/* Features that are understood as far as to know that they change where things lie. */
static const struct {
	uint64_t bit;
	const char *name;
} refused[] = {
	{0x1000, "zones (zoned)"},
	{0x2000, "extent trees of version 2 (extent-tree-v2)"},
	{0x4000, "a tree of stripes (raid-stripe-tree)"},
	{0x20000, "remapped chunks (remap-tree)"},
};

static const uint64_t copies[BTRFS_SUPERS] = {BTRFS_SUPER_OFFSET, 64 * SV_MIB, 256 * SV_GIB};

static uint32_t sb32(const struct btrfs_fs *fs, size_t off)
{
	return get_le32(fs->sb + off);
}

static uint64_t sb64(const struct btrfs_fs *fs, size_t off)
{
	return get_le64(fs->sb + off);
}

bool btrfs_csum_ok(struct btrfs_fs *fs, const uint8_t *block, size_t len)
{
	const uint8_t *content = block + CSUM_LEN;
	uint8_t digest[CSUM_LEN];
	len -= CSUM_LEN;
	switch (fs->csum_type) {
	case CSUM_CRC32C:
		return get_le32(block) == ~sv_crc32c(~0u, content, len);
	case CSUM_XXHASH64:
		return get_le64(block) == sv_xxh64(content, len);
	case CSUM_SHA256:
		sv_sha256_update(fs->sha, content, len);
		sv_sha256_finish(fs->sha, digest);
		break;
	case CSUM_BLAKE2B:
		sv_blake2b(content, len, digest);
		break;
	default:
		return false;
	}
	return memcmp(block, digest, sizeof(digest)) == 0;
}

static bool has_magic(const uint8_t *sb)
{
	return memcmp(sb + SB_MAGIC, "_BHRfS_M", 8) == 0;
}

static int check_identity(struct btrfs_fs *fs, uint64_t off)
{
	if (!has_magic(fs->sb))
		return fsmap_whole(fs->r, "its superblock is missing");
	fs->csum_type = get_le16(fs->sb + SB_CSUM_TYPE);
	if (fs->csum_type > CSUM_BLAKE2B)
		return fsmap_whole(fs->r, "its checksum type %u is unknown", fs->csum_type);
	if (!btrfs_csum_ok(fs, fs->sb, BTRFS_SUPER_SIZE))
		return fsmap_whole(fs->r, "its superblock has a wrong checksum");
	if (sb64(fs, SB_BYTENR) != off)
		return fsmap_whole(fs->r, "its superblock belongs to another place");
	return 0;
}

static int check_features(struct btrfs_fs *fs)
{
	uint64_t incompat = sb64(fs, SB_INCOMPAT), ro = sb64(fs, SB_COMPAT_RO);
	for (size_t i = 0; i < SV_ARRAY(refused); i++)
		if (incompat & refused[i].bit)
			return fsmap_whole(fs->r, "a Btrfs with %s is read whole", refused[i].name);
	uint64_t unknown = incompat & ~INCOMPAT_KNOWN, unknown_ro = ro & ~RO_KNOWN;
	if (unknown)
		return fsmap_whole(fs->r, UNKNOWN, "incompatible", unknown);
	if (unknown_ro)
		return fsmap_whole(fs->r, UNKNOWN, "read-only compatible", unknown_ro);
	if (sb64(fs, SB_COMPAT))
		return fsmap_whole(fs->r, UNKNOWN, "compatible", sb64(fs, SB_COMPAT));
	if (!(incompat & INCOMPAT_BACKREF))
		return fsmap_whole(fs->r, "its format is older than Linux 2.6.31");
	if (sb64(fs, SB_FLAGS) & ~(FLAG_WRITTEN | FLAG_SEEDING))
		return fsmap_whole(fs->r,
				   "it is marked as damaged, as copied without its data, or as "
				   "being converted");
	fs->group_tree = ro & RO_BLOCK_GROUP_TREE;
	fs->node_fsid = fs->sb + (incompat & INCOMPAT_META_UUID ? SB_METADATA_UUID : SB_FSID);
	return 0;
}

static bool is_block_size(uint32_t size)
{
	return sv_is_pow2(size) && size >= MIN_BLOCK && size <= MAX_BLOCK;
}

static int read_sizes(struct btrfs_fs *fs)
{
	fs->sector_size = sb32(fs, SB_SECTOR_SIZE);
	fs->node_size = sb32(fs, SB_NODE_SIZE);
	if (!is_block_size(fs->sector_size) || !is_block_size(fs->node_size) ||
	    fs->node_size < fs->sector_size)
		return fsmap_whole(fs->r, "its block sizes are out of range");
	fsmap_set_block_size(fs->r, fs->sector_size);
	fs->generation = sb64(fs, SB_GENERATION);
	fs->bytes_used = sb64(fs, SB_BYTES_USED);
	fs->devices = sb64(fs, SB_NUM_DEVICES);
	fs->node_budget = 2 * (fsmap_size(fs->r) / fs->node_size) + 64;
	return 0;
}

static int read_device(struct btrfs_fs *fs)
{
	fs->devid = sb64(fs, SB_DEV_ID);
	fs->dev_size = sb64(fs, SB_DEV_TOTAL_BYTES);
	fs->dev_used = sb64(fs, SB_DEV_BYTES_USED);
	fs->dev_uuid = fs->sb + SB_DEV_UUID;
	if (fs->devid == 0)
		return fsmap_whole(fs->r, "it was to replace another disk and that was not "
					  "finished");
	if (fs->dev_size > fsmap_size(fs->r))
		return fsmap_whole(fs->r, "it claims to be larger than its volume");
	return 0;
}

static int read_roots(struct btrfs_fs *fs)
{
	fs->root = (struct btrfs_ref){sb64(fs, SB_ROOT), fs->generation, fs->sb[SB_ROOT_LEVEL]};
	fs->chunk_root =
		(struct btrfs_ref){sb64(fs, SB_CHUNK_ROOT), sb64(fs, SB_CHUNK_ROOT_GENERATION),
				   fs->sb[SB_CHUNK_ROOT_LEVEL]};
	/* a log belongs to the transaction after the one that was finished */
	fs->log_root = (struct btrfs_ref){sb64(fs, SB_LOG_ROOT), fs->generation + 1,
					  fs->sb[SB_LOG_ROOT_LEVEL]};
	if (fs->root.level >= BTRFS_LEVELS || fs->chunk_root.level >= BTRFS_LEVELS ||
	    fs->log_root.level >= BTRFS_LEVELS)
		return fsmap_whole(fs->r, "its trees are impossibly high");
	return 0;
}

/* An older copy is left over, one of another filesystem is data; a newer one is a doubt. */
static int check_copy(struct btrfs_fs *fs, uint64_t off)
{
	uint8_t copy[BTRFS_SUPER_SIZE];
	bool ok = false;
	int ret = fsmap_read_copy(fs->r, copy, sizeof(copy), off, "a copy of the superblock", &ok);
	if (ret || !ok || !has_magic(copy) || memcmp(copy + SB_FSID, fs->sb + SB_FSID, 16) != 0 ||
	    get_le64(copy + SB_BYTENR) != off || !btrfs_csum_ok(fs, copy, sizeof(copy)))
		return ret;
	if (get_le64(copy + SB_GENERATION) > fs->generation)
		return fsmap_whole(fs->r, "a copy of its superblock is newer than the first one");
	return 0;
}

uint64_t btrfs_super_at(const struct btrfs_fs *fs, size_t i)
{
	return sv_range_ok(copies[i], BTRFS_SUPER_SIZE, fs->dev_size) ? copies[i] : 0;
}

static int check_copies(struct btrfs_fs *fs)
{
	int ret = 0;
	for (size_t i = 1; !ret && i < BTRFS_SUPERS; i++)
		if (btrfs_super_at(fs, i))
			ret = check_copy(fs, copies[i]);
	return ret;
}

int btrfs_super_mark(struct btrfs_fs *fs)
{
	int ret = 0;
	for (size_t i = 0; !ret && i < BTRFS_SUPERS; i++)
		if (btrfs_super_at(fs, i))
			ret = fsmap_mark_used(fs->r, copies[i], BTRFS_SUPER_SIZE);
	return ret;
}

static int judge(struct btrfs_fs *fs)
{
	int (*const steps[])(struct btrfs_fs *) = {check_features, read_sizes, read_device,
						   read_roots};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](fs);
	return ret;
}

int btrfs_super_read(struct btrfs_fs *fs)
{
	int ret = fsmap_read_meta(fs->r, fs->sb, BTRFS_SUPER_SIZE, BTRFS_SUPER_OFFSET,
				  "the superblock");
	if (!ret)
		ret = check_identity(fs, BTRFS_SUPER_OFFSET);
	if (!ret)
		ret = judge(fs);
	return ret ? ret : check_copies(fs);
}

static int load_copy(struct btrfs_fs *fs, size_t i)
{
	if (!sv_range_ok(copies[i], BTRFS_SUPER_SIZE, fsmap_size(fs->r)))
		return FSMAP_IS_WHOLE;
	int ret = fsmap_read_hint(fs->r, fs->sb, BTRFS_SUPER_SIZE, copies[i], "the superblock");
	return ret ? ret : check_identity(fs, copies[i]);
}

int btrfs_super_search(struct btrfs_fs *fs)
{
	size_t best = BTRFS_SUPERS;
	uint64_t newest = 0;
	for (size_t i = 0; best && i < BTRFS_SUPERS; i++) {
		int ret = load_copy(fs, i);
		if (ret < 0)
			return ret;
		if (!ret && (best == BTRFS_SUPERS || sb64(fs, SB_GENERATION) > newest)) {
			best = i;
			newest = sb64(fs, SB_GENERATION);
		}
	}
	if (best == BTRFS_SUPERS)
		return fsmap_whole(fs->r, "all copies of its superblock are lost");
	int ret = load_copy(fs, best);
	return ret ? ret : judge(fs);
}
