/* fat_found.c - FAT and exFAT: folders still to be read, and the files and folders that were hit */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat_found.h"

#include <stdlib.h>
#include <string.h>

#define FOLDERS_MAX ((size_t)1 << 20)

int fat_found_open(struct fat_found *f, struct owners *o, uint32_t clusters)
{
	f->o = o;
	f->folders.root = FAT_ROOT_ID;
	f->seen = calloc((clusters + 7u) / 8, 1);
	return f->seen ? 0 : SV_E_NOMEM;
}

void fat_found_close(struct fat_found *f)
{
	for (size_t i = 0; i < f->n_hits; i++)
		free(f->hits[i].name);
	folders_clear(&f->folders);
	free(f->hits);
	free(f->todo);
	free(f->seen);
}

static int add_hit(struct fat_found *f, const struct fat_hit *hit)
{
	if (f->n_hits == f->hits_cap) {
		size_t cap = f->hits_cap ? f->hits_cap * 2 : 64;
		struct fat_hit *v = reallocarray(f->hits, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		f->hits = v;
		f->hits_cap = cap;
	}
	f->hits[f->n_hits++] = *hit;
	return 0;
}

int fat_found_folder(struct fat_found *f, const struct fat_folder *folder, const char *name)
{
	uint32_t n = folder->cluster - 2;
	uint8_t *byte = &f->seen[n / 8], bit = (uint8_t)(1u << n % 8);
	if (*byte & bit)
		return 0;
	*byte |= bit;
	if (f->folders.n == FOLDERS_MAX) {
		owners_caution(f->o, "more folders than can be looked into");
		return 0;
	}
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 256;
		struct fat_folder *v = reallocarray(f->todo, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		f->todo = v;
		f->cap = cap;
	}
	f->todo[f->n++] = *folder;
	return folders_add(&f->folders, folder->id, f->dir.id, name, strlen(name));
}

int fat_found_file(struct fat_found *f, uint64_t id, uint64_t size, const char *name)
{
	struct fat_hit hit = {.id = id, .size = size, .parent = f->dir.id, .name = strdup(name)};
	if (hit.name && !add_hit(f, &hit))
		return 0;
	free(hit.name);
	return SV_E_NOMEM;
}

int fat_found_walk(struct fat_found *f, const struct fat_folder *root, int (*read)(void *arg),
		   void *arg)
{
	int rc = 0;
	f->dir = *root;
	for (;;) {
		f->dir_hit = false;
		rc = read(arg);
		if (!rc && f->dir_hit)
			rc = add_hit(f, &(struct fat_hit){.id = f->dir.id});
		if (rc || !f->n || owners_stopped(f->o))
			break;
		f->dir = f->todo[--f->n];
	}
	folders_sort(&f->folders);
	return rc;
}

static int compare_hits(const void *pa, const void *pb)
{
	const struct fat_hit *a = pa, *b = pb;
	return (a->id > b->id) - (a->id < b->id);
}

static int name_one(struct fat_found *f, size_t i, const struct fat_hit *hit)
{
	const struct folder *folder = hit->name ? NULL : folders_find(&f->folders, hit->id);
	const char *name = folder ? folder->name : hit->name;
	uint64_t parent = folder ? folder->parent : hit->parent;
	owners_describe(f->o, i, hit->size, !hit->name);
	char *path = name ? folders_path(&f->folders, parent, name, strlen(name)) : strdup("/");
	return path ? owners_name(f->o, i, path) : SV_E_NOMEM;
}

int fat_found_name(struct fat_found *f)
{
	int rc = 0;
	if (f->n_hits)
		qsort(f->hits, f->n_hits, sizeof(*f->hits), compare_hits);
	for (size_t i = 0; !rc && i < owners_count(f->o); i++) {
		struct fat_hit key = {.id = owners_id(f->o, i)};
		const struct fat_hit *hit =
			f->n_hits ? bsearch(&key, f->hits, f->n_hits, sizeof(key), compare_hits)
				  : NULL;
		if (hit)
			rc = name_one(f, i, hit);
	}
	return rc;
}
