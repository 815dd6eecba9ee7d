/* apfs_super.c - APFS: the checkpoint that a mount would take, judged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Apple File System Reference, "Container", nx_superblock_t. */
enum {
	S_MAGIC = 32,
	S_BLOCK_SIZE = 36,
	S_BLOCKS = 40,
	S_READ_ONLY_FEATURES = 56,
	S_FEATURES = 64, /* incompatible ones */
	S_RING_BLOCKS = 104,
	S_RING = 112,
	S_RING_INDEX = 136, /* where the checkpoint starts in it, and how long it is */
	S_RING_LEN = 140,
	S_BLOCKED_OUT = 1240, /* a block, and a number of them */

	MAGIC = 0x4253584e, /* "NXSB" */
	VERSION_1 = 0x1,
	VERSION_2 = 0x2,
	FUSION = 0x100,
	IS_TREE = 1u << 31, /* of S_RING_BLOCKS and APFS_S_DATA_BLOCKS */
	MIN_BLOCK = 4096,
	MAX_RING = 1 << 16,
	SEARCHED = 1 << 20, /* bytes at its start */

	/* checkpoint_map_phys_t */
	M_FLAGS = 32,
	M_COUNT = 36,
	M_ENTRIES = 40,
	ENTRY_SIZE = 40,
	LAST = 1,
	E_TYPE = 0,
	E_SIZE = 8,
	E_ID = 24,
	E_BLOCK = 32,
	MAX_SPACEMAN = 16 << 20,

	/* nx_efi_jumpstart */
	J_EXTENTS = 44,
	J_FIRST = 176,
};

static bool is_super(const struct apfs *a, const uint8_t *block)
{
	return get_le32(block + S_MAGIC) == MAGIC &&
	       apfs_is_object(block, a->block_size, APFS_SUPERBLOCK);
}

static int check_size(struct apfs *a)
{
	uint64_t bytes;
	if (!sv_mul_ok(a->blocks, a->block_size, &bytes) || bytes > fsmap_size(a->r))
		return fsmap_whole(a->r, "it claims to be larger than its volume");
	return 0;
}

/* What its first bytes say of it. */
static int take_head(struct apfs *a, const uint8_t *head)
{
	a->block_size = get_le32(head + S_BLOCK_SIZE);
	a->blocks = get_le64(head + S_BLOCKS);
	if (get_le32(head + S_MAGIC) != MAGIC)
		return fsmap_whole(a->r, "its superblock is damaged");
	if (a->block_size < MIN_BLOCK || a->block_size > APFS_MAX_BLOCK ||
	    !sv_is_pow2(a->block_size))
		return fsmap_whole(a->r, "its block size is out of range");
	int ret = check_size(a);
	if (ret)
		return ret;
	a->super = malloc(a->block_size);
	a->block = malloc(a->block_size);
	fsmap_set_block_size(a->r, a->block_size);
	return a->super && a->block ? 0 : SV_E_NOMEM;
}

/* The block at the start is a copy that is written when it is unmounted. */
static int read_first(struct apfs *a)
{
	uint8_t head[MIN_BLOCK];
	int ret = fsmap_read_meta(a->r, head, sizeof(head), 0, "the superblock");
	if (!ret)
		ret = take_head(a, head);
	if (!ret)
		ret = apfs_read(a, a->super, 0, "the superblock");
	if (!ret && !is_super(a, a->super))
		ret = fsmap_whole(a->r, "its superblock is damaged");
	return ret;
}

static int check_ring(struct apfs *a)
{
	a->ring = get_le64(a->super + S_RING);
	a->ring_blocks = get_le32(a->super + S_RING_BLOCKS);
	if (a->ring_blocks & IS_TREE || get_le32(a->super + APFS_S_DATA_BLOCKS) & IS_TREE)
		return fsmap_whole(a->r, "its checkpoints are not in one piece");
	if (a->ring_blocks > MAX_RING || !sv_range_ok(a->ring, a->ring_blocks, a->blocks))
		return fsmap_whole(a->r, "its checkpoints would lie outside of the container");
	return 0;
}

/* a->block is one of the ring, and newer than what was found so far. */
static bool is_newer(const struct apfs *a, bool found)
{
	uint64_t transaction = get_le64(a->block + APFS_O_TRANSACTION);
	if (!is_super(a, a->block))
		return false;
	return !found || transaction > a->transaction ||
	       (transaction == a->transaction && a->super_at == UINT32_MAX);
}

/* The newest of all in the ring. In a search that may be lost: the copy at the start is one, too.
 */
static int find_newest(struct apfs *a)
{
	uint64_t first = get_le64(a->super + APFS_O_TRANSACTION);
	bool found = fsmap_owners(a->r), ok;
	int ret = check_ring(a);
	a->transaction = first;
	a->super_at = UINT32_MAX; /* not in the ring */
	for (uint32_t i = 0; !ret && i < a->ring_blocks; i++) {
		ret = apfs_read_maybe(a, a->block, a->ring + i, "a checkpoint", &ok);
		if (ret || !ok || !is_newer(a, found))
			continue;
		memcpy(a->super, a->block, a->block_size);
		a->transaction = get_le64(a->block + APFS_O_TRANSACTION);
		a->super_at = i;
		found = true;
	}
	if (!ret && (!found || a->transaction < first))
		ret = fsmap_whole(a->r, "it has no valid checkpoint");
	a->unmounted = a->transaction == first;
	return ret;
}

static int check_features(struct apfs *a)
{
	uint64_t features = get_le64(a->super + S_FEATURES);
	uint64_t unknown = (features & ~(uint64_t)(VERSION_1 | VERSION_2 | FUSION)) |
			   get_le64(a->super + S_READ_ONLY_FEATURES);
	if (features & FUSION)
		return fsmap_whole(a->r, "it lies on two devices (Fusion)");
	if (features & VERSION_1 || !(features & VERSION_2))
		return fsmap_whole(a->r, "its version is unknown");
	if (unknown)
		return fsmap_whole(a->r, "it uses features unknown to this map (0x%" PRIx64 ")",
				   unknown);
	if (get_le64(a->super + S_BLOCKED_OUT + 8))
		return fsmap_whole(a->r, "its size was being changed");
	return 0;
}

static int check_geometry(struct apfs *a)
{
	a->blocks = get_le64(a->super + S_BLOCKS);
	int ret = check_size(a);
	if (ret)
		return ret;
	if (get_le32(a->super + S_BLOCK_SIZE) != a->block_size ||
	    get_le64(a->super + S_RING) != a->ring ||
	    get_le32(a->super + S_RING_BLOCKS) != a->ring_blocks)
		return fsmap_whole(a->r, "its superblocks do not agree");
	return 0;
}

uint32_t apfs_jumpstart(const struct apfs *a, const uint8_t *block)
{
	uint32_t n = get_le32(block + J_EXTENTS);
	return n > (a->block_size - J_FIRST) / 16 ? UINT32_MAX : n;
}

struct sv_extent apfs_jumpstart_at(const uint8_t *block, uint32_t i)
{
	const uint8_t *p = block + J_FIRST + (size_t)i * 16;
	return (struct sv_extent){get_le64(p), get_le64(p + 8)};
}

/* The firmware's driver, and where it is. */
static int keep_jumpstart(struct apfs *a, uint64_t block)
{
	int ret = block ? apfs_read(a, a->block, block, "what starts its system") : 0;
	uint32_t n = block && !ret ? apfs_jumpstart(a, a->block) : 0;
	if (n == UINT32_MAX)
		return fsmap_whole(a->r, "what starts its system is damaged");
	for (uint32_t i = 0; !ret && i < n; i++) {
		struct sv_extent e = apfs_jumpstart_at(a->block, i);
		ret = apfs_mark_used(a, e.start, e.len);
	}
	return ret;
}

/* What a checkpoint may use at any time, and the keys. */
static int keep_areas(struct apfs *a)
{
	static const size_t keys[] = {APFS_S_KEYS, APFS_S_MEDIA_KEYS};
	int ret = apfs_mark_used(a, a->ring, a->ring_blocks);
	if (!ret)
		ret = apfs_mark_used(a, get_le64(a->super + APFS_S_DATA),
				     get_le32(a->super + APFS_S_DATA_BLOCKS));
	for (size_t i = 0; !ret && i < SV_ARRAY(keys); i++)
		ret = apfs_mark_used(a, get_le64(a->super + keys[i]),
				     get_le64(a->super + keys[i] + 8));
	return ret ? ret : keep_jumpstart(a, get_le64(a->super + APFS_S_JUMPSTART));
}

int apfs_super_read(struct apfs *a)
{
	int (*const steps[])(struct apfs *) = {
		read_first, find_newest, check_features, check_geometry, keep_areas,
	};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](a);
	return ret;
}

/* ---- in a search ---- */

static int read_copy(struct apfs *a, uint64_t off, uint32_t len, uint8_t *buf, bool *ok)
{
	*ok = sv_range_ok(off, len, fsmap_size(a->r));
	return *ok ? fsmap_read_copy(a->r, buf, len, off, "the superblock", ok) : 0;
}

/* Any superblock, until there is one: the first, or one of the ring, which follows it as a rule. */
static int try_super(struct apfs *a, uint64_t off, bool *found)
{
	uint8_t head[MIN_BLOCK];
	bool ok;
	int ret = read_copy(a, off, sizeof(head), head, &ok);
	if (ret || !ok || get_le32(head + S_MAGIC) != MAGIC)
		return ret;
	ret = take_head(a, head);
	if (!ret)
		ret = read_copy(a, off, a->block_size, a->super, &ok);
	*found = !ret && ok && is_super(a, a->super);
	if (!*found) {
		free(a->super);
		free(a->block);
		a->super = a->block = NULL;
	}
	return SV_MIN(ret, 0);
}

static int find_any(struct apfs *a)
{
	bool found = false;
	int ret = 0;
	for (uint64_t off = 0; !ret && !found && off < SEARCHED; off += MIN_BLOCK)
		ret = try_super(a, off, &found);
	return ret || found ? ret : fsmap_whole(a->r, "its superblock is damaged");
}

/* What was written after the newest one that is left begins behind it in the ring. */
static int look_behind(struct apfs *a)
{
	uint64_t end =
		(uint64_t)get_le32(a->super + S_RING_INDEX) + get_le32(a->super + S_RING_LEN);
	bool ok = true, newer = true;
	int ret = 0;
	if (!end || !a->ring_blocks)
		return fsmap_whole(a->r, "its checkpoint is damaged");
	if (a->super_at == UINT32_MAX)
		a->super_at = (uint32_t)((end - 1) % a->ring_blocks);
	uint32_t i = a->super_at;
	for (uint32_t n = 1; !ret && ok && newer && n < a->ring_blocks; n++) {
		i = (i + 1) % a->ring_blocks;
		ret = apfs_read_maybe(a, a->block, a->ring + i, "a checkpoint", &ok);
		newer = !ret && ok && get_le64(a->block + APFS_O_TRANSACTION) > a->transaction &&
			(apfs_is_object(a->block, a->block_size, APFS_CHECKPOINT_MAP) ||
			 is_super(a, a->block));
	}
	a->unsure = !ok;
	return ret;
}

int apfs_super_search(struct apfs *a)
{
	int (*const steps[])(struct apfs *) = {
		find_any, find_newest, check_features, check_geometry, look_behind,
	};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](a);
	return ret;
}

/* ---- the checkpoint's maps: where are its objects? ---- */

static int read_spaceman(struct apfs *a, const uint8_t *entry)
{
	uint64_t block = get_le64(entry + E_BLOCK), id = get_le64(entry + E_ID);
	a->spaceman_size = get_le32(entry + E_SIZE);
	if (a->spaceman_size < a->block_size || a->spaceman_size > MAX_SPACEMAN ||
	    a->spaceman_size % a->block_size ||
	    !sv_range_ok(block, a->spaceman_size / a->block_size, a->blocks))
		return fsmap_whole(a->r, "its space manager would lie outside of the container");
	a->spaceman = malloc(a->spaceman_size);
	if (!a->spaceman)
		return SV_E_NOMEM;
	int ret = fsmap_read_meta(a->r, a->spaceman, a->spaceman_size, block * a->block_size,
				  "the space manager");
	if (!ret && (!apfs_is_object(a->spaceman, a->spaceman_size, APFS_SPACEMAN) ||
		     get_le64(a->spaceman + APFS_O_ID) != id ||
		     get_le64(a->spaceman + APFS_O_TRANSACTION) != a->transaction))
		ret = fsmap_whole(a->r, "its space manager is damaged");
	return ret;
}

static int search_map(struct apfs *a, bool last)
{
	uint32_t count = get_le32(a->block + M_COUNT);
	uint64_t id = get_le64(a->super + APFS_S_SPACEMAN);
	if (count > (a->block_size - M_ENTRIES) / ENTRY_SIZE ||
	    get_le64(a->block + APFS_O_TRANSACTION) != a->transaction ||
	    (get_le32(a->block + M_FLAGS) & LAST) != (last ? LAST : 0))
		return fsmap_whole(a->r, "its checkpoint is damaged");
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = a->block + M_ENTRIES + (size_t)i * ENTRY_SIZE;
		if ((get_le32(entry + E_TYPE) & 0xffff) == APFS_SPACEMAN &&
		    get_le64(entry + E_ID) == id && !a->spaceman)
			return read_spaceman(a, entry);
	}
	return 0;
}

int apfs_spaceman_find(struct apfs *a)
{
	uint32_t index = get_le32(a->super + S_RING_INDEX), len = get_le32(a->super + S_RING_LEN);
	int ret = 0;
	if (index >= a->ring_blocks || len < 2 || len > a->ring_blocks ||
	    (index + len - 1) % a->ring_blocks != a->super_at)
		return fsmap_whole(a->r, "its checkpoint is damaged");
	for (uint32_t i = 0; !ret && i < len - 1; i++) {
		ret = apfs_read_object(a, a->block, a->ring + (index + i) % a->ring_blocks,
				       APFS_CHECKPOINT_MAP, "its checkpoint");
		if (!ret)
			ret = search_map(a, i + 2 == len);
	}
	if (!ret && !a->spaceman)
		ret = fsmap_whole(a->r, "its checkpoint has no space manager");
	return ret;
}
