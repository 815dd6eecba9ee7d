/* xfs_ag.c - XFS: an allocation group: its headers, and whether its two free-space trees agree */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel xfs_format.h: the headers of an AG: superblock, AGF (free space), AGI (inodes), AGFL
 * (blocks kept for the trees). */
enum {
	AGF_MAGIC = 0,
	AGF_VERSION = 4,
	AGF_NUMBER = 8,
	AGF_BLOCKS = 12,
	AGF_ROOTS = 16,
	AGF_LEVELS = 28,
	AGF_FIRST = 40, /* of the kept blocks: index in the AGFL, a ring */
	AGF_LAST = 44,
	AGF_COUNT = 48,
	AGF_FREE = 52,
	AGF_LONGEST = 56,
	AGF_TREE_BLOCKS = 60, /* without the roots */
	AGF_UUID = 64,
	AGF_SHARED_ROOT = 88,
	AGF_SHARED_LEVELS = 92,
	AGF_CRC = 216,

	AGFL_MAGIC = 0, /* this header only in version 5 */
	AGFL_NUMBER = 4,
	AGFL_UUID = 8,
	AGFL_CRC = 32,
	AGFL_HEADER = 36,
};
#define MAGIC_AGF  0x58414746u
#define MAGIC_AGFL 0x5841464cu

static int bad_header(struct xfs_fs *fs, const struct xfs_ag *ag, const char *what)
{
	return fsmap_whole(fs->r, "%s of group %" PRIu32 " is damaged", what, ag->number);
}

static int read_sector(struct xfs_fs *fs, const struct xfs_ag *ag, uint32_t sector,
		       const char *what)
{
	return fsmap_read_meta(fs->r, fs->block, fs->sector_size,
			       ag->start + (uint64_t)sector * fs->sector_size, what);
}

static bool sealed(const struct xfs_fs *fs, size_t crc, size_t uuid)
{
	return xfs_sealed(fs, fs->block, fs->sector_size, crc, uuid);
}

/* Every AG starts with a copy of the superblock; without CRCs it vouches for the first. */
static int check_super(struct xfs_fs *fs, const struct xfs_ag *ag)
{
	int ret = read_sector(fs, ag, 0, "a copy of the superblock");
	return ret || fs->v5 ? ret : xfs_super_check_copy(fs, fs->block, ag->number);
}

static bool agf_ok(const struct xfs_fs *fs, const struct xfs_ag *ag)
{
	const uint8_t *agf = fs->block;
	return sealed(fs, AGF_CRC, AGF_UUID) && get_be32(agf + AGF_MAGIC) == MAGIC_AGF &&
	       get_be32(agf + AGF_VERSION) == 1 && get_be32(agf + AGF_NUMBER) == ag->number &&
	       get_be32(agf + AGF_BLOCKS) == ag->blocks;
}

static bool trees_ok(const struct xfs_ag *ag)
{
	for (int kind = XFS_BY_BLOCK; kind <= XFS_BY_COUNT; kind++)
		if (ag->root[kind] >= ag->blocks || ag->levels[kind] < 1 ||
		    ag->levels[kind] > XFS_MAX_LEVELS)
			return false;
	return ag->free <= ag->blocks && ag->longest <= ag->free;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* The ring of kept blocks: `count` entries from `first`. */
static int take_reserve(struct xfs_fs *fs, struct xfs_ag *ag)
{
	uint32_t first = ag->first, count = ag->count;
	uint32_t head = fs->v5 ? AGFL_HEADER : 0, slots = (fs->sector_size - head) / 4;
	ag->reserve = malloc(((size_t)count + 1) * sizeof(*ag->reserve));
	if (!ag->reserve)
		return SV_E_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t block = get_be32(fs->block + head + (size_t)(first + i) % slots * 4);
		if (block >= ag->blocks)
			return bad_header(fs, ag, "the list of kept blocks");
		ag->reserve[i] = block;
	}
	ag->reserve_n = count;
	qsort(ag->reserve, count, sizeof(*ag->reserve), by_number);
	return 0;
}

/* Kernel xfs_agfl_needs_reset(): the ring's ends must fit its length. */
int xfs_agfl_read(struct xfs_fs *fs, struct xfs_ag *ag)
{
	uint32_t first = ag->first, last = ag->last, count = ag->count;
	uint32_t slots = (fs->sector_size - (fs->v5 ? AGFL_HEADER : 0)) / 4;
	if (first >= slots || last >= slots || count > slots ||
	    (count && (last + slots - first) % slots + 1 != count))
		return bad_header(fs, ag, "the list of kept blocks");
	int ret = read_sector(fs, ag, XFS_AGFL, "the list of kept blocks");
	if (ret)
		return ret;
	if (fs->v5 &&
	    (!sealed(fs, AGFL_CRC, AGFL_UUID) || get_be32(fs->block + AGFL_MAGIC) != MAGIC_AGFL ||
	     get_be32(fs->block + AGFL_NUMBER) != ag->number))
		return bad_header(fs, ag, "the list of kept blocks");
	return take_reserve(fs, ag);
}

/* Trees that only some filesystems have. */
static void take_more_trees(const struct xfs_fs *fs, struct xfs_ag *ag)
{
	const uint8_t *agf = fs->block;
	if (!xfs_has(fs, XFS_SB_RO_COMPAT, XFS_RO_RMAPBT))
		ag->levels[XFS_OWNERS] = 0;
	if (!xfs_has(fs, XFS_SB_RO_COMPAT, XFS_RO_REFLINK))
		return;
	ag->root[XFS_SHARED] = get_be32(agf + AGF_SHARED_ROOT);
	ag->levels[XFS_SHARED] = get_be32(agf + AGF_SHARED_LEVELS);
}

static void take_agf(struct xfs_fs *fs, struct xfs_ag *ag)
{
	const uint8_t *agf = fs->block;
	for (int kind = XFS_BY_BLOCK; kind <= XFS_OWNERS; kind++) {
		ag->root[kind] = get_be32(agf + AGF_ROOTS + 4 * kind);
		ag->levels[kind] = get_be32(agf + AGF_LEVELS + 4 * kind);
	}
	take_more_trees(fs, ag);
	ag->free = get_be32(agf + AGF_FREE);
	ag->longest = get_be32(agf + AGF_LONGEST);
	ag->first = get_be32(agf + AGF_FIRST);
	ag->last = get_be32(agf + AGF_LAST);
	ag->count = get_be32(agf + AGF_COUNT);
}

int xfs_agf_read(struct xfs_fs *fs, struct xfs_ag *ag)
{
	int ret = read_sector(fs, ag, XFS_AGF, "the header");
	if (ret)
		return ret;
	take_agf(fs, ag);
	if (!agf_ok(fs, ag) || !trees_ok(ag))
		return bad_header(fs, ag, "the header");
	fs->free_blocks += (uint64_t)ag->free + ag->count + get_be32(fs->block + AGF_TREE_BLOCKS);
	return 0;
}

static int read_headers(struct xfs_fs *fs, struct xfs_ag *ag)
{
	int ret = ag->number ? check_super(fs, ag) : 0;
	if (!ret)
		ret = xfs_agf_read(fs, ag);
	return ret ? ret : xfs_agfl_read(fs, ag);
}

/* Both trees hold the same ranges, and what the header says of them is true. */
static int walk_trees(struct xfs_fs *fs, const struct xfs_ag *ag)
{
	struct xfs_found found[2] = {0};
	int ret = 0;
	for (int kind = XFS_BY_BLOCK; !ret && kind <= XFS_BY_COUNT; kind++)
		ret = xfs_tree_walk(fs, ag, (enum xfs_tree_kind)kind, &found[kind]);
	if (ret)
		return ret;
	const struct xfs_found *a = &found[XFS_BY_BLOCK], *b = &found[XFS_BY_COUNT];
	if (a->records != b->records || a->free != b->free || a->mix != b->mix)
		return fsmap_whole(fs->r, "the two free-space trees of group %" PRIu32 " differ",
				   ag->number);
	if (a->free != ag->free || a->longest != ag->longest)
		return fsmap_whole(fs->r,
				   "group %" PRIu32 " has %" PRIu64 " free blocks instead of "
				   "%" PRIu32,
				   ag->number, a->free, ag->free);
	return 0;
}

struct xfs_ag xfs_ag_at(const struct xfs_fs *fs, uint32_t number)
{
	uint64_t first = (uint64_t)number * fs->ag_blocks;
	return (struct xfs_ag){
		.number = number,
		.start = first * fs->block_size,
		.blocks = (uint32_t)SV_MIN(fs->ag_blocks, fs->blocks - first),
	};
}

static int map_ag(struct xfs_fs *fs, uint32_t number)
{
	struct xfs_ag ag = xfs_ag_at(fs, number);
	int ret = read_headers(fs, &ag);
	if (!ret)
		ret = walk_trees(fs, &ag);
	free(ag.reserve);
	return ret;
}

int xfs_ags_map(struct xfs_fs *fs)
{
	int ret = 0;
	for (uint32_t ag = 0; !ret && ag < fs->ags; ag++)
		if (!xfs_is_touched(fs, ag))
			ret = map_ag(fs, ag);
	/* a superblock is brought up to date only by unmounting */
	return ret || fs->dirty ? ret : xfs_super_check_free(fs);
}
