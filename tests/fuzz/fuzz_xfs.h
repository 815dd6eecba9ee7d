/* fuzz_xfs.h - hostile XFS volumes whose checksums are put right as they are read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_XFS_H
#define TESTS_FUZZ_XFS_H

#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define XFS_SEAL 0x80 /* in the third byte of the input */

static inline void fuzz_xfs_seal(uint8_t *buf, size_t len, size_t at)
{
	memset(buf + at, 0, 4);
	put_le32(buf + at, ~sv_crc32c(~0u, buf, len));
}

/* Where the checksum of what begins with this number stands; 0 when it has none. */
static inline size_t fuzz_xfs_place(uint32_t magic)
{
	switch (magic) {
	case 0x58465342: /* XFSB */
		return 224;
	case 0x58414746: /* XAGF */
		return 216;
	case 0x5841464c: /* XAFL */
		return 32;
	case 0x58414749: /* XAGI */
		return 312;
	case 0x41423342: /* AB3B */
	case 0x41423343: /* AB3C */
	case 0x49414233: /* IAB3 */
	case 0x46494233: /* FIB3 */
	case 0x524d4233: /* RMB3 */
	case 0x52334643: /* R3FC */
		return 52;
	case 0x424d4133: /* BMA3 */
		return 64;
	case 0x58444233: /* XDB3 */
	case 0x58444433: /* XDD3 */
		return 4;
	default:
		return 0;
	}
}

/* A whole record of the log, as it is read at once: its header as 64 bit kernels count it, further
 * headers, data. */
static inline void fuzz_xfs_seal_record(uint8_t *buf, size_t len)
{
	size_t data = get_be32(buf + 12), size = get_be32(buf + 320), headers = 1;
	if (get_be32(buf) != 0xfeedbabe || size > 262144 || data > 262144)
		return;
	if (get_be32(buf + 8) != 1 && size > 32768)
		headers = (size + 32767) / 32768;
	if ((headers + (data + 511) / 512) * 512 != len)
		return;
	memset(buf + 32, 0, 4);
	uint32_t crc = sv_crc32c(~0u, buf, 328);
	for (size_t i = 1; i < headers && i * 32768 < data; i++)
		crc = sv_crc32c(crc, buf + i * 512, 260);
	put_le32(buf + 32, ~sv_crc32c(crc, buf + headers * 512, data));
}

/* Those of version 3 in the buffer, by the size that the superblock says. */
static inline void fuzz_xfs_seal_inodes(struct blk_dev *dev, uint8_t *buf, size_t len)
{
	uint8_t size[2];
	fuzz_pread(dev, size, 2, 104, NULL);
	size_t step = get_be16(size);
	for (size_t i = 0; step >= 256 && i + step <= len; i += step)
		if (get_be16(buf + i) == 0x494e && buf[i + 4] == 3)
			fuzz_xfs_seal(buf + i, step, 100);
}

/* Checksums are put right, or no change would get past them. */
static inline int fuzz_xfs_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
				 struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	size_t at = len >= 512 ? fuzz_xfs_place(get_be32(buf)) : 0;
	if (at)
		fuzz_xfs_seal(buf, len, at);
	if (len >= 256)
		fuzz_xfs_seal_inodes(dev, buf, len);
	if (len > 512)
		fuzz_xfs_seal_record(buf, len);
	return ret;
}

static const struct blk_ops fuzz_xfs_ops = {
	.name = "sealed", .pread = fuzz_xfs_pread, .close = fuzz_close};

#endif
