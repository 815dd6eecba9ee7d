/* folder.c - what is in a folder of a volume, read in the background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/folder.h"
#include "tui/task.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The task's until it has ended; `task` is the screen's. */
struct reading {
	struct folder folder; /* first: the screen holds a pointer to it */
	char *path;
	struct task *task;
};

static void drop(void *arg)
{
	struct reading *r = arg;
	for (size_t i = 0; i < r->folder.n; i++)
		free(r->folder.v[i].name);
	free(r->folder.v);
	free(r->path);
	free(r);
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct folder_entry *x = a, *y = b;
	bool xf = x->kind == FOLDER_FOLDER, yf = y->kind == FOLDER_FOLDER;
	return xf != yf ? (xf ? -1 : 1) : strverscmp(x->name, y->name);
}

static void add(struct reading *r, int dir, const char *name)
{
	struct folder *f = &r->folder;
	struct stat st = {0};
	if (f->n == FOLDER_MAX) {
		f->more++;
		return;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		snprintf(f->sentence, sizeof(f->sentence), "%s", strerror(errno));
	struct folder_entry *e = &f->v[f->n];
	*e = (struct folder_entry){.name = strdup(name),
				   .kind = S_ISDIR(st.st_mode)	 ? FOLDER_FOLDER
					   : S_ISREG(st.st_mode) ? FOLDER_FILE
					   : S_ISLNK(st.st_mode) ? FOLDER_LINK
								 : FOLDER_OTHER,
				   .size = (uint64_t)st.st_size,
				   .changed = st.st_mtime};
	f->n += e->name != NULL;
}

static void read_folder(void *arg)
{
	struct reading *r = arg;
	const struct dirent *d;
	DIR *dir = opendir(r->path);
	r->folder.v = calloc(FOLDER_MAX, sizeof(*r->folder.v));
	while (dir && r->folder.v && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			add(r, dirfd(dir), d->d_name);
	if (!dir || errno)
		snprintf(r->folder.sentence, sizeof(r->folder.sentence), "%s", strerror(errno));
	if (dir)
		closedir(dir);
	if (r->folder.v)
		qsort(r->folder.v, r->folder.n, sizeof(*r->folder.v), by_kind_and_name);
}

struct folder *folder_open(const char *path)
{
	struct reading *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->path = strdup(path);
	if (!r->path) {
		drop(r);
		return NULL;
	}
	struct task *task = task_begin(read_folder, drop, r);
	if (!task)
		return NULL;
	r->task = task;
	return &r->folder;
}

bool folder_ready(const struct folder *folder)
{
	return task_ended(((const struct reading *)folder)->task, 0);
}

void folder_close(struct folder *folder)
{
	if (folder)
		task_leave(((struct reading *)folder)->task);
}
