/* xfs_copies.c - XFS: where the superblock is lost, one of its copies */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Kernel xfs_format.h: AGF and AGI, whose first words are alike. */
enum {
	HEAD_NUMBER = 8,
	HEAD_BLOCKS = 12,
	HEAD_LEN = 16,
	MIN_BLOCK = 512,
	MAX_BLOCK = 65536,
	TRIES = 3,	  /* copies */
	MOST_GROUPS = 32, /* of a volume that was made with fewer than that; four are usual */
	SECTOR = 512,
};
#define MAGIC	  0x58465342u /* XFSB */
#define MAGIC_AGF 0x58414746u
#define MAGIC_AGI 0x58414749u
#define SEARCHED  (4 * SV_GIB) /* of a volume that says nothing of its groups */
#define PIECE	  ((size_t)SV_MIB)

/* Copies stand at the start of every group. */
static int try_copy(struct xfs_fs *fs, uint64_t at)
{
	if (!at || !sv_range_ok(at, SECTOR, fsmap_size(fs->r)))
		return FSMAP_IS_WHOLE;
	int rc = xfs_super_read_at(fs, at);
	if (!rc && at % ((uint64_t)fs->ag_blocks * fs->block_size))
		rc = FSMAP_IS_WHOLE;
	return rc;
}

/* Groups of that many bytes. */
static int try_groups(struct xfs_fs *fs, uint64_t bytes)
{
	int rc = FSMAP_IS_WHOLE;
	for (unsigned int i = 1; rc > 0 && i <= TRIES; i++)
		rc = try_copy(fs, bytes * i);
	return rc;
}

/* The other headers of the first group know how many blocks it has. */
static int by_headers(struct xfs_fs *fs)
{
	uint8_t head[HEAD_LEN];
	int rc = FSMAP_IS_WHOLE;
	for (uint64_t at = SECTOR; rc > 0 && at <= 8 * SV_KIB; at *= 2) {
		rc = fsmap_read_hint(fs->r, head, sizeof(head), at, "a header");
		if (rc)
			continue;
		bool ours = (get_be32(head) == MAGIC_AGF || get_be32(head) == MAGIC_AGI) &&
			    get_be32(head + HEAD_NUMBER) == 0;
		rc = FSMAP_IS_WHOLE;
		for (uint64_t bs = MIN_BLOCK; ours && rc > 0 && bs <= MAX_BLOCK; bs *= 2)
			rc = try_groups(fs, get_be32(head + HEAD_BLOCKS) * bs);
	}
	return rc;
}

/* mkfs.xfs divides a volume evenly. */
static int by_size(struct xfs_fs *fs)
{
	uint64_t size = fsmap_size(fs->r);
	int rc = FSMAP_IS_WHOLE;
	for (uint64_t groups = 2; groups <= MOST_GROUPS; groups++)
		for (uint64_t bs = MIN_BLOCK; rc > 0 && bs <= MAX_BLOCK; bs *= 2)
			rc = try_groups(fs, (size / bs + groups - 1) / groups * bs);
	return rc;
}

static int search_piece(struct xfs_fs *fs, uint8_t *buf, uint64_t at, size_t len)
{
	int rc = fsmap_read_hint(fs->r, buf, len, at, "blocks");
	if (rc > 0 && len > 64 * SV_KIB) {
		for (size_t i = 0; rc > 0 && i < len; i += 64 * SV_KIB)
			rc = search_piece(fs, buf, at + i, SV_MIN(len - i, 64 * SV_KIB));
		return rc;
	}
	if (rc)
		return rc;
	rc = FSMAP_IS_WHOLE;
	for (size_t i = 0; rc > 0 && i + SECTOR <= len; i += SECTOR)
		if (get_be32(buf + i) == MAGIC)
			rc = try_copy(fs, at + i);
	return rc;
}

static int by_search(struct xfs_fs *fs, const struct owners *o)
{
	uint64_t end = SV_MIN(fsmap_size(fs->r), SEARCHED);
	uint8_t *buf = malloc(PIECE);
	int rc = buf ? FSMAP_IS_WHOLE : SV_E_NOMEM;
	for (uint64_t at = 0; rc > 0 && at < end && !owners_stopped(o); at += PIECE)
		rc = search_piece(fs, buf, at, (size_t)SV_MIN(end - at, PIECE));
	free(buf);
	return rc;
}

int xfs_copies_find(struct xfs_fs *fs, const struct owners *o)
{
	int rc = xfs_super_read(fs);
	if (rc > 0)
		rc = by_headers(fs);
	if (rc > 0)
		rc = by_size(fs);
	return rc > 0 && owners_touch(o, 0, SECTOR) ? by_search(fs, o) : rc;
}
