/* f2fs_super.c - F2FS: the superblocks, judged: what is it, and where are its areas? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <string.h>

/* Kernel f2fs_fs.h, struct f2fs_super_block. */
enum {
	SB_MAGIC = 0,
	SB_MAJOR = 4,
	SB_BLOCK_SHIFT = 16,
	SB_SEGMENT_SHIFT = 20,
	SB_CHECKSUM_AT = 32,
	SB_BLOCKS = 36,
	SB_LAYOUT = 44, /* up to SB_LAYOUT_END: what the copies must agree about */
	SB_SEGMENTS = 48,
	SB_SEGMENTS_CP = 52, /* and of SIT, NAT, SSA and the main area */
	SB_SEGMENT0 = 72,
	SB_CP = 76, /* and where those others start */
	SB_LAYOUT_END = 96,
	SB_ROOT = 96,
	SB_UUID = 108,
	SB_NAME = 124,
	SB_CP_PAYLOAD = 1664,
	SB_FEATURES = 2180,
	SB_DEVICES = 2201,
	SB_QUOTAS = 2745,
	SB_ERRORS = 2794,
	SB_CHECKSUM = 3068,
	SB_SIZE = 3072,

	SB_OFFSET = 1024, /* in the first block, and in the second one */
	N_DEVICES = 8,
	DEVICE_SIZE = 68, /* a path of 64 bytes, and a number of segments */
	ERRORS_SIZE = 16,
	CP_PACKS = 2, /* of one segment each */
	MAX_CP_PAYLOAD = F2FS_SEGMENT - 16,

	FEATURE_ZONED = 0x2,
	FEATURE_CHECKSUM = 0x800,
	FEATURE_READ_ONLY = 0x4000,
	FEATURES_KNOWN = 0x7fff, /* encrypt zoned atomic_write extra_attr project_quota
				    inode_checksum flexible_inline_xattr quota_ino inode_crtime
				    lost_found verity sb_checksum casefold compression readonly */
};

static int check_kind(struct f2fs *f, const uint8_t *sb)
{
	uint32_t features = get_le32(sb + SB_FEATURES);
	if (get_le32(sb + SB_MAGIC) != F2FS_MAGIC)
		return fsmap_whole(f->r, "its superblock is damaged");
	if (features & FEATURE_CHECKSUM &&
	    (get_le32(sb + SB_CHECKSUM_AT) != SB_CHECKSUM ||
	     sv_crc32_raw(F2FS_MAGIC, sb, SB_CHECKSUM) != get_le32(sb + SB_CHECKSUM)))
		return fsmap_whole(f->r, "its superblock has a wrong checksum");
	if (get_le16(sb + SB_MAJOR) != 1)
		return fsmap_whole(f->r, "its version %u is unknown", get_le16(sb + SB_MAJOR));
	if (get_le32(sb + SB_BLOCK_SHIFT) != 12 ||
	    get_le32(sb + SB_SEGMENT_SHIFT) != F2FS_SEGMENT_SHIFT)
		return fsmap_whole(f->r, "its blocks are not of 4096 bytes, or its segments not "
					 "of 512 blocks");
	if (features & FEATURE_ZONED)
		return fsmap_whole(f->r, "it is made for zoned devices");
	if (features & FEATURE_READ_ONLY)
		return fsmap_whole(f->r, "it is made to be read only");
	if (features & ~(uint32_t)FEATURES_KNOWN)
		return fsmap_whole(f->r, "it uses features unknown to this map (0x%" PRIx32 ")",
				   features & ~(uint32_t)FEATURES_KNOWN);
	for (unsigned int i = 1; i < N_DEVICES; i++)
		if (sb[SB_DEVICES + i * DEVICE_SIZE])
			return fsmap_whole(f->r, "it lies on several devices");
	f->doubt = !sv_is_zero(sb + SB_ERRORS, ERRORS_SIZE);
	return f->doubt ? fsmap_doubt(f->r, "errors are noted in it") : 0;
}

/* The areas stand behind each other without a gap: super.c, sanity_check_area_boundary(). */
static int check_areas(struct f2fs *f, const uint8_t *sb)
{
	struct f2fs_area *const areas[] = {&f->cp, &f->sit, &f->nat, &f->ssa, &f->main};
	uint64_t end = get_le32(sb + SB_SEGMENT0), bytes;
	uint64_t last = end + ((uint64_t)get_le32(sb + SB_SEGMENTS) << F2FS_SEGMENT_SHIFT);
	for (size_t i = 0; i < SV_ARRAY(areas); i++) {
		areas[i]->start = get_le32(sb + SB_CP + 4 * i);
		areas[i]->segments = get_le32(sb + SB_SEGMENTS_CP + 4 * i);
		if (areas[i]->start != end)
			return fsmap_whole(f->r, "its areas are out of place");
		end += f2fs_blocks(areas[i]);
	}
	if (f->cp.start < 2 || f->cp.segments != CP_PACKS || f->sit.segments < 2 ||
	    f->sit.segments % 2 || f->main.segments == 0 || end > last)
		return fsmap_whole(f->r, "its areas are out of place");
	if (!sv_mul_ok(get_le64(sb + SB_BLOCKS), F2FS_BLOCK, &bytes) || bytes > fsmap_size(f->r) ||
	    f2fs_offset(end) > bytes)
		return fsmap_whole(f->r, "it claims to be larger than its volume");
	f->cp_payload = get_le32(sb + SB_CP_PAYLOAD);
	if (f->cp_payload > MAX_CP_PAYLOAD)
		return fsmap_whole(f->r, "its checkpoint would not fit its segment");
	return 0;
}

/* A mount that finds the first one damaged takes the second; that is no state to trust. */
int f2fs_super_read(struct f2fs *f)
{
	uint8_t sb[SB_SIZE], copy[SB_SIZE];
	int ret = fsmap_read_meta(f->r, sb, sizeof(sb), SB_OFFSET, "the superblock");
	if (!ret)
		ret = fsmap_read_meta(f->r, copy, sizeof(copy), F2FS_BLOCK + SB_OFFSET,
				      "the copy of the superblock");
	if (!ret)
		ret = check_kind(f, sb);
	if (ret)
		return ret;
	if (memcmp(sb + SB_LAYOUT, copy + SB_LAYOUT, SB_LAYOUT_END - SB_LAYOUT) != 0)
		return fsmap_whole(f->r, "its two superblocks do not agree");
	fsmap_set_block_size(f->r, F2FS_BLOCK);
	return check_areas(f, sb);
}

/* ---- in a search ---- */

static void remember(struct f2fs *f, const uint8_t *sb)
{
	f->features = get_le32(sb + SB_FEATURES);
	f->root = get_le32(sb + SB_ROOT);
	for (size_t i = 0; i < F2FS_QUOTAS; i++)
		f->quotas[i] = get_le32(sb + SB_QUOTAS + 4 * i);
	f->seed = sv_crc32_raw(~0u, sb + SB_UUID, 16);
}

static int read_copy(struct f2fs *f, uint64_t block, uint8_t *sb)
{
	int ret = fsmap_read_hint(f->r, sb, SB_SIZE, f2fs_offset(block) + SB_OFFSET,
				  "the superblock");
	if (!ret)
		ret = check_kind(f, sb);
	return ret ? ret : check_areas(f, sb);
}

/* About all that counts here. */
static bool agree(const uint8_t *sb, const uint8_t *copy)
{
	return !memcmp(sb + SB_LAYOUT, copy + SB_LAYOUT, SB_NAME - SB_LAYOUT) &&
	       !memcmp(sb + SB_FEATURES, copy + SB_FEATURES, 4) &&
	       !memcmp(sb + SB_QUOTAS, copy + SB_QUOTAS, 4 * (size_t)F2FS_QUOTAS);
}

int f2fs_super_find(struct f2fs *f)
{
	uint8_t sb[SB_SIZE], copy[SB_SIZE];
	int second = read_copy(f, 1, copy);
	int first = second < 0 ? second : read_copy(f, 0, sb);
	if (first < 0)
		return first;
	if (!first && !second && !agree(sb, copy))
		return fsmap_whole(f->r, "its two superblocks do not agree");
	if (first && !second) /* the areas are those of the last that was read */
		second = check_areas(f, copy);
	if (first && second)
		return FSMAP_IS_WHOLE;
	remember(f, first ? copy : sb);
	return 0;
}
