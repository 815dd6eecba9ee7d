/* restore.c - the job that writes an image back to a disk, a partition or a file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"
#include "engine/job/sink.h"
#include "engine/job/walk.h"

#include "engine/disk/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct restore_state {
	struct sv_restore_params params; /* strings owned */
};

/* A restore in progress: everything is the job thread's, but what walk_frames() reads. */
struct restore_run {
	struct sv_job *job;
	const struct sv_restore_params *params;
	struct image_reader *reader;
	struct target_params target;
	struct sink sink;
	struct sv_extents damaged; /* ranges of the stream lost to damaged frames */
	bool image_damaged;	   /* some file of the image is not what it was */
};

static void restore_destroy(void *p)
{
	struct restore_state *s = p;
	free((char *)s->params.root);
	free((char *)s->params.image);
	free((char *)s->params.target);
	free((char *)s->params.confirm_erase);
	free(s);
}

/* ---- which part of the image ---- */

static int select_part(struct restore_run *run, uint64_t start, uint64_t size, bool absent,
		       struct sv_err *err)
{
	if (absent || !size)
		return sv_fail(err, SV_E_NOT_FOUND, 0, run->params->image,
			       "partition %d was not saved into this image",
			       run->params->partition);
	run->sink.start = start;
	run->sink.len = size;
	return 0;
}

/* The manifest may be lost: then the image's own table tells. */
static int select_from_table(struct restore_run *run, struct sv_err *err)
{
	struct blk_dev *blk = NULL;
	struct layout *layout = NULL;
	int rc = image_blk_create(run->reader, &blk, err);
	if (!rc)
		rc = layout_read(blk, &layout, err);
	const struct layout_part *part = rc ? NULL : layout_find(layout, run->params->partition);
	if (!rc)
		rc = select_part(run, part ? part->start : 0, part ? part->size : 0, false, err);
	layout_destroy(layout);
	blk_close(blk);
	return rc;
}

static int select_region(struct restore_run *run, struct sv_err *err)
{
	const struct image_info *info = image_reader_info(run->reader);
	run->sink.len = info->size;
	if (!run->params->partition)
		return 0;
	for (size_t i = 0; i < info->n_parts; i++) {
		const struct image_part *part = &info->parts[i];
		if (part->number == run->params->partition)
			return select_part(run, part->start, part->size,
					   !strcmp(part->state, "absent"), err);
	}
	if (info->n_parts)
		return select_part(run, 0, 0, true, err);
	return select_from_table(run, err);
}

/* ---- data ---- */

static bool holds_wanted(const struct restore_run *run, uint64_t number)
{
	const struct sv_runs *runs = image_reader_runs(run->reader);
	uint64_t start, len;
	image_reader_frame_range(run->reader, number, &start, &len);
	return sv_runs_touch(runs, sink_wanted(&run->sink), SV_MAX(start, run->sink.start),
			     SV_MIN(start + len, run->sink.start + run->sink.len));
}

static bool wants_frame(void *arg, uint64_t number)
{
	const struct restore_run *run = arg;
	/* of a whole image every frame is looked at, so that no damage passes for a success */
	return !run->params->partition || holds_wanted(run, number);
}

/* A damaged frame: remember and tell. */
static int take_damage(struct restore_run *run, const struct walk_frame *frame, struct sv_err *err)
{
	uint64_t from = SV_MAX(frame->start, run->sink.start);
	uint64_t to = SV_MIN(frame->start + frame->len, run->sink.start + run->sink.len);
	struct sv_event event = {.kind = SV_EVENT_DAMAGE,
				 .sentence = frame->damage,
				 .object = "frame",
				 .start = from,
				 .len = to - from};
	job_event(run->job, &event);
	run->image_damaged = true;
	if (frame->constant) /* its content is known from the run map */
		return 0;
	return sv_extents_add(&run->damaged, from, to - from) ? sv_fail_nomem(err) : 0;
}

static int restore_frame(void *arg, const struct walk_frame *frame, struct sv_err *err)
{
	struct restore_run *run = arg;
	int rc = 0;
	if (frame->damage)
		rc = take_damage(run, frame, err);
	if (!rc && (!frame->damage || frame->constant))
		rc = sink_put(&run->sink, image_reader_runs(run->reader), frame->start, frame->len,
			      frame->constant ? NULL : frame->raw, err);
	job_advance(run->job, holds_wanted(run, frame->number) ? frame->len : 0, frame->stored_len);
	return rc;
}

static uint64_t bytes_wanted(struct restore_run *run)
{
	uint64_t sum = 0, start, len;
	for (uint64_t n = 0; n < image_reader_frames(run->reader); n++) {
		if (!holds_wanted(run, n))
			continue;
		image_reader_frame_range(run->reader, n, &start, &len);
		sum += len;
	}
	return sum;
}

static int write_data(void *arg, struct sv_err *err)
{
	static const struct walk_sink sink = {
		.wants = wants_frame, .check_constant = true, .frame = restore_frame};
	struct restore_run *run = arg;
	job_phase(run->job, SV_PHASE_COPY, bytes_wanted(run));
	return walk_frames(run->job, run->reader, &sink, run, run->params->threads, err);
}

/* Read back what was written, before there is a table that makes it look usable. */
static int read_back(void *arg, struct sv_err *err)
{
	struct restore_run *run = arg;
	struct sv_extents skip = {0};
	struct check_image what = {
		.dev = run->sink.target.dev,
		.start = run->sink.start,
		.len = run->sink.len,
		.skip = &skip,
		.bad_are_zero = true,
		.free_are_zero = run->params->free_mode == SV_FREE_ZERO,
	};
	int rc = sv_extents_copy(&skip, &run->damaged);
	for (int i = 0; !rc && i < 2; i++)
		rc = sv_extents_add(&skip, run->sink.held[i].start, run->sink.held[i].len);
	sv_extents_normalise(&skip);
	if (!rc)
		rc = check_against_image(run->job, run->reader, &what, run->params->threads, err);
	sv_extents_clear(&skip);
	return rc;
}

static const struct sink_steps steps = {.copy = write_data, .check = read_back};

static void found_in_file(void *arg, const char *file, uint64_t start, uint64_t len,
			  const char *sentence)
{
	struct restore_run *run = arg;
	run->image_damaged = true;
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_DAMAGE,
					       .sentence = sentence,
					       .object = file,
					       .start = start,
					       .len = len});
}

static int say_start(struct restore_run *run, struct sv_err *err)
{
	char text[400];
	snprintf(text, sizeof(text), "%s is written to %s", run->params->image,
		 run->params->target);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = text,
					       .object = run->params->target});
	snprintf(text, sizeof(text), "%llu bytes of %s hold data",
		 (unsigned long long)bytes_wanted(run), run->params->image);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_PLAN,
					       .sentence = text,
					       .object = run->params->target,
					       .len = bytes_wanted(run)});
	if (!run->params->partition && sv_runs_total(image_reader_runs(run->reader), SV_RUN_ABSENT))
		job_say(run->job, SV_EVENT_WARNING,
			"the image is partial: only its table and the saved partitions are "
			"written, the others are left as they are");
	for (size_t i = 0; image_reader_damage(run->reader, i); i++) {
		run->image_damaged = true;
		job_say(run->job, SV_EVENT_DAMAGE, "%s", image_reader_damage(run->reader, i));
	}
	struct sv_err told = {0};
	int rc = image_check_files(run->reader, IMAGE_CHECK_SIDE_FILES, found_in_file, NULL, run,
				   &told);
	if (rc && rc != SV_E_DIFFERS)
		*err = told;
	return rc == SV_E_DIFFERS ? 0 : rc; /* told, remembered, and the last word is verdict()'s */
}

/* What stands between "written" and "everything is there". */
static int verdict(struct restore_run *run, struct sv_err *err)
{
	uint64_t start = run->sink.start;
	uint64_t bytes = sv_runs_within(image_reader_runs(run->reader), 1u << SV_RUN_BAD, start,
					start + run->sink.len);
	if (image_reader_digests_lost(run->reader) && !run->image_damaged) {
		run->image_damaged = true;
		job_say(run->job, SV_EVENT_DAMAGE, "disk.idx cannot be read any more");
	}
	if (run->image_damaged && !run->damaged.n)
		return sv_fail(err, SV_E_DIFFERS, 0, run->params->image,
			       "the image %s is damaged, but everything in it was restored",
			       run->params->image);
	if (run->damaged.n)
		return sv_fail(err, SV_E_DIFFERS, 0, run->params->image,
			       "the image is damaged: %llu bytes could not be restored",
			       (unsigned long long)sv_extents_total(&run->damaged));
	if (bytes)
		return sv_fail(err, SV_E_UNREADABLE, 0, run->params->image,
			       "restored, but %llu bytes could not be read when the image was made "
			       "and are zeros now",
			       (unsigned long long)bytes);
	return 0;
}

/* Partition N goes into partition M of a disk, by default N; of a file only when M is given. */
static void describe_target(struct restore_run *run)
{
	const struct sv_restore_params *p = run->params;
	const struct image_info *info = image_reader_info(run->reader);
	int to = p->target_partition ? p->target_partition : p->partition;
	run->target = (struct target_params){
		.root = p->root,
		.target = p->target,
		.confirm_erase = p->confirm_erase,
		.disk_part = p->partition ? to : 0,
		.file_part = p->target_partition,
		.sector_size = p->sector_size,
		.needed = run->sink.len,
		.needed_sector = info->sector_size,
		.image = p->image,
	};
}

static int open_image(struct restore_run *run, struct sv_err *err)
{
	const struct sv_restore_params *p = run->params;
	int rc = image_reader_open(p->image, IMAGE_OPEN_SALVAGE, &run->reader, err);
	if (rc)
		return rc;
	run->sink.job = run->job;
	run->sink.runs = image_reader_runs(run->reader);
	run->sink.part = p->partition;
	run->sink.free_mode = p->free_mode;
	run->sink.verify = p->verify;
	return select_region(run, err);
}

static int restore_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct restore_state *s = p;
	struct restore_run run = {.job = job, .params = &s->params};
	struct target *target = &run.sink.target;
	int rc = open_image(&run, err);
	if (!rc) {
		describe_target(&run);
		rc = target_check(&run.target, target, err);
	}
	if (!rc)
		target_say_hidden(job, &run.target, target);
	if (!rc)
		rc = say_start(&run, err);
	if (!rc && !s->params.dry_run) {
		rc = target_open(&run.target, target, err);
		if (!rc)
			rc = sink_write(&run.sink, &steps, &run, err);
		if (!rc)
			rc = verdict(&run, err);
		target_close(target, rc && rc != SV_E_DIFFERS && rc != SV_E_UNREADABLE);
	}
	sink_release(&run.sink);
	sv_extents_clear(&run.damaged);
	image_reader_close(run.reader);
	return rc;
}

static const struct job_ops restore_ops = {.run = restore_run, .destroy = restore_destroy};

int sv_job_create_restore(const struct sv_restore_params *params, sv_event_fn fn, void *arg,
			  struct sv_job **job_ret, struct sv_err *err)
{
	if (!params->image || !params->target || params->partition < 0 ||
	    params->target_partition < 0)
		return sv_fail(err, SV_E_USAGE, 0, "restore", "an image and a target are needed");
	struct restore_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.root = s->params.image = s->params.target = s->params.confirm_erase = NULL;
	bool ok = job_copy_string((char **)&s->params.root, params->root ? params->root : "");
	ok = ok && job_copy_string((char **)&s->params.image, params->image);
	ok = ok && job_copy_string((char **)&s->params.target, params->target);
	ok = ok && job_copy_string((char **)&s->params.confirm_erase, params->confirm_erase);
	if (!ok) {
		restore_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&restore_ops, s, fn, arg, job_ret, err);
}
