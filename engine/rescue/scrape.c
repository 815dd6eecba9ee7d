/* scrape.c - stages that find out which sectors of failed reads are bad: trim, scrape, retry */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/passes_int.h"

#include "engine/util/bytes.h"

/* So many bad sectors in a row, and the rest of the block waits until the others had their turn. */
#define HOPELESS 16

static enum rmap_status status_at(const struct passes *p, uint64_t pos)
{
	return rmap_at(p->map, pos).status;
}

/* ---- trim: needs no state of its own, an edge beside a bad sector is done ---- */

/* One bad sector alone in what was read well: then what is behind it is likely good, and one read
 * costs less than many, backwards. */
static bool looks_isolated(const struct passes *p, const struct range *r)
{
	struct rmap_block bad = rmap_at(p->map, r->start - 1);
	bool good_behind = r->end == rmap_size(p->map) || passes_good_at(p, r->end);
	return bad.len <= p->params.unit && (bad.start == 0 || passes_good_before(p, bad.start)) &&
	       r->end - r->start <= p->params.cluster && good_behind;
}

/* The read that trims a block; false when both edges are done. */
static bool trim_block(struct passes *p, const struct range *r, struct passes_read *read)
{
	if (r->start == 0 || status_at(p, r->start - 1) != RMAP_BAD) {
		passes_take_first(read, r, p->params.unit);
		return true;
	}
	if (r->end < rmap_size(p->map) && status_at(p, r->end) == RMAP_BAD)
		return false;
	if (p->rest_tried != r->start && looks_isolated(p, r)) {
		p->rest_tried = r->start;
		*read = (struct passes_read){r->start, (uint32_t)(r->end - r->start)};
		return true;
	}
	passes_take_last(read, r, p->params.unit);
	return true;
}

static bool trim_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	while (passes_range_next(p, p->pos, RMAP_MASK(RMAP_UNTRIMMED), &r)) {
		p->pos = r.start;
		if (trim_block(p, &r, read))
			return true;
		*rc = rmap_set(p->map, r.start, r.end - r.start, RMAP_UNSCRAPED);
		if (*rc)
			return false;
	}
	return false;
}

static void trim_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	(void)p;
	(void)read;
	(void)outcome;
}

const struct stage_ops passes_trim = {.next = trim_next, .result = trim_result};

/* ---- scrape ---- */

static bool scrape_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	(void)rc;
	for (; p->round < 2; p->round++, p->pos = 0) {
		if (!passes_range_next(p, p->pos, RMAP_MASK(RMAP_UNSCRAPED), &r))
			continue;
		if (r.start != p->pos)
			p->fails = 0;
		p->block_end = r.end;
		passes_take_first(read, &r, p->params.unit);
		return true;
	}
	return false;
}

static void scrape_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	p->pos = read->off + read->len;
	p->fails = outcome == READ_BAD ? p->fails + 1 : 0;
	if (p->round == 0 && p->fails >= HOPELESS)
		p->pos = p->block_end;
}

const struct stage_ops passes_scrape = {.next = scrape_next, .result = scrape_result};

/* ---- retry: once forwards, once backwards ---- */

static bool retry_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	(void)rc;
	if (p->round == 0) {
		p->backwards = passes_retry(p) % 2 == 0;
		p->pos = p->backwards ? rmap_size(p->map) : 0;
		p->round = 1;
	}
	if (p->backwards) {
		if (!passes_range_prev(p, p->pos, RMAP_MASK(RMAP_BAD), &r))
			return false;
		passes_take_last(read, &r, p->params.unit);
	} else {
		if (!passes_range_next(p, p->pos, RMAP_MASK(RMAP_BAD), &r))
			return false;
		passes_take_first(read, &r, p->params.unit);
	}
	return true;
}

static void retry_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	(void)outcome;
	p->pos = p->backwards ? read->off : read->off + read->len;
}

const struct stage_ops passes_retry_ops = {.next = retry_next, .result = retry_result};
