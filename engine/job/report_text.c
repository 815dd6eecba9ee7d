/* report_text.c - which files were hit, in words */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/report_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put(FILE *out, const char *text)
{
	char *clean = sv_text_clean(text);
	fputs(clean ? clean : "?", out);
	free(clean);
}

static void put_range(FILE *out, const char *before, uint64_t start, uint64_t len)
{
	if (len == 1)
		fprintf(out, "%s byte %" PRIu64, before, start);
	else
		fprintf(out, "%s bytes %" PRIu64 " to %" PRIu64, before, start, start + len - 1);
}

/* ---- files ---- */

static void print_loss(FILE *out, const struct files_loss *loss)
{
	fputs("    ", out);
	switch (loss->kind) {
	case FILES_CONTENT:
		put_range(out, "lost:", loss->start, loss->len);
		break;
	case FILES_MAP:
		if (loss->len)
			put_range(out, "cannot be found any more:", loss->start, loss->len);
		else
			fputs("where its content lies is lost in part", out);
		break;
	case FILES_RECORD:
		fputs("all of it cannot be found any more", out);
		break;
	case FILES_ENTRIES:
		fputs("names of files in it are lost", out);
		break;
	case FILES_ATTRS:
		fputs("attributes or access rights are lost", out);
		break;
	case FILES_SLACK:
		fputs("only space behind its end: nothing of it is lost", out);
		break;
	}
	if (loss->stream) {
		fputs(" of its stream ", out);
		put(out, loss->stream);
	}
	fputc('\n', out);
}

static void print_file(FILE *out, const struct fsmap_files *files, const struct files_file *f)
{
	fputs("  ", out);
	if (f->n_paths)
		put(out, f->paths[0]);
	else
		fprintf(out, "a file without a name that could be found, number %" PRIu64, f->id);
	if (f->folder)
		fputs(" (folder)", out);
	else if (f->size)
		fprintf(out, " (%" PRIu64 " bytes)", f->size);
	fputc('\n', out);
	for (size_t i = 1; i < f->n_paths; i++) {
		fputs("    also ", out);
		put(out, f->paths[i]);
		fputc('\n', out);
	}
	for (size_t i = f->first; i < f->first + f->n; i++)
		print_loss(out, &files->losses[i]);
}

/* ---- areas ---- */

static const char *area_words(const struct files_area *a)
{
	return a->kind == FILES_AREA_METADATA ? a->what
	       : a->kind == FILES_AREA_FREE   ? "free space: nothing is lost"
					      : "cannot tell what was there";
}

static void print_areas(FILE *out, const struct fsmap_files *files, enum files_area_kind kind,
			const char *head)
{
	bool any = false;
	for (size_t i = 0; i < files->n_areas; i++) {
		const struct files_area *a = &files->areas[i];
		if (a->kind != kind)
			continue;
		if (!any)
			fprintf(out, "  %s\n", head);
		any = true;
		put_range(out, "   ", a->start, a->len);
		fprintf(out, " of the volume: %s\n", area_words(a));
	}
}

/* ---- volumes ---- */

static void print_totals(FILE *out, const struct fsmap_files *f)
{
	char files[SV_SIZE_TEXT], meta[SV_SIZE_TEXT], unused[SV_SIZE_TEXT], unknown[SV_SIZE_TEXT];
	if (f->n_inner)
		fprintf(out,
			"  Of the volumes inside: %s. Of what keeps them: %s. Free space: %s. "
			"Cannot tell: %s.\n",
			sv_text_size(files, f->in_inner), sv_text_size(meta, f->metadata),
			sv_text_size(unused, f->free), sv_text_size(unknown, f->unknown));
	else
		fprintf(out,
			"  Of files: %s. Of the filesystem itself: %s. Free space: %s. "
			"Cannot tell: %s.\n",
			sv_text_size(files, f->in_files), sv_text_size(meta, f->metadata),
			sv_text_size(unused, f->free), sv_text_size(unknown, f->unknown));
}

static void print_head(FILE *out, const struct sv_report_volume *v)
{
	const struct fsmap_files *f = v->files;
	char lost[SV_SIZE_TEXT];
	if (v->number)
		fprintf(out, "\nPartition %d", v->number);
	else
		fputs("\nThe whole disk", out);
	if (*v->name) {
		fputs(", ", out);
		put(out, v->name);
	}
	fprintf(out, " (%s", *f->fs ? f->fs : "unknown");
	if (*f->label) {
		fputs(", ", out);
		put(out, f->label);
	}
	fprintf(out, "), %s lost:\n", sv_text_size(lost, v->lost));
}

static void print_volume(FILE *out, const struct sv_report_volume *v)
{
	const struct fsmap_files *f = v->files;
	print_head(out, v);
	if (*f->reason) {
		fputs("  Which files were hit cannot be told: ", out);
		put(out, f->reason);
		fputs(".\n", out);
	}
	if (*f->caution) {
		fputs("  This list may be incomplete: ", out);
		put(out, f->caution);
		fputs(".\n", out);
	}
	if (f->n_areas || f->n_files || f->n_inner)
		print_totals(out, f);
	if (f->n_files)
		fprintf(out, "  Files and folders that were hit: %zu\n", f->n_files);
	for (size_t i = 0; i < f->n_files; i++)
		print_file(out, f, &f->files[i]);
	print_areas(out, f, FILES_AREA_METADATA,
		    f->n_inner ? "Of what keeps the volumes:" : "Of the filesystem itself:");
	print_areas(out, f, FILES_AREA_UNKNOWN, "Cannot tell:");
}

static void print_outside(FILE *out, const struct sv_report *r)
{
	if (r->outside.n)
		fputs("\nOutside of all partitions:\n", out);
	for (size_t i = 0; i < r->outside.n; i++) {
		put_range(out, " ", r->outside.v[i].start, r->outside.v[i].len);
		fputs(" of the disk\n", out);
	}
}

static void print_looked(FILE *out, const struct sv_report *r)
{
	char lost[SV_SIZE_TEXT];
	if (!r->lost) {
		fputs("Nothing is missing: every byte was read.\n", out);
		return;
	}
	fprintf(out, "Not read: %s (%" PRIu64 " bytes) in %zu %s.\n", sv_text_size(lost, r->lost),
		r->lost, r->n_areas, r->n_areas == 1 ? "area" : "areas");
	if (r->table_lost)
		fputs("The partition table was hit or is in doubt: there may be more partitions "
		      "than "
		      "are listed here.\n",
		      out);
	for (size_t i = 0; i < r->n_volumes; i++)
		print_volume(out, &r->volumes[i]);
	print_outside(out, r);
}

char *sv_report_text(const struct sv_report *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	if (r->told)
		fputs(r->told, out);
	if (r->told && r->looked)
		fputc('\n', out);
	if (r->looked)
		print_looked(out, r);
	return fclose(out) ? (free(text), NULL) : text;
}
