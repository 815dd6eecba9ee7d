/* fuzz_apfs.h - hostile APFS containers whose checksums are put right as they are read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_APFS_H
#define TESTS_FUZZ_APFS_H

#include "tests/fuzz/fuzz_fsmap.h"

#define APFS_SEAL      0x80 /* in the third byte of the input */
#define APFS_LAST_TYPE 0x20

static inline void fuzz_apfs_seal(uint8_t *object, size_t len)
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
static inline int fuzz_apfs_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
				  struct sv_err *err)
{
	uint8_t *object = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len >= 4096 && get_le16(object + 24) > 0 && get_le16(object + 24) <= APFS_LAST_TYPE)
		fuzz_apfs_seal(object, len);
	return ret;
}

static const struct blk_ops fuzz_apfs_ops = {
	.name = "sealed", .pread = fuzz_apfs_pread, .close = fuzz_close};

#endif
