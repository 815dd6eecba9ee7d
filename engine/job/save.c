/* save.c - the job that saves a disk into an image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/save.h"

#include "engine/job/check.h"
#include "engine/job/gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
		to->unlocked = (int)SV_MIN(from->unlocked, 1000u);
		to->joined = (int)SV_MIN(from->joined, 1000u);
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
	snprintf(info->note, sizeof(info->note), "%s", run->params.note ? run->params.note : "");
	snprintf(info->tool, sizeof(info->tool), "salvor %s", sv_version());
	now_rfc3339(info->created, sizeof(info->created));
	return describe_parts(info, run->map);
}

static int changed(const struct save_run *run, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, run->map->source,
		       "the source has changed since, start afresh");
}

/* *seen: the granule held data that could be compared. */
static int sample_granule(struct save_run *run, const struct image_writer *w, uint64_t granule,
			  uint8_t *buf, bool *seen, struct sv_err *err)
{
	struct sv_digest was;
	*seen = image_writer_old_digest(w, granule, &was);
	if (!*seen)
		return 0;
	uint64_t start = granule * IMAGE_GRANULE;
	size_t len = (size_t)SV_MIN(IMAGE_GRANULE, run->map->size - start);
	struct sv_extents bad = {0};
	const struct gather what = {
		.dev = run->source.dev, .runs = &run->map->plan, .kinds = 1u << SV_RUN_READ};
	int rc = gather_read(&what, start, len, buf, &bad, err);
	*seen = bad.n == 0; /* an area that went bad since says nothing about change */
	sv_extents_clear(&bad);
	if (rc || !*seen)
		return rc;
	struct sv_digest is = sv_xxh3_128(buf, len, image_writer_info(w)->digest_seed);
	return memcmp(&was, &is, sizeof(was)) ? changed(run, err) : 0;
}

/* The map was compared by the writer; the content is sampled here, before anything of the image is
 * touched. */
static int check_resumed_source(void *arg, const struct image_writer *w, struct sv_err *err)
{
	struct save_run *run = arg;
	uint64_t resumed = image_writer_resumed_from(w);
	uint64_t granules = resumed / IMAGE_GRANULE + (resumed % IMAGE_GRANULE != 0);
	bool all = granules <= RESUME_SAMPLES;
	uint8_t *buf = aligned_alloc(4096, IMAGE_GRANULE);
	int rc = buf ? 0 : sv_fail_nomem(err);
	/* many may be free space: try more, but not for ever */
	uint64_t tries = all ? granules : UINT64_C(64) * RESUME_SAMPLES;
	for (uint64_t i = 0, seen = 0; !rc && i < tries && seen < RESUME_SAMPLES; i++) {
		uint64_t random = i;
		bool counts = false;
		if (!all && sv_random(&random, sizeof(random)))
			rc = sv_fail(err, SV_E_FAILED, 0, run->map->source,
				     "the system gives no random bytes");
		if (!rc)
			rc = sample_granule(run, w, random % granules, buf, &counts, err);
		seen += counts;
	}
	free(buf);
	return rc;
}

static int open_writer(struct save_run *run, struct sv_err *err)
{
	struct image_create create = {
		.path = run->params.image,
		.plan = &run->map->plan,
		.volume_size = run->params.volume_size,
		.resume = run->params.resume,
		.source_digest = run->map->meta_digest,
		.check = check_resumed_source,
		.check_arg = run,
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

static uint64_t read_before(const struct sv_runs *plan, uint64_t end)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < plan->n && plan->v[i].start < end; i++)
		if (plan->v[i].kind == SV_RUN_READ)
			sum += SV_MIN(plan->v[i].start + plan->v[i].len, end) - plan->v[i].start;
	return sum;
}

static void say_start(struct save_run *run)
{
	uint64_t resumed = image_writer_resumed_from(run->writer);
	run->next = sv_round_up(resumed, run->frame_size) / run->frame_size;
	job_phase(run->job, SV_PHASE_COPY, run->map->used);
	job_advance(run->job, read_before(&run->map->plan, resumed), 0);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = resumed ? "resumed" : "started",
					       .object = run->map->source,
					       .resumed = resumed > 0,
					       .resumed_from = resumed});
}

/* Read the finished stream back from the store. */
static int verify_stored(struct save_run *run, struct sv_err *err)
{
	char part[4096];
	struct image_reader *reader = NULL;
	snprintf(part, sizeof(part), "%s.part", run->params.image);
	int rc = image_reader_open(part, IMAGE_OPEN_PART, &reader, err);
	if (!rc)
		rc = check_frames(run->job, reader, run->params.threads, err);
	image_reader_close(reader);
	return rc;
}

static int finish(struct save_run *run, struct sv_err *err)
{
	job_phase(run->job, SV_PHASE_FLUSH, 0);
	int rc = image_writer_finish_stream(run->writer, err);
	if (!rc && run->params.verify)
		rc = verify_stored(run, err);
	if (rc)
		return rc;
	job_phase(run->job, SV_PHASE_FINISH, 0);
	char *tail = save_report_tail(run, run->params.verify);
	rc = tail ? image_writer_commit(run->writer, run->params.verify, tail, err)
		  : sv_fail_nomem(err);
	free(tail);
	return rc;
}

/* Also areas of an earlier, interrupted run count. */
static uint64_t bad_total(const struct save_run *run)
{
	return SV_MAX(run->bad_bytes, image_writer_info(run->writer)->bytes_bad);
}

/* Most bytes the store must still take: nothing compresses, and tables and side files. */
static uint64_t bytes_wanting(const struct save_run *run, uint64_t safe)
{
	uint64_t left = run->map->used - read_before(&run->map->plan, safe);
	return left + left / 64 + 4 * SV_MIB;
}

/* The store is full: what can be done about it. */
static void say_full(const struct save_run *run, struct sv_err *err)
{
	uint64_t safe = run->writer ? image_writer_safe(run->writer) : 0;
	if (!err || (err->sys_errno != ENOSPC && err->sys_errno != EDQUOT))
		return;
	snprintf(err->text, sizeof(err->text),
		 "the store of %s is full: at most %llu more bytes are needed, make room and %s",
		 run->params.image, (unsigned long long)bytes_wanting(run, safe),
		 safe ? "continue with --resume" : "start again");
}

static int write_image(struct save_run *run, struct sv_err *err)
{
	run->frames = (struct frames){.dev = run->source.dev,
				      .plan = &run->map->plan,
				      .frame_size = run->frame_size,
				      .skip_bad = run->params.on_error == SV_ON_ERROR_SKIP};
	int rc = open_writer(run, err);
	if (!rc) {
		say_start(run);
		rc = job_pipeline(run->job, &save_pool_ops, run, run->params.threads, err);
	}
	if (rc && run->writer) {
		struct sv_err ignored = {0};
		image_writer_suspend(run->writer, &ignored);
	}
	if (!rc)
		rc = finish(run, err);
	if (rc == SV_E_STORE_FULL)
		say_full(run, err);
	uint64_t bad = run->writer ? bad_total(run) : 0;
	image_writer_destroy(run->writer);
	if (!rc && bad)
		rc = sv_fail(err, SV_E_UNREADABLE, 0, run->map->source,
			     "the image is finished, but %llu bytes of %s could not be read",
			     (unsigned long long)bad, run->map->source);
	return rc;
}

/* The source is open. */
static int make_image(struct save_run *run, struct sv_err *err)
{
	int rc = plan_read(&run->params.map, &run->source, run->keys, &run->map, err);
	if (!rc) {
		job_event(run->job, &(struct sv_event){.kind = SV_EVENT_PLAN,
						       .sentence = "the plan",
						       .object = run->map->source,
						       .map = run->map});
		rc = precompute_zeros(run);
	}
	if (!rc && run->params.resume)
		rc = save_check_help(run, err);
	if (!rc && !run->params.dry_run)
		rc = write_image(run, err);
	sv_map_destroy(run->map);
	free(run->partitions);
	return rc;
}

/* A disk that fails: there is another way to an image of it. */
static void advise(const struct save_run *run, int rc, const struct sv_err *err)
{
	if (rc == SV_E_SOURCE && run->source.dev && err && err->sys_errno &&
	    !gather_device_lost(err->sys_errno))
		job_say(run->job, SV_EVENT_WARNING,
			"this disk has areas that cannot be read: what can be is saved by salvor "
			"rescue %s %s --image",
			run->params.map.source, run->params.image);
}

static int save_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct save_state *s = p;
	struct save_run run = {.job = job, .params = s->params};
	int rc = save_settle_options(&run, err);
	if (!rc)
		rc = source_open(&run.params.map, run.params.image, &run.source, err);
	if (!rc) {
		source_say_unguarded(job, &run.source);
		job_say_hidden(job, run.params.map.root,
			       run.source.is_device ? &run.source.disk : NULL);
		rc = make_image(&run, err);
	} else {
		free(run.partitions);
	}
	advise(&run, rc, err);
	source_close(&run.source);
	return rc;
}

int save_from(struct sv_job *job, const struct sv_save_params *params, const struct source *source,
	      struct unlock *keys, const char *more, struct sv_err *err)
{
	struct save_run run = {
		.job = job, .params = *params, .source = *source, .keys = keys, .more = more};
	int rc = save_settle_options(&run, err);
	if (!rc)
		return make_image(&run, err);
	free(run.partitions);
	return rc;
}

/* IMAGE/ is IMAGE. */
static void drop_slashes(char *path)
{
	for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
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
	if (ok)
		drop_slashes((char *)s->params.image);
	ok = ok && job_copy_string((char **)&s->params.preset, params->preset);
	ok = ok && job_copy_string((char **)&s->params.codec, params->codec);
	ok = ok && job_copy_string((char **)&s->params.note, params->note);
	if (!ok) {
		save_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&save_ops, s, fn, arg, job_ret, err);
}
