/* restore.c - the job that writes an image back to a disk, a partition or a file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"
#include "engine/job/restore.h"
#include "engine/job/walk.h"

#include "engine/disk/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct restore_state {
	struct sv_restore_params params; /* strings owned */
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
	run->start = start;
	run->len = size;
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
	run->len = info->size;
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

static unsigned int written_kinds(const struct restore_run *run)
{
	unsigned int kinds = 1u << SV_RUN_DATA;
	if (!run->target.create) /* a new file is all zeros */
		kinds |= 1u << SV_RUN_ZERO | 1u << SV_RUN_BAD;
	if (run->params->free_mode == SV_FREE_ZERO && !run->target.create)
		kinds |= 1u << SV_RUN_FREE;
	return kinds;
}

static bool holds_wanted(const struct restore_run *run, uint64_t number)
{
	const struct sv_runs *runs = image_reader_runs(run->reader);
	uint64_t start, len;
	image_reader_frame_range(run->reader, number, &start, &len);
	uint64_t from = SV_MAX(start, run->start), to = SV_MIN(start + len, run->start + run->len);
	unsigned int kinds = written_kinds(run) |
			     (run->params->free_mode == SV_FREE_DISCARD ? 1u << SV_RUN_FREE : 0);
	for (size_t i = sv_runs_seek(runs, from); from < to && i < runs->n && runs->v[i].start < to;
	     i++)
		if (kinds & 1u << runs->v[i].kind)
			return true;
	return false;
}

static bool wants_frame(void *arg, uint64_t number)
{
	const struct restore_run *run = arg;
	/* of a whole image every frame is looked at, so that no damage passes for a success */
	return !run->params->partition || holds_wanted(run, number);
}

/* Write [a, b) of the stream, which stands at `raw` (NULL = zeros); what belongs to head or tail is
 * kept for the end. */
static int put(struct restore_run *run, uint64_t a, uint64_t b, const uint8_t *raw,
	       struct sv_err *err)
{
	for (int i = 0; i < 2; i++) {
		struct held *held = &run->held[i];
		uint64_t from = SV_MAX(a, held->start), to = SV_MIN(b, held->start + held->len);
		if (from >= to)
			continue;
		if (raw)
			memcpy(held->buf + (from - held->start), raw + (from - a),
			       (size_t)(to - from));
		int rc = a < from ? put(run, a, from, raw, err) : 0;
		if (!rc && to < b)
			rc = put(run, to, b, raw ? raw + (to - a) : NULL, err);
		return rc;
	}
	return restore_write(run, a - run->start, (size_t)(b - a), raw, err);
}

static int put_frame(struct restore_run *run, const struct walk_frame *frame, struct sv_err *err)
{
	const struct sv_runs *runs = image_reader_runs(run->reader);
	unsigned int kinds = written_kinds(run);
	uint64_t end = SV_MIN(frame->start + frame->len, run->start + run->len);
	uint64_t pos = SV_MAX(frame->start, run->start);
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, pos); !rc && pos < end && i < runs->n;) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		bool write = kinds & 1u << runs->v[i].kind;
		bool discard =
			runs->v[i].kind == SV_RUN_FREE && run->params->free_mode == SV_FREE_DISCARD;
		/* neighbours that are written too go out in one piece */
		for (i++; write && i < runs->n && to < end && kinds & 1u << runs->v[i].kind; i++)
			to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		if (write)
			rc = put(run, pos, to,
				 frame->constant ? NULL : frame->raw + (pos - frame->start), err);
		else if (discard)
			rc = blk_discard(run->target.dev, pos - run->start, to - pos, err);
		pos = to;
	}
	return rc;
}

static int restore_frame(void *arg, const struct walk_frame *frame, struct sv_err *err)
{
	struct restore_run *run = arg;
	int rc = 0;
	if (frame->damage)
		rc = restore_damage(run, frame, err);
	if (!rc && (!frame->damage || frame->constant))
		rc = put_frame(run, frame, err);
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

static int write_data(struct restore_run *run, struct sv_err *err)
{
	static const struct walk_sink sink = {
		.wants = wants_frame, .check_constant = true, .frame = restore_frame};
	job_phase(run->job, SV_PHASE_COPY, bytes_wanted(run));
	int rc = walk_frames(run->job, run->reader, &sink, run, run->params->threads, err);
	if (!rc) {
		job_phase(run->job, SV_PHASE_FLUSH, 0);
		rc = blk_flush(run->target.dev, err);
	}
	return rc;
}

/* Read back what was written, before there is a table that makes it look usable. */
static int read_back(struct restore_run *run, struct sv_err *err)
{
	struct sv_extents skip = {0};
	struct check_device what = {
		.dev = run->target.dev,
		.start = run->start,
		.len = run->len,
		.skip = &skip,
		.bad_are_zero = true,
		.free_are_zero = run->params->free_mode == SV_FREE_ZERO,
		.code = SV_E_DIFFERS,
	};
	int rc = sv_extents_copy(&skip, &run->damaged);
	for (int i = 0; !rc && i < 2; i++)
		rc = sv_extents_add(&skip, run->held[i].start, run->held[i].len);
	sv_extents_normalise(&skip);
	blk_file_drop_cache(run->target.base);
	if (!rc)
		rc = check_device(run->job, run->reader, &what, run->params->threads, err);
	sv_extents_clear(&skip);
	return rc;
}

static int write_all(struct restore_run *run, struct sv_err *err)
{
	int rc = restore_begin(run, err);
	if (!rc)
		rc = write_data(run, err);
	if (!rc && run->params->verify)
		rc = read_back(run, err);
	if (!rc && atomic_load(&run->job->stop))
		rc = sv_fail(err, SV_E_STOPPED, 0, "", "stopped by the user");
	if (!rc)
		rc = restore_end(run, err);
	if (rc == SV_E_IO || rc == SV_E_NOSPC || rc == SV_E_SOURCE)
		rc = sv_err_recode(err, SV_E_TARGET);
	return rc;
}

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
	struct sv_extents bad = {0}, region = {0}, hit = {0};
	int rc = sv_runs_select(&bad, image_reader_runs(run->reader), 1u << SV_RUN_BAD);
	if (!rc)
		rc = sv_extents_add(&region, run->start, run->len);
	if (!rc)
		rc = sv_extents_intersect(&hit, &bad, &region);
	uint64_t bytes = sv_extents_total(&hit);
	sv_extents_clear(&bad);
	sv_extents_clear(&region);
	sv_extents_clear(&hit);
	if (rc)
		return sv_fail_nomem(err);
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

static int restore_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct restore_state *s = p;
	struct restore_run run = {.job = job, .params = &s->params};
	int rc = image_reader_open(s->params.image, IMAGE_OPEN_SALVAGE, &run.reader, err);
	if (!rc)
		rc = select_region(&run, err);
	if (!rc)
		rc = target_check(&s->params, s->params.image, run.len,
				  image_reader_info(run.reader)->sector_size, &run.target, err);
	if (!rc)
		rc = say_start(&run, err);
	if (!rc && !s->params.dry_run) {
		rc = target_open(&s->params, &run.target, err);
		if (!rc)
			rc = write_all(&run, err);
		if (!rc)
			rc = verdict(&run, err);
		target_close(&run.target, rc && rc != SV_E_DIFFERS && rc != SV_E_UNREADABLE);
	}
	restore_release(&run);
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
