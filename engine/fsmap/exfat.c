/* exfat.c - used-block map of exFAT */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

struct bitmap_reader {
	uint64_t at, len; /* bytes of the bitmap */
};

/* The allocation bitmap's next cluster; called through exfat_claim(). */
static int read_bitmap_cluster(struct exfat *x, uint32_t cluster, void *arg)
{
	struct bitmap_reader *b = arg;
	size_t n = (size_t)SV_MIN(x->cluster, b->len - b->at);
	int ret = fsmap_read_meta(x->r, x->used + b->at, n, exfat_offset(x, cluster),
				  "the allocation bitmap");
	b->at += n;
	return ret;
}

/* Specification section 7.1.5: a bit for every cluster, and no more bytes than that takes. */
static int read_bitmap(struct exfat *x)
{
	struct exfat_stream s = {.first = x->bitmap_cluster, .len = x->bitmap_len};
	struct bitmap_reader b = {.len = (x->clusters + 7u) / 8};
	if (!x->bitmap_cluster)
		return fsmap_whole(x->r, "it has no allocation bitmap");
	if (x->bitmap_len != b.len)
		return fsmap_whole(x->r, "its allocation bitmap does not fit its clusters");
	int ret = exfat_claim(x, &s, "the allocation bitmap", read_bitmap_cluster, &b);
	if (!ret && b.at != b.len)
		ret = fsmap_whole(x->r, "its allocation bitmap is too short");
	return ret;
}

/* The bitmap has no checksum: every cluster of a file that it calls free shows that it is wrong. */
static int add_claimed(struct exfat *x)
{
	for (size_t i = 0; i < (x->clusters + 7u) / 8; i++) {
		if (x->claimed[i] & ~x->used[i] && !x->dirty)
			return fsmap_whole(x->r, "its allocation bitmap calls clusters of files "
						 "free");
		x->used[i] |= x->claimed[i];
	}
	return 0;
}

static int map(struct exfat *x)
{
	size_t bytes = (x->clusters + 7u) / 8;
	x->used = calloc(bytes, 1);
	x->claimed = calloc(bytes, 1);
	x->window = malloc(EXFAT_WINDOW);
	x->window_at = ~0ull;
	if (!x->used || !x->claimed || !x->window)
		return SV_E_NOMEM;
	int ret = exfat_fat_check(x);
	if (!ret)
		ret = exfat_tree_walk(x);
	if (!ret)
		ret = read_bitmap(x);
	if (!ret)
		ret = add_claimed(x);
	if (!ret && x->dirty)
		ret = exfat_fat_scan(x);
	if (!ret)
		ret = fsmap_mark_bitmap(x->r, x->used, 0, x->clusters, x->heap_start, x->cluster);
	if (!ret && x->dirty)
		fsmap_union(x->r, "it was not shut down cleanly; its bitmap, its FAT and the "
				  "folders are used");
	return ret;
}

static int read_exfat(struct fsmap_reader *r)
{
	struct exfat x = {.r = r};
	int ret = exfat_boot_read(&x, 0);
	if (!ret)
		ret = map(&x);
	free(x.used);
	free(x.claimed);
	free(x.window);
	return ret;
}

const struct fsmap_ops fsmap_exfat_ops = {
	.name = "exfat",
	.types = (const char *const[]){"exfat", NULL},
	.read = read_exfat,
	.files = exfat_files_find,
};
