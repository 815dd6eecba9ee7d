/* f2fs_node.c - F2FS: one node: is it the one that is meant, and how does an inode lay out its
 * file? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>

enum {
	EXTRA_MAX = 36,	   /* bytes that newer kernels put before the addresses */
	HAS_CHECKSUM = 12, /* of them, where there is one */
	HAS_CLUSTER = 34,
	INLINE_XATTR = 50, /* addresses, where the inode does not say it */
	CLUSTER_MIN = 2,   /* log2 */
	CLUSTER_MAX = 8,
	PLACE_SHIFT = 3,
};

bool f2fs_is_inode(const struct f2fs_node *node)
{
	return node->id == node->inode;
}

uint16_t f2fs_type(const struct f2fs_node *inode)
{
	return get_le16(inode->raw + F2FS_I_MODE) & F2FS_MODE_TYPE;
}

static uint32_t extra_size(const uint8_t *raw)
{
	return raw[F2FS_I_INLINE] & F2FS_INLINE_EXTRA ? get_le16(raw + F2FS_I_EXTRA_SIZE) : 0;
}

/* Kernel f2fs.h, get_inline_xattr_addrs() and inode.c, do_read_inode(). */
static uint32_t inline_xattr(const struct f2fs *f, const uint8_t *raw)
{
	if (f->features & F2FS_FEATURE_XATTR_SIZES)
		return extra_size(raw) ? get_le16(raw + F2FS_I_XATTR_SIZE) : 0;
	return raw[F2FS_I_INLINE] & (F2FS_INLINE_XATTR | F2FS_INLINE_ENTRIES) ? INLINE_XATTR : 0;
}

static bool is_compressed(const uint8_t *raw)
{
	return get_le32(raw + F2FS_I_FLAGS) & F2FS_FLAG_COMPRESSED &&
	       (get_le16(raw + F2FS_I_MODE) & F2FS_MODE_TYPE) == F2FS_MODE_FILE;
}

/* Kernel f2fs.h, ADDRS_PER_INODE() and ADDRS_PER_BLOCK(): a cluster is never in two nodes. */
bool f2fs_inode_shape(const struct f2fs *f, const uint8_t *raw, struct f2fs_shape *shape)
{
	uint32_t extra = extra_size(raw), xattr = inline_xattr(f, raw);
	uint8_t shift = raw[F2FS_I_CLUSTER];
	if (extra > EXTRA_MAX || extra % 4 || extra / 4 + xattr + 1 >= F2FS_ADDRESSES_MAX)
		return false;
	*shape = (struct f2fs_shape){.first = extra / 4,
				     .n = F2FS_ADDRESSES_MAX - extra / 4 - xattr,
				     .per = F2FS_PER_NODE,
				     .cluster = 1,
				     .size = get_le64(raw + F2FS_I_SIZE)};
	shape->inlined = 4 * (shape->n - 1); /* the first address stays unused */
	if (!is_compressed(raw))
		return true;
	if (extra < HAS_CLUSTER || shift < CLUSTER_MIN || shift > CLUSTER_MAX)
		return false;
	shape->cluster = 1u << shift;
	shape->n -= shape->n % shape->cluster;
	shape->per -= shape->per % shape->cluster;
	return true;
}

/* Kernel inode.c, f2fs_inode_chksum(). */
static bool checksum_ok(const struct f2fs *f, const uint8_t *raw)
{
	static const uint8_t zeros[4];
	if (!(f->features & F2FS_FEATURE_INODE_CHECKSUM) || extra_size(raw) < HAS_CHECKSUM)
		return true;
	uint32_t crc = sv_crc32_raw(f->seed, raw + F2FS_NODE_INODE, 4);
	crc = sv_crc32_raw(crc, raw + F2FS_I_GENERATION, 4);
	crc = sv_crc32_raw(crc, raw, F2FS_I_CHECKSUM);
	crc = sv_crc32_raw(crc, zeros, sizeof(zeros));
	crc = sv_crc32_raw(crc, raw + F2FS_I_CHECKSUM + 4, F2FS_BLOCK - F2FS_I_CHECKSUM - 4);
	return crc == get_le32(raw + F2FS_I_CHECKSUM);
}

static bool is_sane(const struct f2fs *f, const struct f2fs_node *node, uint32_t inode)
{
	struct f2fs_shape shape;
	if (get_le32(node->raw + F2FS_NODE_ID) != node->id || node->inode != inode)
		return false;
	if (!f2fs_is_inode(node))
		return node->place != 0;
	return node->place == 0 && f2fs_inode_shape(f, node->raw, &shape) &&
	       checksum_ok(f, node->raw);
}

int f2fs_node_read(struct f2fs_finder *f, uint32_t id, const struct f2fs_entry *entry,
		   struct f2fs_node *node)
{
	node->ok = false;
	node->id = id;
	if (f2fs_in_main(&f->f, entry->block)) {
		int rc = fsmap_read_hint(f->f.r, node->raw, F2FS_BLOCK, f2fs_offset(entry->block),
					 "a node");
		if (rc) /* that it is lost is said where it stands */
			return rc;
		node->inode = get_le32(node->raw + F2FS_NODE_INODE);
		node->place = get_le32(node->raw + F2FS_NODE_FLAGS) >> PLACE_SHIFT;
		node->ok = is_sane(&f->f, node, entry->inode);
	}
	if (!node->ok)
		owners_caution(f->o, "node %" PRIu32 " is damaged: what it owns is not known", id);
	return node->ok ? 0 : FSMAP_IS_WHOLE;
}

int f2fs_node_load(struct f2fs_finder *f, uint32_t id, struct f2fs_node *node)
{
	struct f2fs_entry entry;
	if (node->ok && node->id == id)
		return 0;
	int rc = f2fs_nat_find(f, id, &entry);
	if (!rc && !entry.block)
		rc = FSMAP_IS_WHOLE;
	return rc ? rc : f2fs_node_read(f, id, &entry, node);
}

int f2fs_inode_load(struct f2fs_finder *f, uint32_t id, struct f2fs_node *node)
{
	int rc = f2fs_node_load(f, id, node);
	if (!rc && (!f2fs_is_inode(node) || !get_le32(node->raw + F2FS_I_LINKS)))
		rc = FSMAP_IS_WHOLE;
	return rc;
}
