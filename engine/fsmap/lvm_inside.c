/* lvm_inside.c - LVM2: what is free in the logical volumes that are linear or striped */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/fsmap/owners.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOLUMES_MAX  1024 /* logical volumes looked into */
#define SEGMENTS_MAX 4096 /* of one of them */
#define COLUMNS_MAX  16384

/* Where the bytes of a logical volume are. */
struct lying {
	struct blk_segment *v;
	struct blk_column *columns;
	size_t n, n_columns;
	uint64_t extents;
	const char *why; /* it cannot be told */
	int ret;	 /* what ends it all */
};

/* A volume that is simply there: no lock, no move, no merge. */
static bool has_plain_status(const struct lvm_group *g, const struct lvm_node *lv)
{
	static const char *const plain[] = {"READ", "WRITE", "VISIBLE", "FIXED_MINOR"};
	const struct lvm_node *status = lvm_child(g->t, lv, "status", LVM_LIST);
	const struct lvm_node *flags = lvm_child(g->t, lv, "flags", LVM_LIST);
	bool visible = false;
	if (!status || (flags && lvm_first(g->t, flags)))
		return false;
	for (const struct lvm_node *c = lvm_first(g->t, status); c; c = lvm_next(g->t, c)) {
		size_t i = 0;
		while (i < SV_ARRAY(plain) && !lvm_value_is(c, plain[i], strlen(plain[i])))
			i++;
		if (i == SV_ARRAY(plain))
			return false;
		visible = visible || lvm_value_is(c, "VISIBLE", 7);
	}
	return visible;
}

static bool cannot(struct lying *l, const char *why)
{
	l->why = why;
	return false;
}

/* A pair of a name and an extent, whose range lvm_map.c has checked. */
static bool take_column(struct lvm_group *g, const struct lvm_node *name, const struct lvm_node *at,
			struct lying *l, struct blk_segment *s)
{
	struct lvm_place *place;
	if (!at || at->kind != LVM_NUMBER || l->n_columns == COLUMNS_MAX)
		return cannot(l, "it has too many pieces");
	l->ret = lvm_place_find(g, name, &place);
	if (l->ret)
		return false;
	if (!place)
		return cannot(l, "it lies on something else than disks, or on too many");
	if (*place->why)
		return cannot(l, place->why);
	l->columns[l->n_columns++] =
		(struct blk_column){place->dev, place->first + at->number * g->extent};
	s->n++;
	return true;
}

static bool take_columns(struct lvm_group *g, const struct lvm_node *list, struct lying *l,
			 struct blk_segment *s)
{
	const struct lvm_node *name = lvm_first(g->t, list), *at;
	s->columns = &l->columns[l->n_columns];
	for (; name; name = lvm_next(g->t, at)) {
		at = lvm_next(g->t, name);
		if (!take_column(g, name, at, l, s))
			return false;
	}
	return true;
}

/* lvm2 makes stripes of 4 KiB and more, powers of two, that fill extents. */
static bool take_stripe(const struct lvm_group *g, const struct lvm_node *segment, struct lying *l,
			struct blk_segment *s)
{
	uint64_t sectors = 0;
	if (s->n == 1)
		return true;
	if (!lvm_number(g->t, segment, "stripe_size", &sectors) || !sectors ||
	    sectors & (sectors - 1) || !sv_mul_ok(sectors, LVM_SECTOR, &s->stripe) ||
	    g->extent % s->stripe)
		return cannot(l, "its stripes are of an unusual size");
	return true;
}

static bool take_segment(struct lvm_group *g, const struct lvm_node *segment, struct lying *l)
{
	struct blk_segment *s = &l->v[l->n];
	uint64_t start = 0, count = 0, stripes = 0;
	const struct lvm_node *type = lvm_child(g->t, segment, "type", LVM_STRING);
	const struct lvm_node *list = lvm_child(g->t, segment, "stripes", LVM_LIST);
	*s = (struct blk_segment){0};
	if (!type || !list || !lvm_value_is(type, "striped", 7))
		return cannot(l, "it is neither linear nor striped");
	if (!lvm_number(g->t, segment, "start_extent", &start) || start != l->extents ||
	    !lvm_number(g->t, segment, "extent_count", &count) ||
	    !sv_mul_ok(count, g->extent, &s->len) || !sv_add_ok(l->extents, count, &l->extents))
		return cannot(l, "its pieces are not in order");
	l->n++;
	if (!take_columns(g, list, l, s))
		return false;
	if (!lvm_number(g->t, segment, "stripe_count", &stripes) || !s->n || stripes != s->n)
		return cannot(l, "its pieces are not in order");
	return take_stripe(g, segment, l, s);
}

static bool take_segments(struct lvm_group *g, const struct lvm_node *lv, struct lying *l)
{
	l->n = l->n_columns = 0;
	l->extents = 0;
	for (const struct lvm_node *c = lvm_first(g->t, lv); c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		if (l->n == SEGMENTS_MAX)
			return cannot(l, "it has too many pieces");
		if (!take_segment(g, c, l))
			return false;
	}
	return true;
}

/* A volume may be called as a type of segments is. */
static bool segment_names(const struct lvm_group *g, const struct lvm_node *segment,
			  const char *name, size_t len)
{
	for (const struct lvm_node *c = lvm_first(g->t, segment); c; c = lvm_next(g->t, c))
		if (!lvm_named(c, "type") && lvm_mentions(g->t, c, name, len))
			return true;
	return false;
}

/* Does a segment of the volume name this? Hosts and tags, which may have any name, do not count. */
static bool segments_name(const struct lvm_group *g, const struct lvm_node *lv, const char *name,
			  size_t len)
{
	for (const struct lvm_node *c = lvm_first(g->t, lv); c; c = lvm_next(g->t, c))
		if (c->kind == LVM_SECTION && segment_names(g, c, name, len))
			return true;
	return false;
}

static bool is_part(const struct lvm_group *g, const struct lvm_node *lv)
{
	for (const struct lvm_node *v = lvm_first(g->t, g->volumes); v; v = lvm_next(g->t, v))
		if (segments_name(g, v, lv->name, lv->name_len))
			return true;
	return false;
}

/* Where a volume is on this disk. */
static int places_of(struct lvm_group *g, const struct lvm_node *lv, struct sv_extents *dst)
{
	struct lvm_place one = g->here;
	one.used = (struct sv_extents){0};
	int ret = lvm_take_volume(g, &one, lv);
	for (size_t i = 0; !ret && i < one.used.n; i++)
		ret = sv_extents_add(dst, one.first + one.used.v[i].start * g->extent,
				     one.used.v[i].len * g->extent);
	sv_extents_normalise(dst);
	sv_extents_clear(&one.used);
	return ret;
}

static int leave(struct lvm_group *g, const struct lvm_node *lv, const char *name, const char *why)
{
	struct owners *o = fsmap_owners(g->r);
	struct sv_extents where = {0};
	if (!o) {
		fsmap_union(g->r, "%s is read whole: %s", name, why);
		return 0;
	}
	int ret = places_of(g, lv, &where);
	if (!ret)
		ret = owners_untold(o, name, &where, why);
	sv_extents_clear(&where);
	return ret;
}

static int look_into(struct lvm_group *g, const struct lvm_node *lv, struct lying *l)
{
	char name[160];
	snprintf(name, sizeof(name), "%.*s/%.*s", (int)SV_MIN(g->vg->name_len, 64), g->vg->name,
		 (int)SV_MIN(lv->name_len, 64), lv->name);
	if (!segments_name(g, lv, g->here.name, g->here.name_len))
		return 0;
	/* snapshots, thin pools, caches and mirrors name what they are made of: such a volume's
	 * own free space may be theirs */
	if (!has_plain_status(g, lv) || is_part(g, lv))
		return leave(g, lv, name, "it is part of other volumes");
	if (take_segments(g, lv, l))
		return fsmap_read_inner(g->r, name, l->v, l->n);
	return l->ret ? l->ret : leave(g, lv, name, l->why);
}

int lvm_look_into_all(struct lvm_group *g)
{
	struct lying l = {
		.v = calloc(SEGMENTS_MAX, sizeof(*l.v)),
		.columns = calloc(COLUMNS_MAX, sizeof(*l.columns)),
	};
	const struct lvm_node *c = g->volumes ? lvm_first(g->t, g->volumes) : NULL;
	int ret = l.v && l.columns ? 0 : SV_E_NOMEM;
	for (size_t n = 0; !ret && c && n < VOLUMES_MAX; n++, c = lvm_next(g->t, c))
		ret = look_into(g, c, &l);
	free(l.v);
	free(l.columns);
	return ret;
}
