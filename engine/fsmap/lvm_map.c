/* lvm_map.c - LVM2: which extents of a physical volume are given to logical volumes, and what is
 * free in those */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOLUMES_MAX  1024 /* logical volumes looked into */
#define SEGMENTS_MAX 4096 /* of one of them */

/* A physical volume as its volume group describes it. Sizes in bytes unless they say otherwise. */
struct group {
	struct fsmap_reader *r;
	const struct lvm_text *t;
	const struct lvm_node *vg, *volumes; /* volumes: NULL when there are none */
	const char *pv;			     /* "pv0": this volume's name in the text */
	size_t pv_len;
	uint64_t first, extent; /* of the physical extents: where, how large each */
	uint64_t extents;	/* how many */
	struct sv_extents used; /* in extents */
	uint64_t used_sum;
};

static int malformed(const struct group *g)
{
	return fsmap_whole(g->r, "its LVM metadata is malformed");
}

static int find_group(struct group *g)
{
	for (const struct lvm_node *c = lvm_first(g->t, &g->t->v[0]); c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		if (g->vg)
			return malformed(g);
		g->vg = c;
	}
	const struct lvm_node *format = g->vg ? lvm_child(g->t, g->vg, "format", LVM_STRING) : NULL;
	uint64_t sectors = 0;
	if (!format || !lvm_value_is(format, "lvm2", 4) ||
	    !lvm_number(g->t, g->vg, "extent_size", &sectors) || !sectors ||
	    !sv_mul_ok(sectors, LVM_SECTOR, &g->extent))
		return malformed(g);
	g->volumes = lvm_child(g->t, g->vg, "logical_volumes", LVM_SECTION);
	return 0;
}

/* The text has dashes in between. */
static bool same_uuid(const struct lvm_node *id, const char *uuid)
{
	size_t n = 0;
	for (uint32_t i = 0; i < id->value_len; i++) {
		if (id->value[i] == '-')
			continue;
		if (n == LVM_UUID_LEN || id->value[i] != uuid[n++])
			return false;
	}
	return n == LVM_UUID_LEN;
}

static int read_place(struct group *g, const struct lvm_node *pv)
{
	uint64_t sectors = 0, bytes = 0;
	if (!lvm_number(g->t, pv, "pe_start", &sectors) ||
	    !lvm_number(g->t, pv, "pe_count", &g->extents) ||
	    !sv_mul_ok(sectors, LVM_SECTOR, &g->first) || !sv_mul_ok(g->extents, g->extent, &bytes))
		return malformed(g);
	if (!sv_range_ok(g->first, bytes, fsmap_size(g->r)))
		return fsmap_whole(g->r, "its LVM metadata says that it is larger than its volume");
	const struct lvm_node *flags = lvm_child(g->t, pv, "flags", LVM_LIST);
	if (flags && lvm_first(g->t, flags))
		return fsmap_whole(g->r, "LVM has marked it as missing or unusual");
	g->pv = pv->name;
	g->pv_len = pv->name_len;
	return 0;
}

static int find_place(struct group *g, const char *uuid)
{
	const struct lvm_node *all = lvm_child(g->t, g->vg, "physical_volumes", LVM_SECTION);
	const struct lvm_node *found = NULL;
	if (!all)
		return malformed(g);
	for (const struct lvm_node *c = lvm_first(g->t, all); c; c = lvm_next(g->t, c)) {
		const struct lvm_node *id = lvm_child(g->t, c, "id", LVM_STRING);
		if (!id || !same_uuid(id, uuid))
			continue;
		if (found)
			return malformed(g);
		found = c;
	}
	if (!found)
		return fsmap_whole(g->r, "its LVM metadata does not name it");
	return read_place(g, found);
}

/* ---- what belongs to logical volumes ---- */

/* Bytes that an area of a segment takes on its disk, in extents: never less than there are. */
static bool area_len(const struct group *g, const struct lvm_node *segment, uint64_t *len)
{
	uint64_t count = 0, stripes = 0;
	const struct lvm_node *type = lvm_child(g->t, segment, "type", LVM_STRING);
	if (!type || !lvm_number(g->t, segment, "extent_count", &count) || !count)
		return false;
	*len = count;
	if (!lvm_value_is(type, "striped", 7))
		return true;
	if (!lvm_number(g->t, segment, "stripe_count", &stripes) || !stripes || count % stripes)
		return false;
	*len = count / stripes;
	return true;
}

/* Pairs of a name and an extent; *n counts those of this disk. */
static int take_areas(struct group *g, const struct lvm_node *list, uint64_t len, size_t *n)
{
	int ret = 0;
	for (const struct lvm_node *c = lvm_first(g->t, list); !ret && c; c = lvm_next(g->t, c)) {
		if (!lvm_value_is(c, g->pv, g->pv_len))
			continue;
		const struct lvm_node *at = lvm_next(g->t, c);
		if (!at || at->kind != LVM_NUMBER || !sv_range_ok(at->number, len, g->extents))
			return malformed(g);
		ret = sv_extents_add(&g->used, at->number, len);
		g->used_sum += len;
		(*n)++;
	}
	return ret;
}

static int take_segment(struct group *g, const struct lvm_node *segment)
{
	size_t named = lvm_mentions(g->t, segment, g->pv, g->pv_len), n = 0;
	uint64_t len = 0;
	int ret = 0;
	if (!named)
		return 0;
	if (!area_len(g, segment, &len))
		return malformed(g);
	for (const struct lvm_node *c = lvm_first(g->t, segment); !ret && c; c = lvm_next(g->t, c))
		if (c->kind == LVM_LIST)
			ret = take_areas(g, c, len, &n);
	if (!ret && n != named)
		ret = malformed(g);
	return ret;
}

static int take_volume(struct group *g, const struct lvm_node *lv)
{
	uint64_t said = 0, n = 0;
	int ret = 0;
	for (const struct lvm_node *c = lvm_first(g->t, lv); !ret && c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		ret = take_segment(g, c);
		n++;
	}
	if (!ret && (!lvm_number(g->t, lv, "segment_count", &said) || said != n))
		ret = malformed(g);
	return ret;
}

static int take_volumes(struct group *g)
{
	int ret = 0;
	const struct lvm_node *c = g->volumes ? lvm_first(g->t, g->volumes) : NULL;
	for (; !ret && c; c = lvm_next(g->t, c))
		ret = c->kind == LVM_SECTION ? take_volume(g, c) : malformed(g);
	if (ret)
		return ret;
	sv_extents_normalise(&g->used);
	if (sv_extents_total(&g->used) != g->used_sum)
		return fsmap_whole(g->r, "logical volumes lie one upon the other");
	return 0;
}

static int free_extents(struct group *g)
{
	struct sv_extents unused = {0};
	int ret = sv_extents_invert(&unused, &g->used, g->extents);
	for (size_t i = 0; !ret && i < unused.n; i++)
		ret = fsmap_mark_free(g->r, g->first + unused.v[i].start * g->extent,
				      unused.v[i].len * g->extent);
	sv_extents_clear(&unused);
	return ret;
}

/* ---- what is free inside of them ---- */

/* A volume that is simply there: no lock, no move, no merge. */
static bool has_plain_status(const struct group *g, const struct lvm_node *lv)
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

/* One piece of this disk, and it follows what came before (`at`, in extents). */
static bool linear_piece(const struct group *g, const struct lvm_node *segment, uint64_t *at,
			 struct blk_piece *piece)
{
	uint64_t start = 0, count = 0, stripes = 0;
	const struct lvm_node *type = lvm_child(g->t, segment, "type", LVM_STRING);
	const struct lvm_node *list = lvm_child(g->t, segment, "stripes", LVM_LIST);
	const struct lvm_node *name = list ? lvm_first(g->t, list) : NULL;
	const struct lvm_node *place = name ? lvm_next(g->t, name) : NULL;
	if (!type || !lvm_value_is(type, "striped", 7) || !place || lvm_next(g->t, place) ||
	    !lvm_value_is(name, g->pv, g->pv_len) ||
	    !lvm_number(g->t, segment, "stripe_count", &stripes) || stripes != 1 ||
	    !lvm_number(g->t, segment, "start_extent", &start) || start != *at ||
	    !lvm_number(g->t, segment, "extent_count", &count))
		return false;
	*at += count;
	*piece = (struct blk_piece){g->first + place->number * g->extent, count * g->extent};
	return true;
}

/* The pieces of a volume in order; 0 pieces when it is not linear on this disk. */
static size_t collect_pieces(const struct group *g, const struct lvm_node *lv,
			     struct blk_piece *pieces)
{
	uint64_t at = 0;
	size_t n = 0;
	for (const struct lvm_node *c = lvm_first(g->t, lv); c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		if (n == SEGMENTS_MAX || !linear_piece(g, c, &at, &pieces[n]))
			return 0;
		n++;
	}
	return n;
}

/* Does a segment of the volume name this? Hosts and tags, which may have any name, do not count. */
static bool segments_name(const struct group *g, const struct lvm_node *lv, const char *name,
			  size_t len)
{
	for (const struct lvm_node *c = lvm_first(g->t, lv); c; c = lvm_next(g->t, c))
		if (c->kind == LVM_SECTION && lvm_mentions(g->t, c, name, len))
			return true;
	return false;
}

static bool is_part(const struct group *g, const struct lvm_node *lv)
{
	for (const struct lvm_node *v = lvm_first(g->t, g->volumes); v; v = lvm_next(g->t, v))
		if (segments_name(g, v, lv->name, lv->name_len))
			return true;
	return false;
}

static int look_into(struct group *g, const struct lvm_node *lv, struct blk_piece *pieces)
{
	char name[160];
	snprintf(name, sizeof(name), "%.*s/%.*s", (int)SV_MIN(g->vg->name_len, 64), g->vg->name,
		 (int)SV_MIN(lv->name_len, 64), lv->name);
	if (!segments_name(g, lv, g->pv, g->pv_len))
		return 0;
	/* snapshots, thin pools, caches and mirrors name what they are made of: such a volume's
	 * own free space may be theirs */
	if (!has_plain_status(g, lv) || is_part(g, lv)) {
		fsmap_union(g->r, "%s is read whole: it is part of other volumes", name);
		return 0;
	}
	size_t n = collect_pieces(g, lv, pieces);
	if (n)
		return fsmap_read_inner(g->r, name, pieces, n);
	fsmap_union(g->r, "%s is read whole: it is striped, or lies on several disks", name);
	return 0;
}

static int look_into_all(struct group *g)
{
	struct blk_piece *pieces = calloc(SEGMENTS_MAX, sizeof(*pieces));
	if (!pieces)
		return SV_E_NOMEM;
	const struct lvm_node *c = g->volumes ? lvm_first(g->t, g->volumes) : NULL;
	int ret = 0;
	for (size_t n = 0; !ret && c && n < VOLUMES_MAX; n++, c = lvm_next(g->t, c))
		ret = look_into(g, c, pieces);
	free(pieces);
	return ret;
}

int lvm_map(struct lvm_pv *pv, const struct lvm_text *text)
{
	struct group g = {.r = pv->r, .t = text};
	int (*const steps[])(struct group *) = {take_volumes, free_extents, look_into_all};
	int ret = find_group(&g);
	if (!ret)
		ret = find_place(&g, pv->uuid);
	if (!ret)
		fsmap_set_block_size(g.r, (uint32_t)SV_MIN(g.extent, UINT32_MAX));
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](&g);
	sv_extents_clear(&g.used);
	return ret;
}
