/* fuzz_ext.c - hostile ext2/3/4 volumes, clean and not */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define SUPER	   1024 /* offset and length */
#define SEAL	   0x80 /* in the third byte of the input */
#define RO_COMPAT  0x64
#define RO_CSUM	   0x400
#define SUPER_CSUM 0x3fc

/* The superblock's checksum is put right, or no change to it would get past the first check. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	uint8_t *sb = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (off == SUPER && len == SUPER && get_le32(sb + RO_COMPAT) & RO_CSUM)
		put_le32(sb + SUPER_CSUM, sv_crc32c(~0u, sb, SUPER_CSUM));
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool seal = size > 2 && data[2] & SEAL;
	return fuzz_map(seal ? &sealed_ops : &fuzz_ops, &fsmap_ext_ops, "ext4", data, size);
}
