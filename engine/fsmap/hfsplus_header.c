/* hfsplus_header.c - HFS+: the wrapper, the volume's headers, judged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

/* TN1150, "Volume Header", and xnu's hfs_format.h for the later attributes. */
enum {
	H_SIGNATURE = 0,
	H_VERSION = 2,
	H_ATTRIBUTES = 4,
	H_LAST_MOUNTED = 8,
	H_FREE_BLOCKS = 48,
	H_CATALOG = 272,
	H_ATTRIBUTES_FILE = 352,
	H_STARTUP = 432,

	SIGNATURE_PLUS = 0x482b, /* "H+" */
	SIGNATURE_X = 0x4858,	 /* "HX" */
	VERSION_PLUS = 4,
	VERSION_X = 5,
	LAST_BY_JOURNAL = 0x4846534a, /* "HFSJ" */

	UNMOUNTED = 0x100,
	BOOT_INCONSISTENT = 0x800, /* Linux sets it while it has the volume mounted */
	JOURNALED = 0x2000,
	INCONSISTENT = 0x4000,
	LOW_KNOWN = 0xff80,  /* hardware lock .. software lock */
	HIGH_KNOWN = 0xc000, /* content protection, unused nodes are zeros */

	/* the master directory block of an HFS volume */
	M_BLOCK_SIZE = 20,
	M_FIRST_BLOCK = 28, /* in sectors of 512 bytes */
	M_EMBEDDED = 124,
	M_EMBEDDED_START = 126, /* this and the next in blocks of the HFS volume */
	M_EMBEDDED_COUNT = 128,
	SIGNATURE_HFS = 0x4244, /* "BD" */
	MIN_BLOCK = 512,
	MAX_TAIL = 65536, /* behind the last block, where the other header is looked for */
};

static bool is_header(const uint8_t *header)
{
	unsigned int signature = get_be16(header), version = get_be16(header + H_VERSION);
	return (signature == SIGNATURE_PLUS && version == VERSION_PLUS) ||
	       (signature == SIGNATURE_X && version == VERSION_X);
}

/* TN1150, "HFS Wrapper". What is around the HFS+ volume is never free. */
static int enter_wrapper(struct hfsplus *h)
{
	const uint8_t *block = h->header;
	uint64_t unit = get_be32(block + M_BLOCK_SIZE);
	h->start = get_be16(block + M_FIRST_BLOCK) * 512ull +
		   get_be16(block + M_EMBEDDED_START) * unit;
	h->size = get_be16(block + M_EMBEDDED_COUNT) * unit;
	if (get_be16(block + M_EMBEDDED) != SIGNATURE_PLUS)
		return fsmap_whole(h->r, "it is an HFS volume with nothing known inside");
	if (!sv_range_ok(h->start, h->size, fsmap_size(h->r)))
		return fsmap_whole(h->r, "it claims to be larger than the HFS volume around it");
	return 0;
}

static int take_attributes(struct hfsplus *h)
{
	uint32_t attributes = get_be32(h->header + H_ATTRIBUTES);
	uint32_t unknown = attributes & ~((uint32_t)HIGH_KNOWN << 16 | LOW_KNOWN);
	h->unmounted = attributes & UNMOUNTED;
	h->journaled = attributes & JOURNALED;
	h->by_journal = get_be32(h->header + H_LAST_MOUNTED) == LAST_BY_JOURNAL;
	h->doubtful = attributes & (INCONSISTENT | BOOT_INCONSISTENT);
	if (unknown)
		return fsmap_whole(h->r, "it has attributes unknown to this map (0x%" PRIx32 ")",
				   unknown);
	return 0;
}

static int check_attributes(struct hfsplus *h)
{
	int ret = take_attributes(h);
	if (ret || !h->doubtful)
		return ret;
	if (get_be32(h->header + H_ATTRIBUTES) & INCONSISTENT)
		return fsmap_whole(h->r, "it is marked as damaged");
	return fsmap_whole(h->r, "it is marked as in use: it was not unmounted");
}

static int check_geometry(struct hfsplus *h)
{
	h->block_size = get_be32(h->header + HFSPLUS_H_BLOCK_SIZE);
	h->blocks = get_be32(h->header + HFSPLUS_H_BLOCKS);
	h->free_blocks = get_be32(h->header + H_FREE_BLOCKS);
	if (h->block_size < MIN_BLOCK || !sv_is_pow2(h->block_size))
		return fsmap_whole(h->r, "its block size is out of range");
	if (h->blocks == 0 || (uint64_t)h->blocks * h->block_size > h->size)
		return fsmap_whole(h->r, "it claims to be larger than its volume");
	fsmap_set_block_size(h->r, h->block_size);
	return hfsplus_must_use(h, 0, HFSPLUS_HEADER_AT + sizeof(h->header));
}

/* The other header is rarely written: only what does not change with use must be the same. It
 * stands before the end of the partition, or of what the volume takes of that. `partly`: it may
 * be lost. */
static int check_other(struct hfsplus *h, bool partly)
{
	uint64_t ends[] = {h->size, (uint64_t)h->blocks * h->block_size};
	uint8_t other[512];
	for (size_t i = 0; i < SV_ARRAY(ends); i++) {
		if (ends[i] < 2 * HFSPLUS_HEADER_AT)
			return fsmap_whole(h->r, "it is too small for two headers");
		uint64_t at = ends[i] - HFSPLUS_HEADER_AT;
		int ret = hfsplus_read(h, other, sizeof(other), at, "the other header");
		if (ret < 0 || (ret && !partly))
			return ret;
		if (ret || !is_header(other))
			continue;
		if (memcmp(other + HFSPLUS_H_BLOCK_SIZE, h->header + HFSPLUS_H_BLOCK_SIZE, 8) != 0)
			return fsmap_whole(h->r, "its two headers do not agree");
		h->other_at = at;
		return hfsplus_must_use(h, at, HFSPLUS_HEADER_AT);
	}
	return partly ? 0 : fsmap_whole(h->r, "its other header is damaged");
}

/* `partly`: as far as they make sense. */
static int take_forks(struct hfsplus *h, bool partly)
{
	static const struct {
		enum hfsplus_file which;
		size_t at;
	} forks[] = {
		{HFSPLUS_ALLOCATION, HFSPLUS_H_ALLOCATION},
		{HFSPLUS_EXTENTS, HFSPLUS_H_EXTENTS},
		{HFSPLUS_CATALOG, H_CATALOG},
		{HFSPLUS_STARTUP, H_STARTUP},
		{HFSPLUS_ATTRIBUTES, H_ATTRIBUTES_FILE},
	};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(forks); i++) {
		ret = hfsplus_fork_take(h, forks[i].which, h->header + forks[i].at);
		if (partly)
			ret = SV_MIN(ret, 0);
	}
	return ret;
}

static int read_header(struct hfsplus *h, uint64_t at)
{
	return hfsplus_read(h, h->header, sizeof(h->header), at, "the header");
}

static bool is_wrapper(const struct hfsplus *h)
{
	return get_be16(h->header + H_SIGNATURE) == SIGNATURE_HFS;
}

int hfsplus_header_read(struct hfsplus *h)
{
	h->size = fsmap_size(h->r);
	int ret = read_header(h, HFSPLUS_HEADER_AT);
	if (!ret && is_wrapper(h)) {
		ret = enter_wrapper(h);
		if (!ret)
			ret = read_header(h, HFSPLUS_HEADER_AT);
	}
	if (!ret && !is_header(h->header))
		ret = fsmap_whole(h->r, "its header is damaged");
	if (!ret)
		ret = check_attributes(h);
	if (!ret)
		ret = check_geometry(h);
	if (!ret)
		ret = check_other(h, false);
	return ret ? ret : take_forks(h, false);
}

/* ---- where a part may be lost ---- */

/* The other header stands so far before the end of its blocks, or of the partition. */
static bool is_other(const struct hfsplus *h, uint64_t at)
{
	uint64_t blocks = get_be32(h->header + HFSPLUS_H_BLOCKS);
	return at + HFSPLUS_HEADER_AT == h->size ||
	       at + HFSPLUS_HEADER_AT == blocks * get_be32(h->header + HFSPLUS_H_BLOCK_SIZE);
}

/* A header or a wrapper of what h is: the first, or else the other one. */
static int read_either(struct hfsplus *h)
{
	int ret = read_header(h, HFSPLUS_HEADER_AT);
	if (ret < 0 || (!ret && (is_wrapper(h) || is_header(h->header))))
		return ret;
	h->by_other = true;
	for (uint64_t back = HFSPLUS_HEADER_AT; back <= SV_MIN(MAX_TAIL, h->size); back += 512) {
		uint64_t at = h->size - back;
		ret = read_header(h, at);
		if (ret < 0)
			return ret;
		if (ret || !(is_wrapper(h) || is_header(h->header)) || !is_other(h, at))
			continue;
		h->other_at = at;
		return 0;
	}
	return fsmap_whole(h->r, "its headers are damaged");
}

int hfsplus_header_find(struct hfsplus *h)
{
	h->size = fsmap_size(h->r);
	int ret = read_either(h);
	if (!ret && is_wrapper(h)) {
		h->by_other = false;
		ret = enter_wrapper(h);
		if (!ret)
			ret = read_either(h);
	}
	if (!ret && !is_header(h->header))
		ret = fsmap_whole(h->r, "its header is damaged");
	if (!ret)
		ret = take_attributes(h);
	if (!ret)
		ret = check_geometry(h);
	if (!ret)
		ret = h->by_other ? hfsplus_must_use(h, h->other_at, HFSPLUS_HEADER_AT)
				  : check_other(h, true);
	return ret ? ret : take_forks(h, true);
}
