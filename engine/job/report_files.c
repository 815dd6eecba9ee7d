/* report_files.c - which files were hit: the volumes of a copy, and what of each was lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/report_files.h"

#include "engine/disk/layout.h"
#include "engine/fsmap/fsmap.h"
#include "engine/job/others.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct looker {
	const struct report_look *how;
	struct blk_dev *dev; /* the copy as it is */
	const struct sv_extents *lost;
	struct others *others;
	struct sv_report *report;
	struct sv_extents inside; /* of volumes that were looked at */
	struct sv_err *err;
};

/* The lost bytes of [start, start + size), counted from start. */
static int lost_within(const struct sv_extents *lost, uint64_t start, uint64_t size,
		       struct sv_extents *dst)
{
	uint64_t end = start + size;
	int rc = 0;
	for (size_t i = sv_extents_seek(lost, start); !rc && i < lost->n && lost->v[i].start < end;
	     i++) {
		uint64_t from = SV_MAX(lost->v[i].start, start);
		uint64_t to = SV_MIN(lost->v[i].start + lost->v[i].len, end);
		rc = sv_extents_add(dst, from - start, to - from);
	}
	return rc;
}

/* Takes files over. */
static int append(struct sv_report *r, const struct sv_report_volume *volume)
{
	struct sv_report_volume *v = reallocarray(r->volumes, r->n_volumes + 1, sizeof(*v));
	if (!v) {
		fsmap_files_destroy(volume->files);
		return SV_E_NOMEM;
	}
	r->volumes = v;
	v[r->n_volumes++] = *volume;
	return 0;
}

/* A volume, then those inside of it, which become volumes of the report. */
static int add_with_inner(struct sv_report *r, const struct sv_report_volume *volume)
{
	struct fsmap_files *files = volume->files;
	int rc = append(r, volume);
	for (size_t i = 0; !rc && i < files->n_inner; i++) {
		struct files_inner *in = &files->inner[i];
		struct sv_report_volume v = {.number = volume->number,
					     .start = volume->start,
					     .size = in->size,
					     .lost = in->lost,
					     .files = in->files};
		snprintf(v.name, sizeof(v.name), "%.140s%s%s", volume->name,
			 *volume->name ? ", " : "", in->name);
		in->files = NULL;
		rc = add_with_inner(r, &v);
	}
	return rc;
}

static int look_into(struct looker *l, struct sv_report_volume *v, const struct sv_extents *lost)
{
	struct blk_dev *window = NULL;
	struct unlock *unlock = l->how->unlock;
	const struct fsmap_how how = {.unlock = unlock, .others = others_of(l->others, v->start)};
	int rc = blk_window_create(l->dev, v->start, v->size, l->dev->name, &window, l->err);
	if (!rc)
		rc = fsmap_files_read(window, lost, &how, l->how->stop, &v->files, l->err);
	blk_close(window);
	return rc ? rc : unlock_result(unlock, NULL, l->err);
}

static int add_volume(struct looker *l, int number, uint64_t start, uint64_t size)
{
	struct sv_report_volume v = {.number = number, .start = start, .size = size};
	struct sv_extents lost = {0};
	int rc = lost_within(l->lost, start, size, &lost);
	if (!rc && lost.n) {
		v.lost = sv_extents_total(&lost);
		rc = look_into(l, &v, &lost);
		if (rc)
			fsmap_files_destroy(v.files);
		else
			rc = add_with_inner(l->report, &v);
		if (!rc)
			rc = sv_extents_add(&l->inside, start, size);
	}
	sv_extents_clear(&lost);
	return rc;
}

/* Where no table was found, and may have been: what there was cannot be told. */
static bool table_lost(const struct looker *l, const struct layout *layout)
{
	uint64_t gpt = 34ull * l->dev->sector_size;
	size_t first = sv_extents_seek(l->lost, 0);
	bool head = first < l->lost->n && l->lost->v[first].start < gpt;
	return *layout->doubt || (head && (layout->n == 0 || layout->primary_gpt_dead ||
					   !strcmp(layout->table, "msdos")));
}

static int look(struct looker *l, const struct layout *layout)
{
	struct sv_report *r = l->report;
	int rc = 0;
	snprintf(r->table, sizeof(r->table), "%s", layout->table);
	if (layout->n == 0)
		rc = add_volume(l, 0, 0, r->size);
	r->table_lost = table_lost(l, layout);
	for (size_t i = 0; !rc && i < layout->n; i++)
		if (!layout->v[i].extended)
			rc = add_volume(l, layout->v[i].number, layout->v[i].start,
					layout->v[i].size);
	sv_extents_normalise(&l->inside);
	if (!rc)
		rc = sv_extents_subtract(&r->outside, l->lost, &l->inside);
	return rc;
}

/* Another volume of a group may lie on the copy, too, where reads of what was lost must fail. */
static int look_with_others(struct looker *l, const struct layout *layout)
{
	struct source seen = *l->how->copy;
	seen.dev = NULL;
	int rc = blk_holes_create(l->dev, l->lost, false, &seen.dev);
	if (!rc)
		rc = others_create(l->how->params, &seen, layout, &l->others, l->err);
	if (!rc)
		rc = look(l, layout);
	others_destroy(l->others);
	blk_close(seen.dev);
	return rc;
}

/* The table is looked for with zeros where it was lost: a copy may hold anything there. */
static int look_at_disk(struct looker *l)
{
	struct blk_dev *zeros = NULL;
	struct layout *layout = NULL;
	int rc = blk_holes_create(l->dev, l->lost, true, &zeros);
	if (!rc)
		rc = layout_read(zeros, &layout, l->err);
	if (!rc)
		rc = look_with_others(l, layout);
	layout_destroy(layout);
	blk_close(zeros);
	return rc;
}

int report_files(const struct report_look *how, struct sv_report **report_ret, struct sv_err *err)
{
	struct looker l = {.how = how, .dev = how->copy->dev, .lost = how->lost, .err = err};
	l.report = calloc(1, sizeof(*l.report));
	if (!l.report)
		return sv_fail_nomem(err);
	l.report->looked = true;
	l.report->size = l.dev->size;
	l.report->lost = sv_extents_total(l.lost);
	l.report->n_areas = l.lost->n;
	int rc = l.lost->n ? look_at_disk(&l) : 0;
	sv_extents_clear(&l.inside);
	if (rc) {
		sv_report_destroy(l.report);
		return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
	}
	*report_ret = l.report;
	return 0;
}

void sv_report_keep(struct sv_report *r)
{
	atomic_fetch_add(&r->keepers, 1);
}

void sv_report_destroy(struct sv_report *r)
{
	/* the one that finds nobody else */
	if (!r || atomic_fetch_sub(&r->keepers, 1))
		return;
	for (size_t i = 0; i < r->n_volumes; i++)
		fsmap_files_destroy(r->volumes[i].files);
	free(r->volumes);
	sv_extents_clear(&r->outside);
	free(r->what);
	free(r->copy);
	free(r->told);
	free(r);
}

/* Slack is nothing that counts. */
static bool counts(const struct fsmap_files *files, const struct files_file *f)
{
	for (size_t i = f->first; i < f->first + f->n; i++)
		if (files->losses[i].kind != FILES_SLACK)
			return true;
	return false;
}

size_t sv_report_files(const struct sv_report *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_volumes; i++)
		for (size_t k = 0; k < r->volumes[i].files->n_files; k++)
			n += counts(r->volumes[i].files, &r->volumes[i].files->files[k]);
	return n;
}

uint64_t sv_report_free(const struct sv_report *r)
{
	uint64_t n = 0;
	for (size_t i = 0; i < r->n_volumes; i++)
		n += r->volumes[i].files->free;
	return n;
}
