/* fuzz_owners.c - hostile volumes of which parts are lost: whose were they? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_apfs.h"
#include "tests/fuzz/fuzz_btrfs.h"
#include "tests/fuzz/fuzz_exfat.h"
#include "tests/fuzz/fuzz_f2fs.h"
#include "tests/fuzz/fuzz_owners.h"
#include "tests/fuzz/fuzz_xfs.h"

/*
 * Input: a byte that chooses the filesystem (low bits) and how many pieces are lost (high bits), so
 * many pieces of le16 place and a byte of length, both in units of 512 bytes (of 4096 for APFS,
 * which is spread out), then a volume as fuzz_fsmap.h has it.
 */
#define PIECE	   3
#define CONTAINERS 13 /* from here on the byte chooses one of those */

static void add_lost(struct sv_extents *lost, const uint8_t *p, uint64_t size, uint64_t unit)
{
	uint64_t start = get_le16(p) * unit, len = (p[2] + 1) * unit;
	if (start < size)
		must(!sv_extents_add(lost, start, SV_MIN(len, size - start)));
}

static const struct fsmap_ops *choose(unsigned int n)
{
	static const struct fsmap_ops *const ops[] = {
		&fsmap_ext_ops,	  &fsmap_ntfs_ops,    &fsmap_fat_ops,
		&fsmap_exfat_ops, &fsmap_xfs_ops,     &fsmap_btrfs_ops,
		&fsmap_apfs_ops,  &fsmap_hfsplus_ops, &fsmap_f2fs_ops};
	/* not LUKS: it asks a child */
	static const struct fsmap_ops *const containers[] = {&fsmap_lvm_ops, &fsmap_mdraid_ops,
							     &fsmap_bitlk_ops};
	return n >= CONTAINERS ? containers[n - CONTAINERS] : ops[n % SV_ARRAY(ops)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv_extents lost = {0};
	size_t n = size ? data[0] >> 4 : 0, head = 1 + n * PIECE;
	if (size < head + 3)
		return -1;
	const struct fsmap_ops *which = choose(data[0] & 15);
	struct fuzz_volume vol = fuzz_volume(data + head, size - head);
	if (which == &fsmap_exfat_ops && data[head + 2] & EXFAT_SEAL)
		vol.dev.ops = &fuzz_exfat_ops;
	if (which == &fsmap_xfs_ops && data[head + 2] & XFS_SEAL)
		vol.dev.ops = &fuzz_xfs_ops;
	if (which == &fsmap_btrfs_ops && data[head + 2] & BTRFS_SEAL)
		vol.dev.ops = &fuzz_btrfs_ops;
	if (which == &fsmap_apfs_ops && data[head + 2] & APFS_SEAL)
		vol.dev.ops = &fuzz_apfs_ops;
	if (which == &fsmap_f2fs_ops && data[head + 2] & F2FS_SEAL)
		vol.dev.ops = &fuzz_f2fs_ops;
	for (size_t i = 0; i < n; i++)
		add_lost(&lost, data + 1 + i * PIECE, vol.dev.size,
			 which == &fsmap_apfs_ops ? 4096 : 512);
	sv_extents_normalise(&lost);
	fuzz_search(&vol.dev, which, &(struct fsmap_how){0}, &lost);
	sv_extents_clear(&lost);
	return 0;
}
