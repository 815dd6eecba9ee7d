/* fuzz_f2fs.h - hostile F2FS volumes whose checksums are put right as they are read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_F2FS_H
#define TESTS_FUZZ_F2FS_H

#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define F2FS_SEAL 0x80 /* in the third byte of the input */

enum {
	FUZZ_F2FS_BLOCK = 4096,
	FUZZ_F2FS_CHECKSUM_AT = 164, /* of a checkpoint's block */
	FUZZ_F2FS_LAST = FUZZ_F2FS_BLOCK - 4,
	FUZZ_F2FS_UUID = 1024 + 108,
	FUZZ_F2FS_INODE = 4076, /* of a node, behind its own number */
	FUZZ_F2FS_GENERATION = 68,
	FUZZ_F2FS_INODE_SUM = 368,
};

static inline void fuzz_f2fs_seal_inode(struct blk_dev *dev, uint8_t *raw)
{
	uint8_t uuid[16];
	fuzz_pread(dev, uuid, sizeof(uuid), FUZZ_F2FS_UUID, NULL);
	uint32_t crc = sv_crc32_raw(~0u, uuid, sizeof(uuid));
	crc = sv_crc32_raw(crc, raw + FUZZ_F2FS_INODE, 4);
	crc = sv_crc32_raw(crc, raw + FUZZ_F2FS_GENERATION, 4);
	put_le32(raw + FUZZ_F2FS_INODE_SUM, 0);
	put_le32(raw + FUZZ_F2FS_INODE_SUM, sv_crc32_raw(crc, raw, FUZZ_F2FS_BLOCK));
}

/* A checkpoint's checksum and an inode's are put right, or no change to them would get past. */
static inline int fuzz_f2fs_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
				  struct sv_err *err)
{
	uint8_t *block = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len != FUZZ_F2FS_BLOCK)
		return ret;
	if (get_le32(block + FUZZ_F2FS_CHECKSUM_AT) == FUZZ_F2FS_LAST)
		put_le32(block + FUZZ_F2FS_LAST, sv_crc32_raw(0xf2f52010u, block, FUZZ_F2FS_LAST));
	else if (get_le32(block + FUZZ_F2FS_INODE) &&
		 get_le32(block + FUZZ_F2FS_INODE) == get_le32(block + FUZZ_F2FS_INODE - 4) &&
		 block[3] & 0x20)
		fuzz_f2fs_seal_inode(dev, block);
	return ret;
}

static const struct blk_ops fuzz_f2fs_ops = {
	.name = "sealed", .pread = fuzz_f2fs_pread, .close = fuzz_close};

#endif
