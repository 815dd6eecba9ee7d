/* hfsplus_nodes.c - HFS+: a B-tree node by node, as far as it was rescued */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define PIECE	  ((size_t)1 << 20) /* read at once; whole nodes */
#define SECTOR	  512u
#define DEPTH_MAX 16

/* TN1150: where the map of nodes stands in the header node. */
enum { MAP_AT = 248, MAP_TAIL = 8 };

/* ---- nodes ---- */

/* A node that was read, and which sectors of it are missing: it has at most 64. */
struct node {
	const uint8_t *data;
	uint64_t lost;
};

static bool has(const struct node *node, uint32_t from, uint32_t len)
{
	for (uint32_t i = from / SECTOR; i <= (from + len - 1) / SECTOR; i++)
		if (node->lost >> i & 1)
			return false;
	return true;
}

/* Sector by sector; what is missing becomes zeros. */
static int read_sectors(const struct hfsplus_nodes *n, uint32_t number, uint8_t *buf,
			uint64_t *lost)
{
	const struct hfsplus_tree *t = &n->tree;
	*lost = 0;
	for (uint32_t i = 0; i < t->node_size / SECTOR; i++) {
		uint8_t *sector = buf + (size_t)i * SECTOR;
		int rc = hfsplus_fork_read(t->h, t->fork, sector, SECTOR,
					   (uint64_t)number * t->node_size + i * SECTOR, t->what);
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		*lost |= 1ull << i;
		memset(sector, 0, SECTOR);
	}
	return 0;
}

static bool in_use(const struct hfsplus_nodes *n, uint32_t number)
{
	return number < n->tree.nodes && n->map[number / 8] >> number % 8 & 1;
}

static bool offset_of(const struct hfsplus_nodes *n, const struct node *node, uint32_t i,
		      uint32_t *at)
{
	*at = hfsplus_node_record(&n->tree, node->data, i);
	return has(node, n->tree.node_size - 2 * (i + 1), 2);
}

/* ---- the map of nodes ---- */

/* Bits from bit *have on. What is missing of them are nodes of which nothing is known. */
static void add_bits(struct hfsplus_nodes *n, const struct node *node, uint32_t from, uint32_t to,
		     uint64_t *have)
{
	for (; from < to && *have < n->tree.nodes; from++, *have += 8) {
		n->map[*have / 8] = sv_reverse_bits(node->data[from]);
		n->lost = n->lost || !has(node, from, 1);
	}
}

/* The map record of a node: false when it makes no sense. */
static bool find_bits(const struct hfsplus_nodes *n, const struct node *node, uint32_t record,
		      uint32_t *from, uint32_t *to)
{
	if (!offset_of(n, node, record, from) || !offset_of(n, node, record + 1, to)) {
		*from = record ? MAP_AT : HFSPLUS_N_SIZE;
		*to = n->tree.node_size - MAP_TAIL;
	}
	return *from >= HFSPLUS_N_SIZE && *from < *to && *to <= n->tree.node_size - 4;
}

static int load_map(struct hfsplus_nodes *n)
{
	uint32_t number = 0, from, to;
	uint64_t have = 0;
	struct node node = {.data = n->node};
	do {
		int rc = read_sectors(n, number, n->node, &node.lost);
		if (rc)
			return rc;
		bool kind = !number || n->node[HFSPLUS_N_KIND] == HFSPLUS_KIND_MAP;
		uint32_t record = number ? 0 : HFSPLUS_MAP_RECORD;
		if (!has(&node, 0, HFSPLUS_N_SIZE)) {
			n->lost = true;
			return 0;
		}
		if (!kind || !find_bits(n, &node, record, &from, &to)) {
			n->damaged = true;
			return 0;
		}
		add_bits(n, &node, from, to, &have);
		number = get_be32(n->node + HFSPLUS_N_NEXT);
	} while (have < n->tree.nodes && number && number < n->tree.nodes);
	n->damaged = n->damaged || have < n->tree.nodes;
	return 0;
}

static bool is_hit(const struct hfsplus_nodes *n)
{
	const struct hfsplus *h = n->tree.h;
	const struct hfsplus_fork *fork = n->tree.fork;
	for (size_t i = 0; i < fork->n; i++)
		if (owners_touch(n->o, h->start + (uint64_t)fork->runs[i].start * h->block_size,
				 (uint64_t)fork->runs[i].count * h->block_size))
			return true;
	return false;
}

int hfsplus_nodes_open(struct hfsplus_nodes *n, struct hfsplus *h, struct owners *o,
		       enum hfsplus_file which, const char *what)
{
	int rc = hfsplus_tree_open(&n->tree, h, which, what);
	n->o = o;
	n->hit = is_hit(n);
	if (rc > 0) {
		n->lost = n->hit;
		n->damaged = !n->hit;
	}
	if (rc)
		return SV_MIN(rc, 0);
	n->map = calloc(n->tree.nodes / 8 + 1, 1);
	n->buf = malloc(PIECE);
	n->node = malloc(n->tree.node_size);
	return n->map && n->buf && n->node ? load_map(n) : SV_E_NOMEM;
}

void hfsplus_nodes_close(struct hfsplus_nodes *n)
{
	free(n->map);
	free(n->buf);
	free(n->node);
}

/* ---- all records ---- */

uint64_t hfsplus_order_catalog(const uint8_t *record, uint32_t key)
{
	return key < HFSPLUS_C_KEY_MIN ? 0 : get_be32(record + HFSPLUS_C_PARENT);
}

uint64_t hfsplus_order_attributes(const uint8_t *record, uint32_t key)
{
	return key < HFSPLUS_C_KEY_MIN ? 0 : get_be32(record + HFSPLUS_X_FILE);
}

uint64_t hfsplus_order_extents(const uint8_t *record, uint32_t key)
{
	if (key < HFSPLUS_X_KEY)
		return 0;
	return (uint64_t)get_be32(record + HFSPLUS_X_FILE) << 32 |
	       (record[HFSPLUS_X_FORK] ? 1u << 31 : 0) | get_be32(record + HFSPLUS_X_START) >> 1;
}

struct walk {
	struct hfsplus_nodes *n;
	hfsplus_record_fn *each;
	void *arg;
	uint64_t last; /* of the leaf */
};

static int take_record(struct walk *w, const struct node *node, uint32_t i, uint32_t limit)
{
	struct hfsplus_nodes *n = w->n;
	uint32_t from, to;
	if (!offset_of(n, node, i, &from) || !offset_of(n, node, i + 1, &to)) {
		n->lost = true;
		return 0;
	}
	uint32_t key = 0, data = 0;
	bool good = from >= HFSPLUS_N_SIZE && to <= limit && to >= 2 && from <= to - 2;
	if (good && !has(node, from, to - from)) {
		n->lost = true;
		return 0;
	}
	if (good) {
		key = get_be16(node->data + from);
		data = 2 + key + key % 2;
	}
	uint64_t place = good && data <= to - from ? n->order(node->data + from, key) : 0;
	if (!good || data > to - from || place < w->last) {
		n->damaged = true;
		return 0;
	}
	w->last = place;
	n->records++;
	return w->each(w->arg, node->data + from, key, node->data + from + data, to - from - data);
}

static int take_leaf(struct walk *w, const struct node *node)
{
	uint32_t size = w->n->tree.node_size;
	uint32_t records = get_be16(node->data + HFSPLUS_N_RECORDS), table = 2 * (records + 1);
	int rc = 0;
	w->last = 0;
	if (table > size - HFSPLUS_N_SIZE || node->data[HFSPLUS_N_HEIGHT] != 1) {
		w->n->damaged = true;
		return 0;
	}
	for (uint32_t i = 0; !rc && i < records; i++)
		rc = take_record(w, node, i, size - table);
	return rc;
}

static int take_node(struct walk *w, uint32_t number, const struct node *node)
{
	bool headless = !has(node, 0, HFSPLUS_N_SIZE);
	if (node->lost && !w->n->first_lost &&
	    (headless || node->data[HFSPLUS_N_KIND] == HFSPLUS_KIND_LEAF))
		w->n->first_lost = number;
	if (headless) {
		w->n->lost = true;
		return 0;
	}
	switch (node->data[HFSPLUS_N_KIND]) {
	case HFSPLUS_KIND_LEAF:
		return take_leaf(w, node);
	case HFSPLUS_KIND_INDEX:
	case HFSPLUS_KIND_MAP:
		break;
	default:
		w->n->damaged = w->n->damaged || number != 0;
	}
	return 0;
}

static int walk_piece(struct walk *w, uint32_t first, uint32_t count)
{
	struct hfsplus_nodes *n = w->n;
	size_t size = n->tree.node_size;
	int rc = hfsplus_tree_node(&n->tree, first, n->buf, count * size);
	bool whole = !rc;
	if (rc < 0)
		return rc;
	rc = 0;
	for (uint32_t i = 0; !rc && i < count; i++) {
		uint8_t *buf = n->buf + i * size;
		struct node node = {.data = buf};
		if (!in_use(n, first + i))
			continue;
		if (!whole)
			rc = read_sectors(n, first + i, buf, &node.lost);
		if (!rc)
			rc = take_node(w, first + i, &node);
	}
	return rc;
}

int hfsplus_nodes_walk(struct hfsplus_nodes *n, hfsplus_record_fn *each, void *arg)
{
	struct walk w = {.n = n, .each = each, .arg = arg};
	const struct hfsplus_tree *t = &n->tree;
	uint32_t step = n->map ? (uint32_t)(PIECE / t->node_size) : 0;
	int rc = 0;
	n->records = 0;
	if (!n->map)
		return 0;
	for (uint32_t i = 0; !rc && i < t->nodes && !owners_stopped(n->o); i += step)
		rc = walk_piece(&w, i, SV_MIN(step, t->nodes - i));
	if (!n->lost && n->records != t->records)
		n->damaged = true;
	return rc;
}

/* ---- one key ---- */

/* Which child of an index node it is below; 0: what tells is lost, or makes no sense. */
static uint32_t find_child(const struct hfsplus_nodes *n, const struct node *node, uint32_t level,
			   hfsplus_compare_fn *compare, const void *key)
{
	uint32_t records = get_be16(node->data + HFSPLUS_N_RECORDS), table = 2 * (records + 1);
	uint32_t size = n->tree.node_size, child = 0, from, to;
	if (!has(node, 0, HFSPLUS_N_SIZE) || node->data[HFSPLUS_N_KIND] != HFSPLUS_KIND_INDEX ||
	    node->data[HFSPLUS_N_HEIGHT] != level || table > size - HFSPLUS_N_SIZE)
		return 0;
	for (uint32_t i = 0; i < records; i++) {
		if (!offset_of(n, node, i, &from) || !offset_of(n, node, i + 1, &to) ||
		    from < HFSPLUS_N_SIZE || to > size - table || from + 6 > to ||
		    !has(node, from, to - from))
			return 0;
		uint32_t len = get_be16(node->data + from), data = 2 + len + len % 2;
		if (len < HFSPLUS_C_KEY_MIN || data + 4 > to - from)
			return 0;
		if (compare(key, node->data + from) > 0)
			break;
		child = get_be32(node->data + from + data);
	}
	return child;
}

int hfsplus_nodes_seek(struct hfsplus_nodes *n, hfsplus_compare_fn *compare, const void *key,
		       uint32_t *leaf)
{
	uint32_t number = n->map ? n->tree.root : 0;
	struct node node = {.data = n->node};
	*leaf = n->first_lost;
	if (n->tree.depth > DEPTH_MAX)
		return 0;
	for (uint32_t level = n->tree.depth; number && level > 1; level--) {
		int rc = in_use(n, number) ? read_sectors(n, number, n->node, &node.lost) : 0;
		if (rc)
			return rc;
		number = in_use(n, number) ? find_child(n, &node, level, compare, key) : 0;
	}
	if (number && in_use(n, number))
		*leaf = number;
	return 0;
}

int hfsplus_nodes_lose(struct hfsplus_nodes *n, uint32_t leaf, const struct owners_file *file,
		       uint64_t start, uint64_t span, bool *hit)
{
	const struct hfsplus_tree *t = &n->tree;
	uint64_t pos = (uint64_t)leaf * t->node_size, end = pos + t->node_size, at, len = 0;
	int rc = 0;
	*hit = false;
	for (; !rc && pos < end; pos += len) {
		len = SV_MIN(hfsplus_fork_place(t->h, t->fork, pos, &at), end - pos);
		if (!len)
			break;
		if (!owners_touch(n->o, t->h->start + at, len))
			continue;
		rc = owners_lose(n->o, file, t->h->start + at, len, start, span);
		start += span;
		span = 0;
		*hit = true;
	}
	return rc;
}
