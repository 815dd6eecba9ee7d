/* unfinished.c - backups that were stopped and can be gone on with, found in the background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/unfinished.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Folders of a place that are looked into. */
#define MAX_FOLDERS 256

/* Shared by the interface's thread and the looking thread; whoever leaves last frees it. */
struct unfinished {
	pthread_mutex_t lock; /* guards all below but root */
	pthread_cond_t wake;
	const char *root;
	char folder[1024];
	struct unfinished_save found[UNFINISHED_MAX];
	size_t n;
	bool wanted, stop;
};

/* ---- looking: on the thread, without the lock ---- */

struct look {
	struct unfinished_save found[UNFINISHED_MAX];
	size_t n;
};

static bool known(const struct look *look, const char *folder, const char *name)
{
	for (size_t i = 0; i < look->n; i++)
		if (!strcmp(look->found[i].folder, folder) && !strcmp(look->found[i].name, name))
			return true;
	return false;
}

static void take(struct look *look, const char *folder, const struct image_list_entry *e)
{
	char name[sizeof(e->name)];
	size_t len = strlen(e->name);
	snprintf(name, sizeof(name), "%.*s", (int)(len - strlen(".part")), e->name);
	if (!e->readable || look->n == UNFINISHED_MAX || known(look, folder, name))
		return;
	struct unfinished_save *s = &look->found[look->n++];
	snprintf(s->folder, sizeof(s->folder), "%s", folder);
	snprintf(s->name, sizeof(s->name), "%s", name);
	memcpy(s->model, e->info.model, sizeof(s->model));
	memcpy(s->serial, e->info.serial, sizeof(s->serial));
	memcpy(s->wwn, e->info.wwn, sizeof(s->wwn));
	s->size = e->info.size;
	s->percent = e->to_read ? (unsigned int)((double)e->done * 100 / (double)e->to_read) : 0;
}

static void look_in(struct look *look, const char *folder)
{
	struct image_list_entry *list = NULL;
	size_t n = 0;
	if (image_list_unfinished(folder, &list, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		take(look, folder, &list[i]);
	image_list_free(list, n);
}

/* A folder of this very filesystem, not a link to or a mount of something else. */
static bool own_folder(int place, dev_t dev, const struct dirent *d)
{
	struct stat st;
	return d->d_name[0] != '.' && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
	       !fstatat(place, d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode) &&
	       st.st_dev == dev;
}

static void look_below(struct look *look, const char *place)
{
	struct stat st;
	const struct dirent *d;
	size_t left = MAX_FOLDERS;
	DIR *dir = opendir(place);
	if (!dir)
		return;
	if (!fstat(dirfd(dir), &st))
		while (left && (d = readdir(dir))) {
			char folder[1024];
			int len = snprintf(folder, sizeof(folder), "%s%s%s", place,
					   strcmp(place, "/") ? "/" : "", d->d_name);
			if (len >= (int)sizeof(folder) || !own_folder(dirfd(dir), st.st_dev, d))
				continue;
			left--;
			look_in(look, folder);
		}
	closedir(dir);
}

static void look_everywhere(const char *root, const char *folder, struct look *look)
{
	struct place_list places = {0};
	struct sv_err err = {0};
	if (*folder)
		look_in(look, folder);
	if (places_list(root, &places, &err))
		return;
	for (size_t i = 0; i < places.n; i++) {
		look_in(look, places.v[i].path);
		look_below(look, places.v[i].path);
	}
	places_clear(&places);
}

/* ---- the thread ---- */

static void unfinished_free(struct unfinished *u)
{
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->wake);
	free(u);
}

static void look_once(struct unfinished *u)
{
	char folder[sizeof(u->folder)];
	struct look *look = calloc(1, sizeof(*look));
	u->wanted = false;
	if (!look)
		return;
	memcpy(folder, u->folder, sizeof(folder));
	pthread_mutex_unlock(&u->lock);
	look_everywhere(u->root, folder, look);
	pthread_mutex_lock(&u->lock);
	memcpy(u->found, look->found, sizeof(u->found));
	u->n = look->n;
	free(look);
}

static void *looker(void *arg)
{
	struct unfinished *u = arg;
	pthread_mutex_lock(&u->lock);
	while (!u->stop)
		if (u->wanted)
			look_once(u);
		else
			pthread_cond_wait(&u->wake, &u->lock);
	pthread_mutex_unlock(&u->lock);
	unfinished_free(u);
	return NULL;
}

struct unfinished *unfinished_create(const char *root)
{
	pthread_t thread;
	struct unfinished *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->root = root;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->wake, NULL);
	if (pthread_create(&thread, NULL, looker, u)) {
		unfinished_free(u);
		return NULL;
	}
	pthread_detach(thread);
	return u;
}

void unfinished_destroy(struct unfinished *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->stop = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
}

void unfinished_want(struct unfinished *u, const char *folder)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	snprintf(u->folder, sizeof(u->folder), "%s", folder);
	u->wanted = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
}

size_t unfinished_get(struct unfinished *u, struct unfinished_save out[UNFINISHED_MAX])
{
	if (!u)
		return 0;
	pthread_mutex_lock(&u->lock);
	size_t n = u->n;
	memcpy(out, u->found, n * sizeof(*out));
	pthread_mutex_unlock(&u->lock);
	return n;
}
