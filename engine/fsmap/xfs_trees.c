/* xfs_trees.c - XFS: any tree of an allocation group, as far as it can be read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Kernel xfs_format.h, struct xfs_agi: the header of inodes. */
enum {
	AGI_MAGIC = 0,
	AGI_VERSION = 4,
	AGI_NUMBER = 8,
	AGI_BLOCKS = 12,
	AGI_ROOT = 20,
	AGI_LEVELS = 24,
	AGI_UUID = 296,
	AGI_CRC = 312,
	AGI_FREE_ROOT = 328,
	AGI_FREE_LEVELS = 332,
	POINTER = 4,
};
#define MAGIC_AGI 0x58414749u
#define NO_END	  (1ull << 32) /* keys have 32 bits */

int xfs_agi_read(struct xfs_fs *fs, struct xfs_ag *ag)
{
	const uint8_t *agi = fs->block;
	int rc = fsmap_read_hint(fs->r, fs->block, fs->sector_size,
				 ag->start + (uint64_t)XFS_AGI * fs->sector_size,
				 "a header of inodes");
	if (rc)
		return rc;
	if (!xfs_sealed(fs, agi, fs->sector_size, AGI_CRC, AGI_UUID) ||
	    get_be32(agi + AGI_MAGIC) != MAGIC_AGI || get_be32(agi + AGI_VERSION) != 1 ||
	    get_be32(agi + AGI_NUMBER) != ag->number || get_be32(agi + AGI_BLOCKS) != ag->blocks)
		return FSMAP_IS_WHOLE;
	ag->root[XFS_INODES] = get_be32(agi + AGI_ROOT);
	ag->levels[XFS_INODES] = get_be32(agi + AGI_LEVELS);
	if (xfs_has(fs, XFS_SB_RO_COMPAT, XFS_RO_FINOBT)) {
		ag->root[XFS_FREE_INODES] = get_be32(agi + AGI_FREE_ROOT);
		ag->levels[XFS_FREE_INODES] = get_be32(agi + AGI_FREE_LEVELS);
	}
	return 0;
}

struct walk {
	struct xfs_fs *fs;
	const struct xfs_ag *ag;
	enum xfs_tree_kind kind;
	const struct xfs_tree_visit *visit;
	uint64_t budget; /* there are no more of them than blocks */
};

static int lose(struct walk *w, uint64_t first, uint64_t end)
{
	return w->visit->lost ? w->visit->lost(w->visit->arg, first, end) : 0;
}

static int walk_children(struct walk *w, const uint8_t *node, uint32_t level, uint64_t first,
			 uint64_t end);

static int read_block(struct walk *w, uint8_t *buf, uint64_t at, uint32_t level)
{
	struct xfs_fs *fs = w->fs;
	int rc = fsmap_read_hint(fs->r, buf, fs->block_size, at, "a tree");
	if (!rc && ((fs->v5 && !xfs_crc_ok(buf, fs->block_size, XFS_BLOCK_CRC)) ||
		    !xfs_block_ok(fs, w->ag, w->kind, buf, at, level)))
		rc = FSMAP_IS_WHOLE;
	return rc;
}

/* A block for keys [first, end). Recursion no deeper than the levels. */
static int walk_block(struct walk *w, uint32_t block, uint32_t level, uint64_t first, uint64_t end)
{
	uint64_t at = w->ag->start + (uint64_t)block * w->fs->block_size;
	if (block >= w->ag->blocks || !w->budget)
		return lose(w, first, end);
	w->budget--;
	int rc = w->visit->block ? w->visit->block(w->visit->arg, at) : 0;
	if (rc || (!level && !w->visit->leaf))
		return rc;
	uint8_t *buf = malloc(w->fs->block_size);
	if (!buf)
		return SV_E_NOMEM;
	rc = read_block(w, buf, at, level);
	if (rc > 0)
		rc = lose(w, first, end);
	else if (!rc && level)
		rc = walk_children(w, buf, level, first, end);
	else if (!rc)
		rc = w->visit->leaf(w->visit->arg, buf + xfs_block_header(w->fs),
				    xfs_block_records(buf));
	free(buf);
	return rc;
}

static int walk_children(struct walk *w, const uint8_t *node, uint32_t level, uint64_t first,
			 uint64_t end)
{
	size_t key = xfs_key_len(w->kind), n = xfs_block_records(node);
	const uint8_t *keys = node + xfs_block_header(w->fs);
	const uint8_t *pointers = keys + key * xfs_block_room(w->fs, w->kind, level);
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++)
		rc = walk_block(w, get_be32(pointers + i * POINTER), level - 1,
				i ? get_be32(keys + i * key) : first,
				i + 1 < n ? get_be32(keys + (i + 1) * key) : end);
	return rc;
}

int xfs_trees_visit(struct xfs_fs *fs, const struct xfs_ag *ag, enum xfs_tree_kind kind,
		    const struct xfs_tree_visit *visit)
{
	struct walk w = {.fs = fs, .ag = ag, .kind = kind, .visit = visit, .budget = ag->blocks};
	if (ag->levels[kind] > XFS_MAX_LEVELS)
		return lose(&w, 0, NO_END);
	if (!ag->levels[kind])
		return 0;
	return walk_block(&w, ag->root[kind], ag->levels[kind] - 1, 0, NO_END);
}
