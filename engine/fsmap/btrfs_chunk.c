/* btrfs_chunk.c - Btrfs: chunks, which map logical addresses to places on this device */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel include/uapi/linux/btrfs_tree.h: struct btrfs_chunk, btrfs_stripe, btrfs_dev_item. */
enum {
	CHUNK_LEN = 0,
	CHUNK_TYPE = 24,
	CHUNK_STRIPES = 44,
	CHUNK_SUB_STRIPES = 46,
	CHUNK_HEAD = 48, /* stripes follow */
	STRIPE_DEVID = 0,
	STRIPE_OFFSET = 8,
	STRIPE_UUID = 16,
	STRIPE_LEN = 32,

	SB_SYS_ARRAY_LEN = 160, /* of the array of system chunks in the superblock */
	SB_SYS_ARRAY = 811,
	SYS_ARRAY_MAX = 2048,
	KEY_LEN = 17,
};

/* The chunk tree as it is read. */
struct loading {
	struct btrfs_chunks found;
	uint64_t devices;
	bool lost; /* some of it */
};

void btrfs_chunks_clear(struct btrfs_fs *fs)
{
	free(fs->chunks.v);
	fs->chunks = (struct btrfs_chunks){0};
}

struct btrfs_chunk *btrfs_chunk_find(const struct btrfs_fs *fs, uint64_t logical, uint64_t len)
{
	size_t low = 0, high = fs->chunks.n;
	while (low < high) { /* the last that starts at or before logical */
		size_t mid = low + (high - low) / 2;
		if (fs->chunks.v[mid].start <= logical)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	struct btrfs_chunk *c = &fs->chunks.v[low - 1];
	return sv_range_ok(logical - c->start, len, c->len) ? c : NULL;
}

/*
 * How many stripes share the chunk's bytes between them; 0 where the profile and the number of
 * stripes do not go together. Kernel fs/btrfs/volumes.c, calc_data_stripes().
 */
static uint16_t data_stripes(uint64_t profile, uint16_t n, uint16_t sub)
{
	switch (profile) {
	case 0:
		return n == 1;
	case BTRFS_DUP:
	case BTRFS_RAID1:
		return n == 2;
	case BTRFS_RAID1C3:
		return n == 3;
	case BTRFS_RAID1C4:
		return n == 4;
	case BTRFS_RAID0:
		return n;
	case BTRFS_RAID10:
		return sub == 2 && n % 2 == 0 ? n / 2 : 0;
	case BTRFS_RAID5:
		return n > 1 ? n - 1 : 0;
	case BTRFS_RAID6:
		return n > 2 ? n - 2 : 0;
	default:
		return 0; /* two profiles at once */
	}
}

static int add_stripe(struct btrfs_fs *fs, struct btrfs_chunk *c, uint16_t index,
		      const uint8_t *stripe)
{
	uint64_t place = get_le64(stripe + STRIPE_OFFSET);
	if (get_le64(stripe + STRIPE_DEVID) != fs->devid) {
		c->foreign = true;
		return 0;
	}
	if (memcmp(stripe + STRIPE_UUID, fs->dev_uuid, 16) != 0)
		return fsmap_whole(fs->r,
				   "the chunk at %" PRIu64 " names another disk of the same "
				   "number",
				   c->start);
	if (c->copies == BTRFS_COPIES || !sv_range_ok(place, c->stripe_len, fs->dev_size))
		return fsmap_whole(fs->r, "the chunk at %" PRIu64 " does not fit this disk",
				   c->start);
	c->index[c->copies] = index;
	c->place[c->copies++] = place;
	return 0;
}

/* Take a chunk item apart; `len` is what it may have, *used_len what it has. */
static int parse(struct btrfs_fs *fs, uint64_t start, const uint8_t *item, size_t len,
		 struct btrfs_chunk *c, size_t *used_len)
{
	uint64_t end;
	if (len < CHUNK_HEAD)
		return fsmap_whole(fs->r, "a chunk item is cut short");
	uint16_t n = get_le16(item + CHUNK_STRIPES), sub = get_le16(item + CHUNK_SUB_STRIPES);
	*c = (struct btrfs_chunk){.start = start,
				  .len = get_le64(item + CHUNK_LEN),
				  .type = get_le64(item + CHUNK_TYPE),
				  .stripes = n,
				  .sub = sub};
	uint16_t shares = data_stripes(c->type & BTRFS_PROFILES, n, sub);
	*used_len = CHUNK_HEAD + (size_t)n * STRIPE_LEN;
	if (*used_len > len || !shares || c->type & ~(uint64_t)(BTRFS_USES | BTRFS_PROFILES) ||
	    !(c->type & BTRFS_USES))
		return fsmap_whole(fs->r, "the chunk at %" PRIu64 " is of an unknown kind", start);
	if (!c->len || c->len % fs->sector_size || start % fs->sector_size || c->len % shares ||
	    !sv_add_ok(start, c->len, &end))
		return fsmap_whole(fs->r, "the chunk at %" PRIu64 " is malformed", start);
	c->shares = shares;
	c->stripe_len = c->len / shares;
	c->identity = shares == 1 && !(c->type & (BTRFS_RAID10 | BTRFS_RAID5 | BTRFS_RAID6));
	int ret = 0;
	for (uint16_t i = 0; !ret && i < n; i++)
		ret = add_stripe(fs, c, i, item + CHUNK_HEAD + (size_t)i * STRIPE_LEN);
	return ret;
}

/* Chunks come in ascending order. */
static int append(struct btrfs_fs *fs, struct btrfs_chunks *list, const struct btrfs_chunk *c)
{
	const struct btrfs_chunk *last = list->n ? &list->v[list->n - 1] : NULL;
	if (last && (c->start < last->start || c->start - last->start < last->len))
		return fsmap_whole(fs->r, "the chunks overlap at %" PRIu64, c->start);
	if (list->n == BTRFS_CHUNKS_MAX)
		return fsmap_whole(fs->r, "it has too many chunks");
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct btrfs_chunk *v = realloc(list->v, cap * sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = *c;
	return 0;
}

/* The system chunks, with which the chunk tree can be read. */
static int load_system(struct btrfs_fs *fs)
{
	const uint8_t *array = fs->sb + SB_SYS_ARRAY;
	size_t left = get_le32(fs->sb + SB_SYS_ARRAY_LEN);
	int ret = 0;
	if (left > SYS_ARRAY_MAX)
		return fsmap_whole(fs->r, "its list of system chunks is too long");
	while (!ret && left >= KEY_LEN) {
		struct btrfs_chunk c;
		struct btrfs_key key;
		size_t len = 0;
		btrfs_key_get(&key, array);
		ret = parse(fs, key.offset, array + KEY_LEN, left - KEY_LEN, &c, &len);
		if (!ret && (key.type != BTRFS_CHUNK_ITEM || !(c.type & BTRFS_SYSTEM)))
			ret = fsmap_whole(fs->r, "its list of system chunks is damaged");
		if (!ret)
			ret = append(fs, &fs->chunks, &c);
		array += KEY_LEN + len;
		left -= SV_MIN(left, KEY_LEN + len);
	}
	return ret;
}

static int take_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	struct loading *l = arg;
	struct btrfs_chunk c;
	size_t used_len;
	if (key->type == BTRFS_DEV_ITEM) {
		l->devices++;
		return 0;
	}
	if (key->type != BTRFS_CHUNK_ITEM)
		return fsmap_whole(fs->r, "the chunk tree has items of the unknown type %u",
				   key->type);
	int ret = parse(fs, key->offset, data, len, &c, &used_len);
	return ret ? ret : append(fs, &l->found, &c);
}

static bool same_chunk(const struct btrfs_chunk *a, const struct btrfs_chunk *b)
{
	for (unsigned int i = 0; i < BTRFS_COPIES; i++)
		if (a->place[i] != b->place[i] || a->index[i] != b->index[i])
			return false;
	return a->start == b->start && a->len == b->len && a->type == b->type &&
	       a->stripes == b->stripes && a->sub == b->sub && a->copies == b->copies &&
	       a->foreign == b->foreign;
}

/* What the superblock says of a system chunk must be what the tree says. */
static int check_system(struct btrfs_fs *fs, const struct btrfs_chunks *found)
{
	size_t k = 0;
	for (size_t i = 0; i < fs->chunks.n; i++) {
		while (k < found->n && found->v[k].start < fs->chunks.v[i].start)
			k++;
		if (k == found->n || !same_chunk(&found->v[k], &fs->chunks.v[i]))
			return fsmap_whole(fs->r, "superblock and chunk tree contradict each "
						  "other");
	}
	return 0;
}

/* The list is that of the tree from now on. */
static void adopt(struct btrfs_fs *fs, struct loading *l)
{
	free(fs->chunks.v);
	fs->chunks = l->found;
	l->found = (struct btrfs_chunks){0};
	fs->alone = fs->devices == 1;
	for (size_t i = 0; i < fs->chunks.n; i++)
		fs->alone = fs->alone && !fs->chunks.v[i].foreign && fs->chunks.v[i].identity;
}

static int load_tree(struct btrfs_fs *fs, struct loading *l)
{
	int ret = btrfs_tree_walk(fs, &fs->chunk_root, "the chunk tree", take_item, l);
	if (!ret)
		ret = check_system(fs, &l->found);
	if (ret)
		return ret;
	if (l->devices != fs->devices)
		return fsmap_whole(fs->r, "it has %" PRIu64 " disks, not %" PRIu64 " as it says",
				   l->devices, fs->devices);
	adopt(fs, l);
	return 0;
}

int btrfs_chunks_load(struct btrfs_fs *fs)
{
	struct loading l = {0};
	int ret = load_system(fs);
	if (!ret)
		ret = load_tree(fs, &l);
	free(l.found.v);
	return ret;
}

static int note_lost(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct loading *l = arg;
	(void)fs;
	(void)span;
	l->lost = true;
	return 0;
}

/* Both lists are in order; a system chunk that the tree has not, or no more, is known still. */
static int merge_system(struct btrfs_fs *fs, struct loading *l)
{
	struct loading all = *l;
	size_t k = 0;
	int ret = 0;
	all.found = (struct btrfs_chunks){0};
	for (size_t i = 0; !ret && (i < fs->chunks.n || k < l->found.n);) {
		const struct btrfs_chunk *sys = i < fs->chunks.n ? &fs->chunks.v[i] : NULL;
		const struct btrfs_chunk *c = k < l->found.n ? &l->found.v[k] : NULL;
		if (sys && c && sys->start == c->start)
			i++;
		else if (sys && (!c || sys->start < c->start))
			ret = append(fs, &all.found, &fs->chunks.v[i++]);
		else
			ret = append(fs, &all.found, &l->found.v[k++]);
	}
	free(l->found.v);
	*l = all;
	return ret;
}

int btrfs_chunks_search(struct btrfs_fs *fs, bool *all)
{
	struct loading l = {0};
	const struct btrfs_visit visit = {
		.what = "the chunk tree", .item = take_item, .lost = note_lost, .arg = &l};
	int ret = load_system(fs);
	if (!ret)
		ret = btrfs_tree_visit(fs, &fs->chunk_root, &visit);
	if (!ret)
		ret = merge_system(fs, &l);
	if (!ret)
		adopt(fs, &l);
	*all = !l.lost;
	free(l.found.v);
	return ret;
}
