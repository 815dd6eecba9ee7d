/* hfsplus_tree.c - HFS+: a B-tree: its header, and all records in its leaves */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_tree.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

enum {
	/* the header node: the tree */
	T_DEPTH = 14,
	T_ROOT = 16,
	T_RECORDS = 20,
	T_FIRST_LEAF = 24,
	T_NODE_SIZE = 32,
	T_NODES = 36,
	T_COMPARE = 51,
	T_ATTRIBUTES = 52,
	BIG_KEYS = 2,
	COMPARE_EXACT = 0xbc,

	MIN_NODE = 512,
	MAX_NODES = 1 << 27,
};
#define PIECE ((size_t)1 << 20) /* read at once; whole nodes */

int hfsplus_tree_damaged(const struct hfsplus_tree *t)
{
	return fsmap_whole(t->h->r, "%s is damaged", t->what);
}

int hfsplus_tree_node(const struct hfsplus_tree *t, uint32_t number, uint8_t *buf, size_t len)
{
	if (number >= t->nodes)
		return hfsplus_tree_damaged(t);
	return hfsplus_fork_read(t->h, t->fork, buf, len, (uint64_t)number * t->node_size, t->what);
}

int hfsplus_tree_open(struct hfsplus_tree *t, struct hfsplus *h, enum hfsplus_file which,
		      const char *what)
{
	uint8_t node[MIN_NODE];
	*t = (struct hfsplus_tree){.h = h, .fork = &h->forks[which], .what = what, .nodes = 1};
	int ret = hfsplus_tree_node(t, 0, node, sizeof(node));
	if (ret)
		return ret;
	t->records = get_be32(node + T_RECORDS);
	t->first_leaf = get_be32(node + T_FIRST_LEAF);
	t->root = get_be32(node + T_ROOT);
	t->depth = get_be16(node + T_DEPTH);
	t->exact = node[T_COMPARE] == COMPARE_EXACT;
	t->node_size = get_be16(node + T_NODE_SIZE);
	t->nodes = get_be32(node + T_NODES);
	if (node[HFSPLUS_N_KIND] != HFSPLUS_KIND_HEADER || t->node_size < MIN_NODE ||
	    t->node_size > HFSPLUS_MAX_NODE || !sv_is_pow2(t->node_size) ||
	    !(get_be32(node + T_ATTRIBUTES) & BIG_KEYS) || t->nodes > MAX_NODES ||
	    (uint64_t)t->nodes * t->node_size > t->fork->len)
		return hfsplus_tree_damaged(t);
	return 0;
}

uint32_t hfsplus_node_record(const struct hfsplus_tree *t, const uint8_t *node, uint32_t i)
{
	return get_be16(node + t->node_size - 2 * (i + 1));
}

/* ---- which nodes are in use ---- */

/* Bits from bit *have on. */
static int add_bits(const struct hfsplus_tree *t, const uint8_t *node, uint32_t record,
		    uint8_t *map, uint64_t *have)
{
	uint32_t from = hfsplus_node_record(t, node, record);
	uint32_t to = hfsplus_node_record(t, node, record + 1);
	if (get_be16(node + HFSPLUS_N_RECORDS) != record + 1 || from < HFSPLUS_N_SIZE ||
	    from >= to || to > t->node_size - 2 * (record + 2))
		return hfsplus_tree_damaged(t);
	for (; from < to && *have < t->nodes; from++, *have += 8)
		map[*have / 8] = sv_reverse_bits(node[from]);
	return 0;
}

/* The header node has the first ones; map nodes, one after the other, those it has no room for. */
static int load_map(const struct hfsplus_tree *t, uint8_t *map, uint8_t *node)
{
	uint64_t have = 0;
	int ret = hfsplus_tree_node(t, 0, node, t->node_size);
	if (!ret)
		ret = add_bits(t, node, HFSPLUS_MAP_RECORD, map, &have);
	while (!ret && have < t->nodes) {
		ret = hfsplus_tree_node(t, get_be32(node + HFSPLUS_N_NEXT), node, t->node_size);
		if (!ret && node[HFSPLUS_N_KIND] != HFSPLUS_KIND_MAP)
			ret = hfsplus_tree_damaged(t);
		if (!ret)
			ret = add_bits(t, node, 0, map, &have);
	}
	return ret;
}

/* ---- the records ---- */

struct scan {
	struct hfsplus_tree *t;
	hfsplus_record_fn *each;
	void *arg;
	uint64_t records;
};

static int take_leaf(struct scan *s, const uint8_t *node)
{
	struct hfsplus_tree *t = s->t;
	uint32_t records = get_be16(node + HFSPLUS_N_RECORDS), table = 2 * (records + 1);
	uint32_t at = HFSPLUS_N_SIZE;
	int ret = 0;
	if (table > t->node_size - HFSPLUS_N_SIZE)
		return hfsplus_tree_damaged(t);
	for (uint32_t i = 0; !ret && i < records; i++) {
		uint32_t next = hfsplus_node_record(t, node, i + 1);
		if (hfsplus_node_record(t, node, i) != at || next < at + 2 ||
		    next > t->node_size - table)
			return hfsplus_tree_damaged(t);
		uint32_t key = get_be16(node + at), data = 2 + key + key % 2;
		if (data > next - at)
			return hfsplus_tree_damaged(t);
		ret = s->each(s->arg, node + at, key, node + at + data, next - at - data);
		at = next;
	}
	s->records += records;
	return ret;
}

static int take_node(struct scan *s, uint32_t number, const uint8_t *node)
{
	switch (node[HFSPLUS_N_KIND]) {
	case HFSPLUS_KIND_LEAF:
		return take_leaf(s, node);
	case HFSPLUS_KIND_INDEX:
	case HFSPLUS_KIND_MAP:
		return 0;
	case HFSPLUS_KIND_HEADER:
		return number == 0 ? 0 : hfsplus_tree_damaged(s->t);
	default:
		return hfsplus_tree_damaged(s->t);
	}
}

static int take_piece(struct scan *s, uint32_t first, uint32_t count, const uint8_t *map,
		      uint8_t *buf)
{
	struct hfsplus_tree *t = s->t;
	int ret = hfsplus_tree_node(t, first, buf, (size_t)count * t->node_size);
	for (uint32_t i = first; !ret && i < first + count; i++)
		if (map[i / 8] >> i % 8 & 1)
			ret = take_node(s, i, buf + (size_t)(i - first) * t->node_size);
	return ret;
}

static int take_all(struct scan *s, uint8_t *map, uint8_t *buf)
{
	struct hfsplus_tree *t = s->t;
	uint32_t step = (uint32_t)(PIECE / t->node_size);
	int ret = load_map(t, map, buf);
	for (uint32_t i = 0; !ret && i < t->nodes; i += step)
		ret = take_piece(s, i, SV_MIN(step, t->nodes - i), map, buf);
	if (!ret && s->records != t->records)
		ret = hfsplus_tree_damaged(t);
	return ret;
}

int hfsplus_tree_scan(struct hfsplus_tree *t, hfsplus_record_fn *each, void *arg)
{
	struct scan s = {.t = t, .each = each, .arg = arg};
	uint8_t *map = calloc(t->nodes / 8 + 1, 1), *buf = malloc(PIECE);
	int ret = map && buf ? take_all(&s, map, buf) : SV_E_NOMEM;
	free(map);
	free(buf);
	return ret;
}
