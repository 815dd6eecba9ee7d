/* fuzz_f2fs.c - hostile F2FS volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define SEAL	      0x80 /* in the third byte of the input */
#define BLOCK	      4096
#define MAGIC	      0xf2f52010u
#define CHECKSUM_AT   164 /* of a checkpoint's block */
#define CHECKSUM_LAST (BLOCK - 4)

/* A checkpoint's checksum is put right, or no change to it would get past it. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	uint8_t *block = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len == BLOCK && get_le32(block + CHECKSUM_AT) == CHECKSUM_LAST)
		put_le32(block + CHECKSUM_LAST, sv_crc32_raw(MAGIC, block, CHECKSUM_LAST));
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & SEAL;
	return fuzz_map(sealed ? &sealed_ops : &fuzz_ops, &fsmap_f2fs_ops, "f2fs", data, size);
}
