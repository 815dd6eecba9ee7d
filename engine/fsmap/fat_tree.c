/* fat_tree.c - the folders of a FAT volume: clusters of files that the FAT does not know (yet) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat.h"

#include "engine/fsmap/fat_names.h"
#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

#define READ_UNIT ((size_t)4096)
/* Bounds for hostile volumes, far above what a FAT of the largest size holds in practice. */
#define QUEUE_MAX      ((size_t)1 << 20)
#define TREE_BYTES_MAX (2 * SV_GIB)
#define LOOKS_MAX      64 /* a sample is enough to prove a geometry */

struct walk {
	struct fat *fat;
	uint8_t *seen;	 /* bit (cluster - 2): was or is in the queue */
	uint32_t *queue; /* folder clusters to read; the top bit marks the first one of a folder */
	size_t n, cap;
	uint64_t bytes;
	bool deep;	     /* go into folders; else only look whether they are some */
	unsigned int looked; /* at that many */
};

#define FIRST_OF_FOLDER 0x80000000u

static bool seen_before(struct walk *w, uint32_t cluster)
{
	uint8_t *byte = &w->seen[(cluster - 2) / 8], bit = (uint8_t)(1u << (cluster - 2) % 8);
	bool seen = *byte & bit;
	*byte |= bit;
	return seen;
}

static int push(struct walk *w, uint32_t cluster, uint32_t flag)
{
	if (seen_before(w, cluster))
		return 0;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 256;
		if (cap > QUEUE_MAX)
			return fsmap_whole(w->fat->r, "it has too many folders");
		uint32_t *queue = reallocarray(w->queue, cap, sizeof(*queue));
		if (!queue)
			return SV_E_NOMEM;
		w->queue = queue;
		w->cap = cap;
	}
	fat_set_used(w->fat, cluster);
	w->queue[w->n++] = cluster | flag;
	return 0;
}

/*
 * A file the FAT has nothing of: its first cluster, and, as most files are written in one piece,
 * as many after it as it is long.
 */
static void take_file(struct fat *fat, uint32_t cluster, uint32_t size)
{
	fat->damaged = true;
	uint32_t left = fat->clusters - (cluster - 2);
	uint32_t n = size ? (size - 1) / fat->cluster + 1 : 1;
	for (uint32_t i = 0; i < SV_MIN(n, left); i++)
		fat_set_used(fat, cluster + i);
}

/* Every folder but the root begins with itself. */
static int check_first(struct walk *w, const uint8_t *entry, uint32_t cluster)
{
	if (fat_entry_is_self(entry) && fat_entry_is_folder(entry) &&
	    fat_entry_cluster(w->fat->bits, entry) == cluster)
		return 0;
	return fsmap_whole(w->fat->r, "a folder at %" PRIu64 " is damaged",
			   fat_cluster_offset(w->fat, cluster));
}

static int look_at_folder(struct walk *w, uint32_t cluster)
{
	uint8_t entry[FAT_ENTRY_SIZE];
	fat_set_used(w->fat, cluster);
	if (w->looked++ >= LOOKS_MAX)
		return 0;
	int rc = fsmap_read_meta(w->fat->r, entry, sizeof(entry),
				 fat_cluster_offset(w->fat, cluster), "a folder");
	return rc ? rc : check_first(w, entry, cluster);
}

static int take_entry(struct walk *w, const uint8_t *entry)
{
	uint32_t cluster = fat_entry_cluster(w->fat->bits, entry);
	if (fat_entry_is_deleted(entry) || fat_entry_is_label(entry))
		return 0;
	if (fat_entry_is_rubbish(entry))
		return fsmap_whole(w->fat->r, "a folder holds rubbish");
	if (cluster == 0 || fat_entry_is_dots(entry))
		return 0;
	if (!fat_in_range(w->fat, cluster))
		return fsmap_whole(w->fat->r, "a folder entry points outside of the volume");
	if (!fat_is_used(w->fat, cluster))
		take_file(w->fat, cluster, fat_entry_size(entry));
	if (!fat_entry_is_folder(entry))
		return 0;
	return w->deep ? push(w, cluster, FIRST_OF_FOLDER) : look_at_folder(w, cluster);
}

/* Read a stretch of a folder up to its end mark. `first`: the folder's cluster when it begins here.
 */
static int read_stretch(struct walk *w, uint64_t off, uint64_t len, uint32_t first, bool *ended)
{
	uint8_t buf[READ_UNIT];
	for (uint64_t pos = 0; pos < len && !*ended; pos += sizeof(buf)) {
		size_t n = (size_t)SV_MIN(len - pos, sizeof(buf));
		w->bytes += n;
		if (w->bytes > TREE_BYTES_MAX)
			return fsmap_whole(w->fat->r, "its folders are too large");
		int rc = fsmap_read_meta(w->fat->r, buf, n, off + pos, "a folder");
		if (!rc && first && pos == 0)
			rc = check_first(w, buf, first);
		for (size_t i = 0; !rc && i + FAT_ENTRY_SIZE <= n; i += FAT_ENTRY_SIZE) {
			if (fat_entry_is_end(buf + i)) {
				*ended = true;
				break;
			}
			rc = take_entry(w, buf + i);
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Where a folder goes on, by any copy of the FAT. */
static int push_next(struct walk *w, uint32_t cluster)
{
	unsigned int copies = w->fat->differ ? w->fat->copies : 1;
	for (unsigned int c = 0; c < copies; c++) {
		uint32_t next;
		int rc = fat_lookup(w->fat, c, cluster, &next);
		if (!rc && fat_in_range(w->fat, next))
			rc = push(w, next, 0);
		if (rc)
			return rc;
	}
	return 0;
}

static int visit(struct walk *w, uint32_t item)
{
	uint32_t cluster = item & ~FIRST_OF_FOLDER;
	uint32_t first = item & FIRST_OF_FOLDER ? cluster : 0;
	bool ended = false;
	int rc = read_stretch(w, fat_cluster_offset(w->fat, cluster), w->fat->cluster, first,
			      &ended);
	if (!rc && !ended)
		rc = push_next(w, cluster);
	return rc;
}

static int walk(struct fat *fat, bool deep)
{
	struct walk w = {.fat = fat, .seen = calloc((fat->clusters + 7u) / 8, 1), .deep = deep};
	bool ended = false;
	int rc = 0;
	if (!w.seen)
		return SV_E_NOMEM;
	if (fat->bits == 32)
		rc = push(&w, fat->root_cluster, 0);
	else
		rc = read_stretch(&w, fat->root_start, fat->root_len, 0, &ended);
	while (!rc && w.n > 0)
		rc = visit(&w, w.queue[--w.n]);
	free(w.seen);
	free(w.queue);
	return rc;
}

int fat_tree_check(struct fat *fat)
{
	return walk(fat, false);
}

int fat_tree_walk(struct fat *fat)
{
	return walk(fat, true);
}
