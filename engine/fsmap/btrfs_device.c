/* btrfs_device.c - Btrfs: what of this device chunks have taken, and whether its account of that is
 * the last */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

/* Kernel include/uapi/linux/btrfs_tree.h, struct btrfs_dev_extent and btrfs_header. */
enum {
	DEV_EXTENT_CHUNK = 16,
	DEV_EXTENT_BYTES = 24,
	DEV_EXTENT_LEN = 48,

	NODE_GENERATION = 80,
};

int btrfs_device_stripes(struct btrfs_fs *fs, struct sv_extents *stripes)
{
	uint64_t sum = 0;
	int ret = 0;
	for (size_t i = 0; !ret && i < fs->chunks.n; i++) {
		const struct btrfs_chunk *c = &fs->chunks.v[i];
		for (unsigned int k = 0; !ret && k < c->copies; k++) {
			ret = sv_extents_add(stripes, c->place[k], c->stripe_len);
			sum += c->stripe_len;
		}
	}
	if (ret)
		return ret;
	sv_extents_normalise(stripes);
	if (sv_extents_total(stripes) != sum)
		return fsmap_whole(fs->r, "chunks lie one upon the other");
	if (sum != fs->dev_used)
		return fsmap_whole(fs->r,
				   "chunks take %" PRIu64 " bytes of the disk, not %" PRIu64
				   " as it says",
				   sum, fs->dev_used);
	return 0;
}

static int mark_system(struct btrfs_fs *fs)
{
	int ret = 0;
	for (size_t i = 0; !ret && i < fs->chunks.n; i++) {
		const struct btrfs_chunk *c = &fs->chunks.v[i];
		for (unsigned int k = 0; !ret && c->type & BTRFS_SYSTEM && k < c->copies; k++)
			ret = fsmap_mark_used(fs->r, c->place[k], c->stripe_len);
	}
	return ret;
}

int btrfs_device_map(struct btrfs_fs *fs)
{
	struct sv_extents stripes = {0}, gaps = {0};
	int ret = btrfs_device_stripes(fs, &stripes);
	if (!ret)
		ret = sv_extents_invert(&gaps, &stripes, fs->dev_size);
	for (size_t i = 0; !ret && i < gaps.n; i++)
		ret = fsmap_mark_free(fs->r, gaps.v[i].start, gaps.v[i].len);
	sv_extents_clear(&stripes);
	sv_extents_clear(&gaps);
	return ret ? ret : mark_system(fs);
}

/* true when a stripe of the chunk lies just there. */
static bool has_stripe(const struct btrfs_chunk *c, uint64_t place, uint64_t len)
{
	for (unsigned int i = 0; i < c->copies; i++)
		if (c->place[i] == place && c->stripe_len == len)
			return true;
	return false;
}

static int take_dev_extent(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			   uint32_t len, void *arg)
{
	uint64_t *sum = arg;
	if (key->type != BTRFS_DEV_EXTENT)
		return 0;
	if (len < DEV_EXTENT_LEN)
		return fsmap_whole(fs->r, "an item of the device tree is cut short");
	uint64_t bytes = get_le64(data + DEV_EXTENT_BYTES);
	const struct btrfs_chunk *c = btrfs_chunk_find(fs, get_le64(data + DEV_EXTENT_CHUNK), 1);
	if (key->objectid != fs->devid || !c || !has_stripe(c, key->offset, bytes))
		return fsmap_whole(fs->r, "device tree and chunk tree contradict each other");
	*sum += bytes;
	return 0;
}

int btrfs_device_check(struct btrfs_fs *fs)
{
	uint64_t sum = 0;
	int ret = btrfs_tree_walk(fs, &fs->device_root, "the device tree", take_dev_extent, &sum);
	if (!ret && sum != fs->dev_used)
		ret = fsmap_whole(fs->r, "device tree and chunk tree contradict each other");
	return ret;
}

static int check_stripe(struct btrfs_fs *fs, const struct btrfs_chunk *c, uint64_t place,
			uint8_t *node)
{
	int ret = 0;
	for (uint64_t at = 0; !ret && at + fs->node_size <= c->len; at += fs->node_size) {
		ret = fsmap_read_hint(fs->r, node, fs->node_size, place + at, "a system chunk");
		if (!ret && btrfs_node_is_ours(fs, node, c->start + at) &&
		    get_le64(node + NODE_GENERATION) > fs->generation)
			ret = fsmap_whole(fs->r, "other disks of this Btrfs hold a newer state");
	}
	return ret;
}

int btrfs_device_check_newest(struct btrfs_fs *fs)
{
	uint8_t *node = malloc(fs->node_size);
	if (!node)
		return SV_E_NOMEM;
	int ret = 0;
	for (size_t i = 0; !ret && i < fs->chunks.n; i++) {
		const struct btrfs_chunk *c = &fs->chunks.v[i];
		for (unsigned int k = 0; !ret && c->type & BTRFS_SYSTEM && k < c->copies; k++)
			ret = c->identity ? check_stripe(fs, c, c->place[k], node)
					  : fsmap_whole(fs->r, "its system chunks are striped");
	}
	free(node);
	return ret;
}
