/* format.c - the job that makes a disk one on which images can lie: a table, one empty filesystem
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/newfs.h"
#include "engine/job/sink.h"

#include <stdlib.h>
#include <string.h>

struct format_state {
	struct sv_format_params params; /* strings owned */
};

/* What one run has. */
struct format_run {
	struct sv_job *job;
	const struct sv_format_params *params;
	struct target_params target;
	struct sink sink;
	struct layout_new layout;
	struct newfs volume;
	struct sv_runs runs; /* of the disk: data is written */
	uint8_t *buf, *back; /* SV_MIB each */
};

static void format_destroy(void *p)
{
	struct format_state *s = p;
	free((char *)s->params.root);
	free((char *)s->params.target);
	free((char *)s->params.confirm_erase);
	free(s);
}

/* ---- checks ---- */

static int refuse_content(const struct format_run *run, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, run->params->target,
		       "%s is not empty: there is something on it", run->params->target);
}

/* Only whole disks; empty ones, unless the user has agreed to lose what is there. */
static int check(struct format_run *run, struct sv_err *err)
{
	const struct sv_format_params *p = run->params;
	struct disk disk;
	bool blank = true;
	int rc = disk_find(p->root, p->target, &disk, err);
	if (!rc && disk.partition)
		rc = sv_fail(err, SV_E_REFUSED, 0, p->target,
			     "%s is a partition: only a whole disk can become a backup disk",
			     p->target);
	if (rc)
		return rc;
	run->target = (struct target_params){.root = p->root,
					     .target = p->target,
					     .confirm_erase = p->confirm_erase,
					     .needed = LAYOUT_NEW_MIN,
					     .needed_sector = disk.sector_size};
	rc = target_check(&run->target, &run->sink.target, err);
	if (!rc && p->only_empty)
		rc = disk_look_blank(p->root, &disk, &blank, err);
	return !rc && !blank ? refuse_content(run, err) : rc;
}

/* ---- the plan ---- */

/* Of the disk: its ends, and of the partition what its filesystem needs. */
static int plan_runs(struct format_run *run)
{
	const struct layout_new *l = &run->layout;
	const struct sv_extents *used = &run->volume.used;
	uint64_t pos = l->part_start, end = l->part_start + l->part_size;
	int rc = sv_runs_append(&run->runs, pos, SV_RUN_DATA);
	for (size_t i = 0; !rc && i < used->n; i++) {
		uint64_t start = l->part_start + used->v[i].start;
		if (start > pos)
			rc = sv_runs_append(&run->runs, start - pos, SV_RUN_FREE);
		if (!rc)
			rc = sv_runs_append(&run->runs, used->v[i].len, SV_RUN_DATA);
		pos = start + used->v[i].len;
	}
	if (!rc && pos < end)
		rc = sv_runs_append(&run->runs, end - pos, SV_RUN_FREE);
	return rc ? rc : sv_runs_append(&run->runs, run->sink.target.size - end, SV_RUN_DATA);
}

static int plan(struct format_run *run, struct sv_err *err)
{
	const struct target *t = &run->sink.target;
	enum sv_format_fs fs = run->params->fs;
	int rc = layout_new_gpt(t->size, t->sector_size, newfs_type(fs), SV_FORMAT_LABEL,
				&run->layout, err);
	if (!rc)
		rc = newfs_make(fs, run->layout.part_size, t->sector_size, &run->volume, err);
	if (!rc && plan_runs(run))
		rc = sv_fail_nomem(err);
	run->buf = aligned_alloc(4096, SV_MIB);
	run->back = aligned_alloc(4096, SV_MIB);
	if (!rc && (!run->buf || !run->back))
		rc = sv_fail_nomem(err);
	run->sink.job = run->job;
	run->sink.runs = &run->runs;
	run->sink.len = t->size;
	run->sink.free_mode = SV_FREE_KEEP;
	run->sink.verify = true;
	return rc;
}

/* ---- writing, and reading back ---- */

/* Call back for each MiB that the filesystem needs, which is in run->buf then. */
typedef int (*piece_fn)(struct format_run *run, uint64_t off, size_t len, struct sv_err *err);

static int each_piece(struct format_run *run, piece_fn fn, struct sv_err *err)
{
	const struct sv_extents *used = &run->volume.used;
	int rc = 0;
	for (size_t i = 0; !rc && i < used->n; i++) {
		uint64_t end = used->v[i].start + used->v[i].len;
		for (uint64_t off = used->v[i].start; !rc && off < end; off += SV_MIB) {
			size_t len = (size_t)SV_MIN(SV_MIB, end - off);
			if (atomic_load(&run->job->stop))
				return sv_fail_stopped(err, "");
			rc = blk_pread(run->volume.dev, run->buf, len, off, err);
			if (!rc)
				rc = fn(run, run->layout.part_start + off, len, err);
			job_advance(run->job, len, 0);
		}
	}
	return rc;
}

static int write_piece(struct format_run *run, uint64_t off, size_t len, struct sv_err *err)
{
	return sink_put(&run->sink, &run->runs, off, len, run->buf, err);
}

static int compare_piece(struct format_run *run, uint64_t off, size_t len, struct sv_err *err)
{
	int rc = blk_pread(run->sink.target.dev, run->back, len, off, err);
	if (!rc && memcmp(run->buf, run->back, len) != 0)
		rc = sv_fail(err, SV_E_DIFFERS, 0, run->params->target,
			     "%s does not give back what was written to it at offset %llu",
			     run->params->target, (unsigned long long)off);
	return rc;
}

/* What stands between the table and the partition, on both sides. */
static int step_copy(void *arg, struct sv_err *err)
{
	struct format_run *run = arg;
	const struct layout_new *l = &run->layout;
	uint64_t end = l->part_start + l->part_size;
	job_phase(run->job, SV_PHASE_COPY, sv_extents_total(&run->volume.used));
	int rc = sink_put(&run->sink, &run->runs, 0, l->head_len, l->head, err);
	if (!rc)
		rc = each_piece(run, write_piece, err);
	if (!rc)
		rc = sink_put(&run->sink, &run->runs, end, (size_t)(l->tail_off - end), NULL, err);
	return rc ? rc : sink_put(&run->sink, &run->runs, l->tail_off, l->tail_len, l->tail, err);
}

static int step_check(void *arg, struct sv_err *err)
{
	struct format_run *run = arg;
	job_phase(run->job, SV_PHASE_VERIFY, sv_extents_total(&run->volume.used));
	return each_piece(run, compare_piece, err);
}

/* Once more on the opened descriptor: nothing may have been put on it meanwhile. */
static int check_opened(struct format_run *run, struct sv_err *err)
{
	bool blank = true;
	int rc = 0;
	if (run->params->only_empty)
		rc = disk_is_blank(run->sink.target.base, &blank, err);
	if (rc == SV_E_IO)
		rc = sv_err_recode(err, SV_E_TARGET);
	return !rc && !blank ? refuse_content(run, err) : rc;
}

static int write_target(struct format_run *run, struct sv_err *err)
{
	static const struct sink_steps steps = {.copy = step_copy, .check = step_check};
	int rc = target_open(&run->target, &run->sink.target, err);
	if (!rc)
		rc = check_opened(run, err);
	if (!rc)
		rc = sink_write(&run->sink, &steps, run, err);
	target_close(&run->sink.target, false);
	return rc;
}

static int format_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct format_state *s = p;
	struct format_run run = {.job = job, .params = &s->params, .volume.fd = -1};
	int rc = check(&run, err);
	if (!rc)
		rc = plan(&run, err);
	if (!rc)
		job_event(job, &(struct sv_event){.kind = SV_EVENT_START,
						  .sentence = "a new backup disk is made",
						  .object = s->params.target});
	if (!rc && !s->params.dry_run)
		rc = write_target(&run, err);
	sink_release(&run.sink);
	newfs_clear(&run.volume);
	sv_runs_clear(&run.runs);
	free(run.layout.head);
	free(run.layout.tail);
	free(run.buf);
	free(run.back);
	return rc;
}

static const struct job_ops format_ops = {.run = format_run, .destroy = format_destroy};

int sv_job_create_format(const struct sv_format_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err)
{
	bool is_device = false;
	if (params->target && disk_look(params->target, &is_device, err))
		return sv_err_recode(err, SV_E_TARGET);
	if (!is_device)
		return sv_fail(err, SV_E_USAGE, 0, "format", "a disk is needed");
	struct format_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.root = s->params.target = s->params.confirm_erase = NULL;
	bool ok = job_copy_string((char **)&s->params.root, params->root ? params->root : "");
	ok = ok && job_copy_string((char **)&s->params.target, params->target);
	ok = ok && job_copy_string((char **)&s->params.confirm_erase, params->confirm_erase);
	if (!ok) {
		format_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&format_ops, s, fn, arg, job_ret, err);
}
