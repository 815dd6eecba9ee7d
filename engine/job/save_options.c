/* save_options.c - what a save was asked for, and where it is to be continued: what was begun */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/save.h"

#include "engine/fsmap/fsmap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Codec, level and frame size from preset and options. */
static int choose_codec(struct save_run *run, struct sv_err *err)
{
	const struct sv_save_params *p = &run->params;
	const struct codec_preset *preset = codec_preset_find(p->preset ? p->preset : "normal");
	if (!preset)
		return sv_fail(err, SV_E_USAGE, 0, p->preset,
			       "there is no preset %s: fast, normal, small or smallest", p->preset);
	const char *name = p->codec ? p->codec : preset->codec;
	run->codec = codec_find(name);
	if (!run->codec)
		return sv_fail(err, SV_E_USAGE, 0, name, "there is no codec %s: zstd or xz", name);
	bool presets_own = !strcmp(name, preset->codec);
	run->frame_size = presets_own ? preset->frame_size : run->codec->default_frame;
	run->level = presets_own ? preset->level : run->codec->default_level;
	if (p->level != INT_MIN)
		run->level = p->level;
	if (run->level < run->codec->min_level || run->level > run->codec->max_level)
		return sv_fail(err, SV_E_USAGE, 0, name, "level %d is not one of %s: %d to %d",
			       run->level, name, run->codec->min_level, run->codec->max_level);
	return 0;
}

/* Without opening anything: what image_writer_create() would refuse. */
static int check_image_path(const struct sv_save_params *p, struct sv_err *err)
{
	char path[4096];
	struct stat st;
	if (stat(p->image, &st) == 0)
		return sv_fail(err, SV_E_REFUSED, 0, p->image, "%s exists already", p->image);
	snprintf(path, sizeof(path), "%s.part", p->image);
	if (!p->resume && stat(path, &st) == 0)
		return sv_fail(err, SV_E_REFUSED, 0, path,
			       "%s is an unfinished image: continue it with --resume or remove it",
			       path);
	snprintf(path, sizeof(path), "%s", p->image);
	char *slash = strrchr(path, '/');
	if (slash == path)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	else
		strcpy(path, ".");
	int e = stat(path, &st) ? errno : 0;
	if (e && e != ENOENT && e != ENOTDIR)
		return sv_fail(err, SV_E_STORE, e, path, "cannot look at %s", path);
	if (e || !S_ISDIR(st.st_mode))
		return sv_fail(err, SV_E_NOT_FOUND, 0, path,
			       "there is no folder %s to put the image into", path);
	return 0;
}

/* ---- going on with what was begun ---- */

/* What IMAGE.part was begun with. */
struct begun {
	struct image_info info;
	uint64_t volume_size;
	bool whole, partial; /* --whole, --partitions */
	bool ntfs_union;     /* it was used */
	bool ntfs_whole;     /* it would have made a difference */
};

static bool begun_with(const struct begun *b, int number)
{
	for (size_t i = 0; i < b->info.n_parts; i++)
		if (b->info.parts[i].number == number)
			return strcmp(b->info.parts[i].state, "absent") != 0;
	return false;
}

static size_t count_present(const struct begun *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->info.n_parts; i++)
		n += strcmp(b->info.parts[i].state, "absent") != 0;
	return n;
}

/* The options that were given must be those of then. */
static int check_codec(const struct save_run *run, const struct begun *b, struct sv_err *err)
{
	const struct sv_save_params *p = &run->params;
	const struct image_info *was = &b->info;
	bool differs = (p->codec || p->preset) && strcmp(run->codec->name, was->codec) != 0;
	differs |= p->preset && run->frame_size != was->frame_size;
	differs |= (p->preset || p->level != INT_MIN) && run->level != was->level;
	if (!differs)
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, p->image,
		       "%s.part was begun with codec %s, level %d and frames of %u KiB: continue "
		       "it without --preset, --codec and --level, or start afresh",
		       p->image, was->codec, was->level, was->frame_size / 1024);
}

static int check_selection(const struct save_run *run, const struct begun *b, struct sv_err *err)
{
	const struct sv_map_params *map = &run->params.map;
	bool differs = map->whole && !b->whole;
	if (!b->info.n_parts) /* lost: the plan itself is compared later */
		return 0;
	if (map->n_partitions)
		differs |= map->n_partitions != count_present(b);
	for (size_t i = 0; i < map->n_partitions; i++)
		differs |= !begun_with(b, map->partitions[i]);
	if (!differs)
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, run->params.image,
		       "%s.part was begun with other partitions: continue it without --partitions "
		       "and --whole, or start afresh",
		       run->params.image);
}

static int check_volumes(const struct save_run *run, const struct begun *b, struct sv_err *err)
{
	if (!run->params.volume_size || run->params.volume_size == b->volume_size)
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, run->params.image,
		       "%s.part was begun with volumes of %llu bytes: continue it without "
		       "--volume-size, or start afresh",
		       run->params.image, (unsigned long long)b->volume_size);
}

/* Locked, the plan would be another one, which looks like a disk that has changed. */
static int check_unlock(const struct save_run *run, const struct begun *b, struct sv_err *err)
{
	if (!image_begun_unlocked(&b->info) || sv_unlock_has_keys(run->params.map.unlock))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, run->params.image,
		       "%s.part was begun with an encrypted volume unlocked: continue it with "
		       "--unlock or --key-file, or start afresh",
		       run->params.image);
}

static int check_ntfs(const struct save_run *run, const struct begun *b, struct sv_err *err)
{
	if (!run->params.map.ntfs_union || !b->ntfs_whole)
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, run->params.image,
		       "%s.part was begun without --ntfs-union: continue it without, or start "
		       "afresh",
		       run->params.image);
}

/* What was not given is as it was then. */
static int take_over(struct save_run *run, const struct begun *b)
{
	struct sv_map_params *map = &run->params.map;
	run->codec = codec_find(b->info.codec);
	run->frame_size = b->info.frame_size;
	run->level = b->info.level;
	map->whole = b->whole;
	map->ntfs_union |= b->ntfs_union;
	if (!map->sector_size)
		map->sector_size = b->info.sector_size;
	if (map->n_partitions || !b->partial)
		return 0;
	run->partitions = calloc(b->info.n_parts, sizeof(*run->partitions));
	if (!run->partitions)
		return SV_E_NOMEM;
	map->partitions = run->partitions;
	for (size_t i = 0; i < b->info.n_parts; i++)
		if (strcmp(b->info.parts[i].state, "absent") != 0)
			run->partitions[map->n_partitions++] = b->info.parts[i].number;
	return 0;
}

static int settle_resumed(struct save_run *run, struct sv_err *err)
{
	char part[4096];
	struct begun b = {0};
	snprintf(part, sizeof(part), "%s.part", run->params.image);
	if (image_begun(part, &b.info, &b.volume_size))
		return 0; /* nothing to go on with */
	for (size_t i = 0; i < b.info.n_parts; i++) {
		b.whole |= !strcmp(b.info.parts[i].reason, PLAN_REASON_WHOLE);
		b.partial |= !strcmp(b.info.parts[i].state, "absent");
		b.ntfs_union |= strstr(b.info.parts[i].reason, FSMAP_NTFS_UNITED) != NULL;
		b.ntfs_whole |= strstr(b.info.parts[i].reason, FSMAP_NTFS_HINT) != NULL;
	}
	int rc = codec_find(b.info.codec) ? 0 : SV_E_FORMAT;
	if (rc)
		sv_fail(err, rc, 0, part, "%s has an unknown codec: %s", part, b.info.codec);
	if (!rc)
		rc = check_codec(run, &b, err);
	if (!rc)
		rc = check_selection(run, &b, err);
	if (!rc)
		rc = check_volumes(run, &b, err);
	if (!rc)
		rc = check_unlock(run, &b, err);
	if (!rc)
		rc = check_ntfs(run, &b, err);
	if (!rc && take_over(run, &b))
		rc = sv_fail_nomem(err);
	image_info_clear(&b.info);
	return rc;
}

int save_settle_options(struct save_run *run, struct sv_err *err)
{
	int rc = choose_codec(run, err);
	if (!rc)
		rc = check_image_path(&run->params, err);
	if (!rc && run->params.resume)
		rc = settle_resumed(run, err);
	return rc;
}

/* ---- with the same help as then ---- */

static int refuse_help(const struct save_run *run, const char *why, const char *how,
		       struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, run->params.image,
		       "%s, and %s.part was begun otherwise: continue it %s, or start afresh", why,
		       run->params.image, how);
}

static int check_part_help(const struct save_run *run, const struct image_part *was,
			   const struct sv_map_part *is, struct sv_err *err)
{
	/* first the disks: what is on them may be locked, too */
	if (was->joined >= 0 && is->joined < (unsigned int)was->joined)
		return refuse_help(run,
				   *is->apart ? is->apart : "another disk of a volume is missing",
				   "with that disk", err);
	if (was->unlocked >= 0 && is->unlocked < (unsigned int)was->unlocked)
		return refuse_help(run, "an encrypted volume stays locked",
				   "with --unlock or with all of its keys", err);
	if (was->unlocked >= 0 && is->unlocked > (unsigned int)was->unlocked)
		return refuse_help(run, "an encrypted volume is unlocked", "without its key", err);
	if (was->joined >= 0 && is->joined > (unsigned int)was->joined)
		return refuse_help(run, is->inside, "without that disk", err);
	return 0;
}

int save_check_help(const struct save_run *run, struct sv_err *err)
{
	char part[4096];
	struct image_info was = {0};
	const struct sv_map *map = run->map;
	uint64_t ignored;
	int rc = 0;
	snprintf(part, sizeof(part), "%s.part", run->params.image);
	if (image_begun(part, &was, &ignored))
		return 0;
	/* another table is for the writer to see */
	for (size_t i = 0; !rc && i < was.n_parts && was.n_parts == map->n_parts; i++)
		rc = check_part_help(run, &was.parts[i], &map->parts[i], err);
	image_info_clear(&was);
	return rc;
}
