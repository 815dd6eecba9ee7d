/* ntfs_shadow.c - what shadow copies of Windows still hold of the clusters that are free by now */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/*
 * A shadow copy (a restore point, "previous versions") is the volume itself, and a file with what
 * was overwritten since. What was only deleted since stays where it was: $Bitmap calls it free,
 * volsnap copies it away just before it is written to. Which blocks a shadow copy has in use, its
 * bitmaps tell.
 *
 * Source: libvshadow, "Volume Shadow Snapshot (VSS) format": volume header, catalog, store bitmap.
 * All little endian; every block names its kind and its own place.
 */
enum {
	HEADER_AT = 0x1e00,
	HEADER_LEN = 128,
	BLOCK = 16384,
	BLOCK_VERSION = 16,
	BLOCK_KIND = 20,
	BLOCK_PLACE = 32,
	BLOCK_NEXT = 40, /* 0: it is the last one */
	BLOCK_DATA = 128,
	BITS = (BLOCK - BLOCK_DATA) * 8, /* of a bitmap, in one block */

	KIND_HEADER = 1,
	KIND_CATALOG = 2,
	KIND_BITMAP = 6,
	HEADER_CATALOG = 48, /* 0: there is none */
	HEADER_VOLUME = 64,
	HEADER_STORAGE = 80,
	ID_LEN = 16,

	ENTRY_LEN = 128,
	ENTRY_NONE = 0,
	ENTRY_UNUSED = 1,
	ENTRY_COPY = 2,
	ENTRY_STORE = 3,
	COPY_SIZE = 8, /* of the volume, then */
	ENTRY_ID = 16,
	STORE_BITMAP = 48,
	STORE_PREVIOUS = 72, /* that of an older one; 0: none */

	CATALOG_MAX = 64, /* blocks; Windows keeps 512 shadow copies at most */
	STORES_MAX = 512,
};

static const uint8_t vss_id[ID_LEN] = {0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
				       0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52};

/* One shadow copy, and where its bitmaps go on. */
struct copy {
	uint8_t id[ID_LEN];
	uint64_t blocks; /* that its bitmaps must tell of; 0 = not told yet */
	uint64_t bitmaps[2];
	bool stored; /* where they are was told */
};

struct shadows {
	struct ntfs_vol *v;
	ntfs_shadow_fn *fn;
	void *arg;
	struct copy *copies; /* STORES_MAX */
	size_t n;
	uint8_t *block;	 /* BLOCK bytes */
	uint8_t *unused; /* BLOCK - BLOCK_DATA bytes: what no copy has in use */
};

static int damaged(struct ntfs_vol *v)
{
	return ntfs_doubt(v, "the records of its shadow copies are damaged");
}

static int read_some(struct shadows *s, uint64_t at, size_t len)
{
	bool ok = true;
	int rc = fsmap_read_maybe(s->v->r, s->block, len, at, "a record of its shadow copies", &ok);
	if (!rc && !ok)
		rc = ntfs_doubt(s->v, "a record of its shadow copies cannot be read");
	return rc;
}

static int check_block(struct shadows *s, uint64_t at, uint32_t kind)
{
	uint32_t version = get_le32(s->block + BLOCK_VERSION);
	if (memcmp(s->block, vss_id, ID_LEN) != 0 || get_le32(s->block + BLOCK_KIND) != kind ||
	    get_le64(s->block + BLOCK_PLACE) != at)
		return damaged(s->v);
	if (version < 1 || version > 2)
		return ntfs_doubt(s->v, "its shadow copies are of a version that is not known");
	return 0;
}

static int read_block(struct shadows *s, uint64_t at, uint32_t kind)
{
	if (!sv_range_ok(at, BLOCK, fsmap_size(s->v->r)))
		return damaged(s->v);
	int rc = read_some(s, at, BLOCK);
	return rc ? rc : check_block(s, at, kind);
}

/* ---- which copies there are ---- */

static struct copy *copy_of(struct shadows *s, const uint8_t *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(s->copies[i].id, id, ID_LEN))
			return &s->copies[i];
	if (s->n == STORES_MAX)
		return NULL;
	memcpy(s->copies[s->n].id, id, ID_LEN);
	return &s->copies[s->n++];
}

static int take_entry(struct shadows *s, const uint8_t *entry)
{
	uint64_t type = get_le64(entry), size = get_le64(entry + COPY_SIZE);
	if (type == ENTRY_NONE || type == ENTRY_UNUSED)
		return 0;
	struct copy *c = copy_of(s, entry + ENTRY_ID);
	if (!c)
		return damaged(s->v);
	if (type == ENTRY_COPY && size && !c->blocks) {
		/* of one that was larger nothing more can be here */
		c->blocks = (SV_MIN(size, fsmap_size(s->v->r)) + BLOCK - 1) / BLOCK;
		return 0;
	}
	if (type == ENTRY_STORE && !c->stored && get_le64(entry + STORE_BITMAP)) {
		c->bitmaps[0] = get_le64(entry + STORE_BITMAP);
		c->bitmaps[1] = get_le64(entry + STORE_PREVIOUS);
		c->stored = true;
		return 0;
	}
	return damaged(s->v);
}

/* No two bitmaps are the same one. */
static int check_shared(const struct shadows *s)
{
	for (size_t i = 0; i < 2 * s->n; i++)
		for (size_t k = 0; k < i; k++) {
			uint64_t at = s->copies[i / 2].bitmaps[i % 2];
			if (at && at == s->copies[k / 2].bitmaps[k % 2])
				return damaged(s->v);
		}
	return 0;
}

static int read_catalog(struct shadows *s, uint64_t at)
{
	int rc = 0;
	for (int blocks = 0; !rc && at; blocks++) {
		rc = blocks < CATALOG_MAX ? read_block(s, at, KIND_CATALOG) : damaged(s->v);
		for (size_t e = BLOCK_DATA; !rc && e < BLOCK; e += ENTRY_LEN)
			rc = take_entry(s, s->block + e);
		at = get_le64(s->block + BLOCK_NEXT);
	}
	for (size_t i = 0; !rc && i < s->n; i++)
		if (!s->copies[i].blocks || !s->copies[i].stored)
			rc = damaged(s->v);
	return rc ? rc : check_shared(s);
}

/* ---- what they have in use ---- */

/* The next block of a bitmap, whose first bit is that of block `first` of the volume. */
static int add_bitmap(struct shadows *s, const struct copy *c, uint64_t *at, uint64_t first)
{
	int rc = read_block(s, *at, KIND_BITMAP);
	if (rc)
		return rc;
	for (size_t i = 0; i < BITS / 8; i++)
		s->unused[i] &= s->block[BLOCK_DATA + i];
	*at = get_le64(s->block + BLOCK_NEXT);
	return *at || first + BITS >= c->blocks ? 0 : damaged(s->v);
}

static bool is_unused(const struct shadows *s, size_t bit)
{
	return s->unused[bit / 8] >> bit % 8 & 1;
}

/* Tell of the runs of clear bits, as far as the volume goes. */
static int tell_used(struct shadows *s, uint64_t first, uint64_t blocks)
{
	size_t bits = (size_t)SV_MIN(blocks - first, (uint64_t)BITS);
	uint64_t size = fsmap_size(s->v->r);
	int rc = 0;
	for (size_t bit = 0, end; !rc && bit < bits; bit = end) {
		end = bit + 1;
		if (is_unused(s, bit))
			continue;
		while (end < bits && !is_unused(s, end))
			end++;
		uint64_t from = (first + bit) * BLOCK;
		rc = s->fn(s->arg, from, SV_MIN((first + end) * BLOCK, size) - from);
	}
	return rc;
}

static int walk_bitmaps(struct shadows *s)
{
	uint64_t blocks = (fsmap_size(s->v->r) + BLOCK - 1) / BLOCK;
	int rc = 0;
	for (uint64_t first = 0; !rc && s->n && first < blocks; first += BITS) {
		memset(s->unused, 0xff, BITS / 8);
		for (size_t i = 0; !rc && i < 2 * s->n; i++) {
			struct copy *c = &s->copies[i / 2];
			if (c->bitmaps[i % 2])
				rc = add_bitmap(s, c, &c->bitmaps[i % 2], first);
		}
		if (!rc)
			rc = tell_used(s, first, blocks);
	}
	return rc;
}

static int walk(struct shadows *s)
{
	int rc = read_some(s, HEADER_AT, HEADER_LEN);
	if (rc || memcmp(s->block, vss_id, ID_LEN) != 0)
		return rc;
	rc = check_block(s, HEADER_AT, KIND_HEADER);
	if (rc)
		return rc;
	if (memcmp(s->block + HEADER_VOLUME, s->block + HEADER_STORAGE, ID_LEN) != 0)
		return ntfs_doubt(s->v, "its shadow copies are kept on another volume");
	rc = read_catalog(s, get_le64(s->block + HEADER_CATALOG));
	return rc ? rc : walk_bitmaps(s);
}

int ntfs_shadow_walk(struct ntfs_vol *v, ntfs_shadow_fn *fn, void *arg)
{
	struct shadows s = {
		.v = v,
		.fn = fn,
		.arg = arg,
		.copies = calloc(STORES_MAX, sizeof(*s.copies)),
		.block = malloc(BLOCK),
		.unused = malloc(BITS / 8),
	};
	int rc = SV_E_NOMEM;
	if (s.copies && s.block && s.unused)
		rc = fsmap_size(v->r) < HEADER_AT + HEADER_LEN ? 0 : walk(&s);
	free(s.copies);
	free(s.block);
	free(s.unused);
	return rc;
}

static int keep(void *arg, uint64_t off, uint64_t len)
{
	return fsmap_mark_used(arg, off, len);
}

int ntfs_shadow_keep(struct ntfs_vol *v)
{
	return ntfs_shadow_walk(v, keep, v->r);
}
