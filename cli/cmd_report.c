/* cmd_report.c - salvor report: which files were hit by what could not be read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static json_t *loss_json(const struct files_loss *loss)
{
	json_t *o = json_object();
	cli_json_string(o, "kind", files_kind_name(loss->kind));
	cli_json_text(o, "stream", loss->stream);
	cli_json_bytes(o, "start", loss->start);
	cli_json_bytes(o, "len", loss->len);
	cli_json_bytes(o, "at", loss->at);
	cli_json_bytes(o, "at_len", loss->at_len);
	return o;
}

static json_t *file_json(const struct fsmap_files *files, const struct files_file *f)
{
	json_t *o = json_object(), *paths = json_array(), *losses = json_array();
	for (size_t i = 0; i < f->n_paths; i++) {
		char *clean = cli_clean(f->paths[i]);
		cli_json_push(paths, clean ? json_string(clean) : NULL);
		free(clean);
	}
	for (size_t i = f->first; i < f->first + f->n; i++)
		cli_json_push(losses, loss_json(&files->losses[i]));
	cli_json_bytes(o, "id", f->id);
	cli_json_add(o, "paths", paths);
	cli_json_bool(o, "folder", f->folder);
	cli_json_bytes(o, "size", f->size);
	cli_json_add(o, "losses", losses);
	return o;
}

static json_t *area_json(const struct files_area *a)
{
	json_t *o = json_object();
	cli_json_string(o, "kind", files_area_name(a->kind));
	cli_json_bytes(o, "start", a->start);
	cli_json_bytes(o, "len", a->len);
	cli_json_text(o, "what", a->what);
	return o;
}

static json_t *volume_json(const struct sv_report_volume *v)
{
	const struct fsmap_files *f = v->files;
	json_t *o = json_object(), *files = json_array(), *areas = json_array();
	for (size_t i = 0; i < f->n_files; i++)
		cli_json_push(files, file_json(f, &f->files[i]));
	for (size_t i = 0; i < f->n_areas; i++)
		cli_json_push(areas, area_json(&f->areas[i]));
	cli_json_bytes(o, "number", (uint64_t)v->number);
	cli_json_text(o, "name", v->name);
	cli_json_bytes(o, "start", v->start);
	cli_json_bytes(o, "size", v->size);
	cli_json_text(o, "fs", f->fs);
	cli_json_text(o, "label", f->label);
	cli_json_text(o, "reason", f->reason);
	cli_json_text(o, "caution", f->caution);
	cli_json_bytes(o, "lost", v->lost);
	cli_json_bytes(o, "in_files", f->in_files);
	cli_json_bytes(o, "in_volumes", f->in_inner);
	cli_json_bytes(o, "metadata", f->metadata);
	cli_json_bytes(o, "free", f->free);
	cli_json_bytes(o, "unknown", f->unknown);
	cli_json_add(o, "files", files);
	cli_json_add(o, "areas", areas);
	return o;
}

static json_t *outside_json(const struct sv_extents *list)
{
	json_t *o = json_array();
	for (size_t i = 0; i < list->n; i++)
		cli_json_push(o, json_pack("{s:I, s:I}", "start", (json_int_t)list->v[i].start,
					   "len", (json_int_t)list->v[i].len));
	return o;
}

json_t *cli_json_report(const struct sv_report *r)
{
	json_t *o = cli_json_new("report"), *volumes = json_array();
	for (size_t i = 0; i < r->n_volumes; i++)
		cli_json_push(volumes, volume_json(&r->volumes[i]));
	cli_json_string(o, "what", r->what);
	cli_json_text(o, "copy", r->copy);
	cli_json_text(o, "told", r->told);
	cli_json_bytes(o, "size", r->size);
	cli_json_bytes(o, "lost", r->lost);
	cli_json_bytes(o, "areas", r->n_areas);
	cli_json_text(o, "table", r->table);
	cli_json_bool(o, "table_lost", r->table_lost);
	cli_json_add(o, "volumes", volumes);
	cli_json_add(o, "outside", outside_json(&r->outside));
	return o;
}

static int print_text(const struct sv_report *r, struct sv_err *err)
{
	char *text = sv_report_text(r);
	if (!text)
		return sv_fail_nomem(err);
	fputs(text, stdout);
	free(text);
	return 0;
}

/* Keys, and who works with them, are not left behind. */
static int read_report(const struct sv_report_params *params, struct sv_report **report,
		       struct sv_err *err)
{
	if (!sv_unlock_has_keys(params->unlock))
		return sv_report_read(params, report, err);
	cli_signals_hold();
	int rc = sv_report_read(params, report, err);
	int stopped = cli_signals_release(rc ? NULL : err);
	return rc ? rc : stopped;
}

int cmd_report(const struct cli_args *args, struct sv_err *err)
{
	struct sv_unlock unlock;
	cli_unlock_init(args, &unlock);
	struct sv_report_params params = {.root = args->root,
					  .what = args->words[0],
					  .copy = args->copy,
					  .sector_size = args->sector_size,
					  .unlock = &unlock,
					  .with = args->with.v,
					  .n_with = args->with.n};
	struct sv_report *report = NULL;
	int rc = read_report(&params, &report, err);
	if (!rc)
		rc = args->json ? cli_json_line(cli_json_report(report), err)
				: print_text(report, err);
	sv_report_destroy(report);
	return rc;
}
