/* exfat_tree.c - exFAT: all folders, and the clusters of what they name */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat_set.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	E_PRIMARY_FLAGS = 4, /* of a benign primary entry */
	READ_UNIT = 64 * 1024,
	FOLDERS_MAX = 1 << 20, /* still to be read: 24 MiB */
};

struct walk {
	struct exfat *x;
	struct exfat_stream *folders; /* still to be read */
	size_t n, cap;

	/* the folder being read */
	bool root, ended;
	uint64_t left; /* bytes it may still have */
	struct exfat_set set;
	uint8_t buf[READ_UNIT];
};

static int damaged(struct walk *w)
{
	return fsmap_whole(w->x->r, "a folder is damaged");
}

static int push(struct walk *w, const struct exfat_stream *folder)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		if (cap > FOLDERS_MAX)
			return fsmap_whole(w->x->r, "it has too many folders");
		struct exfat_stream *v = realloc(w->folders, cap * sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		w->folders = v;
		w->cap = cap;
	}
	w->folders[w->n++] = *folder;
	return 0;
}

static int take_secondary(struct walk *w, const uint8_t *entry, bool folder)
{
	struct exfat_stream s = exfat_stream_of(entry, entry[EXFAT_E_FLAGS]);
	if (!(entry[0] & EXFAT_IN_USE) || !(entry[0] & EXFAT_SECONDARY))
		return damaged(w);
	if (!(entry[EXFAT_E_FLAGS] & EXFAT_FLAG_ALLOCATION))
		return 0;
	if (folder && entry[0] == EXFAT_STREAM)
		return s.len == 0 || s.len > EXFAT_FOLDER_MAX ? damaged(w) : push(w, &s);
	return exfat_claim(w->x, &s, "a file", NULL, NULL);
}

/* A complete set of a file or folder, or of something that may be ignored but may have clusters. */
static int take_set(struct walk *w)
{
	const uint8_t *primary = w->set.v;
	bool folder = exfat_set_is_folder(&w->set);
	int ret = 0;
	if (!exfat_set_sound(&w->set))
		return damaged(w);
	unsigned int flags = get_le16(primary + E_PRIMARY_FLAGS);
	if (primary[0] & EXFAT_BENIGN && flags & EXFAT_FLAG_ALLOCATION) {
		struct exfat_stream s = exfat_stream_of(primary, flags);
		ret = exfat_claim(w->x, &s, "a file", NULL, NULL);
	}
	for (size_t at = EXFAT_ENTRY_SIZE; !ret && at < w->set.want; at += EXFAT_ENTRY_SIZE)
		ret = take_secondary(w, w->set.v + at, folder);
	return ret;
}

static int take_bitmap(struct walk *w, const uint8_t *entry)
{
	struct exfat *x = w->x;
	if (x->bitmap_cluster || entry[EXFAT_E_FLAGS] & 1)
		return fsmap_whole(x->r, "it has two allocation bitmaps (TexFAT), which this map "
					 "does not know");
	x->bitmap_cluster = get_le32(entry + EXFAT_E_FIRST);
	x->bitmap_len = get_le64(entry + EXFAT_E_LEN);
	return 0;
}

/* Entries that stand alone, only in the root folder. */
static int take_single(struct walk *w, const uint8_t *entry)
{
	struct exfat_stream s = exfat_stream_of(entry, 0);
	if (!w->root)
		return damaged(w);
	if (entry[0] == EXFAT_BITMAP)
		return take_bitmap(w, entry);
	return entry[0] == EXFAT_UPCASE ? exfat_claim(w->x, &s, "the upcase table", NULL, NULL) : 0;
}

static int take_entry(struct walk *w, const uint8_t *entry)
{
	switch (exfat_set_feed(&w->set, entry)) {
	case EXFAT_FEED_SET:
		return take_set(w);
	case EXFAT_FEED_SINGLE:
		return take_single(w, entry);
	case EXFAT_FEED_STRAY:
		return damaged(w);
	case EXFAT_FEED_UNKNOWN:
		return fsmap_whole(w->x->r, "a folder has an entry of unknown type 0x%02x",
				   entry[0]);
	case EXFAT_FEED_END:
		w->ended = true;
		break;
	case EXFAT_FEED_MORE:
		break;
	}
	return 0;
}

/* One cluster of the folder; called through exfat_claim(). */
static int read_folder_cluster(struct exfat *x, uint32_t cluster, void *arg)
{
	struct walk *w = arg;
	uint32_t len = (uint32_t)SV_MIN(x->cluster, w->left);
	if (len == 0)
		return damaged(w);
	w->left -= len;
	for (uint32_t pos = 0; pos < len && !w->ended; pos += READ_UNIT) {
		uint32_t n = SV_MIN(len - pos, (uint32_t)READ_UNIT);
		int ret = fsmap_read_meta(x->r, w->buf, n, exfat_offset(x, cluster) + pos,
					  "a folder");
		for (uint32_t i = 0; !ret && !w->ended && i + EXFAT_ENTRY_SIZE <= n;
		     i += EXFAT_ENTRY_SIZE)
			ret = take_entry(w, w->buf + i);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_folder(struct walk *w, const struct exfat_stream *folder)
{
	w->root = folder->len == EXFAT_OPEN;
	w->ended = false;
	exfat_set_reset(&w->set);
	w->left = w->root ? EXFAT_FOLDER_MAX : folder->len;
	int ret = exfat_claim(w->x, folder, "a folder", read_folder_cluster, w);
	return !ret && w->set.have < w->set.want ? damaged(w) : ret;
}

int exfat_tree_walk(struct exfat *x)
{
	struct walk *w = calloc(1, sizeof(*w));
	if (!w)
		return SV_E_NOMEM;
	w->x = x;
	int ret = push(w, &(struct exfat_stream){.first = x->root_cluster, .len = EXFAT_OPEN});
	while (!ret && w->n > 0) {
		struct exfat_stream folder = w->folders[--w->n];
		ret = read_folder(w, &folder);
	}
	free(w->folders);
	free(w);
	return ret;
}
