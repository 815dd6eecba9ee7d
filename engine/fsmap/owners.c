/* owners.c - collecting who owns lost bytes: losses of files, the filesystem's own, what is free */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds for hostile volumes. Past them losses are no longer listed one by one, with a word on it.
 */
#define LOSSES_MAX ((size_t)1 << 20)

const struct sv_extents *owners_lost(const struct owners *o)
{
	return o->lost;
}

struct blk_dev *owners_zeros(const struct owners *o)
{
	return o->zeros;
}

bool owners_stopped(const struct owners *o)
{
	return o->stop && atomic_load(o->stop);
}

void owners_caution(struct owners *o, const char *fmt, ...)
{
	if (*o->out->caution)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(o->out->caution, sizeof(o->out->caution), fmt, ap);
	va_end(ap);
}

bool owners_touch(const struct owners *o, uint64_t at, uint64_t len)
{
	struct sv_extent piece;
	return sv_extents_next(o->lost, &at, at + len, &piece);
}

/* ---- losses ---- */

static bool room_for_loss(struct owners *o, int *rc)
{
	struct fsmap_files *out = o->out;
	if (out->n_losses == LOSSES_MAX) {
		owners_caution(o, "more losses than can be listed");
		return false;
	}
	if (out->n_losses < o->losses_cap)
		return true;
	size_t cap = o->losses_cap ? o->losses_cap * 2 : 64;
	struct files_loss *v = reallocarray(out->losses, cap, sizeof(*v));
	if (!v) {
		*rc = SV_E_NOMEM;
		return false;
	}
	out->losses = v;
	o->losses_cap = cap;
	return true;
}

/* Two neighbours of one file are one loss. */
static bool extend_last(struct owners *o, const struct files_loss *loss)
{
	struct files_loss *last = o->out->n_losses ? &o->out->losses[o->out->n_losses - 1] : NULL;
	if (!last || last->id != loss->id || last->kind != loss->kind ||
	    last->at + last->at_len != loss->at || last->start + last->len != loss->start)
		return false;
	if (!last->stream != !loss->stream || (last->stream && strcmp(last->stream, loss->stream)))
		return false;
	last->len += loss->len;
	last->at_len += loss->at_len;
	return true;
}

static int add_loss(struct owners *o, const struct owners_file *file, struct files_loss loss)
{
	int rc = 0;
	loss.id = file->id;
	loss.kind = loss.len || file->kind != FILES_CONTENT ? file->kind : FILES_SLACK;
	loss.stream = (char *)file->stream;
	if (!extend_last(o, &loss)) {
		if (!room_for_loss(o, &rc))
			return rc;
		if (file->stream && !(loss.stream = strdup(file->stream)))
			return SV_E_NOMEM;
		o->out->losses[o->out->n_losses++] = loss;
	}
	return sv_extents_add(&o->owned, loss.at, loss.at_len);
}

size_t owners_losses(const struct owners *o)
{
	return o->out->n_losses;
}

int owners_run(struct owners *o, const struct owners_file *file, uint64_t at, uint64_t len,
	       uint64_t start, uint64_t size)
{
	struct sv_extent p;
	uint64_t end = at + len;
	int rc = 0;
	for (uint64_t pos = at; !rc && sv_extents_next(o->lost, &pos, end, &p);) {
		uint64_t from = start + (p.start - at);
		uint64_t n = owners_before_end(from, p.len, size);
		if (n)
			rc = add_loss(o, file,
				      (struct files_loss){
					      .start = from, .len = n, .at = p.start, .at_len = n});
		if (!rc && n < p.len)
			rc = add_loss(o, file,
				      (struct files_loss){.start = from + n,
							  .at = p.start + n,
							  .at_len = p.len - n});
	}
	return rc;
}

int owners_lose(struct owners *o, const struct owners_file *file, uint64_t at, uint64_t len,
		uint64_t start, uint64_t span)
{
	struct sv_extent p;
	int rc = 0;
	for (uint64_t pos = at; !rc && sv_extents_next(o->lost, &pos, at + len, &p);
	     start += span, span = 0)
		rc = add_loss(o, file,
			      (struct files_loss){
				      .start = start, .len = span, .at = p.start, .at_len = p.len});
	return rc;
}

/* ---- areas ---- */

static int add_area(struct owners *o, const struct files_area *area)
{
	struct fsmap_files *out = o->out;
	if (out->n_areas == o->areas_cap) {
		size_t cap = o->areas_cap ? o->areas_cap * 2 : 64;
		struct files_area *v = reallocarray(out->areas, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		out->areas = v;
		o->areas_cap = cap;
	}
	out->areas[out->n_areas++] = *area;
	return 0;
}

int owners_metadata(struct owners *o, uint64_t at, uint64_t len, const char *what)
{
	struct sv_extent p;
	int rc = 0;
	for (uint64_t end = at + len; !rc && sv_extents_next(o->lost, &at, end, &p);) {
		if (o->out->n_areas == LOSSES_MAX) {
			owners_caution(o, "more losses than can be listed");
			break;
		}
		rc = add_area(o, &(struct files_area){FILES_AREA_METADATA, p.start, p.len, what});
	}
	return rc;
}

int owners_free(struct owners *o, uint64_t at, uint64_t len)
{
	return sv_extents_add(&o->free, at, len);
}

/* The filesystem's own bytes, without what a file has claimed. Two names for one byte: the first.
 */
static int metadata_list(const struct owners *o, struct sv_extents *dst)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < o->out->n_areas; i++)
		rc = sv_extents_add(dst, o->out->areas[i].start, o->out->areas[i].len);
	sv_extents_normalise(dst);
	return rc;
}

int owners_rest(struct owners *o, struct sv_extents *dst)
{
	struct sv_extents meta = {0}, taken = {0};
	int rc = metadata_list(o, &meta);
	sv_extents_normalise(&o->owned);
	if (!rc)
		rc = sv_extents_union(&taken, &meta, &o->owned);
	if (!rc)
		rc = sv_extents_subtract(dst, o->lost, &taken);
	sv_extents_clear(&meta);
	sv_extents_clear(&taken);
	return rc;
}

static int by_place(const void *pa, const void *pb)
{
	const struct files_area *a = pa, *b = pb;
	return (a->start > b->start) - (a->start < b->start);
}

/* Areas in order, each byte once, neighbours of one kind joined. */
static void tidy_areas(struct fsmap_files *out)
{
	size_t n = 0;
	if (out->n_areas)
		qsort(out->areas, out->n_areas, sizeof(*out->areas), by_place);
	for (size_t i = 0; i < out->n_areas; i++) {
		struct files_area a = out->areas[i], *last = n ? &out->areas[n - 1] : NULL;
		uint64_t end = last ? last->start + last->len : 0, stop = a.start + a.len;
		if (last && stop <= end)
			continue;
		if (last && a.start < end)
			a = (struct files_area){a.kind, end, stop - end, a.what};
		if (last && end == a.start && last->kind == a.kind && last->what == a.what)
			last->len += a.len;
		else
			out->areas[n++] = a;
	}
	out->n_areas = n;
}

static int add_list(struct owners *o, const struct sv_extents *list, enum files_area_kind kind)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < list->n; i++)
		rc = add_area(o,
			      &(struct files_area){kind, list->v[i].start, list->v[i].len, NULL});
	return rc;
}

static void count_areas(struct owners *o)
{
	struct fsmap_files *out = o->out;
	uint64_t *const sums[] = {[FILES_AREA_METADATA] = &out->metadata,
				  [FILES_AREA_FREE] = &out->free,
				  [FILES_AREA_UNKNOWN] = &out->unknown};
	for (size_t i = 0; i < out->n_areas; i++)
		*sums[out->areas[i].kind] += out->areas[i].len;
	*(out->n_inner ? &out->in_inner : &out->in_files) =
		sv_extents_total(o->lost) - out->metadata - out->free - out->unknown;
}

/* What no file claims of one area. */
static int keep_unowned(struct owners *o, const struct files_area *area)
{
	uint64_t pos = area->start, end = area->start + area->len;
	int rc = 0;
	while (!rc && pos < end) {
		size_t i = sv_extents_seek(&o->owned, pos);
		const struct sv_extent *own = i < o->owned.n ? &o->owned.v[i] : NULL;
		uint64_t stop = own ? SV_MIN(SV_MAX(own->start, pos), end) : end;
		if (stop > pos)
			rc = add_area(
				o, &(struct files_area){area->kind, pos, stop - pos, area->what});
		pos = own ? SV_MAX(own->start + own->len, stop) : end;
	}
	return rc;
}

/* A byte that a file claims is the file's, whatever else was said of it. */
static int drop_owned(struct owners *o)
{
	struct fsmap_files *out = o->out;
	struct files_area *old = out->areas;
	size_t n = out->n_areas;
	int rc = 0;
	out->areas = NULL;
	out->n_areas = o->areas_cap = 0;
	for (size_t i = 0; !rc && i < n; i++)
		rc = keep_unowned(o, &old[i]);
	free(old);
	return rc;
}

int owners_sort_rest(struct owners *o)
{
	struct sv_extents rest = {0}, unused = {0}, unknown = {0};
	int rc = owners_rest(o, &rest);
	sv_extents_normalise(&o->free);
	if (!rc)
		rc = drop_owned(o);
	if (!rc)
		rc = sv_extents_intersect(&unused, &rest, &o->free);
	if (!rc)
		rc = sv_extents_subtract(&unknown, &rest, &o->free);
	if (!rc)
		rc = add_list(o, &unused, FILES_AREA_FREE);
	if (!rc)
		rc = add_list(o, &unknown, FILES_AREA_UNKNOWN);
	tidy_areas(o->out);
	count_areas(o);
	sv_extents_clear(&rest);
	sv_extents_clear(&unused);
	sv_extents_clear(&unknown);
	return rc;
}
