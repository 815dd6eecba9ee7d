/* unfinished.c - backups and rescues that were stopped and can be gone on with, found in the
 * background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/unfinished.h"
#include "tui/numbers.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	struct unfinished_rescue rescues[UNFINISHED_MAX];
	size_t n_rescues;
	struct numbers numbers; /* of all that was ever found, FOLDER/NAME */
	bool wanted, looking, stop;
};

/* ---- looking: on the thread, without the lock ---- */

struct look {
	struct unfinished_save found[UNFINISHED_MAX];
	size_t n;
	struct unfinished_rescue rescues[UNFINISHED_MAX];
	size_t n_rescues;
};

static bool known(const struct look *look, const char *folder, const char *name)
{
	for (size_t i = 0; i < look->n; i++)
		if (!strcmp(look->found[i].folder, folder) && !strcmp(look->found[i].name, name))
			return true;
	return false;
}

static unsigned int percent_of(uint64_t done, uint64_t total)
{
	return total ? (unsigned int)SV_MIN((double)done * 100 / (double)total, 100.0) : 0;
}

static bool has(const char *folder, const char *name, const char *tail)
{
	char path[1400];
	snprintf(path, sizeof(path), "%s/%s%s", folder, name, tail);
	return !access(path, F_OK);
}

static void take(struct look *look, const char *folder, const struct image_list_entry *e)
{
	char name[sizeof(e->name)];
	size_t len = strlen(e->name);
	snprintf(name, sizeof(name), "%.*s", (int)(len - strlen(".part")), e->name);
	if (!e->readable || look->n == UNFINISHED_MAX || known(look, folder, name))
		return;
	/* of a rescue: its disk is not to be read by a backup */
	if (has(folder, name, SV_RESCUE_FOLDER))
		return;
	struct unfinished_save *s = &look->found[look->n++];
	snprintf(s->folder, sizeof(s->folder), "%s", folder);
	snprintf(s->name, sizeof(s->name), "%s", name);
	memcpy(s->model, e->info.model, sizeof(s->model));
	memcpy(s->serial, e->info.serial, sizeof(s->serial));
	memcpy(s->wwn, e->info.wwn, sizeof(s->wwn));
	s->size = e->info.size;
	s->percent = percent_of(e->done, e->to_read);
}

static bool known_rescue(const struct look *look, const char *folder, const char *name)
{
	for (size_t i = 0; i < look->n_rescues; i++)
		if (!strcmp(look->rescues[i].folder, folder) &&
		    !strcmp(look->rescues[i].entry.name, name))
			return true;
	return false;
}

/* `sealed`: also those that are done, of which an image is to be made. */
static void look_for_rescues(struct look *look, const char *folder, bool sealed)
{
	struct sv_rescue_entry *list = NULL;
	struct sv_err ignored = {0};
	size_t n = 0;
	if (sv_rescue_list(folder, &list, &n, &ignored))
		return;
	for (size_t i = 0; i < n && look->n_rescues < UNFINISHED_MAX; i++) {
		if ((list[i].finished && !sealed) || known_rescue(look, folder, list[i].name))
			continue;
		struct unfinished_rescue *r = &look->rescues[look->n_rescues++];
		snprintf(r->folder, sizeof(r->folder), "%s", folder);
		r->entry = list[i];
		r->percent = percent_of(list[i].done, list[i].total);
	}
	free(list);
}

/* false: it is too long */
static bool join(char *out, size_t cap, const char *folder, const char *name)
{
	int len = snprintf(out, cap, "%s%s%s", folder, strcmp(folder, "/") ? "/" : "", name);
	return len < (int)cap;
}

/* A folder of this very filesystem, not a link to or a mount of something else. */
static bool own_folder(int place, dev_t dev, const struct dirent *d)
{
	struct stat st;
	return d->d_name[0] != '.' && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
	       !fstatat(place, d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode) &&
	       st.st_dev == dev;
}

/* "NAME.rescue", and no image NAME yet. */
static bool becomes_image(const char *folder, const char *name)
{
	char image[256];
	size_t len = strlen(name), tail = strlen(SV_RESCUE_FOLDER);
	if (len <= tail || strcmp(name + len - tail, SV_RESCUE_FOLDER))
		return false;
	snprintf(image, sizeof(image), "%.*s", (int)(len - tail), name);
	return !has(folder, image, "");
}

static void look_for_images(struct look *look, const char *folder)
{
	char path[1024];
	const struct dirent *d;
	DIR *dir = opendir(folder);
	if (!dir)
		return;
	while ((d = readdir(dir)))
		if (becomes_image(folder, d->d_name) && join(path, sizeof(path), folder, d->d_name))
			look_for_rescues(look, path, true);
	closedir(dir);
}

static void look_in(struct look *look, const char *folder)
{
	struct image_list_entry *list = NULL;
	size_t n = 0;
	look_for_rescues(look, folder, false);
	look_for_images(look, folder);
	if (image_list_unfinished(folder, &list, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		take(look, folder, &list[i]);
	image_list_free(list, n);
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
			if (!own_folder(dirfd(dir), st.st_dev, d) ||
			    !join(folder, sizeof(folder), place, d->d_name))
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
	numbers_clear(&u->numbers);
	free(u);
}

static int number_of(struct unfinished *u, const char *folder, const char *name)
{
	char path[1400];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return numbers_give(&u->numbers, path);
}

static void look_once(struct unfinished *u)
{
	char folder[sizeof(u->folder)];
	struct look *look = calloc(1, sizeof(*look));
	u->wanted = false;
	if (!look)
		return;
	memcpy(folder, u->folder, sizeof(folder));
	u->looking = true;
	pthread_mutex_unlock(&u->lock);
	look_everywhere(u->root, folder, look);
	pthread_mutex_lock(&u->lock);
	u->looking = false;
	memcpy(u->found, look->found, sizeof(u->found));
	u->n = look->n;
	memcpy(u->rescues, look->rescues, sizeof(u->rescues));
	u->n_rescues = look->n_rescues;
	for (size_t i = 0; i < u->n; i++)
		u->found[i].number = number_of(u, u->found[i].folder, u->found[i].name);
	for (size_t i = 0; i < u->n_rescues; i++)
		u->rescues[i].number = number_of(u, u->rescues[i].folder, u->rescues[i].entry.name);
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

bool unfinished_looking(struct unfinished *u)
{
	if (!u)
		return false;
	pthread_mutex_lock(&u->lock);
	bool looking = u->wanted || u->looking;
	pthread_mutex_unlock(&u->lock);
	return looking;
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

size_t unfinished_get_rescues(struct unfinished *u, struct unfinished_rescue out[UNFINISHED_MAX])
{
	if (!u)
		return 0;
	pthread_mutex_lock(&u->lock);
	size_t n = u->n_rescues;
	memcpy(out, u->rescues, n * sizeof(*out));
	pthread_mutex_unlock(&u->lock);
	return n;
}
