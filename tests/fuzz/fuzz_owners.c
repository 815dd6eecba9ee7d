/* fuzz_owners.c - hostile volumes of which parts are lost: whose were they? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_btrfs.h"
#include "tests/fuzz/fuzz_exfat.h"
#include "tests/fuzz/fuzz_xfs.h"

#include "engine/fsmap/files.h"

/*
 * Input: a byte that chooses the filesystem (low bits) and how many pieces are lost (high bits), so
 * many pieces of le16 place and a byte of length, both in units of 512 bytes, then a volume as
 * fuzz_fsmap.h has it.
 */
#define PIECE 3

static void add_lost(struct sv_extents *lost, const uint8_t *p, uint64_t size)
{
	uint64_t start = get_le16(p) * 512ULL, len = (p[2] + 1) * 512ULL;
	if (start < size)
		must(!sv_extents_add(lost, start, SV_MIN(len, size - start)));
}

/* What files.h promises for any content. */
static void check_files(const struct fsmap_files *f, const struct sv_extents *lost)
{
	uint64_t end = 0, areas = 0;
	for (size_t i = 0; i < f->n_areas; i++) {
		must(f->areas[i].len && f->areas[i].start >= end);
		end = f->areas[i].start + f->areas[i].len;
		areas += f->areas[i].len;
	}
	must(areas == f->metadata + f->free + f->unknown);
	must(areas + f->in_files == sv_extents_total(lost));
	size_t losses = 0;
	for (size_t i = 0; i < f->n_files; i++) {
		must(f->files[i].n > 0 &&
		     sv_range_ok(f->files[i].first, f->files[i].n, f->n_losses));
		losses += f->files[i].n;
	}
	must(losses == f->n_losses);
	for (size_t i = 0; i < f->n_losses; i++)
		must(sv_extents_contain(lost, f->losses[i].at, f->losses[i].at_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fsmap_ops *const ops[] = {&fsmap_ext_ops, &fsmap_ntfs_ops,
						      &fsmap_fat_ops, &fsmap_exfat_ops,
						      &fsmap_xfs_ops, &fsmap_btrfs_ops};
	struct sv_extents lost = {0};
	struct fsmap_files *files = NULL;
	size_t n = size ? data[0] >> 4 : 0, head = 1 + n * PIECE;
	if (size < head + 3)
		return -1;
	const struct fsmap_ops *which = ops[(data[0] & 15) % SV_ARRAY(ops)];
	struct fuzz_volume vol = fuzz_volume(data + head, size - head);
	if (which == &fsmap_exfat_ops && data[head + 2] & EXFAT_SEAL)
		vol.dev.ops = &fuzz_exfat_ops;
	if (which == &fsmap_xfs_ops && data[head + 2] & XFS_SEAL)
		vol.dev.ops = &fuzz_xfs_ops;
	if (which == &fsmap_btrfs_ops && data[head + 2] & BTRFS_SEAL)
		vol.dev.ops = &fuzz_btrfs_ops;
	for (size_t i = 0; i < n; i++)
		add_lost(&lost, data + 1 + i * PIECE, vol.dev.size);
	sv_extents_normalise(&lost);
	if (lost.n) {
		must(!fsmap_files_read_as(&vol.dev, which, which->types[0], &lost, &files));
		check_files(files, &lost);
	}
	fsmap_files_destroy(files);
	sv_extents_clear(&lost);
	return 0;
}
