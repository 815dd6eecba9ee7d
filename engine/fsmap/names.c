/* names.c - from folders that list inodes to the names of files that were hit */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/names.h"

#include <stdlib.h>
#include <string.h>

/* ---- the folders ---- */

int names_dirs_add(struct names_dirs *dirs, uint64_t id)
{
	if (dirs->n == dirs->cap) {
		size_t cap = dirs->cap ? dirs->cap * 2 : 256;
		uint64_t *v = reallocarray(dirs->ids, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		dirs->ids = v;
		dirs->cap = cap;
	}
	dirs->ids[dirs->n++] = id;
	return 0;
}

static int by_id(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;
	return (*a > *b) - (*a < *b);
}

void names_dirs_sort(struct names_dirs *dirs)
{
	size_t out = 0;
	if (dirs->n)
		qsort(dirs->ids, dirs->n, sizeof(*dirs->ids), by_id);
	for (size_t i = 0; i < dirs->n; i++)
		if (!out || dirs->ids[out - 1] != dirs->ids[i])
			dirs->ids[out++] = dirs->ids[i];
	dirs->n = out;
}

static size_t find_dir(const struct names_dirs *dirs, uint64_t id)
{
	const uint64_t *at =
		dirs->n ? bsearch(&id, dirs->ids, dirs->n, sizeof(*dirs->ids), by_id) : NULL;
	return at ? (size_t)(at - dirs->ids) : SIZE_MAX;
}

bool names_dirs_hold(const struct names_dirs *dirs, uint64_t id)
{
	return find_dir(dirs, id) != SIZE_MAX;
}

void names_dirs_clear(struct names_dirs *dirs)
{
	free(dirs->ids);
	free(dirs->parents);
	*dirs = (struct names_dirs){0};
}

struct names_state {
	uint8_t *wanted; /* per folder: 1 its name is needed, 2 names in it are */
	struct owners_links links;
	struct folders folders;
	uint64_t dir; /* being read */
	bool above;   /* the second pass */
};

/* ---- first: where are the names of what was hit, and which folder is in which ---- */

static int note_file(struct names *n, uint64_t id, const char *name, size_t len, bool folder)
{
	struct names_state *s = n->state;
	size_t dir = find_dir(n->dirs, id), file = owners_find(n->o, id);
	if (dir != SIZE_MAX && !n->dirs->parents[dir])
		n->dirs->parents[dir] = s->dir;
	if (file == SIZE_MAX)
		return 0;
	if (folder) /* its inode may be lost */
		owners_describe(n->o, file, 0, true);
	return links_add(&s->links, file, s->dir, name, len);
}

/* ---- then: the names of the folders above ---- */

static void want_above(struct names *n, uint64_t id)
{
	for (;;) {
		size_t i = find_dir(n->dirs, id);
		if (i == SIZE_MAX || n->state->wanted[i] & 1 || id == n->root)
			return;
		n->state->wanted[i] |= 1;
		id = n->dirs->parents[i];
		i = find_dir(n->dirs, id);
		if (i != SIZE_MAX)
			n->state->wanted[i] |= 2;
	}
}

static int note_folder(struct names *n, uint64_t id, const char *name, size_t len)
{
	struct names_state *s = n->state;
	size_t i = find_dir(n->dirs, id);
	if (i == SIZE_MAX || !(s->wanted[i] & 1) || n->dirs->parents[i] != s->dir)
		return 0;
	s->wanted[i] &= (uint8_t)~1; /* once */
	return folders_add(&s->folders, id, s->dir, name, len);
}

int names_entry(struct names *n, uint64_t id, const char *name, size_t len, bool folder)
{
	return n->state->above ? note_folder(n, id, name, len)
			       : note_file(n, id, name, len, folder);
}

void names_enter(struct names *n, uint64_t dir)
{
	n->state->dir = dir;
}

static int read_dirs(struct names *n, uint8_t only)
{
	int rc = 0;
	if (n->read_all)
		return n->read_all(n->arg, n);
	n->restart(n->arg);
	for (size_t i = 0; !rc && i < n->dirs->n && !owners_stopped(n->o); i++) {
		if (only && !(n->state->wanted[i] & only))
			continue;
		names_enter(n, n->dirs->ids[i]);
		rc = n->read(n->arg, n, n->dirs->ids[i]);
	}
	return rc;
}

/* Sizes, and the root, which has no name in any folder. */
static int describe(struct names *n)
{
	for (size_t i = 0; i < owners_count(n->o); i++) {
		uint64_t id = owners_id(n->o, i), size;
		bool folder = names_dirs_hold(n->dirs, id);
		int rc = n->size(n->arg, id, &size);
		if (rc)
			return rc;
		if (size || folder)
			owners_describe(n->o, i, size, folder);
		char *root = id == n->root ? strdup("/") : NULL;
		if (id == n->root && (!root || owners_name(n->o, i, root)))
			return SV_E_NOMEM;
	}
	return 0;
}

static int find_names(struct names *n)
{
	struct names_state *s = n->state;
	int rc = read_dirs(n, 0);
	for (size_t i = 0; i < s->links.n; i++)
		want_above(n, s->links.v[i].parent);
	s->above = true;
	if (!rc)
		rc = read_dirs(n, 2);
	s->folders.root = n->root;
	folders_sort(&s->folders);
	if (!rc)
		rc = links_name(&s->links, &s->folders, n->o);
	return rc ? rc : describe(n);
}

int names_find(struct names *n)
{
	struct names_state s = {0};
	int rc = SV_E_NOMEM;
	n->state = &s;
	s.wanted = calloc(n->dirs->n + 1, 1);
	free(n->dirs->parents);
	n->dirs->parents = calloc(n->dirs->n + 1, sizeof(*n->dirs->parents));
	if (s.wanted && n->dirs->parents)
		rc = owners_count(n->o) ? find_names(n) : 0;
	links_clear(&s.links);
	folders_clear(&s.folders);
	free(s.wanted);
	n->state = NULL;
	return rc;
}
