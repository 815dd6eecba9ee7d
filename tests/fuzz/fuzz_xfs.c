/* fuzz_xfs.c - hostile XFS volumes, clean and not */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

#include "engine/util/crc.h"

#define SEAL 0x80 /* in the third byte of the input */

static void seal(uint8_t *buf, size_t len, size_t at)
{
	memset(buf + at, 0, 4);
	put_le32(buf + at, ~sv_crc32c(~0u, buf, len));
}

/* Where the checksum of what begins with this number stands; 0 when it has none. */
static size_t crc_place(uint32_t magic)
{
	switch (magic) {
	case 0x58465342: /* XFSB */
		return 224;
	case 0x58414746: /* XAGF */
		return 216;
	case 0x5841464c: /* XAFL */
		return 32;
	case 0x41423342: /* AB3B */
	case 0x41423343: /* AB3C */
		return 52;
	default:
		return 0;
	}
}

/* A whole record of the log, as it is read at once: its header as 64 bit kernels count it, further
 * headers, data. */
static void seal_record(uint8_t *buf, size_t len)
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

/* Checksums are put right, or no change would get past them. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	size_t at = len >= 512 ? crc_place(get_be32(buf)) : 0;
	if (at)
		seal(buf, len, at);
	if (len > 512)
		seal_record(buf, len);
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & SEAL;
	return fuzz_map(sealed ? &sealed_ops : &fuzz_ops, &fsmap_xfs_ops, "xfs", data, size);
}
