/* xfs_rmap.c - XFS: what the tree of owners says of lost bytes that nothing else tells of */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

/* Kernel xfs_format.h, struct xfs_rmap_rec. */
enum {
	REC_START = 0,
	REC_BLOCKS = 4,
	REC_OWNER = 8,
	REC_OFFSET = 16,
	REC_LEN = 24,
};
#define NO_FILE	    (1ull << 63) /* in the owner */
#define OF_ATTRS    (1ull << 63) /* in the offset */
#define OF_LIST	    (1ull << 62)
#define UNWRITTEN   (1ull << 61)
#define OFFSET_MASK ((1ull << 54) - 1)

/* Owners that are no files count down from -1; the first two are nobody. */
static const char *own_name(uint64_t owner)
{
	static const char *const names[] = {
		[3] = "the headers of a group",
		[4] = "the log",
		[5] = "a group's trees",
		[6] = "a tree of inodes",
		[7] = "inodes",
		[8] = "a tree of shared blocks",
		[9] = "room for copies of shared blocks",
	};
	uint64_t i = -owner;
	return i < SV_ARRAY(names) ? names[i] : NULL;
}

static enum files_kind kind_of(const struct xfs_finder *f, const uint8_t *rec)
{
	uint64_t offset = get_be64(rec + REC_OFFSET);
	if (offset & OF_ATTRS)
		return FILES_ATTRS;
	if (offset & OF_LIST)
		return FILES_MAP;
	return names_dirs_hold(&f->dirs, get_be64(rec + REC_OWNER)) ? FILES_ENTRIES : FILES_CONTENT;
}

/* [at, at + len), which begins `skip` bytes behind the start of the record's. How long the file is
 * may be learnt later. */
static int claim(struct xfs_finder *f, const uint8_t *rec, uint64_t at, uint64_t len, uint64_t skip)
{
	uint64_t owner = get_be64(rec + REC_OWNER), offset = get_be64(rec + REC_OFFSET);
	struct owners_file file = {.id = owner, .kind = kind_of(f, rec)};
	const char *own = owner & NO_FILE ? own_name(owner) : xfs_own_name(f->fs, owner);
	uint64_t block = offset & OFFSET_MASK;
	if (own)
		return owners_metadata(f->o, at, len, own);
	if (owner & NO_FILE || block >= (1ull << 62) / f->fs->block_size)
		return 0;
	if (file.kind == FILES_ATTRS || file.kind == FILES_MAP)
		return owners_lose(f->o, &file, at, len, 0, 0);
	return owners_run(f->o, &file, at, len, block * f->fs->block_size + skip,
			  offset & UNWRITTEN ? 0 : UINT64_MAX);
}

static int take_record(struct xfs_finder *f, const struct sv_extents *rest, const uint8_t *rec)
{
	uint32_t first = get_be32(rec + REC_START), blocks = get_be32(rec + REC_BLOCKS);
	uint64_t at = f->ag.start + (uint64_t)first * f->fs->block_size;
	uint64_t end = at + (uint64_t)blocks * f->fs->block_size;
	int rc = 0;
	if (!sv_range_ok(first, blocks, f->ag.blocks))
		return 0;
	for (size_t i = sv_extents_seek(rest, at); !rc && f->claims_left && i < rest->n; i++) {
		uint64_t start = SV_MAX(rest->v[i].start, at);
		uint64_t stop = SV_MIN(rest->v[i].start + rest->v[i].len, end);
		if (start >= stop)
			break;
		f->claims_left--;
		rc = claim(f, rec, start, stop - start, start - at);
	}
	return rc;
}

int xfs_rmap_take(struct xfs_finder *f, const struct sv_extents *rest, const uint8_t *records,
		  uint32_t n)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n; i++)
		rc = take_record(f, rest, records + (size_t)i * REC_LEN);
	if (!f->claims_left)
		owners_caution(f->o, "more losses than can be listed");
	return rc;
}
