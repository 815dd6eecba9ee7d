/* save.c - the job that saves a disk into an image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/save.h"

#include "engine/job/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Finished granules read again before a resume is believed. */
#define RESUME_SAMPLES 256

struct save_state {
	struct sv_save_params params; /* strings owned */
};

static void save_destroy(void *p)
{
	struct save_state *s = p;
	job_free_map_params(&s->params.map);
	free((char *)s->params.image);
	free((char *)s->params.preset);
	free((char *)s->params.codec);
	free((char *)s->params.note);
	free(s);
}

/* Codec, level and frame size from preset and options. */
static int choose_codec(struct save_run *run, struct sv_err *err)
{
	const struct sv_save_params *p = run->params;
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

static int precompute_zeros(struct save_run *run)
{
	uint8_t *zeros = calloc(1, run->frame_size);
	if (!zeros)
		return SV_E_NOMEM;
	size_t last = (size_t)(run->map->size % run->frame_size);
	run->zero_checksum = (uint32_t)sv_xxh64(zeros, run->frame_size);
	run->zero_checksum_last = (uint32_t)sv_xxh64(zeros, last ? last : run->frame_size);
	free(zeros);
	return 0;
}

static void now_rfc3339(char *out, size_t cap)
{
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int describe_parts(struct image_info *info, const struct sv_map *map)
{
	info->parts = calloc(map->n_parts + 1, sizeof(*info->parts));
	if (!info->parts)
		return SV_E_NOMEM;
	info->n_parts = map->n_parts;
	for (size_t i = 0; i < map->n_parts; i++) {
		const struct sv_map_part *from = &map->parts[i];
		struct image_part *to = &info->parts[i];
		to->number = from->number;
		to->start = from->start;
		to->size = from->size;
		to->used = from->used;
		snprintf(to->type, sizeof(to->type), "%s", from->type);
		snprintf(to->name, sizeof(to->name), "%s", from->name);
		snprintf(to->fs, sizeof(to->fs), "%s", from->fs);
		snprintf(to->label, sizeof(to->label), "%s", from->label);
		snprintf(to->uuid, sizeof(to->uuid), "%s", from->uuid);
		snprintf(to->state, sizeof(to->state), "%s", from->state);
		snprintf(to->reason, sizeof(to->reason), "%s", from->reason);
	}
	return 0;
}

static int describe_image(const struct save_run *run, struct image_info *info)
{
	const struct disk *disk = &run->source.disk;
	info->size = run->map->size;
	info->sector_size = run->map->sector_size;
	info->level = run->level;
	info->frame_size = run->frame_size;
	info->primary_gpt_dead = run->map->primary_gpt_dead;
	snprintf(info->codec, sizeof(info->codec), "%s", run->codec->name);
	snprintf(info->source, sizeof(info->source), "%s", run->map->source);
	snprintf(info->model, sizeof(info->model), "%s", disk->model);
	snprintf(info->serial, sizeof(info->serial), "%s", disk->serial);
	snprintf(info->wwn, sizeof(info->wwn), "%s", disk->wwn);
	snprintf(info->transport, sizeof(info->transport), "%s", disk->transport);
	snprintf(info->table, sizeof(info->table), "%s", run->map->table);
	snprintf(info->note, sizeof(info->note), "%s", run->params->note ? run->params->note : "");
	snprintf(info->tool, sizeof(info->tool), "salvor %s", sv_version());
	now_rfc3339(info->created, sizeof(info->created));
	return describe_parts(info, run->map);
}

static int open_writer(struct save_run *run, struct sv_err *err)
{
	struct image_create create = {
		.path = run->params->image,
		.plan = &run->map->plan,
		.volume_size = run->params->volume_size,
		.resume = run->params->resume,
		.source_digest = run->map->meta_digest,
	};
	char *head = save_report_head(run);
	int rc = head ? describe_image(run, &create.info) : SV_E_NOMEM;
	create.report_head = head;
	if (!rc)
		rc = image_writer_create(&create, &run->writer, err);
	image_info_clear(&create.info);
	free(head);
	if (!rc)
		run->digest_seed = image_writer_info(run->writer)->digest_seed;
	return rc;
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
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return sv_fail(err, SV_E_NOT_FOUND, 0, path,
			       "there is no folder %s to put the image into", path);
	return 0;
}

static int sample_granule(struct save_run *run, uint64_t granule, uint8_t *buf, struct sv_err *err)
{
	struct sv_digest was;
	if (!image_writer_old_digest(run->writer, granule, &was))
		return 0;
	uint64_t start = granule * IMAGE_GRANULE;
	size_t len = (size_t)SV_MIN(IMAGE_GRANULE, run->map->size - start);
	struct sv_extents bad = {0};
	int rc = save_read_range(run, start, len, buf, &bad, err);
	bool had_bad = bad.n > 0;
	sv_extents_clear(&bad);
	if (rc || had_bad) /* an area that went bad since says nothing about change */
		return rc;
	struct sv_digest is = sv_xxh3_128(buf, len, run->digest_seed);
	if (memcmp(&was, &is, sizeof(was)))
		return sv_fail(err, SV_E_REFUSED, 0, run->map->source,
			       "the source has changed since, start afresh");
	return 0;
}

/* The map was compared by the writer; the content is sampled here. */
static int check_resumed_source(struct save_run *run, uint64_t resumed, struct sv_err *err)
{
	uint64_t granules = resumed / IMAGE_GRANULE;
	uint8_t *buf = aligned_alloc(4096, IMAGE_GRANULE);
	int rc = buf ? 0 : SV_E_NOMEM;
	for (int i = 0; !rc && i < RESUME_SAMPLES && granules; i++) {
		uint64_t random;
		rc = sv_random(&random, sizeof(random));
		if (!rc)
			rc = sample_granule(run,
					    granules <= RESUME_SAMPLES ? (uint64_t)i % granules
								       : random % granules,
					    buf, err);
	}
	free(buf);
	return rc;
}

static uint64_t read_before(const struct sv_runs *plan, uint64_t end)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < plan->n && plan->v[i].start < end; i++)
		if (plan->v[i].kind == SV_RUN_READ)
			sum += SV_MIN(plan->v[i].start + plan->v[i].len, end) - plan->v[i].start;
	return sum;
}

static int start_or_resume(struct save_run *run, struct sv_err *err)
{
	uint64_t resumed = image_writer_resumed_from(run->writer);
	int rc = resumed ? check_resumed_source(run, resumed, err) : 0;
	if (rc)
		return rc;
	run->next = sv_round_up(resumed, run->frame_size) / run->frame_size;
	job_phase(run->job, SV_PHASE_COPY, run->map->used);
	job_advance(run->job, read_before(&run->map->plan, resumed), 0);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = resumed ? "resumed" : "started",
					       .object = run->map->source,
					       .resumed = resumed > 0,
					       .resumed_from = resumed});
	return 0;
}

/* Read the finished stream back from the store. */
static int verify_stored(struct save_run *run, struct sv_err *err)
{
	char part[4096];
	struct image_reader *reader = NULL;
	snprintf(part, sizeof(part), "%s.part", run->params->image);
	int rc = image_reader_open(part, IMAGE_OPEN_PART, &reader, err);
	if (!rc)
		rc = check_frames(run->job, reader, run->params->threads, err);
	image_reader_close(reader);
	return rc;
}

static int finish(struct save_run *run, struct sv_err *err)
{
	job_phase(run->job, SV_PHASE_FLUSH, 0);
	int rc = image_writer_finish_stream(run->writer, err);
	if (!rc && run->params->verify)
		rc = verify_stored(run, err);
	if (rc)
		return rc;
	job_phase(run->job, SV_PHASE_FINISH, 0);
	char *tail = save_report_tail(run, run->params->verify);
	rc = tail ? image_writer_commit(run->writer, run->params->verify, tail, err)
		  : sv_fail_nomem(err);
	free(tail);
	return rc;
}

/* Also areas of an earlier, interrupted run count. */
static uint64_t bad_total(const struct save_run *run)
{
	return SV_MAX(run->bad_bytes, image_writer_info(run->writer)->bytes_bad);
}

static int write_image(struct save_run *run, struct sv_err *err)
{
	int rc = open_writer(run, err);
	if (!rc)
		rc = start_or_resume(run, err);
	if (!rc)
		rc = job_pipeline(run->job, &save_pool_ops, run, run->params->threads, err);
	if (rc && run->writer) {
		struct sv_err ignored = {0};
		image_writer_suspend(run->writer, &ignored);
	}
	if (!rc)
		rc = finish(run, err);
	uint64_t bad = run->writer ? bad_total(run) : 0;
	image_writer_destroy(run->writer);
	if (!rc && bad)
		rc = sv_fail(err, SV_E_UNREADABLE, 0, run->map->source,
			     "the image is finished, but %llu bytes of %s could not be read",
			     (unsigned long long)bad, run->map->source);
	return rc;
}

static int save_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct save_state *s = p;
	struct save_run run = {.job = job, .params = &s->params};
	int rc = choose_codec(&run, err);
	if (!rc)
		rc = check_image_path(&s->params, err);
	if (!rc)
		rc = source_open(&s->params.map, s->params.image, &run.source, err);
	if (!rc)
		rc = plan_read(&s->params.map, &run.source, &run.map, err);
	if (!rc) {
		job_event(job, &(struct sv_event){.kind = SV_EVENT_PLAN,
						  .sentence = "the plan",
						  .object = run.map->source,
						  .map = run.map});
		rc = precompute_zeros(&run);
	}
	if (!rc && !s->params.dry_run)
		rc = write_image(&run, err);
	sv_map_destroy(run.map);
	source_close(&run.source);
	return rc;
}

static const struct job_ops save_ops = {.run = save_run, .destroy = save_destroy};

int sv_job_create_save(const struct sv_save_params *params, sv_event_fn fn, void *arg,
		       struct sv_job **job_ret, struct sv_err *err)
{
	if (!params->map.source || !params->image || !*params->image)
		return sv_fail(err, SV_E_USAGE, 0, "save", "a source and an image are needed");
	struct save_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.image = s->params.preset = s->params.codec = s->params.note = NULL;
	bool ok = job_copy_map_params(&s->params.map, &params->map) == 0;
	ok = ok && job_copy_string((char **)&s->params.image, params->image);
	ok = ok && job_copy_string((char **)&s->params.preset, params->preset);
	ok = ok && job_copy_string((char **)&s->params.codec, params->codec);
	ok = ok && job_copy_string((char **)&s->params.note, params->note);
	if (!ok) {
		save_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&save_ops, s, fn, arg, job_ret, err);
}
