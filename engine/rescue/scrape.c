/* scrape.c - stages that find out which sectors of failed reads are bad: trim, scrape, retry */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/passes_int.h"

#include "engine/util/bytes.h"

/* So many wrong guesses cost nothing worth a thought. */
#define WRONG_FEW 2
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
	return bad.status == RMAP_BAD && bad.len <= p->params.unit &&
	       (bad.start == 0 || passes_good_before(p, bad.start)) &&
	       r->end - r->start <= p->params.cluster && good_behind;
}

/* Where in a block that lies alone in what was read well the disk named a bad sector. */
static bool hint_in(const struct passes *p, const struct range *r, uint64_t *at)
{
	struct rmap_block b;
	bool alone = r->end - r->start <= p->params.cluster &&
		     (r->start == 0 || status_at(p, r->start - 1) == RMAP_DONE) &&
		     (r->end == rmap_size(p->map) || status_at(p, r->end) == RMAP_DONE);
	if (p->no_hints || !alone || !rmap_next(p->hints, r->start, RMAP_MASK(RMAP_BAD), &b) ||
	    b.start < r->start || b.start >= r->end)
		return false;
	*at = b.start;
	return true;
}

/* What is before it and what is behind it are read at once. If both go well, the sector is known to
 * be bad without another try: true, and no read. */
static bool trim_hinted(struct passes *p, const struct range *r, uint64_t at,
			struct passes_read *read)
{
	uint64_t behind = SV_MIN(at + p->params.unit, r->end);
	if (at > r->start) {
		*read = (struct passes_read){r->start, (uint32_t)(at - r->start)};
	} else if (behind < r->end) {
		p->rest_tried = behind;
		*read = (struct passes_read){behind, (uint32_t)(r->end - behind)};
	} else {
		return true;
	}
	return false;
}

/* On a disk that gets worse with every failed read a wrong guess costs what lies around. */
static bool guess_pays(const struct passes *p)
{
	return p->wrong < WRONG_FEW || 2 * p->wrong < p->guesses;
}

/* From the end of a block whose start is done. */
static void trim_behind(struct passes *p, const struct range *r, struct passes_read *read)
{
	if (p->rest_tried == r->start || !guess_pays(p) || !looks_isolated(p, r)) {
		passes_take_last(read, r, p->params.unit);
		return;
	}
	p->rest_tried = r->start;
	*read = (struct passes_read){r->start, (uint32_t)(r->end - r->start)};
}

/* The same before what is hard; false when no edge lies beside what was read well. */
static bool trim_early(struct passes *p, const struct range *r, struct passes_read *read)
{
	if (r->start == 0 || passes_good_before(p, r->start))
		passes_take_first(read, r, p->params.unit);
	else if (passes_good_at(p, r->end))
		trim_behind(p, r, read);
	else
		return false;
	return true;
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
	trim_behind(p, r, read);
	return true;
}

static bool trim_edge(struct passes *p, const struct range *r, struct passes_read *read)
{
	return p->early ? trim_early(p, r, read) : trim_block(p, r, read);
}

static bool trim_next(struct passes *p, struct passes_read *read, int *rc)
{
	struct range r;
	while (passes_range_next(p, p->pos, RMAP_MASK(RMAP_UNTRIMMED), &r)) {
		uint64_t at;
		p->pos = r.start;
		bool hinted = hint_in(p, &r, &at), known = hinted && trim_hinted(p, &r, at, read);
		if (hinted ? !known : trim_edge(p, &r, read))
			return true;
		p->pos = r.end;
		if (p->early && !known)
			continue;
		*rc = rmap_set(p->map, r.start, r.end - r.start, known ? RMAP_BAD : RMAP_UNSCRAPED);
		if (*rc)
			return false;
	}
	return false;
}

/* There is more than the one bad sector: what was named beside or in it is of no use any more. */
static void trim_result(struct passes *p, const struct passes_read *read, enum outcome outcome)
{
	struct rmap_block b;
	uint64_t unit = p->params.unit, end = read->off + read->len + unit;
	uint64_t pos = read->off - SV_MIN(read->off, unit);
	if (read->off == p->rest_tried && read->len > unit) {
		p->guesses++;
		p->wrong += outcome == READ_BAD;
	}
	if (outcome != READ_BAD || read->len <= unit)
		return;
	for (; rmap_next(p->hints, pos, RMAP_MASK(RMAP_BAD), &b) && b.start < end;
	     pos = b.start + b.len)
		if (rmap_set(p->hints, b.start, b.len, RMAP_UNSCRAPED))
			p->no_hints = true; /* out of memory: without them, then */
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
