/* rescue_areas.c - what a rescue reads first: metadata, then what is used, then the rest */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int add_area(struct rescue_run *run, const struct sv_extents *list)
{
	return passes_round(&run->areas[run->n_areas++], list, PASSES_CLUSTER,
			    run->book.side.source.size);
}

/* Reads the table and the filesystems, by way of the rescue. What cannot be read counts as used. */
static int read_plan(struct rescue_run *run, struct sv_map **map, struct sv_err *err)
{
	struct sv_map_params params = {
		.root = run->params->root,
		.source = run->params->source,
		.unlock = run->params->unlock,
		.ntfs_union = run->params->ntfs_union,
		.with = run->params->with,
		.n_with = run->params->n_with,
	};
	struct source seen = run->source;
	seen.twin = run->params->target;
	struct sv_err why = {0};
	int rc = unlock_create(params.unlock, &run->unlock, err);
	if (rc)
		return rc;
	if (rescue_view_create(run, &seen.dev))
		return sv_fail_nomem(err);
	rc = plan_read(&params, &seen, run->unlock, map, &why);
	blk_close(seen.dev);
	if (run->rc) {
		sv_map_destroy(*map);
		*map = NULL;
		*err = run->err;
		return run->rc;
	}
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc == SV_E_PASSPHRASE || rc == SV_E_USAGE || rc == SV_E_STOPPED) {
		*err = why;
		return rc;
	}
	if (rc)
		job_say(run->job, SV_EVENT_WARNING,
			"what is in use on %s cannot be found out (%s): all of it is treated alike",
			run->book.side.source.name, why.text);
	return 0;
}

/* Where no map could be made, metadata may be anywhere. */
static int add_unmapped(struct sv_extents *list, const struct sv_map *map)
{
	int rc = *map->doubt ? sv_extents_add(list, 0, map->size) : 0;
	for (size_t i = 0; !rc && i < map->n_parts; i++)
		if (!strcmp(map->parts[i].state, "whole") && !map->parts[i].extended)
			rc = sv_extents_add(list, map->parts[i].start, map->parts[i].size);
	return rc;
}

/* What was touched for the map comes first, whatever the domain is; then all of the domain. */
static int add_planned(struct rescue_run *run, const struct sv_map *map)
{
	struct sv_extents more = {0}, both = {0};
	int rc = run->params->domain == SV_DOMAIN_METADATA
			 ? add_unmapped(&more, map)
			 : sv_runs_select(&more, &map->plan, 1u << SV_RUN_READ);
	sv_extents_normalise(&more);
	if (!rc)
		rc = sv_extents_union(&both, &more, &run->touched);
	if (!rc)
		rc = add_area(run, &both);
	sv_extents_clear(&more);
	sv_extents_clear(&both);
	return rc;
}

static int from_plan(struct rescue_run *run, struct sv_err *err)
{
	struct sv_map *map = NULL;
	int rc = read_plan(run, &map, err);
	if (rc)
		return rc;
	sv_extents_normalise(&run->touched);
	if (map && !atomic_load(&run->job->stop))
		job_event(run->job, &(struct sv_event){.kind = SV_EVENT_PLAN,
						       .sentence = "the map is read",
						       .map = map});
	rc = add_area(run, &run->touched);
	if (!rc && map)
		rc = add_planned(run, map);
	sv_map_destroy(map);
	return rc ? sv_fail_nomem(err) : 0;
}

static int read_domain(const char *path, char **text, size_t *len, struct sv_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return sv_fail_nomem(err);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return sv_fail(err, SV_E_NOT_FOUND, errno, path, "cannot open %s", path);
	int rc = store_read_file(fd, slash ? slash + 1 : path, MAPFILE_LIMIT, text, len, err);
	close(fd);
	return rc;
}

/* What a domain map calls read is what is to be read, as with ddrescue. */
static int from_file(struct rescue_run *run, struct sv_err *err)
{
	char *text = NULL;
	size_t len = 0;
	struct rmap *map = NULL;
	struct mapfile_head head;
	struct sv_extents list = {0};
	struct rmap_block b = {0};
	const char *path = run->params->domain_file;
	int rc = read_domain(path, &text, &len, err);
	if (!rc)
		rc = mapfile_parse(path, text, len, run->book.side.source.size, 1, &map, &head,
				   err);
	free(text);
	if (rc)
		return rc == SV_E_DATA ? sv_err_recode(err, SV_E_REFUSED) : rc;
	while (!rc && rmap_next(map, b.start + b.len, RMAP_MASK(RMAP_DONE), &b))
		rc = sv_extents_add(&list, b.start, b.len);
	if (!rc)
		rc = add_area(run, &list);
	rmap_destroy(map);
	sv_extents_clear(&list);
	return rc ? sv_fail_nomem(err) : 0;
}

static int whole_area(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extents all = {0};
	int rc = sv_extents_add(&all, 0, run->book.side.source.size);
	if (!rc)
		rc = add_area(run, &all);
	sv_extents_clear(&all);
	return rc ? sv_fail_nomem(err) : 0;
}

/* Of the bytes to be read, those that are. */
static void count_done(struct rescue_run *run)
{
	const struct sv_extents *last = &run->areas[run->n_areas - 1];
	struct rmap_block b = {0};
	run->total = sv_extents_total(last);
	run->done = 0;
	while (rmap_next(run->book.map, b.start + b.len, RMAP_MASK(RMAP_DONE), &b))
		for (size_t i = sv_extents_seek(last, b.start);
		     i < last->n && last->v[i].start < b.start + b.len; i++)
			run->done += SV_MIN(last->v[i].start + last->v[i].len, b.start + b.len) -
				     SV_MAX(last->v[i].start, b.start);
}

int rescue_areas(struct rescue_run *run, struct sv_err *err)
{
	int rc = run->params->domain_file ? from_file(run, err) : from_plan(run, err);
	/* no area of a map that could not be made: then everything is one */
	bool whole = run->params->domain == SV_DOMAIN_WHOLE || run->n_areas == 1;
	if (!rc && !run->params->domain_file && whole)
		rc = whole_area(run, err);
	if (!rc)
		count_done(run);
	return rc;
}
