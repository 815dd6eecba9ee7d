/* ntfs_log_walk.c - all records of an NTFS log: those without a gap that a replay needs, and the
 * rest */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_log.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/*
 * The first record behind this one: on the same page, or at the beginning of the next one, where a
 * page was closed before it was full. 0 when neither place has it: the log ends there.
 */
static int find_following(struct ntfs_log *l, const struct ntfs_log_record *rec, uint64_t *next,
			  struct ntfs_log_record *found_rec)
{
	uint64_t round = ntfs_log_round(l, rec->lsn) + rec->wrapped;
	uint64_t page = sv_round_down(rec->end - 1, l->page), place = sv_round_up(rec->end, 8);
	bool found = false, torn = false;
	int rc = 0;
	*next = 0;
	if (place - page <= l->page - l->head) {
		*next = ntfs_log_lsn(l, place, round);
		rc = ntfs_log_record(l, *next, found_rec, &found, &torn);
	}
	if (!rc && !found && !torn) {
		place = ntfs_log_next_page(l, page, &round) + l->data_off;
		*next = ntfs_log_lsn(l, place, round);
		rc = ntfs_log_record(l, *next, found_rec, &found, &torn);
	}
	if (!rc && torn)
		l->torn = *next;
	if (!rc && !found)
		*next = 0;
	return rc;
}

/* Where the oldest record is that is still needed. A place before the first page stands for the
 * beginning of the log. */
static uint64_t first_lsn(const struct ntfs_log *l)
{
	if (ntfs_log_place(l, l->oldest) >= l->first)
		return l->oldest;
	return ntfs_log_lsn(l, l->first + l->data_off, ntfs_log_round(l, l->oldest));
}

/* Every record from the oldest one needed to the last; l->last is 0 when nothing was logged yet. */
static int follow(struct ntfs_log *l)
{
	struct ntfs_log_record rec;
	uint64_t lsn = first_lsn(l), from = lsn;
	bool found, torn;
	int rc = ntfs_log_record(l, lsn, &rec, &found, &torn);
	if (rc || !found)
		return rc;
	while (!rc && lsn) {
		l->last = lsn;
		rc = ntfs_log_take(l, &rec, true);
		if (!rc && lsn - from > 1ULL << l->place_bits)
			rc = ntfs_doubt(l->v, "its log bites its own tail");
		if (!rc)
			rc = find_following(l, &rec, &lsn, &rec);
	}
	return rc;
}

/* What any page tells, of whichever age; *newest is the highest LSN of all. */
static int take_page(struct ntfs_log *l, const struct ntfs_log_page *page, uint64_t *lsns,
		     uint64_t *newest)
{
	struct ntfs_log_record rec;
	size_t n = 0;
	int rc = 0;
	for (uint32_t off = l->data_off; page->good && off <= l->page - l->head; off += 8)
		if ((lsns[n] = ntfs_log_head(l, page, off)))
			n++;
	for (size_t i = 0; rc >= 0 && !l->v->doubt[0] && i < n; i++) {
		bool found, torn;
		*newest = SV_MAX(*newest, lsns[i]);
		rc = ntfs_log_record(l, lsns[i], &rec, &found, &torn);
		if (!rc && found)
			rc = ntfs_log_take(l, &rec, false);
	}
	return rc;
}

static int take_all(struct ntfs_log *l, uint64_t *newest)
{
	const struct ntfs_log_page *page;
	uint64_t *lsns = malloc(l->page / 8 * sizeof(*lsns));
	int rc = lsns ? 0 : SV_E_NOMEM;
	for (size_t i = 0; !rc && i < l->n_tails; i++)
		rc = take_page(l, &l->tails[i], lsns, newest);
	for (uint64_t off = l->first; !rc && off < l->size; off += l->page) {
		rc = ntfs_log_page(l, off, 0, &page);
		if (!rc)
			rc = take_page(l, page, lsns, newest);
	}
	free(lsns);
	return rc;
}

int ntfs_log_walk(struct ntfs_log *l)
{
	uint64_t newest = 0;
	bool pseudo = ntfs_log_place(l, l->current) < l->first;
	int rc = follow(l);
	if (!rc)
		rc = take_all(l, &newest);
	if (rc)
		return rc;
	/* what was there when the restart page was written must be there, and nothing behind a gap;
	 * a last record that was being written is none yet */
	if (SV_MAX(l->last, l->torn) < newest || (!pseudo && l->last < l->current))
		return ntfs_doubt(l->v, "its log has a gap");
	return 0;
}
