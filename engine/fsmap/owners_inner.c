/* owners_inner.c - volumes that stand inside of others: what was lost of them, and whose it was */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stripes that were lost each: of a volume of a terabyte in stripes of 64 KiB an eighth. */
#define LOST_MAX ((size_t)1 << 21)

/* A volume that stands inside of the one that is searched. */
struct inside {
	struct owners *o; /* of the outer one */
	const char *name;
	const struct blk_segment
		*segments; /* where its bytes are: in the outer one, or on other disks */
	size_t n;
	const struct sv_extents *blank; /* these places inside are not the volume's; NULL: none */
	uint32_t unit;		/* with one byte of it so many are lost; divides all segments */
	struct sv_extents lost; /* bytes of the volume inside */
	bool full;		/* they are in more than LOST_MAX pieces */
};

/* ---- from places outside to places inside ---- */

static int note_lost(struct inside *in, uint64_t start, uint64_t len, uint64_t outside)
{
	uint64_t low = start - start % in->unit, end = start + len;
	uint64_t high = end + (in->unit - end % in->unit) % in->unit;
	int rc = sv_extents_add(&in->lost, low, high - low);
	return rc ? rc : sv_extents_add(&in->o->owned, outside, len);
}

/* Lost bytes [start, start + len) of the inside, which stand at `outside`. */
static int note_unless_blank(struct inside *in, uint64_t start, uint64_t len, uint64_t outside)
{
	int rc = 0;
	while (!rc && len) {
		size_t i = in->blank ? sv_extents_seek(in->blank, start) : 0;
		const struct sv_extent *b = in->blank && i < in->blank->n ? &in->blank->v[i] : NULL;
		bool own = !b || b->start > start;
		uint64_t n = own ? (b ? SV_MIN(len, b->start - start) : len)
				 : SV_MIN(len, b->start + b->len - start);
		if (own)
			rc = note_lost(in, start, n, outside);
		start += n;
		outside += n;
		len -= n;
	}
	return rc;
}

/* Lost bytes from byte `y` of a column on. */
static int note_stripes(struct inside *in, const struct blk_segment *s, uint64_t at, size_t column,
			uint64_t y, uint64_t len)
{
	int rc = 0;
	while (!rc && len) {
		uint64_t n, x = blk_segment_at(s, column, y, &n);
		n = SV_MIN(n, len);
		if (in->lost.n == LOST_MAX)
			sv_extents_normalise(&in->lost);
		in->full = in->lost.n == LOST_MAX;
		if (in->full)
			return 0;
		rc = note_unless_blank(in, at + x, n, s->columns[column].start + y);
		y += n;
		len -= n;
	}
	return rc;
}

static int translate_column(struct inside *in, const struct blk_segment *s, uint64_t at,
			    size_t column)
{
	const struct blk_column *c = &s->columns[column];
	struct sv_extent p;
	int rc = 0;
	if (c->below != in->o->zeros)
		return 0;
	for (uint64_t pos = c->start, end = c->start + s->len / s->n;
	     !rc && sv_extents_next(in->o->lost, &pos, end, &p);)
		rc = note_stripes(in, s, at, column, p.start - c->start, p.len);
	return rc;
}

/* The inverse of where inner.c puts what is free inside. */
static int translate(struct inside *in)
{
	uint64_t at = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < in->n; at += in->segments[i++].len)
		for (size_t k = 0; !rc && k < in->segments[i].n; k++)
			rc = translate_column(in, &in->segments[i], at, k);
	sv_extents_normalise(&in->lost);
	return rc;
}

/* ---- what is told of it ---- */

static struct files_inner *add_inner(struct owners *o, const char *name)
{
	struct fsmap_files *out = o->out;
	struct files_inner *v = reallocarray(out->inner, out->n_inner + 1, sizeof(*v));
	if (!v)
		return NULL;
	out->inner = v;
	v += out->n_inner++;
	*v = (struct files_inner){0};
	snprintf(v->name, sizeof(v->name), "%s", name);
	return v;
}

/* Nothing is told of it but the reason. */
static int add_untold(struct owners *o, const char *name, uint64_t lost, const char *reason)
{
	struct files_inner *v = add_inner(o, name);
	if (!v || !(v->files = calloc(1, sizeof(*v->files))))
		return SV_E_NOMEM;
	v->lost = lost;
	snprintf(v->files->reason, sizeof(v->files->reason), "%s", reason);
	return 0;
}

int owners_untold(struct owners *o, const char *name, const struct sv_extents *where,
		  const char *reason)
{
	struct sv_extents lost = {0};
	int rc = sv_extents_intersect(&lost, where, o->lost);
	uint64_t n = sv_extents_total(&lost);
	sv_extents_clear(&lost);
	return !rc && n ? add_untold(o, name, n, reason) : rc;
}

static int search_inside(struct inside *in, struct blk_dev *dev)
{
	struct owners *o = in->o;
	struct owners inner = {.lost = &in->lost, .stop = o->stop, .around = o->around};
	struct fsmap_files *files = NULL;
	inner.around.depth++;
	int rc = owners_search(&inner, dev, &files, NULL);
	if (rc) /* who stopped it stops the outer one, too */
		return rc == SV_E_STOPPED ? 0 : SV_E_NOMEM;
	struct files_inner *v = add_inner(o, in->name);
	if (!v) {
		fsmap_files_destroy(files);
		return SV_E_NOMEM;
	}
	v->size = dev->size;
	v->lost = sv_extents_total(&in->lost);
	v->files = files;
	return 0;
}

/* ---- volumes made of segments ---- */

/* What is lost of it stays unknown here. */
static int leave(const struct inside *in, const char *reason)
{
	struct sv_extents where = {0};
	int rc = 0;
	for (size_t i = 0; !rc && i < in->n; i++)
		for (size_t k = 0; !rc && k < in->segments[i].n; k++)
			if (in->segments[i].columns[k].below == in->o->zeros)
				rc = sv_extents_add(&where, in->segments[i].columns[k].start,
						    in->segments[i].len / in->segments[i].n);
	sv_extents_normalise(&where);
	if (!rc)
		rc = owners_untold(in->o, in->name, &where, reason);
	sv_extents_clear(&where);
	return rc;
}

/* dev: what the segments are together. */
static int look(struct inside *in, struct blk_dev *dev)
{
	int rc = 0;
	if (in->o->around.depth + 1 >= FSMAP_DEPTH)
		return leave(in, "too many volumes stand in each other");
	rc = translate(in);
	if (!rc && in->full)
		rc = leave(in, "it was lost in too many places");
	else if (!rc && in->lost.n)
		rc = search_inside(in, dev);
	sv_extents_clear(&in->lost);
	return rc;
}

int owners_segments(struct fsmap_reader *r, const char *name, const struct blk_segment *segments,
		    size_t n)
{
	struct inside in = {.o = r->owners, .name = name, .segments = segments, .n = n, .unit = 1};
	struct blk_dev *dev = NULL;
	int rc = blk_segments_create(segments, n, name, &dev, NULL);
	if (rc)
		return rc == SV_E_NOMEM ? rc
					: fsmap_whole(r, "%s lies outside of its volume", name);
	rc = look(&in, dev);
	blk_close(dev);
	return rc;
}

int owners_decrypted(struct fsmap_reader *r, const struct fsmap_decrypted *how)
{
	struct inside in = {.o = r->owners,
			    .name = how->title,
			    .blank = how->blank,
			    .unit = how->crypt->sector_size};
	struct fsmap_plain plain = {0};
	struct fsmap_parts here = {0};
	int rc = fsmap_plain_open(in.o->zeros, how, &plain);
	if (rc && rc != SV_E_NOMEM)
		rc = fsmap_whole(r, "its header says that it is larger than its volume");
	if (!rc)
		rc = fsmap_parts_create(how, in.o->zeros, 0, &here);
	in.segments = here.v;
	in.n = here.n;
	if (!rc)
		rc = look(&in, plain.dev);
	fsmap_parts_clear(&here);
	fsmap_plain_close(&plain);
	return rc;
}
