/* f2fs_files.c - F2FS: who owns the bytes that were lost: by summaries, then by all nodes there are
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* ---- what is not said of any file ---- */

static int take_area(struct f2fs_finder *f, const struct f2fs_area *area, const char *what)
{
	return owners_metadata(f->o, f2fs_offset(area->start), f2fs_offset(f2fs_blocks(area)),
			       what);
}

static int take_fixed(struct f2fs_finder *f)
{
	int rc = owners_metadata(f->o, 0, f2fs_offset(f->f.cp.start),
				 "the superblocks and what is around them");
	if (!rc)
		rc = take_area(f, &f->f.cp, "the checkpoints");
	if (!rc)
		rc = take_area(f, &f->f.sit, "the segment information");
	if (!rc)
		rc = take_area(f, &f->f.nat, "the table of nodes");
	return rc ? rc : take_area(f, &f->f.ssa, "the summaries of segments");
}

/* ---- by the summaries ---- */

/* Blocks and what the summaries say of them, so many at once: sorted by nodes each of these is read
 * once. */
#define BATCH ((size_t)16384)

struct claim {
	uint32_t block;
	struct f2fs_summary sum;
};

struct batch {
	struct f2fs_finder *f;
	struct claim *v;
	size_t n;
	bool unused; /* the segment information has them as free */
};

static int by_node(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;
	if (a->sum.id != b->sum.id)
		return a->sum.id < b->sum.id ? -1 : 1;
	if (a->sum.slot != b->sum.slot)
		return a->sum.slot < b->sum.slot ? -1 : 1;
	return (a->block > b->block) - (a->block < b->block);
}

static int leave(struct f2fs_finder *f, uint64_t block)
{
	return sv_extents_add(&f->unresolved, f2fs_offset(block), F2FS_BLOCK);
}

/* What is said to be free, and a file has it nevertheless. */
static void contradict(struct f2fs_finder *f)
{
	f->f.doubt = true;
	owners_caution(f->o, "its segment information is wrong: files have blocks that it calls "
			     "free");
}

static int settle(struct batch *b, const struct claim *c)
{
	enum f2fs_verdict verdict;
	int rc = c->sum.of_node
			 ? f2fs_claim_node(b->f, c->sum.id, c->block, &verdict)
			 : f2fs_claim_block(b->f, c->sum.id, c->sum.slot, c->block, &verdict);
	if (!rc && b->unused && verdict == F2FS_CLAIMED)
		contradict(b->f);
	return rc || b->unused || verdict != F2FS_REFUSED ? rc : leave(b->f, c->block);
}

static int settle_all(struct batch *b)
{
	int rc = 0;
	qsort(b->v, b->n, sizeof(*b->v), by_node);
	for (size_t i = 0; !rc && i < b->n && !owners_stopped(b->f->o); i++)
		rc = settle(b, &b->v[i]);
	b->n = 0;
	return rc;
}

static int take_block(struct batch *b, uint64_t block)
{
	struct claim c = {.block = (uint32_t)block};
	int rc = f2fs_sum_find(b->f, block, &c.sum);
	if (rc)
		return rc < 0 || b->unused ? SV_MIN(rc, 0) : leave(b->f, block);
	b->v[b->n++] = c;
	return b->n == BATCH ? settle_all(b) : 0;
}

/* Each block of a list of bytes once. */
static int take_list(struct batch *b, const struct sv_extents *hit)
{
	uint64_t next = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < hit->n && !owners_stopped(b->f->o); i++) {
		uint64_t end = hit->v[i].start + hit->v[i].len;
		next = SV_MAX(next, hit->v[i].start / F2FS_BLOCK);
		for (; !rc && f2fs_offset(next) < end; next++)
			rc = take_block(b, next);
	}
	return rc ? rc : settle_all(b);
}

/* What was lost of the main area and is not in f->f.hit. */
static int list_unused(const struct f2fs_finder *f, struct sv_extents *unused)
{
	const struct f2fs_area *area = &f->f.main;
	struct sv_extents all = {0}, lost = {0};
	int rc = sv_extents_add(&all, f2fs_offset(area->start), f2fs_offset(f2fs_blocks(area)));
	if (!rc)
		rc = sv_extents_intersect(&lost, &all, owners_lost(f->o));
	if (!rc)
		rc = sv_extents_subtract(unused, &lost, f->f.hit);
	sv_extents_clear(&all);
	sv_extents_clear(&lost);
	return rc;
}

static int take_by_summaries(struct f2fs_finder *f)
{
	struct batch b = {.f = f, .v = calloc(BATCH, sizeof(*b.v))};
	struct sv_extents unused = {0};
	sv_extents_normalise(f->f.hit);
	int rc = b.v ? take_list(&b, f->f.hit) : SV_E_NOMEM;
	if (!rc)
		rc = list_unused(f, &unused);
	b.unused = true;
	if (!rc)
		rc = take_list(&b, &unused);
	sv_extents_clear(&unused);
	free(b.v);
	return rc;
}

/* ---- by all nodes ---- */

static bool is_unresolved(const struct f2fs_finder *f, uint64_t block)
{
	return f2fs_in_main(&f->f, block) &&
	       sv_extents_contain(&f->unresolved, f2fs_offset(block), F2FS_BLOCK);
}

static int try_addresses(struct f2fs_finder *f, uint32_t id)
{
	bool inode = f2fs_is_inode(&f->node);
	struct f2fs_shape shape = {.per = F2FS_PER_NODE};
	enum f2fs_verdict verdict;
	int rc = 0;
	if (inode ? !f2fs_inode_shape(&f->f, f->node.raw, &shape) : !f2fs_is_direct(f->node.place))
		return 0;
	size_t from = inode ? F2FS_ADDRESSES + 4 * (size_t)shape.first : 0;
	uint32_t n = inode ? shape.n : shape.per;
	for (uint32_t i = 0; !rc && i < n; i++) {
		uint32_t block = get_le32(f->node.raw + from + 4 * (size_t)i);
		if (is_unresolved(f, block))
			rc = f2fs_claim_block(f, id, i, block, &verdict);
	}
	return rc;
}

static int try_node(struct f2fs_finder *f, uint32_t id, const struct f2fs_entry *entry, void *arg)
{
	enum f2fs_verdict verdict;
	(void)arg;
	if (owners_stopped(f->o))
		return 1;
	if (is_unresolved(f, entry->block))
		return f2fs_claim_node(f, id, entry->block, &verdict);
	int rc = f2fs_node_read(f, id, entry, &f->node);
	return rc ? SV_MIN(rc, 0) : try_addresses(f, id);
}

static int take_by_nodes(struct f2fs_finder *f)
{
	sv_extents_normalise(&f->unresolved);
	f->budget = f2fs_blocks(&f->f.main);
	return f->unresolved.n ? f2fs_nat_walk(f, try_node, NULL) : 0;
}

/* ---- the filesystem ---- */

/* What the segment information calls free, but what would be rolled forward. */
static int take_free(struct f2fs_finder *f)
{
	int rc = 0;
	if (!f->f.clean) {
		owners_caution(f->o, "it was not shut down cleanly: what was synced after its last "
				     "checkpoint is not in this list");
		rc = f2fs_roll_forward(&f->f);
	}
	if (!rc && !f->f.doubt)
		rc = fsmap_tell_free(f->f.r);
	return SV_MIN(rc, 0);
}

static int find_owners(struct f2fs_finder *f)
{
	int rc = f2fs_super_find(&f->f);
	if (!rc)
		rc = f2fs_cp_find(&f->f, f->o);
	if (!rc)
		rc = f2fs_nat_open(f);
	if (!rc)
		rc = take_fixed(f);
	if (!rc)
		rc = f2fs_sit_map(&f->f);
	f->budget = f2fs_blocks(&f->f.main);
	if (!rc)
		rc = take_by_summaries(f);
	if (!rc)
		rc = take_by_nodes(f);
	if (!rc)
		rc = take_free(f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : f2fs_names_find(f);
}

int f2fs_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct sv_extents hit = {0};
	struct f2fs_finder *f = calloc(1, sizeof(*f));
	if (!f)
		return SV_E_NOMEM;
	f->f.r = r;
	f->f.hit = &hit;
	f->o = o;
	int rc = find_owners(f);
	sv_extents_clear(&hit);
	sv_extents_clear(&f->unresolved);
	free(f->f.head);
	free(f->f.sit_which);
	free(f->f.nat_which);
	free(f);
	return rc;
}
