/* passes.c - which read of a failing disk comes next? The order of the stages, and what they share
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/passes_int.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* A read may take this long whatever its size: the head moves, the disk tries twice. */
#define PATIENCE_US 150000.0
/* Slow is what takes so many times as long as usual. */
#define SLOW_TIMES 10.0
/* Before anything is known: 1 MB/s. */
#define FIRST_GUESS 1.0
/* A gap this small is read rather than passed over by the head. */
#define GAP SV_MIB

static const struct stage_ops *const stages[PASSES_END] = {
	[PASSES_FORWARD] = &passes_forward, [PASSES_EDGES] = &passes_edges,
	[PASSES_PROBE] = &passes_probe,	    [PASSES_SWEEP] = &passes_sweep,
	[PASSES_TRIM] = &passes_trim,	    [PASSES_SCRAPE] = &passes_scrape,
	[PASSES_RETRY] = &passes_retry_ops,
};

int passes_create(const struct passes_params *params, struct rmap *map, struct passes **passes_ret)
{
	struct passes *p = calloc(1, sizeof(*p));
	if (!p || rmap_create(rmap_size(map), &p->slow) || rmap_create(rmap_size(map), &p->hints)) {
		passes_destroy(p);
		return SV_E_NOMEM;
	}
	p->params = *params;
	if (!p->params.cluster)
		p->params.cluster = PASSES_CLUSTER;
	p->params.cluster = SV_MAX(p->params.cluster, params->unit);
	if (!p->params.stages)
		p->params.stages = PASSES_DO_ALL;
	p->map = map;
	p->us_per_byte = FIRST_GUESS;
	uint64_t size = rmap_size(map);
	p->skip_min = SV_MAX(sv_round_up(size / 100000, PASSES_CLUSTER), p->params.cluster);
	p->skip_max = SV_MAX(size / 100, p->skip_min);
	*passes_ret = p;
	return 0;
}

void passes_destroy(struct passes *p)
{
	if (!p)
		return;
	rmap_destroy(p->slow);
	rmap_destroy(p->hints);
	free(p);
}

/* ---- ranges of the map inside the area ---- */

bool passes_range_next(const struct passes *p, uint64_t pos, unsigned int mask, struct range *r)
{
	struct rmap_block b;
	while (rmap_next(p->map, pos, mask, &b)) {
		*r = (struct range){SV_MAX(b.start, pos), b.start + b.len};
		if (!p->area)
			return true;
		size_t i = sv_extents_seek(p->area, r->start);
		if (i == p->area->n)
			return false;
		const struct sv_extent *e = &p->area->v[i];
		r->start = SV_MAX(r->start, e->start);
		if (r->start < r->end) {
			r->end = SV_MIN(r->end, e->start + e->len);
			return true;
		}
		pos = r->start;
	}
	return false;
}

bool passes_range_prev(const struct passes *p, uint64_t pos, unsigned int mask, struct range *r)
{
	struct rmap_block b;
	while (rmap_prev(p->map, pos, mask, &b)) {
		*r = (struct range){b.start, SV_MIN(b.start + b.len, pos)};
		if (!p->area)
			return true;
		size_t i = sv_extents_seek(p->area, r->end - 1);
		if (i == p->area->n || p->area->v[i].start >= r->end) {
			if (i == 0)
				return false;
			i--;
		}
		const struct sv_extent *e = &p->area->v[i];
		r->end = SV_MIN(r->end, e->start + e->len);
		if (r->end > r->start) {
			r->start = SV_MAX(r->start, e->start);
			return true;
		}
		pos = r->end;
	}
	return false;
}

void passes_take_first(struct passes_read *read, const struct range *r, uint32_t unit)
{
	uint64_t end = SV_MIN(sv_round_down(r->start, unit) + unit, r->end);
	*read = (struct passes_read){r->start, (uint32_t)(end - r->start)};
}

void passes_take_last(struct passes_read *read, const struct range *r, uint32_t unit)
{
	uint64_t start = SV_MAX(sv_round_down(r->end - 1, unit), r->start);
	*read = (struct passes_read){start, (uint32_t)(r->end - start)};
}

bool passes_good_at(const struct passes *p, uint64_t pos)
{
	return pos < rmap_size(p->map) && rmap_at(p->map, pos).status == RMAP_DONE &&
	       rmap_at(p->slow, pos).status != RMAP_BAD;
}

bool passes_good_before(const struct passes *p, uint64_t pos)
{
	return pos > 0 && passes_good_at(p, pos - 1);
}

/* ---- the order ---- */

static size_t n_areas(const struct passes *p)
{
	return SV_MAX(p->params.n_areas, 1u);
}

static const enum passes_stage easy[] = {PASSES_FORWARD, PASSES_EDGES, PASSES_TRIM};
static const enum passes_stage hard[] = {PASSES_PROBE, PASSES_SWEEP, PASSES_TRIM, PASSES_SCRAPE};

static unsigned int easy_steps(const struct passes *p)
{
	return (unsigned int)(SV_ARRAY(easy) * n_areas(p));
}

/* The first of the retries. */
static unsigned int retry_step(const struct passes *p)
{
	return easy_steps(p) + (unsigned int)(SV_ARRAY(hard) * n_areas(p));
}

/* What is easy, area by area; then what is not; then again and again. */
static enum passes_stage stage_of(const struct passes *p, unsigned int step, size_t *area)
{
	*area = n_areas(p) - 1;
	if (step >= retry_step(p))
		return p->params.retries == PASSES_RETRY_EVER ||
				       step - retry_step(p) < p->params.retries
			       ? PASSES_RETRY
			       : PASSES_END;
	bool is_hard = step >= easy_steps(p);
	if (is_hard)
		step -= easy_steps(p);
	size_t each = is_hard ? SV_ARRAY(hard) : SV_ARRAY(easy);
	*area = step / each;
	return is_hard ? hard[step % each] : easy[step % each];
}

static void enter(struct passes *p)
{
	struct range bad;
	size_t area;
	p->stage = stage_of(p, p->step, &area);
	p->area = p->params.n_areas ? &p->params.areas[area] : NULL;
	p->pos = p->block_end = p->limit = 0;
	p->run = (struct run){0};
	p->grow = (struct grow){0};
	p->backwards = p->probing = false;
	p->early = p->step < easy_steps(p);
	p->round = p->fails = 0;
	p->rest_tried = UINT64_MAX;
	p->entered = true;
	/* a retry with nothing to be tried would be followed by others like it */
	if (p->stage == PASSES_RETRY && (!(p->params.stages & PASSES_DO(PASSES_RETRY)) ||
					 !passes_range_next(p, 0, RMAP_MASK(RMAP_BAD), &bad)))
		p->stage = PASSES_END;
}

bool passes_next(struct passes *p, struct passes_read *read, int *rc)
{
	*rc = 0;
	for (;;) {
		if (!p->entered)
			enter(p);
		if (p->stage == PASSES_END)
			return false;
		if (p->params.stages & PASSES_DO(p->stage) && stages[p->stage]->next(p, read, rc))
			return true;
		if (*rc)
			return false;
		p->entered = false;
		p->step++;
	}
}

/* ---- results ---- */

/* All of the disk may be slow: then slow becomes what is usual, little by little. */
static bool is_slow(struct passes *p, uint32_t len, uint64_t us)
{
	double usual = p->us_per_byte * len, took = (double)us;
	bool slow = p->params.slow_us ? us > p->params.slow_us
				      : took > PATIENCE_US + SLOW_TIMES * usual;
	double seen = SV_MIN(took, 4 * usual) / len;
	p->us_per_byte += (seen - p->us_per_byte) / 64;
	return slow;
}

static int mark_bad(struct passes *p, const struct passes_read *read, uint32_t good)
{
	uint32_t left = read->len - good;
	enum rmap_status status = left > p->params.unit ? RMAP_UNTRIMMED : RMAP_BAD;
	return rmap_set(p->map, read->off + good, left, status);
}

int passes_result(struct passes *p, const struct passes_read *read, uint32_t good, uint64_t us)
{
	enum outcome outcome = good < read->len ? READ_BAD : READ_GOOD;
	struct rmap_block named;
	unsigned int hinted = RMAP_MASK(RMAP_BAD) | RMAP_MASK(RMAP_UNSCRAPED);
	if (good && rmap_next(p->hints, read->off, hinted, &named) &&
	    named.start < read->off + good)
		p->no_hints = true;
	int rc = rmap_set(p->map, read->off, good, RMAP_DONE);
	if (!rc && outcome == READ_BAD) {
		rc = mark_bad(p, read, good);
	} else if (!rc && is_slow(p, read->len, us)) {
		outcome = READ_SLOW;
		rc = rmap_set(p->slow, read->off, read->len, RMAP_BAD);
	}
	if (!rc)
		stages[p->stage]->result(p, read, outcome);
	return rc;
}

int passes_hint(struct passes *p, uint64_t bad)
{
	uint64_t start = sv_round_down(bad, p->params.unit);
	if (bad >= rmap_size(p->map))
		return 0;
	return rmap_set(p->hints, start, SV_MIN(p->params.unit, rmap_size(p->map) - start),
			RMAP_BAD);
}

enum passes_stage passes_stage(const struct passes *p)
{
	return p->stage;
}

size_t passes_area(const struct passes *p)
{
	return p->area ? (size_t)(p->area - p->params.areas) : 0;
}

uint32_t passes_retry(const struct passes *p)
{
	return p->stage == PASSES_RETRY ? p->step - retry_step(p) + 1 : 0;
}

uint64_t passes_slow_bytes(const struct passes *p)
{
	return rmap_total(p->slow, RMAP_BAD);
}

int passes_round(struct sv_extents *dst, const struct sv_extents *src, uint32_t cluster,
		 uint64_t size)
{
	uint64_t start = 0, end = 0;
	for (size_t i = 0; i < src->n; i++) {
		uint64_t s = sv_round_down(src->v[i].start, cluster);
		uint64_t e = SV_MIN(sv_round_up(src->v[i].start + src->v[i].len, cluster), size);
		if (end && s <= end + GAP) {
			end = SV_MAX(end, e);
			continue;
		}
		if (sv_extents_add(dst, start, end - start))
			return SV_E_NOMEM;
		start = s;
		end = e;
	}
	return sv_extents_add(dst, start, end - start);
}
