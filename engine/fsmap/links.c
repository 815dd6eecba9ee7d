/* links.c - from the names of files that were hit, and the folders above them, to their paths */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1024 /* rounds up through the folders */

static int compare_ids(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;
	return (*a > *b) - (*a < *b);
}

static size_t sort_unique(uint64_t *v, size_t n)
{
	size_t out = 0;
	if (n)
		qsort(v, n, sizeof(*v), compare_ids);
	for (size_t i = 0; i < n; i++)
		if (!out || v[out - 1] != v[i])
			v[out++] = v[i];
	return out;
}

static int find_one(struct folders *list, uint64_t id, folders_find_fn *find, void *arg,
		    uint64_t *parent, bool *known)
{
	char *name = NULL;
	int rc = find(arg, id, parent, &name);
	if (!rc)
		rc = folders_add(list, id, *parent, name, name ? strlen(name) : 0);
	*known = name;
	free(name);
	return rc;
}

/* Find the folders of one round that are new; the ids become those of their parents. */
static int one_round(struct folders *list, uint64_t *ids, size_t *n, folders_find_fn *find,
		     void *arg)
{
	const size_t before = list->n;
	size_t next = 0;
	int rc = 0;
	*n = sort_unique(ids, *n);
	for (size_t i = 0; !rc && i < *n; i++) {
		struct folders old = {.v = list->v, .n = before};
		uint64_t id = ids[i], parent = 0;
		bool known;
		if (id == list->root || folders_find(&old, id))
			continue;
		rc = find_one(list, id, find, arg, &parent, &known);
		if (known)
			ids[next++] = parent;
	}
	folders_sort(list);
	*n = next;
	return rc;
}

int folders_climb(struct folders *list, uint64_t *ids, size_t n, folders_find_fn *find, void *arg)
{
	int rc = 0;
	for (int depth = 0; !rc && n && depth < DEPTH_MAX; depth++)
		rc = one_round(list, ids, &n, find, arg);
	return rc;
}

int links_add(struct owners_links *list, size_t file, uint64_t parent, const char *name, size_t len)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct owners_link *v = reallocarray(list->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		list->v = v;
		list->cap = cap;
	}
	struct owners_link link = {.file = file, .parent = parent, .name = strndup(name, len)};
	if (!link.name)
		return SV_E_NOMEM;
	list->v[list->n++] = link;
	return 0;
}

int links_climb(const struct owners_links *list, struct folders *folders, folders_find_fn *find,
		void *arg)
{
	uint64_t *ids = reallocarray(NULL, list->n + 1, sizeof(*ids));
	if (!ids)
		return SV_E_NOMEM;
	for (size_t i = 0; i < list->n; i++)
		ids[i] = list->v[i].parent;
	int rc = folders_climb(folders, ids, list->n, find, arg);
	free(ids);
	return rc;
}

int links_name(const struct owners_links *list, const struct folders *folders, struct owners *o)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < list->n; i++) {
		const struct owners_link *l = &list->v[i];
		bool root = owners_id(o, l->file) == folders->root;
		char *path = root ? strdup("/")
				  : folders_path(folders, l->parent, l->name, strlen(l->name));
		rc = path ? owners_name(o, l->file, path) : SV_E_NOMEM;
	}
	return rc;
}

void links_clear(struct owners_links *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].name);
	free(list->v);
	*list = (struct owners_links){0};
}
