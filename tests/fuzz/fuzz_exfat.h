/* fuzz_exfat.h - hostile exFAT volumes whose checksums are put right as they are read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_EXFAT_H
#define TESTS_FUZZ_EXFAT_H

#include "tests/fuzz/fuzz_fsmap.h"

#define EXFAT_SEAL    0x80 /* in the third byte of the input */
#define EXFAT_SHIFT   108  /* of the sector size, in the boot sector */
#define EXFAT_CHECKED 11   /* sectors, before that of their checksum */
#define EXFAT_ENTRY   32
#define EXFAT_LEFT(i) ((i) == 106 || (i) == 107 || (i) == 112)

/* The boot region's. */
static inline void fuzz_exfat_seal_boot(uint8_t *region, size_t len)
{
	size_t end = len / (EXFAT_CHECKED + 1) * EXFAT_CHECKED;
	uint32_t sum = 0;
	for (size_t i = 0; i < end; i++)
		if (!EXFAT_LEFT(i))
			sum = (sum << 31 | sum >> 1) + region[i];
	for (size_t i = end; i < len; i += 4)
		put_le32(region + i, sum);
}

/* Those of all sets of files that lie in the buffer as a whole. */
static inline void fuzz_exfat_seal_sets(uint8_t *buf, size_t len)
{
	for (size_t at = 0; at + EXFAT_ENTRY <= len; at += EXFAT_ENTRY) {
		size_t n = (1 + (size_t)buf[at + 1]) * EXFAT_ENTRY;
		uint16_t sum = 0;
		if (buf[at] != 0x85 || n > len - at)
			continue;
		for (size_t i = 0; i < n; i++)
			if (i != 2 && i != 3)
				sum = (uint16_t)((uint16_t)(sum << 15 | sum >> 1) + buf[at + i]);
		put_le16(buf + at + 2, sum);
		at += n - EXFAT_ENTRY;
	}
}

static inline int fuzz_exfat_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
				   struct sv_err *err)
{
	uint8_t *region = buf;
	int ret = fuzz_pread(dev, buf, len, off, err);
	if (len >= 12ul * 512 && !memcmp(region + 3, "EXFAT   ", 8) &&
	    len == (EXFAT_CHECKED + 1) * (1ull << region[EXFAT_SHIFT] % 16))
		fuzz_exfat_seal_boot(region, len);
	else if (off)
		fuzz_exfat_seal_sets(region, len);
	return ret;
}

static const struct blk_ops fuzz_exfat_ops = {
	.name = "sealed", .pread = fuzz_exfat_pread, .close = fuzz_close};

#endif
