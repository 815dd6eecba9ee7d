/* copy.c - stages that read what was not tried yet: forwards with leaps, edges, probes, the rest */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/passes_int.h"

#include "engine/util/bytes.h"

#include <string.h>

#define UNTRIED RMAP_MASK(RMAP_UNTRIED)
/* Runs of trouble of so many clusters are long: no scratch, but a head. */
#define LONG_CLUSTERS 16
/* Zones of a head are about that long on disks of today. */
#define STRIPE (64 * SV_MIB)
/* In a run of slow reads a small one tells as much. */
#define SMALL_READ 8192u

/* ---- on from a good read, both ways ---- */

static bool grow_next(struct passes *p, struct passes_read *read)
{
	struct grow *g = &p->grow;
	struct range r;
	if (g->ahead && passes_range_next(p, g->high, UNTRIED, &r) && r.start == g->high) {
		passes_take_first(read, &r, p->params.cluster);
		return true;
	}
	g->ahead = false;
	if (g->back && passes_range_prev(p, g->low, UNTRIED, &r) &&
	    (r.end == g->low || r.end > g->floor)) {
		passes_take_last(read, &r, p->params.cluster);
		return true;
	}
	g->back = false;
	return false;
}

/* true when the result was one of those reads. */
static bool grow_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	struct grow *g = &p->grow;
	if (g->ahead) {
		g->high = read->off + read->len;
		g->ahead = outcome == READ_GOOD;
		return true;
	}
	if (!g->back)
		return false;
	g->low = read->off;
	g->back = outcome == READ_GOOD;
	return true;
}

/* ---- forwards ---- */

static uint64_t longest_learnt(const struct passes *p)
{
	uint64_t longest = 0;
	for (unsigned int i = 0; i < SV_MIN(p->n_learnt, LEARNT); i++)
		longest = SV_MAX(longest, p->learnt[i]);
	return longest;
}

static bool is_long(const struct passes *p, uint64_t len)
{
	return len >= (uint64_t)LONG_CLUSTERS * p->params.cluster;
}

/* The run is over at `end`. */
static void learn(struct passes *p, uint64_t end)
{
	uint64_t len = end - p->run.start;
	if (p->run.broken)
		return;
	p->recent = p->recent << 1 | is_long(p, len);
	p->n_runs++;
	if (is_long(p, len))
		p->learnt[p->n_learnt++ % LEARNT] = len;
}

/* Most of the last runs were long: so will this one be. */
static bool expects_long(const struct passes *p)
{
	unsigned int last = SV_MIN(p->n_runs, 4u);
	return last && 2 * (unsigned int)__builtin_popcount(p->recent & ((1u << last) - 1)) >= last;
}

/* Where to go on after trouble: where a long run is likely, behind the longest of late; else in
 * leaps that grow. */
static uint64_t leap(struct passes *p)
{
	struct run *run = &p->run;
	uint64_t longest = longest_learnt(p), to = run->start + longest + longest / 16;
	bool likely = run->reads == 1 ? expects_long(p) : run->reads >= 4;
	if (longest && likely && !run->leapt && to > run->end) {
		run->leapt = true;
		run->skip = SV_MAX(longest / 16, p->skip_min);
		return to;
	}
	to = run->end + run->skip;
	run->skip = SV_MIN(2 * run->skip, p->skip_max);
	return to;
}

static void trouble(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	struct run *run = &p->run;
	if (!run->active)
		*run = (struct run){
			.active = true, .slow = true, .start = read->off, .skip = p->skip_min};
	run->reads++;
	run->slow = run->slow && outcome == READ_SLOW;
	run->end = read->off + read->len;
	p->pos = sv_round_up(leap(p), p->params.cluster);
}

/* The end of the run lies between its last bad read and this good one: back to it, if it was a long
 * one and there is something to be learnt. */
static void relief(struct passes *p, const struct passes_read *read)
{
	struct run *run = &p->run;
	p->pos = read->off + read->len;
	if (!run->active)
		return;
	if (read->off > run->end && (run->leapt || is_long(p, read->off - run->start)))
		p->grow = (struct grow){.back = true, .low = read->off, .floor = run->end};
	else
		learn(p, run->end);
	run->active = false;
}

/* What has trouble on both sides, and is no longer than a stripe may be, is left to later stages.
 */
static bool between_troubles(const struct passes *p, uint64_t pos)
{
	struct rmap_block b = rmap_at(p->map, pos);
	uint64_t end = b.start + b.len;
	return b.len <= STRIPE && b.start > 0 && end < rmap_size(p->map) &&
	       !passes_good_before(p, b.start) && !passes_good_at(p, end);
}

/* The area has nothing for longer than the run has lasted: who knows what lies there. */
static bool wide_gap(const struct passes *p, uint64_t start)
{
	return start > p->pos && is_long(p, start - p->pos) &&
	       start - p->pos > p->pos - SV_MIN(p->run.start, p->pos);
}

static bool forward_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	bool growing = p->grow.back;
	(void)rc;
	if (grow_next(p, read))
		return true;
	if (growing)
		learn(p, p->grow.low);
	/* a run does not go on behind something that is known */
	if (p->pos < rmap_size(p->map) && rmap_at(p->map, p->pos).status != RMAP_UNTRIED)
		p->run.active = false;
	while (passes_range_next(p, p->pos, UNTRIED, &r)) {
		p->run.broken = p->run.broken || wide_gap(p, r.start);
		if (between_troubles(p, r.start)) {
			p->pos = r.end;
			continue;
		}
		bool small = p->run.active && p->run.slow && p->run.reads > 1;
		passes_take_first(read, &r,
				  small ? SV_MAX(SMALL_READ, p->params.unit) : p->params.cluster);
		return true;
	}
	return false;
}

static void forward_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	bool growing = p->grow.back;
	if (grow_result(p, read, outcome)) {
		if (growing && !p->grow.back)
			learn(p, read->off + read->len);
		return;
	}
	if (outcome == READ_GOOD)
		relief(p, read);
	else
		trouble(p, read, outcome);
}

const struct stage_ops passes_forward = {.next = forward_next, .result = forward_result};

/* ---- edges: first short gaps behind trouble, forwards; then all that ends at something good,
 * backwards; then all that begins at it ---- */

static bool short_gap(struct passes *p, struct passes_read *read)
{
	struct range r;
	while (passes_range_next(p, p->pos, UNTRIED, &r)) {
		if (r.end - r.start <= 2 * p->skip_min && !between_troubles(p, r.start)) {
			p->block_end = r.end;
			passes_take_first(read, &r, p->params.cluster);
			return true;
		}
		p->pos = r.end;
	}
	return false;
}

static bool edge_back(struct passes *p, struct passes_read *read)
{
	struct range r;
	while (passes_range_prev(p, p->pos, UNTRIED, &r)) {
		if (r.end == rmap_size(p->map) || passes_good_at(p, r.end)) {
			p->block_end = r.start;
			passes_take_last(read, &r, p->params.cluster);
			return true;
		}
		p->pos = r.start;
	}
	return false;
}

static bool edge_ahead(struct passes *p, struct passes_read *read)
{
	struct range r;
	while (passes_range_next(p, p->pos, UNTRIED, &r)) {
		if (r.start == 0 || passes_good_before(p, r.start)) {
			p->block_end = r.end;
			passes_take_first(read, &r, p->params.cluster);
			return true;
		}
		p->pos = r.end;
	}
	return false;
}

static bool edges_next(struct passes *p, struct passes_read *read, int *rc)
{
	static bool (*const rounds[])(struct passes *,
				      struct passes_read *) = {short_gap, edge_back, edge_ahead};
	(void)rc;
	for (; p->round < SV_ARRAY(rounds); p->round++) {
		if (rounds[p->round](p, read))
			return true;
		p->pos = p->round == 0 ? rmap_size(p->map) : 0;
	}
	return false;
}

static void edges_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	if (outcome != READ_GOOD)
		p->pos = p->block_end; /* the rest of the block is not worth it now */
	else
		p->pos = p->round == 1 ? read->off : read->off + read->len;
}

const struct stage_ops passes_edges = {.next = edges_next, .result = edges_result};

/* ---- probes: the middle of the longest, then of the shorter ---- */

static uint64_t longest_untried(const struct passes *p)
{
	uint64_t longest = 0;
	struct range r = {0};
	while (passes_range_next(p, r.end, UNTRIED, &r))
		longest = SV_MAX(longest, r.end - r.start);
	return longest;
}

static bool probe_block(struct passes *p, struct passes_read *read)
{
	struct range r;
	while (passes_range_next(p, p->pos, UNTRIED, &r)) {
		p->pos = r.end;
		if (r.end - r.start < p->limit)
			continue;
		uint64_t mid = sv_round_down(r.start + (r.end - r.start) / 2, p->params.cluster);
		r.start = SV_MAX(mid, r.start);
		passes_take_first(read, &r, p->params.cluster);
		return true;
	}
	return false;
}

static bool probe_next(struct passes *p, struct passes_read *read, int *rc)
{
	(void)rc;
	if (grow_next(p, read))
		return true;
	if (!p->limit)
		p->limit = longest_untried(p) / 2;
	for (; p->limit >= (uint64_t)LONG_CLUSTERS * p->params.cluster; p->limit /= 2) {
		if (probe_block(p, read))
			return true;
		p->pos = 0;
	}
	return false;
}

static void probe_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	if (!grow_result(p, read, outcome) && outcome == READ_GOOD)
		p->grow = (struct grow){true, true, read->off, read->off + read->len, UINT64_MAX};
}

const struct stage_ops passes_probe = {.next = probe_next, .result = probe_result};

/* ---- the rest ---- */

static bool sweep_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	(void)rc;
	if (!passes_range_next(p, p->pos, UNTRIED, &r))
		return false;
	passes_take_first(read, &r, p->params.cluster);
	return true;
}

static void sweep_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	(void)outcome;
	p->pos = read->off + read->len;
}

const struct stage_ops passes_sweep = {.next = sweep_next, .result = sweep_result};
