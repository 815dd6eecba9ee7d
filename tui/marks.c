/* marks.c - which files and folders of a volume are wanted */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/marks.h"

#include <stdlib.h>
#include <string.h>

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return !strncmp(path, folder, n) && path[n] == '/';
}

enum marks_how marks_of(const struct marks *marks, const char *path)
{
	enum marks_how how = MARKS_NOT;
	for (size_t i = 0; i < marks->n; i++) {
		if (!strcmp(marks->v[i], path))
			return MARKS_ITSELF;
		if (below(path, marks->v[i]))
			return MARKS_WITHIN;
		if (below(marks->v[i], path))
			how = MARKS_BELOW;
	}
	return how;
}

/* Those that are `path`, or lie below it. */
static void drop(struct marks *marks, const char *path)
{
	size_t kept = 0;
	for (size_t i = 0; i < marks->n; i++)
		if (!strcmp(marks->v[i], path) || below(marks->v[i], path))
			free(marks->v[i]);
		else
			marks->v[kept++] = marks->v[i];
	marks->n = kept;
}

bool marks_toggle(struct marks *marks, const char *path)
{
	enum marks_how how = marks_of(marks, path);
	if (how == MARKS_WITHIN)
		return true;
	drop(marks, path);
	if (how == MARKS_ITSELF)
		return true;
	char **grown = reallocarray(marks->v, marks->n + 1, sizeof(*grown));
	if (!grown)
		return false;
	marks->v = grown;
	grown[marks->n] = strdup(path);
	marks->n += grown[marks->n] != NULL;
	return grown[marks->n ? marks->n - 1 : 0] != NULL;
}

void marks_clear(struct marks *marks)
{
	for (size_t i = 0; i < marks->n; i++)
		free(marks->v[i]);
	free(marks->v);
	memset(marks, 0, sizeof(*marks));
}
