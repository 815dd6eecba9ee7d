/* fuzz_btrfs.c - hostile Btrfs volumes, with and without a log */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define SEAL 0x80 /* in the third byte of the input */
#define CSUM 32	  /* bytes at the start of every block */

/* Checksums of superblock and nodes are put right (CRC32C, whatever the type), or no change to them
 * would get past the first check. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len >= 4096) {
		memset(buf, 0, CSUM);
		put_le32(buf, ~sv_crc32c(~0u, (uint8_t *)buf + CSUM, len - CSUM));
	}
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool seal = size > 2 && data[2] & SEAL;
	return fuzz_map(seal ? &sealed_ops : &fuzz_ops, &fsmap_btrfs_ops, "btrfs", data, size);
}
