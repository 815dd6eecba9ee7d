/* rescue_report.c - at the end of a rescue: which files were hit, beside the mapfile and told */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/report_files.h"
#include "engine/job/rescue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int rescue_lost(const struct rescue_run *run, struct sv_extents *lost)
{
	struct rmap_block b = {0};
	int rc = 0;
	while (!rc && rmap_next(run->book.map, b.start + b.len, ~RMAP_MASK(RMAP_DONE), &b))
		rc = sv_extents_add(lost, b.start, b.len);
	return rc;
}

/* The copy; what the source's other disks are is as it was for the map. */
static int open_copy(const struct rescue_run *run, struct source *copy, struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct sv_err ignored = {0};
	copy->is_device =
		run->target.is_device && !disk_find(p->root, p->target, &copy->disk, &ignored);
	copy->attached = run->source.attached || copy->is_device;
	copy->twin = p->source;
	return blk_window_create(run->target.dev, 0, run->book.side.source.size, run->target.path,
				 &copy->dev, err);
}

static int look(struct rescue_run *run, struct sv_report **report, struct sv_err *err)
{
	struct sv_extents lost = {0};
	struct source copy = {0};
	struct sv_map_params params = {.root = run->params->root,
				       .source = run->params->target,
				       .sector_size = run->params->sector_size,
				       .with = run->params->with,
				       .n_with = run->params->n_with};
	int rc = open_copy(run, &copy, err);
	if (!rc && !run->unlock)
		rc = unlock_create(run->params->unlock, &run->unlock, err);
	unlock_hush(run->unlock);
	if (!rc && rescue_lost(run, &lost))
		rc = sv_fail_nomem(err);
	if (!rc)
		rc = report_files(&(struct report_look){.params = &params,
							.copy = &copy,
							.lost = &lost,
							.unlock = run->unlock,
							.stop = &run->job->stop},
				  report, err);
	blk_close(copy.dev);
	sv_extents_clear(&lost);
	if (rc)
		return rc;
	(*report)->what = strdup(run->book.path);
	(*report)->copy = strdup(run->params->target);
	return (*report)->what && (*report)->copy ? 0 : sv_fail_nomem(err);
}

static int write_text(struct rescue_run *run, const struct sv_report *report, const char *name,
		      struct sv_err *err)
{
	char *text = sv_report_text(report);
	if (!text)
		return sv_fail_nomem(err);
	int rc = store_write_file(run->book.dirfd, name, text, strlen(text), NULL, NULL, err);
	free(text);
	return rc;
}

static void tell(struct rescue_run *run, struct sv_report *report)
{
	char text[320], unused[SV_SIZE_TEXT];
	size_t n = sv_report_files(report);
	const char *image = run->params->image;
	snprintf(text, sizeof(text), "%zu %s hit, %s are free space; the list is in %.200s%s", n,
		 n == 1 ? "file was" : "files were", sv_text_size(unused, sv_report_free(report)),
		 image ? image : run->book.path, image ? "/report.txt" : RESCUE_REPORT_SUFFIX);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_REPORT,
					       .sentence = text,
					       .object = run->book.path,
					       .report = report});
}

void rescue_report(struct rescue_run *run)
{
	struct sv_report *report = NULL;
	struct sv_err err = {0};
	char *name = NULL;
	int rc = asprintf(&name, "%s" RESCUE_REPORT_SUFFIX, run->book.name) < 0
			 ? (name = NULL, sv_fail_nomem(&err))
			 : look(run, &report, &err);
	if (!rc)
		rc = write_text(run, report, name, &err);
	if (!rc)
		tell(run, report);
	else if (rc != SV_E_STOPPED)
		job_say(run->job, SV_EVENT_WARNING,
			"which files were hit could not be found out (%s): salvor report %s tries "
			"again",
			err.text, run->book.path);
	sv_report_destroy(report);
	free(name);
}
