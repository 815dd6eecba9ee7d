/* content.c - what is on the disks, found out in the background */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/content.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct disk disk;
	bool again;	  /* asked for anew while it was being read */
	uint64_t written; /* what had been written to it when it was looked at; UNKNOWN */
	struct content_view view;
};

#define UNKNOWN UINT64_MAX

/* Shared by the interface's thread and the reading thread; whoever leaves last frees it. */
struct content {
	pthread_mutex_t lock; /* guards all below but root and ring */
	pthread_cond_t wake;
	const char *root;
	struct keyring *ring;
	struct entry **entries;
	size_t n;
	bool changed, stop;
};

static void content_free(struct content *content)
{
	for (size_t i = 0; i < content->n; i++) {
		content_view_clear(&content->entries[i]->view);
		free(content->entries[i]);
	}
	free(content->entries);
	keyring_release(content->ring);
	pthread_mutex_destroy(&content->lock);
	pthread_cond_destroy(&content->wake);
	free(content);
}

static bool same_appearance(const struct disk *a, const struct disk *b)
{
	return !strcmp(a->kname, b->kname) && a->diskseq == b->diskseq && a->size == b->size &&
	       !strcmp(a->serial, b->serial) && a->live == b->live;
}

static struct entry *find(const struct content *content, const struct disk *disk)
{
	for (size_t i = 0; i < content->n; i++)
		if (same_appearance(&content->entries[i]->disk, disk))
			return content->entries[i];
	return NULL;
}

static struct entry *next_waiting(const struct content *content)
{
	for (size_t i = 0; i < content->n; i++)
		if (content->entries[i]->view.state == CONTENT_WAITING)
			return content->entries[i];
	return NULL;
}

/* No table, and no filesystem that is known: one volume over all of it. */
static bool is_bare(const struct sv_map *map)
{
	return !*map->doubt && (!map->n_parts || (!map->parts[0].number && !*map->parts[0].fs));
}

static void view_of_map(const struct sv_map *map, struct content_view *view)
{
	view->state = CONTENT_READY;
	view->used = map->used;
	snprintf(view->table, sizeof(view->table), "%s", map->table);
	snprintf(view->warning, sizeof(view->warning), "%s", map->doubt);
	view->parts = calloc(map->n_parts + 1, sizeof(*view->parts));
	if (view->parts) {
		memcpy(view->parts, map->parts, map->n_parts * sizeof(*view->parts));
		view->n_parts = map->n_parts;
	}
}

/* Without the lock: this may take as long as the disk likes. */
static void look(const struct content *content, const struct disk *disk, struct content_view *view)
{
	struct sv_map *map = NULL;
	struct sv_err err = {0};
	struct keys *keys = keys_create(content->ring, disk, NULL);
	struct sv_map_params params = {.root = content->root,
				       .source = disk->path,
				       .unguarded = true,
				       .unlock = keys_unlock(keys)};
	int rc = sv_map_read(&params, &map, &err);
	keys_destroy(keys);
	if (rc) {
		view->state = CONTENT_FAILED;
		snprintf(view->sentence, sizeof(view->sentence), "%.255s", err.text);
		return;
	}
	view_of_map(map, view);
	/* only a look: a disk that cannot be read is not called empty */
	if (is_bare(map))
		disk_look_blank(content->root, disk, &view->blank, NULL);
	sv_map_destroy(map);
}

/* Sectors that the kernel wrote to the disk or discarded since it is there: while they are the
 * same, so is what is on it. */
static uint64_t written_to(const char *root, const struct disk *disk)
{
	char path[256];
	unsigned long long written, discarded = 0;
	snprintf(path, sizeof(path), "%s/sys/block/%s/stat", root, disk->kname);
	FILE *in = fopen(path, "re");
	int n = in ? fscanf(in, "%*u %*u %*u %*u %*u %*u %llu %*u %*u %*u %*u %*u %*u %llu",
			    &written, &discarded)
		   : 0;
	if (in)
		fclose(in);
	return n > 0 ? written + discarded : UNKNOWN;
}

static void read_one(struct content *content, struct entry *entry)
{
	struct disk disk = entry->disk;
	struct content_view view = {0};
	entry->view.state = CONTENT_READING;
	entry->written = written_to(content->root, &disk);
	pthread_mutex_unlock(&content->lock);
	look(content, &disk, &view);
	pthread_mutex_lock(&content->lock);
	content_view_clear(&entry->view);
	entry->view = view;
	if (entry->again)
		entry->view.state = CONTENT_WAITING;
	entry->again = false;
	content->changed = true;
}

static void *reader(void *arg)
{
	struct content *content = arg;
	pthread_mutex_lock(&content->lock);
	while (!content->stop) {
		struct entry *entry = next_waiting(content);
		if (entry)
			read_one(content, entry);
		else
			pthread_cond_wait(&content->wake, &content->lock);
	}
	pthread_mutex_unlock(&content->lock);
	content_free(content);
	return NULL;
}

struct content *content_create(const char *root, struct keyring *ring)
{
	pthread_t thread;
	struct content *content = calloc(1, sizeof(*content));
	if (!content)
		return NULL;
	content->root = root;
	content->ring = keyring_share(ring);
	pthread_mutex_init(&content->lock, NULL);
	pthread_cond_init(&content->wake, NULL);
	if (pthread_create(&thread, NULL, reader, content)) {
		content_free(content);
		return NULL;
	}
	pthread_detach(thread);
	return content;
}

void content_destroy(struct content *content)
{
	if (!content)
		return;
	pthread_mutex_lock(&content->lock);
	content->stop = true;
	pthread_cond_signal(&content->wake);
	pthread_mutex_unlock(&content->lock);
}

static bool is_as_it_was(const struct content *content, const struct entry *entry)
{
	return entry->view.state == CONTENT_READY && entry->written != UNKNOWN &&
	       entry->written == written_to(content->root, &entry->disk);
}

static void look_again(struct entry *entry)
{
	if (entry->view.state == CONTENT_READING)
		entry->again = true;
	else
		entry->view.state = CONTENT_WAITING;
}

static void want_one(struct content *content, const struct disk *disk, bool again)
{
	struct entry *entry = find(content, disk);
	if (entry) {
		if (again && !is_as_it_was(content, entry))
			look_again(entry);
		return;
	}
	struct entry **grown = reallocarray(content->entries, content->n + 1, sizeof(*grown));
	if (!grown)
		return;
	content->entries = grown;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	entry->disk = *disk;
	content->entries[content->n++] = entry;
}

void content_want(struct content *content, const struct disk_list *disks, bool again)
{
	if (!content)
		return;
	pthread_mutex_lock(&content->lock);
	for (size_t i = 0; i < disks->n; i++)
		want_one(content, &disks->v[i], again);
	pthread_cond_signal(&content->wake);
	pthread_mutex_unlock(&content->lock);
}

void content_again(struct content *content, const struct disk *disk)
{
	pthread_mutex_lock(&content->lock);
	struct entry *entry = find(content, disk);
	if (entry)
		look_again(entry);
	pthread_cond_signal(&content->wake);
	pthread_mutex_unlock(&content->lock);
}

void content_put(struct content *content, const struct disk *disk, const struct sv_map *map)
{
	pthread_mutex_lock(&content->lock);
	struct entry *entry = find(content, disk);
	/* one that is being read comes to the same, as it has the keys or is looked at again */
	if (entry && entry->view.state == CONTENT_READING) {
		entry->again = true;
	} else if (entry) {
		content_view_clear(&entry->view);
		view_of_map(map, &entry->view);
		content->changed = true;
	}
	pthread_mutex_unlock(&content->lock);
}

void content_get(struct content *content, const struct disk *disk, struct content_view *view_ret)
{
	memset(view_ret, 0, sizeof(*view_ret));
	if (!content)
		return;
	pthread_mutex_lock(&content->lock);
	const struct entry *entry = find(content, disk);
	if (entry) {
		*view_ret = entry->view;
		view_ret->parts = NULL;
		view_ret->n_parts = 0;
		struct sv_map_part *copy = calloc(entry->view.n_parts + 1, sizeof(*copy));
		if (copy && entry->view.parts) {
			memcpy(copy, entry->view.parts, entry->view.n_parts * sizeof(*copy));
			view_ret->n_parts = entry->view.n_parts;
		}
		view_ret->parts = copy;
	}
	pthread_mutex_unlock(&content->lock);
}

void content_view_clear(struct content_view *view)
{
	free(view->parts);
	memset(view, 0, sizeof(*view));
}

bool content_changed(struct content *content)
{
	if (!content)
		return false;
	pthread_mutex_lock(&content->lock);
	bool changed = content->changed;
	content->changed = false;
	pthread_mutex_unlock(&content->lock);
	return changed;
}
