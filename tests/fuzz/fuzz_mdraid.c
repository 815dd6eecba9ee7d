/* fuzz_mdraid.c - hostile disks of Linux software RAIDs, and what is in them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"
#include "tests/fuzz/fuzz_owners.h"

#define SEAL 0x80 /* in the third byte of the input */

#define SUPER 4096u
#define MAGIC 0xa92b4efcu

static void seal_1(uint8_t *b)
{
	size_t len = 256 + (size_t)2 * SV_MIN(get_le32(b + 220), (SUPER - 256) / 2);
	uint64_t sum = len % 4 ? get_le16(b + len - 2) : 0;
	put_le32(b + 216, 0);
	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += get_le32(b + i);
	put_le32(b + 216, (uint32_t)((sum & 0xffffffff) + (sum >> 32)));
}

static void seal_0(uint8_t *b, bool big)
{
	uint64_t sum = 0;
	put_le32(b + 152, 0);
	for (size_t i = 0; i < SUPER; i += 4)
		sum += big ? get_be32(b + i) : get_le32(b + i);
	sum = (sum & 0xffffffff) + (sum >> 32);
	put_le32(b + 152, big ? __builtin_bswap32((uint32_t)sum) : (uint32_t)sum);
}

/* Checksums are put right, or no change would get past them. */
static int sealed_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	int ret = fuzz_pread(dev, buf, len, off, err);
	uint8_t *b = buf;
	if (len != SUPER)
		return ret;
	if (get_be32(b) == MAGIC)
		seal_0(b, true);
	else if (get_le32(b) == MAGIC && get_le32(b + 4) == 0)
		seal_0(b, false);
	else if (get_le32(b) == MAGIC)
		seal_1(b);
	return ret;
}

static const struct blk_ops sealed_ops = {
	.name = "sealed", .pread = sealed_pread, .close = fuzz_close};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & SEAL;
	const struct blk_ops *io = sealed ? &sealed_ops : &fuzz_ops;
	if (fuzz_map(io, &fsmap_mdraid_ops, "linux_raid_member", data, size))
		return -1;
	struct fuzz_volume vol = fuzz_volume(data, size);
	vol.dev.ops = io;
	fuzz_search_inside(&vol.dev, &fsmap_mdraid_ops, &(struct fsmap_how){0});
	return 0;
}
