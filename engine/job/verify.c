/* verify.c - the job that checks an image, alone or against a disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"
#include "engine/job/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verify_state {
	struct sv_verify_params params; /* strings owned */
};

struct verify_run {
	struct sv_job *job;
	struct image_reader *reader;
	uint64_t found; /* differences told so far */
};

static void verify_destroy(void *p)
{
	struct verify_state *s = p;
	free((char *)s->params.root);
	free((char *)s->params.image);
	free((char *)s->params.against);
	free(s);
}

static void found_in_file(void *arg, const char *file, uint64_t start, uint64_t len,
			  const char *sentence)
{
	struct verify_run *run = arg;
	run->found++;
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_DAMAGE,
					       .sentence = sentence,
					       .object = file,
					       .start = start,
					       .len = len});
}

static bool file_progress(void *arg, uint64_t bytes)
{
	struct verify_run *run = arg;
	job_advance(run->job, 0, bytes);
	return !atomic_load(&run->job->stop);
}

static int verify_image(struct verify_run *run, const struct sv_verify_params *p,
			struct sv_err *err)
{
	struct sv_err frames = {0}, files = {0};
	int rc = check_frames(run->job, run->reader, p->threads, &frames);
	if (rc && rc != SV_E_DIFFERS) {
		*err = frames;
		return rc;
	}
	int rc_files = image_check_files(run->reader, IMAGE_CHECK_ALL, found_in_file, file_progress,
					 run, &files);
	if (rc_files && rc_files != SV_E_DIFFERS) {
		*err = files;
		return rc_files;
	}
	if (rc)
		*err = frames;
	else if (rc_files)
		*err = files;
	return rc ? rc : rc_files;
}

static int compare_disk(struct verify_run *run, const struct sv_verify_params *p,
			struct sv_err *err)
{
	const struct image_info *info = image_reader_info(run->reader);
	struct sv_map_params map = {
		.root = p->root, .source = p->against, .sector_size = p->sector_size};
	struct source source = {0};
	int rc = source_open(&map, NULL, &source, err);
	if (rc)
		return rc;
	source_say_unguarded(run->job, &source);
	struct check_image what = {.dev = source.dev, .len = info->size};
	if (source.dev->size < info->size)
		rc = sv_fail(err, SV_E_DIFFERS, 0, p->against,
			     "%s is %llu bytes smaller than the disk of the image", p->against,
			     (unsigned long long)(info->size - source.dev->size));
	else
		rc = check_against_image(run->job, run->reader, &what, p->threads, err);
	source_close(&source);
	return rc;
}

/* Whole, but is everything in it? */
static int verdict(struct verify_run *run, const struct sv_verify_params *p, struct sv_err *err)
{
	uint64_t bad = sv_runs_total(image_reader_runs(run->reader), SV_RUN_BAD);
	if (bad)
		return sv_fail(err, SV_E_UNREADABLE, 0, p->image,
			       "the image is as it was made, but %llu bytes of the disk could not "
			       "be read then",
			       (unsigned long long)bad);
	return 0;
}

static int verify_run(struct sv_job *job, void *state, struct sv_err *err)
{
	const struct sv_verify_params *p = &((struct verify_state *)state)->params;
	struct verify_run run = {.job = job};
	int rc = image_reader_open(p->image, IMAGE_OPEN_SALVAGE, &run.reader, err);
	if (rc)
		return rc;
	job_event(job, &(struct sv_event){.kind = SV_EVENT_START,
					  .sentence = "the image is checked",
					  .object = p->image});
	for (size_t i = 0; image_reader_damage(run.reader, i); i++) {
		run.found++;
		job_say(job, SV_EVENT_DAMAGE, "%s", image_reader_damage(run.reader, i));
	}
	rc = verify_image(&run, p, err);
	if (p->against && (!rc || rc == SV_E_DIFFERS)) {
		int rc_disk = compare_disk(&run, p, err);
		rc = rc ? rc : rc_disk;
	}
	if (image_reader_digests_lost(run.reader)) {
		run.found++;
		job_say(job, SV_EVENT_DAMAGE, "disk.idx cannot be read any more");
	}
	if (!rc && run.found)
		rc = sv_fail(err, SV_E_DIFFERS, 0, p->image, "%s is damaged", p->image);
	if (!rc)
		rc = verdict(&run, p, err);
	image_reader_close(run.reader);
	return rc;
}

static const struct job_ops verify_ops = {.run = verify_run, .destroy = verify_destroy};

int sv_job_create_verify(const struct sv_verify_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err)
{
	if (!params->image)
		return sv_fail(err, SV_E_USAGE, 0, "verify", "an image is needed");
	struct verify_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.root = s->params.image = s->params.against = NULL;
	bool ok = job_copy_string((char **)&s->params.root, params->root ? params->root : "");
	ok = ok && job_copy_string((char **)&s->params.image, params->image);
	ok = ok && job_copy_string((char **)&s->params.against, params->against);
	if (!ok) {
		verify_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&verify_ops, s, fn, arg, job_ret, err);
}
