/* fuzz_btrfs.h - hostile Btrfs volumes whose checksums are put right as they are read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_BTRFS_H
#define TESTS_FUZZ_BTRFS_H

#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define BTRFS_SEAL 0x80 /* in the third byte of the input */
#define BTRFS_CSUM 32	/* bytes at the start of every block */

/* Checksums of superblock and nodes are put right (CRC32C, whatever the type), or no change to them
 * would get past the first check. */
static inline int fuzz_btrfs_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
				   struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len >= 4096) {
		memset(buf, 0, BTRFS_CSUM);
		put_le32(buf, ~sv_crc32c(~0u, (uint8_t *)buf + BTRFS_CSUM, len - BTRFS_CSUM));
	}
	return ret;
}

static const struct blk_ops fuzz_btrfs_ops = {
	.name = "sealed", .pread = fuzz_btrfs_pread, .close = fuzz_close};

#endif
