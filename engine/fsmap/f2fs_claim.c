/* f2fs_claim.c - F2FS: whose is a block that was lost, by the node that is said to have it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

static bool is_quota(const struct f2fs *f, uint32_t inode)
{
	for (size_t i = 0; i < F2FS_QUOTAS; i++)
		if (f->quotas[i] && f->quotas[i] == inode)
			return true;
	return false;
}

/* ---- blocks of content ---- */

/* Address number `slot` of a node; 0: it has no such. */
static uint32_t address(const struct f2fs_node *node, const struct f2fs_shape *shape, uint32_t slot)
{
	if (!f2fs_is_inode(node))
		return f2fs_is_direct(node->place) && slot < shape->per
			       ? get_le32(node->raw + 4 * (size_t)slot)
			       : 0;
	if (slot >= shape->n || node->raw[F2FS_I_INLINE] & (F2FS_INLINE_DATA | F2FS_INLINE_ENTRIES))
		return 0;
	return get_le32(node->raw + F2FS_ADDRESSES + 4 * (size_t)(shape->first + slot));
}

/* With one block of a compressed cluster all of it is lost; it is listed once. */
static int lose_cluster(struct f2fs_finder *f, const struct f2fs_shape *shape, uint64_t index,
			uint64_t at)
{
	uint64_t start = f2fs_offset(index - index % shape->cluster);
	uint64_t len = f2fs_offset(shape->cluster);
	struct owners_file file = {.id = f->inode.id, .kind = FILES_CONTENT};
	len = start < shape->size ? SV_MIN(len, shape->size - start) : 0;
	if (f->cluster_inode == file.id && f->cluster == start)
		start += len, len = 0;
	f->cluster_inode = file.id;
	f->cluster = f2fs_offset(index - index % shape->cluster);
	return owners_lose(f->o, &file, at, F2FS_BLOCK, start, len);
}

/* `slot` of f->node is block `index` of the file f->inode. */
static int lose_block(struct f2fs_finder *f, const struct f2fs_shape *shape, uint32_t slot,
		      uint64_t index, uint64_t at)
{
	bool folder = f2fs_type(&f->inode) == F2FS_MODE_DIR;
	struct owners_file file = {.id = f->inode.id,
				   .kind = folder ? FILES_ENTRIES : FILES_CONTENT};
	uint64_t start = f2fs_offset(index);
	if (is_quota(&f->f, f->inode.id))
		return owners_metadata(f->o, at, F2FS_BLOCK, "quotas");
	if (f->inode.raw[F2FS_I_ADVISE] & F2FS_ADVISE_VERITY && start >= shape->size) {
		file.kind = FILES_ATTRS; /* what the content is checked by */
		return owners_lose(f->o, &file, at, F2FS_BLOCK, 0, 0);
	}
	/* clusters begin where nodes do */
	if (shape->cluster > 1 &&
	    address(&f->node, shape, slot - slot % shape->cluster) == F2FS_COMPRESSED)
		return lose_cluster(f, shape, index, at);
	return owners_run(f->o, &file, at, F2FS_BLOCK, start, shape->size);
}

/* Other kinds of files have no blocks. */
static bool has_blocks(const struct f2fs_node *inode)
{
	uint16_t type = f2fs_type(inode);
	return type == F2FS_MODE_FILE || type == F2FS_MODE_DIR || type == F2FS_MODE_LINK;
}

/* f->node has the block. */
static int claim_for_inode(struct f2fs_finder *f, uint32_t slot, uint64_t block,
			   enum f2fs_verdict *verdict)
{
	struct f2fs_shape shape;
	bool below = true;
	int rc = f2fs_inode_load(f, f->node.inode, &f->inode);
	if (rc)
		return SV_MIN(rc, 0);
	*verdict = F2FS_REFUSED;
	if (!f2fs_inode_shape(&f->f, f->inode.raw, &shape) || !has_blocks(&f->inode) ||
	    address(&f->node, &shape, slot) != block)
		return 0;
	if (!f2fs_is_inode(&f->node))
		rc = f2fs_is_below(f, &f->inode, &f->node, &below);
	if (rc || !below)
		return rc;
	*verdict = F2FS_CLAIMED;
	return lose_block(f, &shape, slot, f2fs_first_block(f->node.place, &shape) + slot,
			  f2fs_offset(block));
}

int f2fs_claim_block(struct f2fs_finder *f, uint32_t id, uint32_t slot, uint64_t block,
		     enum f2fs_verdict *verdict)
{
	struct f2fs_entry entry;
	int rc = f2fs_nat_find(f, id, &entry);
	*verdict = F2FS_HIDDEN;
	if (rc)
		return SV_MIN(rc, 0);
	if (!entry.block) {
		*verdict = F2FS_REFUSED;
		return 0;
	}
	rc = f2fs_node_load(f, id, &f->node);
	return rc ? SV_MIN(rc, 0) : claim_for_inode(f, slot, block, verdict);
}

/* ---- nodes ---- */

struct search {
	uint32_t id;
	bool found;
	uint32_t place;
};

static int compare_node(void *arg, uint32_t id, uint32_t place)
{
	struct search *s = arg;
	s->found = id == s->id;
	s->place = place;
	return s->found;
}

/* f->inode leads to this node, which is lost? */
static int claim_for_list(struct f2fs_finder *f, uint32_t id, uint64_t at,
			  enum f2fs_verdict *verdict)
{
	struct owners_file file = {.id = f->inode.id, .kind = FILES_ATTRS};
	struct f2fs_shape shape;
	struct search s = {.id = id};
	const struct f2fs_tree_visit visit = {.arg = &s, .node = compare_node};
	bool attrs = get_le32(f->inode.raw + F2FS_I_XATTR) == id;
	int rc = attrs ? 0 : f2fs_tree_walk(f, &f->inode, &visit);
	if (rc || !(attrs || s.found) || !f2fs_inode_shape(&f->f, f->inode.raw, &shape))
		return rc;
	*verdict = F2FS_CLAIMED;
	if (is_quota(&f->f, f->inode.id))
		return owners_metadata(f->o, at, F2FS_BLOCK, "quotas");
	if (attrs)
		return owners_lose(f->o, &file, at, F2FS_BLOCK, 0, 0);
	file.kind = FILES_MAP;
	uint64_t start = SV_MIN(f2fs_offset(f2fs_first_block(s.place, &shape)), shape.size);
	uint64_t len = f2fs_offset(f2fs_blocks_below(s.place, &shape));
	return owners_lose(f->o, &file, at, F2FS_BLOCK, start, SV_MIN(len, shape.size - start));
}

int f2fs_claim_node(struct f2fs_finder *f, uint32_t id, uint64_t block, enum f2fs_verdict *verdict)
{
	struct f2fs_entry entry;
	int rc = f2fs_nat_find(f, id, &entry);
	struct owners_file file = {.id = id, .kind = FILES_RECORD};
	*verdict = rc ? F2FS_HIDDEN : F2FS_REFUSED;
	if (rc || entry.block != block)
		return SV_MIN(rc, 0);
	*verdict = F2FS_HIDDEN;
	if (entry.inode != id) {
		rc = f2fs_inode_load(f, entry.inode, &f->inode);
		return rc ? SV_MIN(rc, 0) : claim_for_list(f, id, f2fs_offset(block), verdict);
	}
	*verdict = F2FS_CLAIMED;
	if (is_quota(&f->f, id))
		return owners_metadata(f->o, f2fs_offset(block), F2FS_BLOCK, "quotas");
	return owners_lose(f->o, &file, f2fs_offset(block), F2FS_BLOCK, 0, 0);
}
