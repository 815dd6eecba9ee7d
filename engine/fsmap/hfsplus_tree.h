/* hfsplus_tree.h - B-trees of HFS+; private to engine/fsmap/hfsplus*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_HFSPLUS_TREE_H
#define SV_FSMAP_HFSPLUS_TREE_H

#include "engine/fsmap/hfsplus.h"

/* TN1150, "B-Trees". Nodes of equal size; the first is the header, leaves hold the records. */
struct hfsplus_tree {
	struct hfsplus *h;
	const struct hfsplus_fork *fork;
	const char *what; /* for people */
	uint32_t node_size, nodes, first_leaf;
	uint32_t root, depth; /* of its index; leaves alone: 1 */
	bool exact;	      /* names are compared byte by byte */
	uint32_t records;     /* in all leaves, by its header */
};

/* Offsets in a node's descriptor. */
enum {
	HFSPLUS_N_NEXT = 0,
	HFSPLUS_N_BEFORE = 4,
	HFSPLUS_N_KIND = 8,
	HFSPLUS_N_RECORDS = 10,
	HFSPLUS_N_SIZE = 14, /* and the first record */
	HFSPLUS_N_HEIGHT = 9,
	HFSPLUS_KIND_LEAF = 0xff,
	HFSPLUS_KIND_INDEX = 0,
	HFSPLUS_KIND_HEADER = 1,
	HFSPLUS_KIND_MAP = 2,
	HFSPLUS_MAP_RECORD = 2, /* of the header node: a bit for each node that is in use */
	HFSPLUS_MAX_NODE = 32768,
};

int hfsplus_tree_open(struct hfsplus_tree *t, struct hfsplus *h, enum hfsplus_file which,
		      const char *what);
/* Read nodes from the start of one on. */
int hfsplus_tree_node(const struct hfsplus_tree *t, uint32_t number, uint8_t *buf, size_t len);
/* Where record i of a node starts, or the one before ends. There is room for all that N_RECORDS
 * promises. */
uint32_t hfsplus_node_record(const struct hfsplus_tree *t, const uint8_t *node, uint32_t i);
/* Whole, because of it. */
int hfsplus_tree_damaged(const struct hfsplus_tree *t);

/* A key with its length in front of it, of `key` bytes behind that; what belongs to it. */
typedef int hfsplus_record_fn(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
			      uint32_t len);
/* Call `each` with every record, in the order of the nodes that are in use; there are as many as
 * the header says. */
int hfsplus_tree_scan(struct hfsplus_tree *t, hfsplus_record_fn *each, void *arg);

#endif
