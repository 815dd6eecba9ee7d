/* hfsplus_extents.c - HFS+: the extents file has the runs of blocks for which a header has no room
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_tree.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define RECORD_SIZE (HFSPLUS_X_RUNS + HFSPLUS_RUNS * 8)

struct walk {
	struct hfsplus_tree tree;
	uint8_t node[HFSPLUS_MAX_NODE];
	bool ended; /* no more of the volume's own files */
};

/* Records of a file follow each other without a gap. */
static int take_record(struct walk *w, const uint8_t *record)
{
	uint32_t id = get_be32(record + HFSPLUS_X_FILE);
	w->ended = id >= HFSPLUS_FIRST_OF_USERS;
	if (w->ended)
		return 0;
	if (id <= HFSPLUS_EXTENTS || id >= HFSPLUS_FORKS)
		return hfsplus_tree_damaged(&w->tree);
	struct hfsplus_fork *fork = &w->tree.h->forks[id];
	if (get_be16(record) != HFSPLUS_X_KEY || record[HFSPLUS_X_FORK] != 0 ||
	    get_be32(record + HFSPLUS_X_START) != fork->have)
		return hfsplus_tree_damaged(&w->tree);
	return hfsplus_fork_append(w->tree.h, fork, record + HFSPLUS_X_RUNS);
}

static int take_leaf(struct walk *w)
{
	uint32_t records = get_be16(w->node + HFSPLUS_N_RECORDS);
	int ret = 0;
	if (HFSPLUS_N_SIZE + records * RECORD_SIZE + 2 * (records + 1) > w->tree.node_size)
		return hfsplus_tree_damaged(&w->tree);
	for (uint32_t i = 0; !ret && !w->ended && i < records; i++) {
		uint32_t at = HFSPLUS_N_SIZE + i * (uint32_t)RECORD_SIZE;
		if (hfsplus_node_record(&w->tree, w->node, i) != at)
			return hfsplus_tree_damaged(&w->tree);
		ret = take_record(w, w->node + at);
	}
	return ret;
}

/* Those of the volume's own files stand first. */
static int walk_leaves(struct walk *w)
{
	uint32_t before = 0, seen = 0, leaf = w->tree.first_leaf;
	int ret = 0;
	while (!ret && leaf && !w->ended) {
		ret = hfsplus_tree_node(&w->tree, leaf, w->node, w->tree.node_size);
		if (!ret &&
		    (++seen > w->tree.nodes || get_be32(w->node + HFSPLUS_N_BEFORE) != before ||
		     w->node[HFSPLUS_N_KIND] != HFSPLUS_KIND_LEAF))
			ret = hfsplus_tree_damaged(&w->tree);
		if (!ret)
			ret = take_leaf(w);
		before = leaf;
		leaf = get_be32(w->node + HFSPLUS_N_NEXT);
	}
	return ret;
}

int hfsplus_extents_read(struct hfsplus *h)
{
	struct hfsplus_fork *bad = &h->forks[HFSPLUS_BAD];
	struct walk *w = calloc(1, sizeof(*w));
	if (!w)
		return SV_E_NOMEM;
	bad->blocks = h->blocks;
	int ret = hfsplus_tree_open(&w->tree, h, HFSPLUS_EXTENTS, "its extents file");
	if (!ret)
		ret = walk_leaves(w);
	bad->blocks = bad->have;
	for (size_t i = 0; !ret && i < HFSPLUS_FORKS; i++)
		if (h->forks[i].have != h->forks[i].blocks)
			ret = fsmap_whole(h->r, "one of its own files is not complete");
	free(w);
	return ret;
}
