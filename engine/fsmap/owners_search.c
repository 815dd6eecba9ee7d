/* owners_search.c - whose bytes are these: which reader is asked, and how its answer ends */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What readers say of maps: nothing is stored here. */
static void cut_fate(char *reason)
{
	static const char fate[] = ": stored whole";
	char *at = strstr(reason, fate);
	if (at)
		memmove(at, at + strlen(fate), strlen(at + strlen(fate)) + 1);
}

/* Run ops->files() on a volume whose lost bytes cannot be read; `seen`: its type, and how it is
 * called where somebody is asked for its passphrase. 0, also when it is whole: then there is a
 * reason. */
static int run_files(struct owners *o, struct blk_dev *vol, const struct fsmap_ops *ops,
		     const struct fsmap_probe *seen)
{
	struct fsmap map = {.size = vol->size};
	struct fsmap_reader r = {
		.vol = vol, .map = &map, .searching = true, .owners = o, .around = o->around};
	fsmap_set_names(&map, seen);
	*o->out->reason = '\0';
	int rc = ops->files(&r, o);
	if (rc == FSMAP_IS_WHOLE)
		snprintf(o->out->reason, sizeof(o->out->reason), "%s",
			 *map.reason ? map.reason : "what would tell cannot be read");
	cut_fate(o->out->reason);
	sv_extents_clear(&r.free);
	sv_extents_clear(&r.used);
	sv_extents_clear(&r.meta);
	return SV_MIN(rc, 0);
}

/* Where all that names a type stands, on every filesystem that is looked into: Btrfs has it at 64
 * KiB. */
static bool is_nameless(const struct owners *o)
{
	return owners_touch(o, 0, 4 * SV_KIB) || owners_touch(o, 64 * SV_KIB, 4 * SV_KIB);
}

/* What names the type is lost: a reader that knows a copy of it may find its way. */
static int try_all(struct owners *o, struct blk_dev *vol)
{
	struct fsmap_files *out = o->out;
	const struct fsmap_ops *ops;
	struct fsmap_probe seen = {0};
	int rc = 0;
	for (size_t i = 0; !rc && (ops = fsmap_ops_at(i)); i++) {
		if (!ops->files)
			continue;
		snprintf(seen.type, sizeof(seen.type), "%s", ops->types[0]);
		rc = run_files(o, vol, ops, &seen);
		if (rc || *out->reason)
			continue;
		snprintf(out->fs, sizeof(out->fs), "%s", seen.type);
		return 0;
	}
	snprintf(out->reason, sizeof(out->reason), "what it holds is lost");
	return rc;
}

/* Of a volume whose files are not looked for, the map of what is used still tells what is free. */
static int find_free(struct owners *o, struct blk_dev *vol, const struct fsmap_ops *ops,
		     const char *type)
{
	struct fsmap *map = NULL;
	struct sv_extents unused = {0}, lost = {0};
	int rc = fsmap_read_as(vol, ops, type, &map, NULL);
	if (!rc)
		rc = sv_extents_invert(&unused, &map->used, map->size);
	if (!rc)
		rc = sv_extents_intersect(&lost, &unused, o->lost);
	for (size_t i = 0; !rc && i < lost.n; i++)
		rc = owners_free(o, lost.v[i].start, lost.v[i].len);
	fsmap_destroy(map);
	sv_extents_clear(&unused);
	sv_extents_clear(&lost);
	return rc ? SV_E_NOMEM : 0;
}

static int search_as(struct owners *o, struct blk_dev *vol, const struct fsmap_probe *probe)
{
	struct fsmap_files *out = o->out;
	const struct fsmap_ops *ops = fsmap_ops_find(probe->type);
	snprintf(out->fs, sizeof(out->fs), "%s", probe->type);
	snprintf(out->label, sizeof(out->label), "%s", probe->label);
	if (!probe->type[0] && !probe->ambivalent && is_nameless(o))
		return try_all(o, vol);
	if (ops && ops->files && !probe->ambivalent)
		return run_files(o, vol, ops, probe);
	if (probe->type[0])
		snprintf(out->reason, sizeof(out->reason),
			 "it holds %s: its files are not looked for", probe->type);
	else
		snprintf(out->reason, sizeof(out->reason), "no known filesystem");
	return ops && !probe->ambivalent ? find_free(o, vol, ops, probe->type) : 0;
}

/* The type is asked of the volume with zeros where it was lost, the rest with reads that fail.
 * `ops` and `known`: no need to ask. */
static int search(struct owners *o, struct blk_dev *vol, const struct fsmap_ops *ops,
		  const struct fsmap_probe *known)
{
	struct blk_dev *failing = NULL;
	struct fsmap_probe probe = {0};
	int rc = blk_holes_create(vol, o->lost, true, &o->zeros);
	if (!rc)
		rc = blk_holes_create(vol, o->lost, false, &failing);
	if (!rc && !ops && fsmap_probe(o->zeros, &probe, NULL) == SV_E_NOMEM)
		rc = SV_E_NOMEM;
	if (!rc)
		rc = ops ? run_files(o, failing, ops, known) : search_as(o, failing, &probe);
	blk_close(failing);
	blk_close(o->zeros);
	return rc;
}

static int finish(struct owners *o)
{
	int rc = owners_sort_rest(o);
	if (!rc && !o->out->n_files)
		rc = owners_seal(o);
	owners_order(o);
	return rc;
}

static int answer(struct owners *o, int rc, struct fsmap_files **files_ret, struct sv_err *err)
{
	if (!rc && owners_stopped(o))
		rc = sv_fail_stopped(err, "report");
	if (!rc)
		rc = finish(o);
	sv_extents_clear(&o->owned);
	sv_extents_clear(&o->free);
	if (rc) {
		fsmap_files_destroy(o->out);
		return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
	}
	*files_ret = o->out;
	return 0;
}

int owners_search(struct owners *o, struct blk_dev *vol, struct fsmap_files **files_ret,
		  struct sv_err *err)
{
	o->out = calloc(1, sizeof(*o->out));
	if (!o->out)
		return sv_fail_nomem(err);
	return answer(o, search(o, vol, NULL, NULL), files_ret, err);
}

int fsmap_files_read(struct blk_dev *vol, const struct sv_extents *lost,
		     const struct fsmap_how *how, const atomic_int *stop,
		     struct fsmap_files **files_ret, struct sv_err *err)
{
	struct owners o = {.lost = lost, .stop = stop, .around.how = *how};
	return owners_search(&o, vol, files_ret, err);
}

int fsmap_files_read_as(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
			const struct sv_extents *lost, struct fsmap_files **files_ret)
{
	return fsmap_files_read_with(vol, ops, type, &(struct fsmap_how){0}, lost, files_ret);
}

int fsmap_files_read_with(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
			  const struct fsmap_how *how, const struct sv_extents *lost,
			  struct fsmap_files **files_ret)
{
	struct owners o = {.lost = lost, .around.how = *how, .out = calloc(1, sizeof(*o.out))};
	struct fsmap_probe known = {0};
	if (!o.out)
		return SV_E_NOMEM;
	snprintf(known.type, sizeof(known.type), "%s", type);
	return answer(&o, search(&o, vol, ops, &known), files_ret, NULL);
}

void fsmap_files_destroy(struct fsmap_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->n_files; i++) {
		for (size_t k = 0; k < files->files[i].n_paths; k++)
			free(files->files[i].paths[k]);
		free(files->files[i].paths);
	}
	for (size_t i = 0; i < files->n_losses; i++)
		free(files->losses[i].stream);
	for (size_t i = 0; i < files->n_inner; i++)
		fsmap_files_destroy(files->inner[i].files);
	free(files->inner);
	free(files->files);
	free(files->losses);
	free(files->areas);
	free(files);
}

const char *files_kind_name(enum files_kind kind)
{
	static const char *const names[] = {
		[FILES_CONTENT] = "content",  [FILES_MAP] = "map",
		[FILES_RECORD] = "record",    [FILES_ENTRIES] = "entries",
		[FILES_ATTRS] = "attributes", [FILES_SLACK] = "slack",
	};
	return names[kind];
}

const char *files_area_name(enum files_area_kind kind)
{
	static const char *const names[] = {
		[FILES_AREA_METADATA] = "metadata",
		[FILES_AREA_FREE] = "free",
		[FILES_AREA_UNKNOWN] = "unknown",
	};
	return names[kind];
}