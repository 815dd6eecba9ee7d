/* owners_files.c - the files that were hit: gathered from their losses, described, named */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners_priv.h"

#include <stdlib.h>
#include <string.h>

/* Names beyond this are left out. */
#define NAMES_MAX 16

static int compare_streams(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int by_file(const void *pa, const void *pb)
{
	const struct files_loss *a = pa, *b = pb;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	int streams = compare_streams(a->stream, b->stream);
	if (streams)
		return streams;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

int owners_seal(struct owners *o)
{
	struct fsmap_files *out = o->out;
	if (!out->n_losses)
		return 0;
	qsort(out->losses, out->n_losses, sizeof(*out->losses), by_file);
	size_t n = 1;
	for (size_t i = 1; i < out->n_losses; i++)
		n += out->losses[i].id != out->losses[i - 1].id;
	out->files = calloc(n, sizeof(*out->files));
	if (!out->files)
		return SV_E_NOMEM;
	for (size_t i = 0; i < out->n_losses; i++) {
		if (i == 0 || out->losses[i].id != out->losses[i - 1].id)
			out->files[out->n_files++] =
				(struct files_file){.id = out->losses[i].id, .first = i};
		out->files[out->n_files - 1].n++;
	}
	return 0;
}

size_t owners_count(const struct owners *o)
{
	return o->out->n_files;
}

uint64_t owners_id(const struct owners *o, size_t i)
{
	return o->out->files[i].id;
}

size_t owners_find(const struct owners *o, uint64_t id)
{
	size_t low = 0, high = o->out->n_files;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (o->out->files[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < o->out->n_files && o->out->files[low].id == id ? low : SIZE_MAX;
}

/* What was claimed before the size was known. */
static void clip(struct files_loss *loss, uint64_t size)
{
	if (loss->stream || loss->kind != FILES_CONTENT || size == 0)
		return;
	loss->len = owners_before_end(loss->start, loss->len, size);
	if (!loss->len)
		loss->kind = FILES_SLACK;
}

void owners_describe(struct owners *o, size_t i, uint64_t size, bool folder)
{
	struct files_file *f = &o->out->files[i];
	f->size = size;
	f->folder = folder;
	for (size_t k = f->first; k < f->first + f->n; k++)
		clip(&o->out->losses[k], size);
}

int owners_name(struct owners *o, size_t i, char *path)
{
	struct files_file *f = &o->out->files[i];
	bool known = f->n_paths == NAMES_MAX;
	for (size_t k = 0; k < f->n_paths; k++)
		known = known || !strcmp(f->paths[k], path);
	if (known) {
		free(path);
		return 0;
	}
	char **paths = reallocarray(f->paths, f->n_paths + 1, sizeof(*paths));
	if (!paths) {
		free(path);
		return SV_E_NOMEM;
	}
	f->paths = paths;
	f->paths[f->n_paths++] = path;
	return 0;
}

/* Those without a name last. */
static int by_path(const void *pa, const void *pb)
{
	const struct files_file *a = pa, *b = pb;
	if (!a->n_paths || !b->n_paths)
		return a->n_paths || b->n_paths ? (a->n_paths ? -1 : 1)
						: (a->id > b->id) - (a->id < b->id);
	int names = strcmp(a->paths[0], b->paths[0]);
	return names ? names : (a->id > b->id) - (a->id < b->id);
}

void owners_order(struct owners *o)
{
	if (o->out->n_files)
		qsort(o->out->files, o->out->n_files, sizeof(*o->out->files), by_path);
}
