/* fuzz_hfsplus.c - hostile HFS+ volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#define SEAL 0x80 /* in the third byte of the input */
#define LIST 4096 /* bytes of the head of a list of blocks, in the seeds */

/* The sum that a little-endian machine puts over what is in its journal. */
static void seal(uint8_t *p, size_t len, size_t at)
{
	uint32_t sum = 0;
	put_le32(p + at, 0);
	for (size_t i = 0; i < len; i++)
		sum = sum << 8 ^ (sum + p[i]);
	put_le32(p + at, ~sum);
}

/* Checksums are put right, or no change to the journal would get past them. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len == 512 && get_le32(buf) == 0x4a4e4c78)
		seal(buf, 44, 36);
	if (len == LIST)
		seal(buf, 32, 8);
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & SEAL;
	return fuzz_map(sealed ? &sealed_ops : &fuzz_ops, &fsmap_hfsplus_ops, "hfsplus", data,
			size);
}
