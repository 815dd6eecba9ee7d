/* f2fs_tree.c - F2FS: the nodes of a file: which blocks are below each, and how they are reached */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

/*
 * The places of nodes in a file (kernel node.c, get_node_path()): the inode is 0, two direct nodes
 * follow, two indirect ones with those below each, and one that has indirect ones below.
 */
enum {
	N = F2FS_PER_NODE,
	INDIRECT_1 = 3,
	INDIRECT_2 = INDIRECT_1 + N + 1,
	DOUBLE = INDIRECT_2 + N + 1,
	BELOW_DOUBLE = DOUBLE + 1,
	END = BELOW_DOUBLE + N * (N + 1),
	LEVELS_MAX = 2, /* nodes between the inode and a direct node */
};

bool f2fs_is_direct(uint32_t place)
{
	if (place == 0 || place >= END || place == INDIRECT_1 || place == INDIRECT_2)
		return false;
	return place < DOUBLE || (place > DOUBLE && (place - BELOW_DOUBLE) % (N + 1) != 0);
}

/* How many direct nodes stand before this place. */
static uint64_t directs_before(uint32_t place)
{
	if (place < INDIRECT_1)
		return place - 1;
	if (place < INDIRECT_2)
		return place == INDIRECT_1 ? 2 : place - INDIRECT_1 + 1;
	if (place < DOUBLE)
		return 2 + N + (place == INDIRECT_2 ? 0 : place - INDIRECT_2 - 1);
	if (place == DOUBLE)
		return 2 + 2 * N;
	uint32_t group = (place - BELOW_DOUBLE) / (N + 1), i = (place - BELOW_DOUBLE) % (N + 1);
	return 2 + 2 * N + (uint64_t)group * N + (i ? i - 1 : 0);
}

uint64_t f2fs_first_block(uint32_t place, const struct f2fs_shape *shape)
{
	return place ? shape->n + directs_before(place) * shape->per : 0;
}

uint64_t f2fs_blocks_below(uint32_t place, const struct f2fs_shape *shape)
{
	if (f2fs_is_direct(place))
		return shape->per;
	return (uint64_t)shape->per * N * (place == DOUBLE ? N : 1);
}

/* ---- from the inode down ---- */

struct path {
	unsigned int root;	     /* which of the inode's nodes */
	unsigned int n;		     /* nodes between */
	uint32_t place[LEVELS_MAX];  /* of each */
	uint32_t number[LEVELS_MAX]; /* in it that goes on */
};

static bool path_to(uint32_t place, struct path *p)
{
	*p = (struct path){0};
	if (place == 0 || place >= END)
		return false;
	if (place < INDIRECT_1) {
		p->root = place - 1;
	} else if (place < DOUBLE) {
		uint32_t top = place < INDIRECT_2 ? INDIRECT_1 : INDIRECT_2;
		p->root = top == INDIRECT_1 ? 2 : 3;
		if (place > top)
			p->place[p->n] = top, p->number[p->n++] = place - top - 1;
	} else {
		p->root = 4;
		if (place == DOUBLE)
			return true;
		uint32_t i = (place - BELOW_DOUBLE) % (N + 1), group = place - i;
		p->place[p->n] = DOUBLE;
		p->number[p->n++] = (group - BELOW_DOUBLE) / (N + 1);
		if (i)
			p->place[p->n] = group, p->number[p->n++] = i - 1;
	}
	return true;
}

/* A node of that file at that place. FSMAP_IS_WHOLE: it is lost, or another one, which is said. */
static int load_at(struct f2fs_finder *f, const struct f2fs_node *inode, uint32_t id,
		   uint32_t place, struct f2fs_node *node)
{
	int rc = f2fs_node_load(f, id, node);
	if (!rc && (node->inode != inode->id || node->place != place)) {
		owners_caution(f->o, "the list of blocks of inode %u is damaged", inode->id);
		rc = FSMAP_IS_WHOLE;
	}
	return rc;
}

int f2fs_is_below(struct f2fs_finder *f, const struct f2fs_node *inode,
		  const struct f2fs_node *node, bool *below)
{
	struct path p;
	int rc = 0;
	*below = false;
	if (!path_to(node->place, &p))
		return 0;
	uint32_t id = get_le32(inode->raw + F2FS_I_NODES + 4 * p.root);
	for (unsigned int i = 0; !rc && i < p.n; i++) {
		rc = load_at(f, inode, id, p.place[i], &f->above);
		if (!rc)
			id = get_le32(f->above.raw + 4 * p.number[i]);
	}
	*below = rc > 0 || id == node->id;
	return SV_MIN(rc, 0);
}

/* ---- all of them ---- */

struct walk {
	struct f2fs_finder *f;
	const struct f2fs_node *inode;
	const struct f2fs_tree_visit *visit;
	struct f2fs_shape shape;
	struct f2fs_node level[LEVELS_MAX + 1];
};

static int visit_blocks(const struct walk *w, const struct f2fs_node *node, uint32_t first,
			uint32_t n)
{
	uint64_t index = f2fs_first_block(node->place, &w->shape);
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n; i++)
		rc = w->visit->block(w->visit->arg, index + i,
				     get_le32(node->raw + 4 * (size_t)(first + i)));
	return rc;
}

/* The node, to be read into this level, and all below. At most LEVELS_MAX calls stand in each
 * other. */
static int visit_node(struct walk *w, uint32_t id, uint32_t place, unsigned int level)
{
	struct f2fs_node *node = &w->level[level];
	bool direct = f2fs_is_direct(place), top = place == DOUBLE;
	int rc = id && w->visit->node ? w->visit->node(w->visit->arg, id, place) : 0;
	if (rc || !id || (direct && !w->visit->block) || !w->f->budget)
		return rc;
	w->f->budget--;
	rc = load_at(w->f, w->inode, id, place, node);
	if (rc)
		return SV_MIN(rc, 0);
	if (direct)
		return visit_blocks(w, node, 0, w->shape.per);
	for (uint32_t i = 0; !rc && i < N; i++)
		rc = visit_node(w, get_le32(node->raw + 4 * (size_t)i),
				place + 1 + i * (top ? N + 1 : 1), level + 1);
	return rc;
}

int f2fs_tree_walk(struct f2fs_finder *f, const struct f2fs_node *inode,
		   const struct f2fs_tree_visit *visit)
{
	static const uint32_t places[] = {1, 2, INDIRECT_1, INDIRECT_2, DOUBLE};
	struct walk w = {.f = f, .inode = inode, .visit = visit};
	int rc = 0;
	if (!f2fs_inode_shape(&f->f, inode->raw, &w.shape) ||
	    inode->raw[F2FS_I_INLINE] & (F2FS_INLINE_DATA | F2FS_INLINE_ENTRIES))
		return 0;
	if (visit->block)
		rc = visit_blocks(&w, inode, F2FS_ADDRESSES / 4 + w.shape.first, w.shape.n);
	for (size_t i = 0; !rc && i < SV_ARRAY(places); i++)
		rc = visit_node(&w, get_le32(inode->raw + F2FS_I_NODES + 4 * i), places[i], 0);
	return SV_MIN(rc, 0);
}
