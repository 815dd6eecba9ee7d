/* fuzz_apfs.c - hostile APFS containers */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#define SEAL	  0x80 /* in the third byte of the input */
#define LAST_TYPE 0x20

static void seal(uint8_t *object, size_t len)
{
	const uint64_t m = 0xffffffff;
	uint64_t one = 0, two = 0, low;
	for (size_t i = 8; i + 4 <= len; i += 4) {
		one = (one + get_le32(object + i)) % m;
		two = (two + one) % m;
	}
	low = m - (one + two) % m;
	put_le64(object, (m - (one + low) % m) << 32 | low);
}

/* Checksums of what looks like an object are put right, or no change would get past them. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	uint8_t *object = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len >= 4096 && get_le16(object + 24) > 0 && get_le16(object + 24) <= LAST_TYPE)
		seal(object, len);
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & SEAL;
	return fuzz_map(sealed ? &sealed_ops : &fuzz_ops, &fsmap_apfs_ops, "apfs", data, size);
}
