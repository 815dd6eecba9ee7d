/* apfs_spaceman.c - APFS: which blocks does the space manager call free? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* Apple File System Reference, "Space Manager". */
enum {
	M_BLOCK_SIZE = 32,
	M_CHUNK_BLOCKS = 36,
	M_CHUNKS_PER_CIB = 40,
	M_CIBS_PER_CAB = 44,
	M_DEVICE = 48,
	M_SECOND_DEVICE = 96, /* of a Fusion drive */
	DEVICE_SIZE = 48,
	D_BLOCKS = 0,
	D_CHUNKS = 8,
	D_CIBS = 16,
	D_CABS = 20,
	D_FREE = 24,
	D_ADDRESSES_AT = 32,
	M_POOL_BLOCKS = 152, /* of which the space manager's own blocks are taken */
	M_POOL_BITMAPS = 164,
	M_POOL_BITMAP = 168,
	M_POOL = 176,
	M_END = 200,

	/* of both a CAB and a CIB */
	C_INDEX = 32,
	C_COUNT = 36,
	C_ENTRIES = 40,

	/* what is known of a chunk */
	CHUNK_SIZE = 32,
	K_START = 8,
	K_BLOCKS = 16,
	K_FREE = 20,
	K_BITMAP = 24, /* 0: all of it is free */
	COUNT_MASK = 0xfffff,
};

struct walk {
	struct apfs *a;
	uint32_t chunk_blocks, per_cib, per_cab; /* what a block has room for */
	uint64_t chunks, cibs;
	uint32_t cabs;
	uint64_t chunk, cib, free; /* seen so far */
	bool lost;		   /* not all of it could be read */
	uint8_t *cab, *info;	   /* a block each */
};

static int damaged(struct walk *w)
{
	return fsmap_whole(w->a->r, "its space manager is damaged");
}

static uint64_t count_free(const uint8_t *bitmap, uint32_t n)
{
	uint64_t used = 0;
	for (uint32_t i = 0; i < n / 8; i++)
		used += (unsigned int)__builtin_popcount(bitmap[i]);
	for (uint32_t i = n / 8 * 8; i < n; i++)
		used += bitmap[i / 8] >> i % 8 & 1;
	return n - used;
}

static int map_chunk(struct walk *w, const uint8_t *info)
{
	struct apfs *a = w->a;
	uint64_t start = w->chunk++ * w->chunk_blocks, bitmap = get_le64(info + K_BITMAP);
	uint32_t blocks = get_le32(info + K_BLOCKS) & COUNT_MASK;
	uint32_t free_blocks = get_le32(info + K_FREE) & COUNT_MASK;
	if (get_le64(info + K_START) != start ||
	    blocks != SV_MIN(a->blocks - start, w->chunk_blocks))
		return damaged(w);
	w->free += free_blocks;
	if (!bitmap) {
		if (free_blocks != blocks)
			return damaged(w);
		return fsmap_mark_free(a->r, start * a->block_size,
				       (uint64_t)blocks * a->block_size);
	}
	bool ok;
	int ret = apfs_read_maybe(a, a->block, bitmap, "a bitmap of the space manager", &ok);
	if (ret || !ok)
		return ret;
	if (count_free(a->block, blocks) != free_blocks)
		return damaged(w);
	return fsmap_mark_bitmap(a->r, a->block, 0, blocks, start * a->block_size, a->block_size);
}

/* Lost in a search: what is below says nothing. */
static int read_part(struct walk *w, uint8_t *buf, uint64_t block, enum apfs_type type, bool *ok)
{
	int ret = apfs_read_maybe(w->a, buf, block, "its space manager", ok);
	if (!ret && *ok && !apfs_is_object(buf, w->a->block_size, type))
		ret = fsmap_whole(w->a->r, "its space manager is damaged");
	w->lost = w->lost || (!ret && !*ok);
	return ret;
}

static int map_cib(struct walk *w, uint64_t block)
{
	bool ok;
	int ret = read_part(w, w->info, block, APFS_CIB, &ok);
	uint64_t count = SV_MIN(w->chunks - w->chunk, w->per_cib);
	if (ret)
		return ret;
	if (!ok) {
		w->chunk += count;
		w->cib++;
		return 0;
	}
	if (get_le32(w->info + C_INDEX) != w->cib++ || get_le32(w->info + C_COUNT) != count)
		return damaged(w);
	for (uint64_t i = 0; !ret && i < count; i++)
		ret = map_chunk(w, w->info + C_ENTRIES + i * CHUNK_SIZE);
	return ret;
}

static int map_cab(struct walk *w, uint64_t block, uint32_t index)
{
	bool ok;
	int ret = read_part(w, w->cab, block, APFS_CAB, &ok);
	uint64_t count = SV_MIN(w->cibs - w->cib, w->per_cab);
	if (ret)
		return ret;
	if (!ok) {
		w->chunk += SV_MIN(w->chunks - w->chunk, count * w->per_cib);
		w->cib += count;
		return 0;
	}
	if (get_le32(w->cab + C_INDEX) != index || get_le32(w->cab + C_COUNT) != count)
		return damaged(w);
	for (uint64_t i = 0; !ret && i < count; i++)
		ret = map_cib(w, get_le64(w->cab + C_ENTRIES + i * 8));
	return ret;
}

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return (n + by - 1) / by;
}

static int check_geometry(struct walk *w)
{
	struct apfs *a = w->a;
	const uint8_t *m = a->spaceman, *d = m + M_DEVICE;
	w->chunk_blocks = a->block_size * 8;
	w->per_cib = (a->block_size - C_ENTRIES) / CHUNK_SIZE;
	w->per_cab = (a->block_size - C_ENTRIES) / 8;
	w->chunks = divide_up(a->blocks, w->chunk_blocks);
	w->cibs = divide_up(w->chunks, w->per_cib);
	w->cabs = get_le32(d + D_CABS);
	if (!sv_is_zero(m + M_SECOND_DEVICE, D_ADDRESSES_AT))
		return fsmap_whole(a->r, "it lies on two devices (Fusion)");
	if (get_le32(m + M_BLOCK_SIZE) != a->block_size ||
	    get_le32(m + M_CHUNK_BLOCKS) != w->chunk_blocks ||
	    get_le32(m + M_CHUNKS_PER_CIB) != w->per_cib ||
	    get_le32(m + M_CIBS_PER_CAB) != w->per_cab || get_le64(d + D_BLOCKS) != a->blocks ||
	    get_le64(d + D_CHUNKS) != w->chunks || get_le32(d + D_CIBS) != w->cibs ||
	    (w->cabs && w->cabs != divide_up(w->cibs, w->per_cab)))
		return damaged(w);
	return 0;
}

static int map_device(struct walk *w)
{
	struct apfs *a = w->a;
	const uint8_t *d = a->spaceman + M_DEVICE;
	uint64_t at = get_le32(d + D_ADDRESSES_AT), n = w->cabs ? w->cabs : w->cibs;
	int ret = 0;
	if (at < M_END || !sv_range_ok(at, n * 8, a->spaceman_size))
		return damaged(w);
	for (uint32_t i = 0; !ret && i < n; i++) {
		uint64_t block = get_le64(a->spaceman + at + (size_t)i * 8);
		ret = w->cabs ? map_cab(w, block, i) : map_cib(w, block);
	}
	if (!ret && !w->lost && (w->chunk != w->chunks || w->free != get_le64(d + D_FREE)))
		ret = fsmap_whole(a->r,
				  "its space manager counts different numbers of free blocks");
	return ret;
}

struct sv_extent apfs_spaceman_pool(const struct apfs *a)
{
	const uint8_t *m = a->spaceman;
	return (struct sv_extent){get_le64(m + M_POOL), get_le64(m + M_POOL_BLOCKS)};
}

struct sv_extent apfs_spaceman_bitmaps(const struct apfs *a)
{
	const uint8_t *m = a->spaceman;
	return (struct sv_extent){get_le64(m + M_POOL_BITMAP), get_le32(m + M_POOL_BITMAPS)};
}

/* The pool is used as a whole: it has a bitmap of its own. */
static int keep_pool(struct apfs *a)
{
	struct sv_extent pool = apfs_spaceman_pool(a), bitmaps = apfs_spaceman_bitmaps(a);
	int ret = apfs_mark_used(a, pool.start, pool.len);
	return ret ? ret : apfs_mark_used(a, bitmaps.start, bitmaps.len);
}

int apfs_spaceman_map(struct apfs *a)
{
	struct walk w = {.a = a, .cab = malloc(a->block_size), .info = malloc(a->block_size)};
	int ret = w.cab && w.info ? check_geometry(&w) : SV_E_NOMEM;
	if (!ret)
		ret = map_device(&w);
	if (!ret)
		ret = keep_pool(a);
	free(w.cab);
	free(w.info);
	return ret;
}
