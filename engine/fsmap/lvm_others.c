/* lvm_others.c - LVM2: the other physical volumes of the group, found and compared with its text */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/util/bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE "LVM2_member"

/* The section of a physical volume that segments call so; NULL: there is none, or more than one. */
static const struct lvm_node *section_of(const struct lvm_group *g, const struct lvm_node *name)
{
	const struct lvm_node *all = lvm_child(g->t, g->vg, "physical_volumes", LVM_SECTION);
	const struct lvm_node *found = NULL;
	for (const struct lvm_node *c = all ? lvm_first(g->t, all) : NULL; c;
	     c = lvm_next(g->t, c)) {
		if (c->kind != LVM_SECTION || !lvm_value_is(name, c->name, c->name_len))
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

/* As text and libblkid have it, for sentences, too. */
static bool take_uuid(const struct lvm_node *id, char uuid[LVM_UUID_TEXT])
{
	if (!id || id->value_len >= LVM_UUID_TEXT)
		return false;
	for (uint32_t i = 0; i < id->value_len; i++)
		if (!isalnum((unsigned char)id->value[i]) && id->value[i] != '-')
			return false;
	memcpy(uuid, id->value, id->value_len);
	uuid[id->value_len] = '\0';
	return true;
}

static void say_twice(struct lvm_place *place, const char *uuid)
{
	snprintf(place->why, sizeof(place->why),
		 "two attached disks say that they are its physical volume %s", uuid);
}

/* Where this very volume is there twice, nobody knows which of them belongs to the others. */
static int find_twin(struct lvm_group *g, struct lvm_place *place)
{
	enum others_found found;
	struct blk_dev *dev = NULL;
	int ret = fsmap_find_other(g->r, TYPE, g->here.uuid, &found, &dev);
	if (!ret && found != OTHERS_ABSENT)
		say_twice(place, g->here.uuid);
	return ret;
}

static int find_disk(struct lvm_group *g, struct lvm_place *place)
{
	enum others_found found;
	int ret = fsmap_find_other(g->r, TYPE, place->uuid, &found, &place->dev);
	if (ret || found == OTHERS_FOUND)
		return ret;
	if (found == OTHERS_TWICE)
		say_twice(place, place->uuid);
	else
		snprintf(place->why, sizeof(place->why),
			 "the disk with its physical volume %s is %s", place->uuid,
			 found == OTHERS_IN_USE ? "in use for writing"
						: "not attached (see --with)");
	return 0;
}

struct sight {
	const struct lvm_group *g;
	const struct lvm_place *place;
};

/* The only section of the text is that of the group, to the letter. */
static bool same_group(const struct lvm_group *g, const struct lvm_text *t)
{
	const struct lvm_node *vg = NULL;
	for (const struct lvm_node *c = lvm_first(t, &t->v[0]); c; c = lvm_next(t, c)) {
		if (c->kind != LVM_SECTION)
			continue;
		if (vg)
			return false;
		vg = c;
	}
	return vg && lvm_same(g->t, g->vg, t, vg);
}

static int look(struct fsmap_reader *other, void *arg)
{
	const struct sight *s = arg;
	struct lvm_pv pv = {.r = other};
	struct lvm_text text = {0};
	int ret = lvm_label_read(&pv);
	if (!ret)
		ret = lvm_text_parse(&text, pv.text, pv.len);
	if (ret == SV_E_DATA)
		ret = fsmap_whole(other, "its LVM metadata is malformed");
	if (!ret && (!lvm_is_uuid(s->place->uuid, strlen(s->place->uuid), pv.uuid) ||
		     !same_group(s->g, &text)))
		ret = fsmap_whole(other, "its LVM metadata is not the same");
	lvm_text_clear(&text);
	free(pv.text);
	return ret;
}

/* Its text must be ours: then the two were written together. */
static int compare(struct lvm_group *g, struct lvm_place *place)
{
	struct sight s = {g, place};
	char reason[160] = "";
	int ret = fsmap_look_at(g->r, place->dev, look, &s, reason, sizeof(reason));
	if (ret != FSMAP_IS_WHOLE)
		return ret;
	snprintf(place->why, sizeof(place->why), "%.50s has a part of it: %.90s", place->dev->name,
		 reason);
	return 0;
}

static int find_other(struct lvm_group *g, const struct lvm_node *section, struct lvm_place *place)
{
	if (!take_uuid(lvm_child(g->t, section, "id", LVM_STRING), place->uuid))
		return lvm_malformed(g);
	int ret = find_twin(g, place);
	if (!ret && !*place->why)
		ret = find_disk(g, place);
	if (!ret && !*place->why)
		ret = compare(g, place);
	if (!ret && !*place->why)
		ret = lvm_place_read(g, section, place);
	if (!ret && !*place->why)
		ret = lvm_place_take(g, place);
	if (!ret && *place->why)
		fsmap_miss(g->r, place->why);
	else if (!ret)
		fsmap_join(g->r);
	return ret;
}

/* Where others can be asked for. */
static int find_if_asked(struct lvm_group *g, const struct lvm_node *section,
			 struct lvm_place *place)
{
	if (fsmap_has_others(g->r))
		return find_other(g, section, place);
	snprintf(place->why, sizeof(place->why), "it lies on several disks");
	return 0;
}

int lvm_place_find(struct lvm_group *g, const struct lvm_node *name, struct lvm_place **place_ret)
{
	if (lvm_value_is(name, g->here.name, g->here.name_len)) {
		*place_ret = &g->here;
		return 0;
	}
	for (size_t i = 0; i < g->n_others; i++) {
		*place_ret = &g->others[i];
		if (lvm_value_is(name, g->others[i].name, g->others[i].name_len))
			return 0;
	}
	*place_ret = NULL;
	const struct lvm_node *section = section_of(g, name);
	if (!section || g->n_others == LVM_OTHERS_MAX)
		return 0;
	if (!g->others)
		g->others = calloc(LVM_OTHERS_MAX, sizeof(*g->others));
	if (!g->others)
		return SV_E_NOMEM;
	struct lvm_place *place = &g->others[g->n_others++];
	place->name = section->name;
	place->name_len = section->name_len;
	*place_ret = place;
	return find_if_asked(g, section, place);
}

void lvm_places_tell(const struct lvm_group *g)
{
	for (size_t i = 0; i < g->n_others; i++)
		if (!*g->others[i].why)
			fsmap_tell(g->r, "%.*s lies on %.60s, too",
				   (int)SV_MIN(g->vg->name_len, 40), g->vg->name,
				   g->others[i].dev->name);
}

void lvm_places_clear(struct lvm_group *g)
{
	for (size_t i = 0; i < g->n_others; i++)
		sv_extents_clear(&g->others[i].used);
	free(g->others);
	sv_extents_clear(&g->here.used);
}
