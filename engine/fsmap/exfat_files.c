/* exfat_files.c - exFAT: one walk through the folders, and who owns the bytes that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/exfat_set.h"
#include "engine/fsmap/fat_found.h"
#include "engine/fsmap/fat_links.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define PAGE	    FAT_PAGE
#define READ_UNIT   (64u * 1024)
#define BACKUP_BOOT 12 /* sector of the second boot region */
#define E_VALID	    8  /* of a stream entry: bytes of its content that were ever written */

struct finder {
	struct exfat x;
	struct owners *o;
	struct fat_links links;
	struct fat_found found;
	uint8_t *buf; /* READ_UNIT */
	struct exfat_set set;
	uint64_t set_at; /* where its first entry stands */
	bool ended, lost_folder;
	bool broken;	  /* the entry before is lost: this one may belong to it */
	uint32_t *bitmap; /* the bitmap's clusters, as far as they are known */
	size_t n_bitmap;
	uint8_t bits[PAGE]; /* a page of the bitmap */
	uint64_t bits_at;
};

static void say_damaged(struct finder *f)
{
	owners_caution(f->o, "a folder is damaged: owners and names may be missing");
}

/* ---- what entries name ---- */

/* Clusters one after the other need no FAT. */
static int take_content(struct finder *f, const struct owners_file *file,
			const struct exfat_stream *s, uint64_t size)
{
	if (!s->contiguous)
		return fat_links_file(&f->links, file, s->first, s->len, size);
	uint64_t room = (uint64_t)(f->x.clusters - (s->first - 2)) * f->x.cluster;
	if (s->len > room)
		say_damaged(f);
	uint64_t len = s->len > room ? room : sv_round_up(s->len, f->x.cluster);
	return owners_run(f->o, file, exfat_offset(&f->x, s->first), len, 0, size);
}

static int take_file(struct finder *f, uint64_t id, const struct exfat_stream *s, uint64_t size)
{
	struct owners_file file = {.id = id, .kind = FILES_CONTENT};
	struct owners_file more = {.id = id, .kind = FILES_ATTRS};
	size_t before = owners_losses(f->o);
	char name[EXFAT_NAME_MAX];
	int rc = s->len ? take_content(f, &file, s, size) : 0;
	for (size_t at = 2 * (size_t)EXFAT_ENTRY_SIZE; !rc && at < f->set.want;
	     at += EXFAT_ENTRY_SIZE) {
		const uint8_t *entry = f->set.v + at;
		struct exfat_stream extra = exfat_stream_of(entry, entry[EXFAT_E_FLAGS]);
		if (entry[0] & EXFAT_BENIGN && entry[EXFAT_E_FLAGS] & EXFAT_FLAG_ALLOCATION &&
		    fat_links_hold(&f->links, extra.first))
			rc = take_content(f, &more, &extra, extra.len);
	}
	if (rc || owners_losses(f->o) == before)
		return rc;
	exfat_set_name(&f->set, name);
	return fat_found_file(&f->found, id, s->len, name);
}

/* A complete set. */
static int take_set(struct finder *f)
{
	const uint8_t *stream = f->set.v + EXFAT_ENTRY_SIZE;
	uint64_t id = f->set_at / EXFAT_ENTRY_SIZE;
	char name[EXFAT_NAME_MAX];
	if (!exfat_set_sound(&f->set)) {
		say_damaged(f);
		return 0;
	}
	if (f->set.v[0] != EXFAT_FILE)
		return 0;
	struct exfat_stream s = exfat_stream_of(stream, stream[EXFAT_E_FLAGS]);
	if (!(stream[EXFAT_E_FLAGS] & EXFAT_FLAG_ALLOCATION))
		s.len = 0;
	if (s.len && !fat_links_hold(&f->links, s.first)) {
		owners_caution(f->o, "a folder entry points outside of the volume");
		return 0;
	}
	if (!exfat_set_is_folder(&f->set))
		return take_file(f, id, &s, SV_MIN(get_le64(stream + E_VALID), s.len));
	if (!s.len || s.len > EXFAT_FOLDER_MAX) {
		say_damaged(f);
		return 0;
	}
	exfat_set_name(&f->set, name);
	return fat_found_folder(
		&f->found,
		&(struct fat_folder){
			.id = id, .cluster = s.first, .contiguous = s.contiguous, .len = s.len},
		name);
}

/* The clusters of the bitmap or the upcase table; those of the bitmap are kept. */
static int take_table(struct finder *f, const struct exfat_stream *s, const char *what, bool keep)
{
	uint64_t left = s->len / f->x.cluster + (s->len % f->x.cluster != 0);
	uint32_t cluster = s->first;
	int rc = 0;
	left = SV_MIN(left, f->x.clusters);
	if (keep && left && !(f->bitmap = calloc((size_t)left, sizeof(*f->bitmap))))
		return SV_E_NOMEM;
	for (; !rc && left && fat_links_hold(&f->links, cluster); left--) {
		rc = owners_metadata(f->o, exfat_offset(&f->x, cluster), f->x.cluster, what);
		if (keep)
			f->bitmap[f->n_bitmap++] = cluster;
		if (!rc && left > 1)
			rc = fat_links_get(&f->links, cluster, &cluster);
	}
	return SV_MIN(rc, 0);
}

static int take_single(struct finder *f, const uint8_t *entry)
{
	struct exfat_stream s = exfat_stream_of(entry, 0);
	if (f->found.dir.id != FAT_ROOT_ID)
		return 0;
	if (entry[0] == EXFAT_UPCASE)
		return take_table(f, &s, "the upcase table", false);
	if (entry[0] != EXFAT_BITMAP || f->bitmap || s.len != (f->x.clusters + 7u) / 8)
		return 0;
	return take_table(f, &s, "the allocation bitmap", true);
}

/* ---- folders ---- */

static int take_entry(struct finder *f, const uint8_t *entry, uint64_t at)
{
	enum exfat_feed feed = exfat_set_feed(&f->set, entry);
	if (f->set.have == EXFAT_ENTRY_SIZE)
		f->set_at = at;
	if (feed != EXFAT_FEED_STRAY)
		f->broken = false;
	switch (feed) {
	case EXFAT_FEED_SET:
		return take_set(f);
	case EXFAT_FEED_SINGLE:
		return take_single(f, entry);
	case EXFAT_FEED_STRAY:
		if (!f->broken)
			say_damaged(f);
		break;
	case EXFAT_FEED_UNKNOWN:
		say_damaged(f);
		break;
	case EXFAT_FEED_END:
		f->ended = true;
		break;
	case EXFAT_FEED_MORE:
		break;
	}
	return 0;
}

static int read_entries(struct finder *f, uint64_t at, size_t len)
{
	int rc = owners_touch(f->o, at, len) ? FSMAP_IS_WHOLE
					     : fsmap_read_hint(f->x.r, f->buf, len, at, "a folder");
	if (rc > 0) {
		f->lost_folder = f->broken = true;
		exfat_set_reset(&f->set);
		return 0;
	}
	for (size_t i = 0; !rc && !f->ended && i + EXFAT_ENTRY_SIZE <= len; i += EXFAT_ENTRY_SIZE)
		rc = take_entry(f, f->buf + i, at + i);
	return rc;
}

/* A stretch of a folder; sector by sector where some of it is lost. */
static int read_stretch(struct finder *f, uint64_t at, uint64_t len)
{
	struct owners_file file = {.id = f->found.dir.id, .kind = FILES_ENTRIES};
	size_t before = owners_losses(f->o);
	int rc = owners_run(f->o, &file, at, len, 0, UINT64_MAX);
	f->found.dir_hit = f->found.dir_hit || owners_losses(f->o) > before;
	uint64_t step = owners_touch(f->o, at, len) ? PAGE : READ_UNIT;
	for (uint64_t pos = 0; !rc && pos < len && !f->ended; pos += step)
		rc = read_entries(f, at + pos, (size_t)SV_MIN(len - pos, step));
	return rc;
}

static int next_cluster(struct finder *f, uint32_t *cluster)
{
	struct owners_file file = {.id = f->found.dir.id, .kind = FILES_ENTRIES};
	size_t before = owners_losses(f->o);
	if (f->found.dir.contiguous) {
		*cluster = fat_links_hold(&f->links, *cluster + 1) ? *cluster + 1 : 0;
		return 0;
	}
	int rc = fat_links_follow(&f->links, &file, cluster, 0, 0);
	f->found.dir_hit = f->found.dir_hit || owners_losses(f->o) > before;
	return rc;
}

static int read_folder(void *arg)
{
	struct finder *f = arg;
	uint64_t left = f->found.dir.len;
	uint32_t cluster = f->found.dir.cluster;
	int rc = 0;
	f->ended = f->broken = false;
	exfat_set_reset(&f->set);
	while (!rc && cluster && left && !owners_stopped(f->o)) {
		uint64_t n = SV_MIN(left, f->x.cluster);
		left -= n;
		rc = read_stretch(f, exfat_offset(&f->x, cluster), n);
		if (!rc && left)
			rc = next_cluster(f, &cluster);
	}
	return rc;
}

/* ---- metadata and what is free ---- */

static int take_fixed(struct finder *f)
{
	int rc = owners_metadata(f->o, 0, f->x.fat_start, "the boot region");
	return rc ? rc
		  : owners_metadata(f->o, f->x.fat_start, f->x.heap_start - f->x.fat_start,
				    "the FAT");
}

/* By the bitmap; where that is lost, a cluster is not free. */
static int is_free(void *arg, uint32_t cluster, bool *unused)
{
	struct finder *f = arg;
	uint64_t byte = (cluster - 2) / 8, page = sv_round_down(byte, PAGE);
	size_t i = (size_t)(byte / f->x.cluster);
	*unused = false;
	if (i >= f->n_bitmap)
		return 0;
	if (f->bits_at != page) {
		uint64_t at = exfat_offset(&f->x, f->bitmap[i]) + page % f->x.cluster;
		f->bits_at = UINT64_MAX;
		int rc = fsmap_read_hint(f->x.r, f->bits, PAGE, at, "the allocation bitmap");
		if (rc)
			return SV_MIN(rc, 0);
		f->bits_at = page;
	}
	*unused = !(f->bits[byte % PAGE] >> (cluster - 2) % 8 & 1);
	return 0;
}

/* ---- the volume ---- */

static int prepare(struct finder *f)
{
	const struct exfat *x = &f->x;
	f->links = (struct fat_links){.r = x->r,
				      .o = f->o,
				      .bits = 32,
				      .exfat = true,
				      .copies = 1,
				      .fat_start = x->fat_start,
				      .fat_len = ((uint64_t)x->clusters + 2) * 4,
				      .clusters = x->clusters,
				      .cluster = x->cluster,
				      .data_start = x->heap_start};
	f->bits_at = UINT64_MAX;
	f->buf = malloc(READ_UNIT);
	if (!f->buf || fat_found_open(&f->found, f->o, x->clusters))
		return SV_E_NOMEM;
	return fat_links_open(&f->links);
}

static int find_owners(struct finder *f)
{
	struct fat_folder root = {.id = FAT_ROOT_ID, .len = EXFAT_FOLDER_MAX};
	int rc = exfat_boot_read(&f->x, 0);
	if (rc > 0)
		rc = exfat_boot_read(&f->x, (uint64_t)BACKUP_BOOT * fsmap_sector_size(f->x.r));
	if (!rc)
		rc = prepare(f);
	if (!rc)
		rc = take_fixed(f);
	root.cluster = f->x.root_cluster;
	if (!rc)
		rc = fat_found_walk(&f->found, &root, read_folder, f);
	if (f->x.dirty)
		owners_caution(f->o, "it was not shut down cleanly: owners may be missing");
	if (!rc && !(f->x.dirty && f->lost_folder))
		rc = fat_links_find_free(&f->links, is_free, f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : fat_found_name(&f->found);
}

int exfat_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct finder *f = calloc(1, sizeof(*f));
	if (!f)
		return SV_E_NOMEM;
	f->x.r = r;
	f->o = o;
	int rc = find_owners(f);
	fat_found_close(&f->found);
	fat_links_close(&f->links);
	free(f->bitmap);
	free(f->buf);
	free(f);
	return rc;
}
