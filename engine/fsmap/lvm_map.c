/* lvm_map.c - LVM2: which extents of a physical volume are given to logical volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/fsmap/owners.h"
#include "engine/util/bytes.h"

#include <stdio.h>
#include <string.h>

int lvm_malformed(const struct lvm_group *g)
{
	return fsmap_whole(g->r, "its LVM metadata is malformed");
}

static int find_group(struct lvm_group *g)
{
	for (const struct lvm_node *c = lvm_first(g->t, &g->t->v[0]); c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		if (g->vg)
			return lvm_malformed(g);
		g->vg = c;
	}
	const struct lvm_node *format = g->vg ? lvm_child(g->t, g->vg, "format", LVM_STRING) : NULL;
	uint64_t sectors = 0;
	if (!format || !lvm_value_is(format, "lvm2", 4) ||
	    !lvm_number(g->t, g->vg, "extent_size", &sectors) || !sectors ||
	    !sv_mul_ok(sectors, LVM_SECTOR, &g->extent))
		return lvm_malformed(g);
	g->volumes = lvm_child(g->t, g->vg, "logical_volumes", LVM_SECTION);
	return 0;
}

/* The text has dashes in between. */
bool lvm_is_uuid(const char *text, size_t len, const char *uuid)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-')
			continue;
		if (n == LVM_UUID_LEN || text[i] != uuid[n++])
			return false;
	}
	return n == LVM_UUID_LEN;
}

int lvm_place_read(struct lvm_group *g, const struct lvm_node *pv, struct lvm_place *place)
{
	uint64_t sectors = 0, bytes = 0;
	const char *why = NULL;
	if (!lvm_number(g->t, pv, "pe_start", &sectors) ||
	    !lvm_number(g->t, pv, "pe_count", &place->extents) ||
	    !sv_mul_ok(sectors, LVM_SECTOR, &place->first) ||
	    !sv_mul_ok(place->extents, g->extent, &bytes))
		return lvm_malformed(g);
	const struct lvm_node *flags = lvm_child(g->t, pv, "flags", LVM_LIST);
	if (!sv_range_ok(place->first, bytes, place->dev->size))
		why = "its LVM metadata says that it is larger than its volume";
	else if (flags && lvm_first(g->t, flags))
		why = "LVM has marked it as missing or unusual";
	if (why)
		snprintf(place->why, sizeof(place->why), "%s", why);
	return 0;
}

/* As libblkid writes it. */
static void uuid_text(const char *uuid, char text[LVM_UUID_TEXT])
{
	snprintf(text, LVM_UUID_TEXT, "%.6s-%.4s-%.4s-%.4s-%.4s-%.4s-%.6s", uuid, uuid + 6,
		 uuid + 10, uuid + 14, uuid + 18, uuid + 22, uuid + 26);
}

/* Without its label it must be the only one. */
static bool is_this(const struct lvm_group *g, const struct lvm_node *all,
		    const struct lvm_node *pv, const char *uuid)
{
	const struct lvm_node *id = lvm_child(g->t, pv, "id", LVM_STRING);
	if (!uuid)
		return lvm_first(g->t, all) == pv && !lvm_next(g->t, pv);
	return id && lvm_is_uuid(id->value, id->value_len, uuid);
}

/* `uuid`: NULL when it is lost. */
static int find_place(struct lvm_group *g, const char *uuid)
{
	const struct lvm_node *all = lvm_child(g->t, g->vg, "physical_volumes", LVM_SECTION);
	const struct lvm_node *found = NULL;
	if (!all)
		return lvm_malformed(g);
	for (const struct lvm_node *c = lvm_first(g->t, all); c; c = lvm_next(g->t, c)) {
		if (!is_this(g, all, c, uuid))
			continue;
		if (found)
			return lvm_malformed(g);
		found = c;
	}
	if (!found)
		return fsmap_whole(g->r, uuid ? "its LVM metadata does not name it"
					      : "its LVM label is lost, and its volume group has "
						"several disks");
	g->here.name = found->name;
	g->here.name_len = found->name_len;
	if (uuid)
		uuid_text(uuid, g->here.uuid);
	int ret = lvm_place_read(g, found, &g->here);
	return !ret && *g->here.why ? fsmap_whole(g->r, "%s", g->here.why) : ret;
}

/* ---- what belongs to logical volumes ---- */

/* How many stripes the list has; 0 when that is not what the segment says. */
static uint64_t stripes_of(const struct lvm_group *g, const struct lvm_node *segment)
{
	uint64_t said = 0, items = 0;
	const struct lvm_node *list = lvm_child(g->t, segment, "stripes", LVM_LIST);
	const struct lvm_node *c = list ? lvm_first(g->t, list) : NULL;
	for (; c; c = lvm_next(g->t, c))
		items++;
	return lvm_number(g->t, segment, "stripe_count", &said) && items % 2 == 0 &&
			       said == items / 2
		       ? said
		       : 0;
}

/* Extents that an area of a segment takes on its disk: never less than there are. */
static bool area_len(const struct lvm_group *g, const struct lvm_node *segment, uint64_t *len)
{
	uint64_t count = 0;
	const struct lvm_node *type = lvm_child(g->t, segment, "type", LVM_STRING);
	if (!type || !lvm_number(g->t, segment, "extent_count", &count) || !count)
		return false;
	*len = count;
	if (!lvm_value_is(type, "striped", 7))
		return true;
	uint64_t stripes = stripes_of(g, segment);
	if (!stripes || count % stripes)
		return false;
	*len = count / stripes;
	return true;
}

/* Pairs of a name and an extent; *n counts those of the place. */
static int take_areas(struct lvm_group *g, struct lvm_place *place, const struct lvm_node *list,
		      uint64_t len, size_t *n)
{
	int ret = 0;
	for (const struct lvm_node *c = lvm_first(g->t, list); !ret && c; c = lvm_next(g->t, c)) {
		if (!lvm_value_is(c, place->name, place->name_len))
			continue;
		const struct lvm_node *at = lvm_next(g->t, c);
		if (!at || at->kind != LVM_NUMBER || !sv_range_ok(at->number, len, place->extents))
			return lvm_malformed(g);
		ret = sv_extents_add(&place->used, at->number, len);
		place->used_sum += len;
		(*n)++;
	}
	return ret;
}

static int take_segment(struct lvm_group *g, struct lvm_place *place,
			const struct lvm_node *segment)
{
	size_t named = lvm_mentions(g->t, segment, place->name, place->name_len), n = 0;
	uint64_t len = 0;
	int ret = 0;
	if (!named)
		return 0;
	if (!area_len(g, segment, &len))
		return lvm_malformed(g);
	for (const struct lvm_node *c = lvm_first(g->t, segment); !ret && c; c = lvm_next(g->t, c))
		if (c->kind == LVM_LIST)
			ret = take_areas(g, place, c, len, &n);
	if (!ret && n != named)
		ret = lvm_malformed(g);
	return ret;
}

int lvm_take_volume(struct lvm_group *g, struct lvm_place *place, const struct lvm_node *lv)
{
	uint64_t said = 0, n = 0;
	int ret = 0;
	for (const struct lvm_node *c = lvm_first(g->t, lv); !ret && c; c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		ret = take_segment(g, place, c);
		n++;
	}
	if (!ret && (!lvm_number(g->t, lv, "segment_count", &said) || said != n))
		ret = lvm_malformed(g);
	return ret;
}

int lvm_place_take(struct lvm_group *g, struct lvm_place *place)
{
	int ret = 0;
	const struct lvm_node *c = g->volumes ? lvm_first(g->t, g->volumes) : NULL;
	for (; !ret && c; c = lvm_next(g->t, c))
		ret = c->kind == LVM_SECTION ? lvm_take_volume(g, place, c) : lvm_malformed(g);
	if (ret)
		return ret;
	sv_extents_normalise(&place->used);
	if (sv_extents_total(&place->used) != place->used_sum)
		return fsmap_whole(g->r, "logical volumes lie one upon the other");
	return 0;
}

static int free_extents(struct lvm_group *g)
{
	struct sv_extents unused = {0};
	int ret = sv_extents_invert(&unused, &g->here.used, g->here.extents);
	for (size_t i = 0; !ret && i < unused.n; i++)
		ret = fsmap_mark_free(g->r, g->here.first + unused.v[i].start * g->extent,
				      unused.v[i].len * g->extent);
	sv_extents_clear(&unused);
	return ret;
}

/* What a search is told of the rest. */
static int tell_own(struct lvm_group *g)
{
	static const char what[] = "the label and metadata of LVM";
	struct owners *o = fsmap_owners(g->r);
	uint64_t end = g->here.first + g->here.extents * g->extent;
	if (!o)
		return 0;
	int ret = owners_metadata(o, 0, g->here.first, what);
	return ret ? ret : owners_metadata(o, end, fsmap_size(g->r) - end, what);
}

int lvm_map(struct lvm_pv *pv, const struct lvm_text *text)
{
	struct lvm_group g = {.r = pv->r, .t = text, .here.dev = fsmap_device(pv->r)};
	int ret = find_group(&g);
	if (!ret)
		ret = find_place(&g, pv->unlabelled ? NULL : pv->uuid);
	if (!ret)
		fsmap_set_block_size(g.r, (uint32_t)SV_MIN(g.extent, UINT32_MAX));
	if (!ret)
		ret = lvm_place_take(&g, &g.here);
	if (!ret)
		ret = free_extents(&g);
	if (!ret)
		ret = lvm_look_into_all(&g);
	if (!ret)
		ret = tell_own(&g);
	if (!ret)
		lvm_places_tell(&g);
	lvm_places_clear(&g);
	return ret;
}
