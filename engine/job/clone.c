/* clone.c - the job that copies a disk straight onto another one */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clone_state {
	struct sv_clone_params params; /* strings owned */
};

static void clone_destroy(void *p)
{
	struct clone_state *s = p;
	job_free_map_params(&s->params.map);
	free((char *)s->params.target);
	free((char *)s->params.confirm_erase);
	free(s);
}

/* Both ends found and checked; the source is open then, the target is not. */
static int check_ends(struct clone_run *run, struct sv_err *err)
{
	const struct sv_clone_params *p = run->params;
	int rc = source_open(&p->map, NULL, &run->source, err);
	run->source.twin = p->target;
	if (rc)
		return rc;
	source_say_unguarded(run->job, &run->source);
	job_say_hidden(run->job, p->map.root, run->source.is_device ? &run->source.disk : NULL);
	run->target = (struct target_params){
		.root = p->map.root,
		.target = p->target,
		.confirm_erase = p->confirm_erase,
		.sector_size = p->map.sector_size,
		.needed = run->source.dev->size,
		.needed_sector = run->source.dev->sector_size,
		.source_name = p->map.source,
		.source = &run->source,
	};
	rc = target_check(&run->target, &run->sink.target, err);
	if (!rc)
		target_say_hidden(run->job, &run->target, &run->sink.target);
	return rc;
}

static int plan(struct clone_run *run, struct sv_err *err)
{
	int rc = plan_read(&run->params->map, &run->source, NULL, &run->map, err);
	if (rc)
		return rc;
	run->sink.job = run->job;
	run->sink.runs = &run->map->plan;
	run->sink.len = run->map->size;
	run->sink.free_mode = run->params->free_mode;
	run->sink.verify = run->params->verify;
	return 0;
}

static void say_plan(const struct clone_run *run)
{
	char text[400];
	snprintf(text, sizeof(text), "%s is copied to %s", run->map->source, run->params->target);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = text,
					       .object = run->params->target});
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_PLAN,
					       .sentence = "the plan",
					       .object = run->map->source,
					       .map = run->map});
	if (sv_runs_total(&run->map->plan, SV_RUN_ABSENT))
		job_say(run->job, SV_EVENT_WARNING,
			"only the table and the chosen partitions are written, the others are left "
			"as they are");
}

static int step_copy(void *arg, struct sv_err *err)
{
	return clone_copy(arg, err);
}

static int step_check(void *arg, struct sv_err *err)
{
	return clone_check(arg, err);
}

static int write_target(struct clone_run *run, struct sv_err *err)
{
	static const struct sink_steps steps = {.copy = step_copy, .check = step_check};
	struct target *target = &run->sink.target;
	int rc = target_open(&run->target, target, err);
	if (!rc)
		rc = sink_write(&run->sink, &steps, run, err);
	target_close(target, rc != 0);
	if (!rc && run->bad_bytes)
		rc = sv_fail(err, SV_E_UNREADABLE, 0, run->map->source,
			     "the copy is finished, but %llu bytes of %s could not be read and are "
			     "zeros on %s",
			     (unsigned long long)run->bad_bytes, run->map->source,
			     run->params->target);
	return rc;
}

static int clone_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct clone_state *s = p;
	struct clone_run run = {.job = job, .params = &s->params};
	int rc = check_ends(&run, err);
	if (!rc)
		rc = plan(&run, err);
	if (!rc)
		say_plan(&run);
	if (!rc && !s->params.dry_run)
		rc = write_target(&run, err);
	sink_release(&run.sink);
	free(run.digests);
	sv_map_destroy(run.map);
	source_close(&run.source);
	return rc;
}

static const struct job_ops clone_ops = {.run = clone_run, .destroy = clone_destroy};

int sv_job_create_clone(const struct sv_clone_params *params, sv_event_fn fn, void *arg,
			struct sv_job **job_ret, struct sv_err *err)
{
	if (!params->map.source || !params->target || !*params->target)
		return sv_fail(err, SV_E_USAGE, 0, "clone", "a source and a target are needed");
	struct clone_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.target = s->params.confirm_erase = NULL;
	bool ok = job_copy_map_params(&s->params.map, &params->map) == 0;
	ok = ok && job_copy_string((char **)&s->params.target, params->target);
	ok = ok && job_copy_string((char **)&s->params.confirm_erase, params->confirm_erase);
	if (!ok) {
		clone_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&clone_ops, s, fn, arg, job_ret, err);
}
