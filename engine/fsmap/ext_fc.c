/* ext_fc.c - ext4: what fast commits name, of a filesystem that was not shut down */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/*
 * Kernel fs/ext4/fast_commit.h: blocks of {le16 tag, le16 length, value}, none reaching over the
 * end of a block, the rest of a block after PAD or TAIL meaningless.
 */
enum {
	FC_ADD_RANGE = 1,
	FC_DEL_RANGE = 2,
	FC_CREAT = 3,
	FC_LINK = 4,
	FC_UNLINK = 5,
	FC_INODE = 6,
	FC_PAD = 7,
	FC_TAIL = 8,
	FC_HEAD = 9,

	TL_LEN = 4,
	I_FLAGS = 0x20, /* in an inode: kernel struct ext4_inode */
	I_BLOCK = 0x28,
	I_BLOCK_LEN = 60,
	FLAG_EXTENTS = 0x80000,
	EH_MAGIC = 0xf30a,
	EH_LEN = 12, /* of an extent node's header and of each entry */
	MAX_INIT_LEN = 0x8000,
};

static int mark(struct ext_fs *fs, uint64_t first, uint64_t count)
{
	if (first >= fs->blocks || count > fs->blocks - first)
		return fsmap_whole(fs->r, "its fast commits lead outside the filesystem");
	return count ? ext_mark_used(fs, first, count) : 0;
}

/* struct ext4_extent */
static int mark_extent(struct ext_fs *fs, const uint8_t *entry)
{
	uint32_t len = get_le16(entry + 4);
	if (len > MAX_INIT_LEN)
		len -= MAX_INIT_LEN;
	return mark(fs, get_le32(entry + 8) | (uint64_t)get_le16(entry + 6) << 32, len);
}

/* What the root of an inode's extent tree names: extents, or nodes below it. */
static int mark_inode(struct ext_fs *fs, const uint8_t *inode, size_t len)
{
	const uint8_t *root = inode + I_BLOCK;
	if (len < I_BLOCK + I_BLOCK_LEN || !(get_le32(inode + I_FLAGS) & FLAG_EXTENTS) ||
	    get_le16(root) != EH_MAGIC)
		return 0;
	uint32_t entries = SV_MIN(get_le16(root + 2), I_BLOCK_LEN / EH_LEN - 1);
	bool leaf = get_le16(root + 6) == 0;
	int ret = 0;
	for (uint32_t i = 1; !ret && i <= entries; i++) {
		const uint8_t *entry = root + (size_t)i * EH_LEN;
		ret = leaf ? mark_extent(fs, entry)
			   : mark(fs, get_le32(entry + 4) | (uint64_t)get_le16(entry + 8) << 32, 1);
	}
	return ret;
}

static int damaged(struct ext_fs *fs)
{
	return fsmap_whole(fs->r, "its fast commits cannot be understood");
}

static int take(struct ext_fs *fs, uint16_t tag, const uint8_t *value, size_t len)
{
	switch (tag) {
	case FC_ADD_RANGE:
		return len == 4 + EH_LEN ? mark_extent(fs, value + 4) : damaged(fs);
	case FC_INODE:
		return len > 4 ? mark_inode(fs, value + 4, len - 4) : damaged(fs);
	case FC_HEAD: /* {le32 features, le32 tid}; no feature is known */
		return len == 8 && get_le32(value) == 0 ? 0 : damaged(fs);
	case FC_DEL_RANGE:
	case FC_CREAT:
	case FC_LINK:
	case FC_UNLINK:
		return 0;
	default:
		return damaged(fs);
	}
}

static int scan_block(struct ext_fs *fs, const uint8_t *block)
{
	int ret = 0;
	for (size_t at = 0; !ret && at + TL_LEN <= fs->block_size;) {
		uint16_t tag = get_le16(block + at);
		size_t len = get_le16(block + at + 2);
		if (tag == FC_PAD || tag == FC_TAIL)
			return 0;
		if (tag == 0 && sv_is_zero(block + at, fs->block_size - at))
			return 0;
		at += TL_LEN;
		if (len > fs->block_size - at)
			return damaged(fs);
		ret = take(fs, tag, block + at, len);
		at += len;
	}
	return ret;
}

/* Every block, of whichever commit: old ones only make the map larger. */
int ext_fc_scan(struct ext_fs *fs)
{
	uint8_t *block = malloc(fs->block_size);
	if (!block)
		return SV_E_NOMEM;
	int ret = 0;
	for (uint32_t i = fs->log.last; !ret && i < fs->log.max; i++) {
		ret = ext_journal_read(fs, i, 1, block);
		if (!ret)
			ret = scan_block(fs, block);
	}
	free(block);
	return ret;
}
