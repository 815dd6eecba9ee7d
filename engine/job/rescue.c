/* rescue.c - the copy of a failing disk: what can be read, in the order of the passes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <stdlib.h>
#include <string.h>

struct rescue_state {
	struct sv_rescue_params params;
	struct rescue_shared shared;
};

static void rescue_destroy(void *p)
{
	struct rescue_state *s = p;
	free((char *)s->params.root);
	free((char *)s->params.source);
	free((char *)s->params.target);
	free((char *)s->params.mapfile);
	free((char *)s->params.image);
	free((char *)s->params.domain_file);
	free((char *)s->params.confirm_erase);
	rmap_destroy(s->shared.map);
	pthread_mutex_destroy(&s->shared.lock);
	free(s);
}

static bool cells(void *p, uint64_t start, uint64_t len, struct sv_rescue_cell *out, size_t n)
{
	struct rescue_state *s = p;
	return rescue_cells(&s->shared, start, len, out, n);
}

static int copy(struct rescue_run *run, struct sv_err *err)
{
	if (rescue_image_begun(run->params))
		return 0;
	int rc = rescue_blank_edges(run, err);
	if (!rc)
		rc = rescue_areas(run, err);
	if (!rc)
		rc = rescue_passes(run, err);
	if (!rc && passes_stage(run->passes) == PASSES_END)
		return rescue_finish(run, err);
	return rescue_keep(run, rc, err);
}

static void say_start(struct rescue_run *run)
{
	uint64_t done = rmap_total(run->book.map, RMAP_DONE);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = "the rescue begins",
					       .object = run->params->source,
					       .resumed_from = done,
					       .resumed = !run->book.fresh});
	source_say_unguarded(run->job, &run->source);
	if (book_is_volatile(&run->book))
		job_say(run->job, SV_EVENT_WARNING,
			"%s lies in memory: after a power cut nobody knows what was rescued",
			run->book.path);
}

/* A physical sector fails as one. */
static uint32_t unit_of(const struct source *source)
{
	uint32_t unit = source->dev->sector_size;
	if (source->is_device && sv_is_pow2(source->disk.physical_sector_size) &&
	    source->disk.physical_sector_size <= PASSES_CLUSTER)
		unit = SV_MAX(unit, source->disk.physical_sector_size);
	return unit;
}

static int prepare(struct rescue_run *run, struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct sv_map_params map = {
		.root = p->root, .source = p->source, .sector_size = p->sector_size};
	struct sv_rescue_end source, target;
	int rc = source_open(&map, p->mapfile, &run->source, err);
	if (!rc)
		rc = rescue_find_ends(run, &source, &target, err);
	if (!rc)
		rc = rescue_check_mapfile(run, &source, &target, err);
	if (rc)
		return rc;
	run->unit = unit_of(&run->source);
	rc = book_open(p->mapfile, &source, &target, run->source.dev->sector_size, run->unit,
		       &run->book, err);
	return rc ? rc : rescue_check_target(run, err);
}

/* The books are open before anything is written, so that no copy is ever without a map. */
static int write_copy(struct rescue_run *run, struct sv_err *err)
{
	bool fresh = run->book.fresh;
	struct rmap_block known = {0};
	/* a file in which nothing was rescued yet may be anybody's */
	run->book.side.made = run->target.create || (run->book.has_side && run->book.side.made &&
						     rmap_total(run->book.map, RMAP_DONE));
	run->began_ns = sv_now_ns();
	run->disk = run->source.disk;
	run->any_good = rmap_next(run->book.map, 0, RMAP_MASK(RMAP_DONE), &known);
	run->last_good = known.start;
	int rc = rescue_source_ready(run, err);
	if (!rc)
		rc = rescue_save(run, err);
	bool opened = false;
	if (!rc)
		rc = rescue_open_target(run, err);
	opened = !rc;
	if (!rc)
		rc = copy(run, err);
	if (run->params->image && (!rc || rc == SV_E_UNREADABLE))
		rc = rescue_image_seal(run, err);
	if (!opened && fresh)
		book_remove(&run->book);
	return rc;
}

static void release(struct rescue_run *run)
{
	target_close(&run->target, false);
	rescue_source_close(run);
	passes_destroy(run->passes);
	if (run->shared)
		run->book.map = NULL;
	book_close(&run->book);
	for (size_t i = 0; i < RESCUE_AREAS; i++)
		sv_extents_clear(&run->areas[i]);
	sv_extents_clear(&run->touched);
	unlock_destroy(run->unlock);
	sv_extents_clear(&run->unflushed);
}

static int rescue_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct rescue_state *s = p;
	struct rescue_run *run = calloc(1, sizeof(*run));
	if (!run)
		return sv_fail_nomem(err);
	run->job = job;
	run->params = &s->params;
	int rc = s->params.image ? rescue_image_begin(&s->params, err) : 0;
	if (!rc)
		rc = prepare(run, err);
	if (!rc) {
		run->good_ns = sv_now_ns();
		rescue_share(run, &s->shared);
		rescue_show(run);
		say_start(run);
		if (!s->params.dry_run)
			rc = write_copy(run, err);
	}
	release(run);
	free(run);
	return rc;
}

static const struct job_ops rescue_ops = {
	.run = rescue_run, .destroy = rescue_destroy, .cells = cells};

static bool copy_strings(struct sv_rescue_params *dst, const struct sv_rescue_params *src)
{
	return job_copy_string((char **)&dst->root, src->root ? src->root : "") &&
	       job_copy_string((char **)&dst->source, src->source) &&
	       job_copy_string((char **)&dst->target, src->target) &&
	       job_copy_string((char **)&dst->mapfile, src->mapfile) &&
	       job_copy_string((char **)&dst->image, src->image) &&
	       (!src->image || rescue_image_paths(dst)) &&
	       job_copy_string((char **)&dst->domain_file, src->domain_file) &&
	       job_copy_string((char **)&dst->confirm_erase, src->confirm_erase);
}

int sv_job_create_rescue(const struct sv_rescue_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err)
{
	bool both = params->target && params->mapfile;
	if (!params->source || (params->image ? params->target || params->mapfile : !both))
		return sv_fail(err, SV_E_USAGE, 0, "rescue",
			       "a source, and a target and a mapfile or an image are needed");
	struct rescue_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	pthread_mutex_init(&s->shared.lock, NULL);
	s->params = *params;
	s->params.root = s->params.source = s->params.target = NULL;
	s->params.mapfile = s->params.domain_file = s->params.confirm_erase = NULL;
	s->params.image = NULL;
	if (!copy_strings(&s->params, params)) {
		rescue_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&rescue_ops, s, fn, arg, job_ret, err);
}
