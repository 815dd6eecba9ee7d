/* plan.c - what is on a disk and which bytes would be read: table, volumes and their maps made into
 * one plan */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/others.h"
#include "engine/job/source.h"

#include "engine/disk/layout.h"
#include "engine/fsmap/fsmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The plan being made. Ranges are bytes of the disk. */
struct planner {
	const struct sv_map_params *params;
	struct blk_dev *dev;
	struct layout *layout;
	const struct source *source;
	struct unlock *unlock, *own; /* own: owned here, else the caller's */
	struct others *others;
	struct sv_map *map;
	struct fsmap **maps;	  /* one per map->parts, NULL where none was made */
	struct sv_extents free;	  /* proven free */
	struct sv_extents absent; /* in partitions that are not selected */
	struct sv_extents kept;	  /* selected partitions: never absent, even where a bent table lets
				     them overlap */
};

static bool selected(const struct sv_map_params *params, int number)
{
	if (!params->n_partitions)
		return true;
	for (size_t i = 0; i < params->n_partitions; i++)
		if (params->partitions[i] == number)
			return true;
	return false;
}

static int check_selection(const struct planner *p, struct sv_err *err)
{
	for (size_t i = 0; i < p->params->n_partitions; i++) {
		int number = p->params->partitions[i];
		if (!layout_find(p->layout, number) && !(number == 0 && !p->layout->n))
			return sv_fail(err, SV_E_NOT_FOUND, 0, p->params->source,
				       "%s has no partition %d", p->params->source, number);
	}
	return 0;
}

static void describe_part(struct sv_map_part *part, const struct layout_part *lp)
{
	part->number = lp->number;
	part->start = lp->start;
	part->size = lp->size;
	part->extended = lp->extended;
	snprintf(part->type, sizeof(part->type), "%s", lp->type);
	snprintf(part->name, sizeof(part->name), "%s", lp->name);
	snprintf(part->state, sizeof(part->state), "whole");
	if (lp->extended)
		snprintf(part->reason, sizeof(part->reason), "it holds the logical partitions");
	else if (lp->raw)
		snprintf(part->reason, sizeof(part->reason), "%s is always read whole", lp->raw);
}

static bool is_bare(const struct planner *p)
{
	return p->layout->n == 0 && !strcmp(p->layout->table, "none");
}

static int describe_parts(struct planner *p)
{
	struct sv_map *map = p->map;
	bool bare = is_bare(p);
	map->n_parts = bare ? 1 : p->layout->n;
	map->parts = calloc(map->n_parts + 1, sizeof(*map->parts));
	p->maps = calloc(map->n_parts + 1, sizeof(struct fsmap *));
	if (!map->parts || !p->maps)
		return SV_E_NOMEM;
	if (bare) {
		map->parts[0].size = map->size;
		snprintf(map->parts[0].state, sizeof(map->parts[0].state), "whole");
	}
	for (size_t i = 0; i < p->layout->n; i++)
		describe_part(&map->parts[i], &p->layout->v[i]);
	return 0;
}

static void describe_volume(struct sv_map_part *part, const struct fsmap *fsmap)
{
	snprintf(part->fs, sizeof(part->fs), "%s", fsmap->fs);
	snprintf(part->label, sizeof(part->label), "%s", fsmap->label);
	snprintf(part->uuid, sizeof(part->uuid), "%s", fsmap->uuid);
	snprintf(part->state, sizeof(part->state), "%s", fsmap_state_name(fsmap->state));
	snprintf(part->inside, sizeof(part->inside), "%s", fsmap->inside);
	snprintf(part->apart, sizeof(part->apart), "%s", fsmap->apart);
	part->unlocked = fsmap->unlocked;
	part->joined = fsmap->joined;
	if (!*part->reason)
		snprintf(part->reason, sizeof(part->reason), "%s", fsmap->reason);
}

static int map_volume(struct planner *p, size_t i, struct sv_err *err)
{
	struct sv_map_part *part = &p->map->parts[i];
	bool raw = p->layout->n && p->layout->v[i].raw;
	struct blk_dev *window = NULL;
	/* who is asked for a passphrase should know what for */
	bool skip = raw || !selected(p->params, part->number);
	struct unlock *unlock = skip ? NULL : p->unlock;
	struct fsmap_how how = {
		.unlock = unlock,
		.others = others_of(skip ? NULL : p->others, part->start),
		.ntfs_union = p->params->ntfs_union,
	};
	if (part->extended)
		return 0;
	int rc = blk_window_create(p->dev, part->start, part->size, p->dev->name, &window, err);
	if (!rc)
		rc = fsmap_read(window, &how, &p->maps[i], err);
	blk_close(window);
	if (!rc)
		rc = unlock_result(unlock, NULL, err);
	if (rc)
		return rc;
	describe_volume(part, p->maps[i]);
	part->locked = p->maps[i]->locked && !raw;
	if (raw) {
		fsmap_destroy(p->maps[i]);
		p->maps[i] = NULL;
		snprintf(part->state, sizeof(part->state), "whole");
	}
	return 0;
}

/* A suspended system has all its mounted volumes dirty in memory, whatever they say on the disk. */
static void honour_hibernation(struct planner *p)
{
	bool asleep = false;
	for (size_t i = 0; i < p->map->n_parts; i++)
		asleep = asleep || (p->maps[i] && p->maps[i]->hibernated);
	for (size_t i = 0; asleep && i < p->map->n_parts; i++) {
		struct sv_map_part *part = &p->map->parts[i];
		if (!p->maps[i] || p->maps[i]->state == FSMAP_WHOLE)
			continue;
		fsmap_destroy(p->maps[i]);
		p->maps[i] = NULL;
		snprintf(part->state, sizeof(part->state), "whole");
		snprintf(part->reason, sizeof(part->reason),
			 "another volume of this disk holds a hibernated system that may still "
			 "have this one open");
	}
}

static int add_free(struct planner *p, size_t i)
{
	const struct sv_map_part *part = &p->map->parts[i];
	struct sv_extents unused = {0};
	int rc = sv_extents_invert(&unused, &p->maps[i]->used, part->size);
	for (size_t k = 0; !rc && k < unused.n; k++)
		rc = sv_extents_add(&p->free, part->start + unused.v[k].start, unused.v[k].len);
	sv_extents_clear(&unused);
	return rc;
}

/* Sort every partition into read, free or absent. Where the table is in doubt nothing is free. */
static int sort_parts(struct planner *p)
{
	bool doubt = *p->layout->doubt || p->params->whole;
	int rc = 0;
	for (size_t i = 0; !rc && i < p->map->n_parts; i++) {
		struct sv_map_part *part = &p->map->parts[i];
		if (part->extended)
			continue;
		if (selected(p->params, part->number))
			rc = sv_extents_add(&p->kept, part->start, part->size);
		if (rc)
			break;
		if (!selected(p->params, part->number)) {
			snprintf(part->state, sizeof(part->state), "absent");
			snprintf(part->reason, sizeof(part->reason), "not selected");
			rc = sv_extents_add(&p->absent, part->start, part->size);
		} else if (doubt) {
			part->locked = false; /* opened it would be read whole, too */
			snprintf(part->state, sizeof(part->state), "whole");
			snprintf(part->reason, sizeof(part->reason), "%s",
				 p->params->whole ? PLAN_REASON_WHOLE : p->layout->doubt);
		} else if (p->maps[i]) {
			rc = add_free(p, i);
		}
	}
	return rc;
}

/* What is read whatever the maps say. To the table reader a disk without partitions is one gap; to
 * the plan it is one volume, and its map has both ends. */
static int copy_always(const struct planner *p, struct sv_extents *always)
{
	if (is_bare(p))
		return 0;
	return sv_extents_copy(always, &p->layout->always);
}

/* One sorted edge list would do as well; three passes over normal lists are easier to believe. */
static int build_runs(struct planner *p)
{
	struct sv_extents free_only = {0}, absent_only = {0}, unread = {0}, read = {0}, must = {0};
	struct sv_extents always = {0};
	struct sv_runs *plan = &p->map->plan;
	sv_extents_normalise(&p->free);
	sv_extents_normalise(&p->absent);
	sv_extents_normalise(&p->kept);
	int rc = copy_always(p, &always);
	if (!rc)
		rc = sv_extents_union(&must, &always, &p->kept);
	if (!rc)
		rc = sv_extents_subtract(&absent_only, &p->absent, &must);
	if (!rc)
		rc = sv_extents_subtract(&free_only, &p->free, &always);
	if (!rc)
		rc = sv_extents_union(&unread, &free_only, &absent_only);
	if (!rc)
		rc = sv_extents_invert(&read, &unread, p->map->size);
	size_t r = 0, f = 0, a = 0;
	while (!rc && sv_runs_end(plan) < p->map->size) {
		uint64_t pos = sv_runs_end(plan);
		if (r < read.n && read.v[r].start == pos)
			rc = sv_runs_append(plan, read.v[r++].len, SV_RUN_READ);
		else if (f < free_only.n && free_only.v[f].start == pos)
			rc = sv_runs_append(plan, free_only.v[f++].len, SV_RUN_FREE);
		else if (a < absent_only.n && absent_only.v[a].start == pos)
			rc = sv_runs_append(plan, absent_only.v[a++].len, SV_RUN_ABSENT);
		else
			rc = SV_E_DATA; /* lists that overlap: the table check lets none pass */
	}
	sv_extents_clear(&always);
	sv_extents_clear(&must);
	sv_extents_clear(&free_only);
	sv_extents_clear(&absent_only);
	sv_extents_clear(&unread);
	sv_extents_clear(&read);
	return rc;
}

/* How much of each partition, and of all, would be read; from the finished plan, so that it cannot
 * disagree with it. */
static int count_used(struct sv_map *map)
{
	struct sv_extents read = {0}, part = {0}, both = {0};
	int rc = sv_runs_select(&read, &map->plan, 1u << SV_RUN_READ);
	map->used = sv_extents_total(&read);
	for (size_t i = 0; !rc && i < map->n_parts; i++) {
		rc = sv_extents_add(&part, map->parts[i].start, map->parts[i].size);
		if (!rc)
			rc = sv_extents_intersect(&both, &read, &part);
		map->parts[i].used = sv_extents_total(&both);
		sv_extents_clear(&part);
		sv_extents_clear(&both);
	}
	sv_extents_clear(&read);
	return rc;
}

static int digest_metadata(struct planner *p)
{
	size_t n = p->map->n_parts + 1;
	struct sv_digest *all = calloc(n, sizeof(*all));
	if (!all)
		return SV_E_NOMEM;
	for (size_t i = 0; i < p->map->n_parts; i++)
		if (p->maps[i])
			all[i] = p->maps[i]->meta_digest;
	p->map->meta_digest = sv_xxh3_128(all, n * sizeof(*all), 0);
	free(all);
	return 0;
}

static int map_volumes(struct planner *p, struct sv_err *err)
{
	int rc = 0;
	/* where all is read, nobody needs to be asked */
	if (!p->params->whole && !p->unlock) {
		rc = unlock_create(p->params->unlock, &p->own, err);
		p->unlock = p->own;
	}
	if (!rc && !p->params->whole)
		rc = others_create(p->params, p->source, p->layout, &p->others, err);
	for (size_t i = 0; !rc && i < p->map->n_parts; i++)
		rc = map_volume(p, i, err);
	if (!rc)
		rc = unlock_result(p->unlock, p->params->source, err);
	if (!rc)
		snprintf(p->map->locked, sizeof(p->map->locked), "%s", unlock_complaint(p->unlock));
	return rc;
}

/* DRBD is told by the last 4 KiB, behind all that it holds: where these are a partition's, so is
 * it.
 */
static bool is_of_partition(const struct planner *p, const char *type)
{
	bool covered = false;
	for (size_t i = 0; i < p->layout->n; i++) {
		const struct layout_part *lp = &p->layout->v[i];
		covered |= !lp->extended && p->dev->size - lp->start - lp->size < 4 * SV_KIB;
	}
	return covered && !strcmp(type, "drbd");
}

/*
 * A disk that is in a RAID or a pool by itself, and not by its partitions: the table on it is the
 * array's, whose stripes lie across disks, or older than it. What cannot be read tells nothing.
 */
static int doubt_member(struct planner *p)
{
	struct fsmap_probe probe = {0};
	if (is_bare(p) || *p->layout->doubt)
		return 0;
	int rc = fsmap_probe(p->dev, &probe, NULL);
	if (!rc && fsmap_type_is_member(probe.type) && !is_of_partition(p, probe.type))
		snprintf(p->layout->doubt, sizeof(p->layout->doubt),
			 "the disk as a whole is used by %s", fsmap_type_name(probe.type));
	return rc == SV_E_NOMEM ? rc : 0;
}

static int make_plan(struct planner *p, struct sv_err *err)
{
	int rc = layout_read(p->dev, &p->layout, err);
	if (!rc)
		rc = doubt_member(p);
	if (rc)
		return rc;
	snprintf(p->map->table, sizeof(p->map->table), "%s", p->layout->table);
	snprintf(p->map->doubt, sizeof(p->map->doubt), "%s", p->layout->doubt);
	p->map->primary_gpt_dead = p->layout->primary_gpt_dead;
	rc = check_selection(p, err);
	if (!rc)
		rc = describe_parts(p);
	if (!rc)
		rc = map_volumes(p, err);
	if (rc)
		return rc;
	rc = digest_metadata(p);
	honour_hibernation(p);
	if (!rc)
		rc = sort_parts(p);
	if (!rc)
		rc = build_runs(p);
	if (!rc)
		rc = count_used(p->map);
	return rc;
}

int plan_read(const struct sv_map_params *params, struct source *source, struct unlock *keys,
	      struct sv_map **map_ret, struct sv_err *err)
{
	struct planner p = {.params = params, .source = source, .dev = source->dev, .unlock = keys};
	int rc = SV_E_NOMEM;
	p.map = calloc(1, sizeof(*p.map));
	if (p.map) {
		snprintf(p.map->source, sizeof(p.map->source), "%s", source->dev->name);
		p.map->size = source->dev->size;
		p.map->sector_size = source->dev->sector_size;
		rc = make_plan(&p, err);
	}
	for (size_t i = 0; p.maps && i < p.map->n_parts; i++)
		fsmap_destroy(p.maps[i]);
	free(p.maps);
	unlock_destroy(p.own);
	others_destroy(p.others);
	layout_destroy(p.layout);
	sv_extents_clear(&p.free);
	sv_extents_clear(&p.absent);
	sv_extents_clear(&p.kept);
	if (rc == SV_E_NOMEM)
		sv_fail_nomem(err);
	else if (rc == SV_E_DATA)
		sv_fail(err, rc, 0, params->source, "the partitions of %s overlap", params->source);
	if (rc == SV_E_IO)
		rc = sv_err_recode(err, SV_E_SOURCE);
	if (rc) {
		sv_map_destroy(p.map);
		return rc;
	}
	*map_ret = p.map;
	return 0;
}

int sv_map_read(const struct sv_map_params *params, struct sv_map **map_ret, struct sv_err *err)
{
	struct source source = {0};
	int rc = source_open(params, NULL, &source, err);
	if (!rc)
		rc = plan_read(params, &source, NULL, map_ret, err);
	source_close(&source);
	return rc;
}

void sv_map_destroy(struct sv_map *map)
{
	if (!map)
		return;
	free(map->parts);
	sv_runs_clear(&map->plan);
	free(map);
}
