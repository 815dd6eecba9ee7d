/* f2fs_roll.c - F2FS: nodes that were synced after the checkpoint, and what they point to */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs.h"

#include "engine/util/bytes.h"

/* Kernel f2fs_fs.h, struct f2fs_node: an inode or the addresses of blocks, then a footer. */
enum {
	INODE_ADDRESSES = 360, /* behind what only an inode has */
	NODE_ID = 4072,
	NODE_INODE = 4076,
	NODE_VERSION = 4084,
	NODE_NEXT = 4092,
};

/* 4 GiB of them. */
#define MAX_NODES (1u << 20)

/* Every number that may be an address is taken for one: what is too much does no harm. */
static int mark_addresses(struct f2fs *f, const uint8_t *node)
{
	int ret = 0;
	size_t from = get_le32(node + NODE_ID) == get_le32(node + NODE_INODE) ? INODE_ADDRESSES : 0;
	for (size_t at = from; !ret && at < NODE_ID; at += 4) {
		uint64_t block = get_le32(node + at);
		if (f2fs_in_main(f, block))
			ret = fsmap_mark_used(f->r, f2fs_offset(block), F2FS_BLOCK);
	}
	return ret;
}

/* recovery.c, find_fsync_dnodes(): each node names the next one, until one is not of this
 * checkpoint. */
int f2fs_roll_forward(struct f2fs *f)
{
	uint8_t node[F2FS_BLOCK];
	uint64_t block = f2fs_cp_next_node(f), before = 0;
	int ret = 0;
	for (uint32_t n = 1; !ret && f2fs_in_main(f, block); n++) {
		if (n == MAX_NODES || block == before)
			return fsmap_whole(f->r, "the nodes behind its checkpoint do not end");
		if (sv_is_pow2(n)) /* a loop of any length comes back to one of these */
			before = block;
		ret = fsmap_read_hint(f->r, node, sizeof(node), f2fs_offset(block), "a node");
		if (ret || ((get_le64(node + NODE_VERSION) ^ f->version) & f->version_mask))
			break;
		ret = fsmap_mark_used(f->r, f2fs_offset(block), F2FS_BLOCK);
		if (!ret)
			ret = mark_addresses(f, node);
		block = get_le32(node + NODE_NEXT);
	}
	return ret;
}
