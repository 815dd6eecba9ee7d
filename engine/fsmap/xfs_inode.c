/* xfs_inode.c - XFS: an inode: where it stands, whether it is sound, its two lists of extents */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <string.h>

/* The bits of its number below the group's are its place among the group's inodes. */
bool xfs_inode_place(const struct xfs_fs *fs, uint64_t inode, uint64_t *at)
{
	uint64_t group = inode >> fs->inode_bits;
	uint64_t off = (inode & ((1ull << fs->inode_bits) - 1)) * fs->inode_size;
	if (!inode || group >= fs->ags)
		return false;
	struct xfs_ag ag = xfs_ag_at(fs, (uint32_t)group);
	*at = ag.start + off;
	return sv_range_ok(off, fs->inode_size, (uint64_t)ag.blocks * fs->block_size);
}

bool xfs_inode_ok(const struct xfs_fs *fs, uint64_t inode, const uint8_t *raw)
{
	uint8_t version = raw[XFS_I_VERSION];
	if (get_be16(raw + XFS_I_MAGIC) != XFS_INODE_MAGIC)
		return false;
	if (!fs->v5)
		return version == 1 || version == 2;
	return version == 3 && get_be64(raw + XFS_I_NUMBER) == inode &&
	       xfs_sealed(fs, raw, fs->inode_size, XFS_I_CRC, XFS_I_UUID);
}

uint32_t xfs_inode_links(const uint8_t *raw)
{
	return raw[XFS_I_VERSION] == 1 ? get_be16(raw + XFS_I_LINKS_V1)
				       : get_be32(raw + XFS_I_LINKS);
}

int xfs_inode_load(struct xfs_fs *fs, uint64_t inode, uint8_t *raw)
{
	uint64_t at;
	if (!xfs_inode_place(fs, inode, &at))
		return FSMAP_IS_WHOLE;
	int rc = fsmap_read_hint(fs->r, raw, fs->inode_size, at, "an inode");
	if (!rc && (!xfs_inode_ok(fs, inode, raw) || !get_be16(raw + XFS_I_MODE)))
		rc = FSMAP_IS_WHOLE;
	return rc;
}

static bool many_extents(const uint8_t *raw)
{
	return raw[XFS_I_VERSION] == 3 && get_be64(raw + XFS_I_FLAGS2) & XFS_FLAG2_NREXT64;
}

bool xfs_fork_find(const struct xfs_fs *fs, const uint8_t *raw, enum xfs_fork which,
		   struct xfs_fork_place *fork, bool *damaged)
{
	size_t head = raw[XFS_I_VERSION] == 3 ? XFS_I_HEAD_V3 : XFS_I_HEAD;
	size_t room = fs->inode_size - head, off = (size_t)raw[XFS_I_FORK_OFF] * 8;
	bool many = many_extents(raw);
	if (off >= room) {
		*damaged = true;
		return false;
	}
	if (which == XFS_FORK_CONTENT) {
		*fork = (struct xfs_fork_place){
			.p = raw + head,
			.len = off ? off : room,
			.format = raw[XFS_I_FORMAT],
			.extents = many ? get_be64(raw + XFS_I_BIG_EXTENTS)
					: get_be32(raw + XFS_I_EXTENTS),
		};
		return true;
	}
	*fork = (struct xfs_fork_place){
		.p = raw + head + off,
		.len = room - off,
		.format = raw[XFS_I_ATTR_FORMAT],
		.extents =
			many ? get_be32(raw + XFS_I_EXTENTS) : get_be16(raw + XFS_I_ATTR_EXTENTS),
	};
	return off > 0;
}
