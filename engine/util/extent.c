/* extent.c - sorted lists of byte ranges, and run maps with a kind per range */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/extent.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

void sv_extents_clear(struct sv_extents *list)
{
	free(list->v);
	memset(list, 0, sizeof(*list));
}

static int extents_push(struct sv_extents *list, uint64_t start, uint64_t len)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct sv_extent *v = reallocarray(list->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = (struct sv_extent){start, len};
	return 0;
}

int sv_extents_add(struct sv_extents *list, uint64_t start, uint64_t len)
{
	uint64_t end;
	if (!sv_add_ok(start, len, &end))
		return SV_E_RANGE;
	if (len == 0)
		return 0;
	if (list->n > 0) {
		struct sv_extent *last = &list->v[list->n - 1];
		if (start == last->start + last->len) {
			last->len += len;
			return 0;
		}
		if (start < last->start + last->len)
			list->unsorted = true;
	}
	return extents_push(list, start, len);
}

static int compare_start(const void *a, const void *b)
{
	const struct sv_extent *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

void sv_extents_normalise(struct sv_extents *list)
{
	if (!list->unsorted)
		return;
	qsort(list->v, list->n, sizeof(list->v[0]), compare_start);
	size_t out = 0;
	for (size_t i = 1; i < list->n; i++) {
		struct sv_extent *last = &list->v[out];
		uint64_t end = last->start + last->len;
		uint64_t next_end = list->v[i].start + list->v[i].len;
		if (list->v[i].start > end)
			list->v[++out] = list->v[i];
		else if (next_end > end)
			last->len = next_end - last->start;
	}
	list->n = out + 1;
	list->unsorted = false;
}

int sv_extents_copy(struct sv_extents *dst, const struct sv_extents *src)
{
	for (size_t i = 0; i < src->n; i++) {
		int rc = sv_extents_add(dst, src->v[i].start, src->v[i].len);
		if (rc)
			return rc;
	}
	return 0;
}

int sv_extents_remove(struct sv_extents *list, uint64_t start, uint64_t len)
{
	struct sv_extents hole = {0}, rest = {0};
	sv_extents_normalise(list);
	int rc = sv_extents_add(&hole, start, len);
	if (!rc)
		rc = sv_extents_subtract(&rest, list, &hole);
	sv_extents_clear(&hole);
	if (rc) {
		sv_extents_clear(&rest);
		return rc;
	}
	sv_extents_clear(list);
	*list = rest;
	return 0;
}

int sv_extents_subtract(struct sv_extents *dst, const struct sv_extents *a,
			const struct sv_extents *b)
{
	size_t j = 0;
	for (size_t i = 0; i < a->n; i++) {
		uint64_t pos = a->v[i].start;
		uint64_t end = pos + a->v[i].len;
		while (j < b->n && b->v[j].start + b->v[j].len <= pos)
			j++;
		for (size_t k = j; pos < end; k++) {
			uint64_t cut = k < b->n ? SV_MIN(SV_MAX(b->v[k].start, pos), end) : end;
			int rc = sv_extents_add(dst, pos, cut - pos);
			if (rc)
				return rc;
			pos = k < b->n ? SV_MAX(cut, b->v[k].start + b->v[k].len) : end;
			if (cut == end)
				break;
		}
	}
	return 0;
}

int sv_extents_intersect(struct sv_extents *dst, const struct sv_extents *a,
			 const struct sv_extents *b)
{
	size_t i = 0, j = 0;
	while (i < a->n && j < b->n) {
		uint64_t a_end = a->v[i].start + a->v[i].len;
		uint64_t b_end = b->v[j].start + b->v[j].len;
		uint64_t start = SV_MAX(a->v[i].start, b->v[j].start);
		uint64_t end = SV_MIN(a_end, b_end);
		if (start < end) {
			int rc = sv_extents_add(dst, start, end - start);
			if (rc)
				return rc;
		}
		if (a_end <= b_end)
			i++;
		else
			j++;
	}
	return 0;
}

int sv_extents_union(struct sv_extents *dst, const struct sv_extents *a, const struct sv_extents *b)
{
	int rc = sv_extents_copy(dst, a);
	if (!rc)
		rc = sv_extents_copy(dst, b);
	if (!rc)
		sv_extents_normalise(dst);
	return rc;
}

int sv_extents_invert(struct sv_extents *dst, const struct sv_extents *a, uint64_t size)
{
	struct sv_extents all = {0};
	int rc = sv_extents_add(&all, 0, size);
	if (!rc)
		rc = sv_extents_subtract(dst, &all, a);
	sv_extents_clear(&all);
	return rc;
}

uint64_t sv_extents_total(const struct sv_extents *list)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < list->n; i++)
		sum += list->v[i].len;
	return sum;
}

size_t sv_extents_seek(const struct sv_extents *list, uint64_t pos)
{
	size_t lo = 0, hi = list->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (list->v[mid].start + list->v[mid].len <= pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool sv_extents_next(const struct sv_extents *list, uint64_t *pos, uint64_t end,
		     struct sv_extent *part)
{
	size_t i = sv_extents_seek(list, *pos);
	if (i == list->n || list->v[i].start >= end)
		return false;
	uint64_t start = SV_MAX(list->v[i].start, *pos);
	uint64_t stop = SV_MIN(list->v[i].start + list->v[i].len, end);
	*part = (struct sv_extent){start, stop - start};
	*pos = stop;
	return start < stop;
}

bool sv_extents_contain(const struct sv_extents *list, uint64_t start, uint64_t len)
{
	size_t i = sv_extents_seek(list, start);
	if (len == 0)
		return true;
	return i < list->n && list->v[i].start <= start &&
	       sv_range_ok(start - list->v[i].start, len, list->v[i].len);
}

const char *sv_run_kind_name(int kind)
{
	static const char *const names[] = {
		[SV_RUN_DATA] = "data", [SV_RUN_ZERO] = "zero",	    [SV_RUN_FREE] = "free",
		[SV_RUN_BAD] = "bad",	[SV_RUN_ABSENT] = "absent", [SV_RUN_READ] = "read",
	};
	if (kind < SV_RUN_DATA || kind > SV_RUN_READ)
		return "unknown";
	return names[kind];
}

void sv_runs_clear(struct sv_runs *runs)
{
	free(runs->v);
	memset(runs, 0, sizeof(*runs));
}

uint64_t sv_runs_end(const struct sv_runs *runs)
{
	return runs->n ? runs->v[runs->n - 1].start + runs->v[runs->n - 1].len : 0;
}

int sv_runs_append(struct sv_runs *runs, uint64_t len, int kind)
{
	uint64_t start = sv_runs_end(runs), end;
	if (!sv_add_ok(start, len, &end))
		return SV_E_RANGE;
	if (len == 0)
		return 0;
	if (runs->n && runs->v[runs->n - 1].kind == kind) {
		runs->v[runs->n - 1].len += len;
		return 0;
	}
	if (runs->n == runs->cap) {
		size_t cap = runs->cap ? runs->cap * 2 : 64;
		struct sv_run *v = reallocarray(runs->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		runs->v = v;
		runs->cap = cap;
	}
	runs->v[runs->n++] = (struct sv_run){start, len, kind};
	return 0;
}

size_t sv_runs_seek(const struct sv_runs *runs, uint64_t pos)
{
	size_t lo = 0, hi = runs->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (runs->v[mid].start + runs->v[mid].len <= pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint64_t sv_runs_within(const struct sv_runs *runs, unsigned int kinds, uint64_t start,
			uint64_t end)
{
	uint64_t sum = 0;
	for (size_t i = sv_runs_seek(runs, start); i < runs->n && runs->v[i].start < end; i++) {
		uint64_t a = runs->v[i].start, b = a + runs->v[i].len;
		if (kinds & 1u << runs->v[i].kind)
			sum += (b < end ? b : end) - (a > start ? a : start);
	}
	return sum;
}

bool sv_runs_touch(const struct sv_runs *runs, unsigned int kinds, uint64_t start, uint64_t end)
{
	for (size_t i = sv_runs_seek(runs, start);
	     start < end && i < runs->n && runs->v[i].start < end; i++)
		if (kinds & 1u << runs->v[i].kind)
			return true;
	return false;
}

uint64_t sv_runs_total(const struct sv_runs *runs, int kind)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < runs->n; i++)
		if (runs->v[i].kind == kind)
			sum += runs->v[i].len;
	return sum;
}

int sv_runs_select(struct sv_extents *dst, const struct sv_runs *runs, unsigned int kinds)
{
	for (size_t i = 0; i < runs->n; i++) {
		if (!(kinds & 1u << runs->v[i].kind))
			continue;
		int rc = sv_extents_add(dst, runs->v[i].start, runs->v[i].len);
		if (rc)
			return rc;
	}
	return 0;
}
