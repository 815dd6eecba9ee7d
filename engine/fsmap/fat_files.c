/* fat_files.c - FAT: one walk through the folders, and who owns the bytes that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat.h"
#include "engine/fsmap/fat_found.h"
#include "engine/fsmap/fat_links.h"
#include "engine/fsmap/fat_names.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define ENTRY_SIZE  FAT_ENTRY_SIZE
#define BACKUP_BOOT 6 /* sector of FAT32's second boot sector, where every mkfs puts it */

struct finder {
	struct fat *fat;
	struct owners *o;
	struct fat_links links;
	struct fat_found found;
	uint8_t *buf; /* a cluster */
	struct fat_name name;
	bool lost_folder, ended;
};

/* `at`: where the entry stands on the volume. */
static int take_entry(struct finder *f, const uint8_t *entry, uint64_t at)
{
	struct owners_file file = {.id = at / ENTRY_SIZE, .kind = FILES_CONTENT};
	uint32_t cluster = fat_entry_cluster(f->fat->bits, entry);
	size_t before = owners_losses(f->o);
	char name[FAT_NAME_MAX];
	fat_name_get(&f->name, entry, name);
	if (!cluster || fat_entry_is_dots(entry))
		return 0;
	if (!fat_links_hold(&f->links, cluster)) {
		owners_caution(f->o, "a folder entry points outside of the volume");
		return 0;
	}
	if (fat_entry_is_folder(entry)) {
		struct fat_folder folder = {.id = file.id, .cluster = cluster};
		return fat_found_folder(&f->found, &folder, name);
	}
	uint64_t size = fat_entry_size(entry);
	int rc = fat_links_file(&f->links, &file, cluster, size, size);
	if (rc || owners_losses(f->o) == before)
		return rc;
	return fat_found_file(&f->found, file.id, size, name);
}

static int read_entries(struct finder *f, const uint8_t *buf, size_t len, uint64_t at)
{
	int rc = 0;
	for (size_t i = 0; !rc && !f->ended && i + ENTRY_SIZE <= len; i += ENTRY_SIZE) {
		switch (fat_name_feed(&f->name, buf + i)) {
		case FAT_FEED_END:
			f->ended = true;
			break;
		case FAT_FEED_RUBBISH:
			owners_caution(f->o, "a folder holds rubbish: names in it may be missing");
			f->ended = true;
			break;
		case FAT_FEED_FILE:
			rc = take_entry(f, buf + i, at + i);
			break;
		case FAT_FEED_MORE:
			break;
		}
	}
	return rc;
}

/* A stretch of a folder; sector by sector where some of it is lost. */
static int read_stretch(struct finder *f, uint64_t at, uint64_t len)
{
	struct owners_file file = {.id = f->found.dir.id, .kind = FILES_ENTRIES};
	size_t before = owners_losses(f->o);
	int rc = owners_run(f->o, &file, at, len, 0, UINT64_MAX);
	f->found.dir_hit = f->found.dir_hit || owners_losses(f->o) > before;
	size_t step = owners_touch(f->o, at, len) ? FAT_PAGE : f->fat->cluster;
	for (uint64_t pos = 0; rc >= 0 && pos < len && !f->ended; pos += step) {
		size_t n = (size_t)SV_MIN(len - pos, step);
		rc = owners_touch(f->o, at + pos, n)
			     ? FSMAP_IS_WHOLE
			     : fsmap_read_hint(f->fat->r, f->buf, n, at + pos, "a folder");
		f->lost_folder = f->lost_folder || rc > 0;
		if (rc > 0)
			fat_name_reset(&f->name);
		else if (!rc)
			rc = read_entries(f, f->buf, n, at + pos);
	}
	return SV_MIN(rc, 0);
}

/* The root folder of FAT12 and FAT16 has a place of its own. */
static int read_folder(void *arg)
{
	struct finder *f = arg;
	struct owners_file file = {.id = f->found.dir.id, .kind = FILES_ENTRIES};
	uint32_t cluster = f->found.dir.cluster;
	int rc = 0;
	f->ended = false;
	fat_name_reset(&f->name);
	if (!cluster)
		return read_stretch(f, f->fat->root_start, f->fat->root_len);
	while (!rc && cluster && !owners_stopped(f->o)) {
		rc = read_stretch(f, fat_links_offset(&f->links, cluster), f->fat->cluster);
		size_t before = owners_losses(f->o);
		if (!rc)
			rc = fat_links_follow(&f->links, &file, &cluster, 0, 0);
		f->found.dir_hit = f->found.dir_hit || owners_losses(f->o) > before;
	}
	return rc;
}

/* ---- metadata and what is free ---- */

static int take_tables(struct finder *f)
{
	struct fat *fat = f->fat;
	int rc = owners_metadata(f->o, 0, fat->fat_start, "the boot sectors");
	for (unsigned int c = 0; !rc && c < fat->copies; c++)
		rc = owners_metadata(f->o, fat->fat_start + c * fat->fat_len, fat->fat_len,
				     "a copy of the FAT");
	return rc;
}

/* A cluster is free when every copy of the FAT that can be read says so. */
static int is_free(void *arg, uint32_t cluster, bool *unused)
{
	struct finder *f = arg;
	uint32_t value = 1;
	int rc = fat_links_get(&f->links, cluster, &value);
	*unused = !rc && value == 0;
	for (unsigned int c = 1; *unused && c < f->fat->copies; c++)
		if (!fat_lookup(f->fat, c, cluster, &value) && value)
			*unused = false;
	return SV_MIN(rc, 0);
}

/* ---- the volume ---- */

static int prepare(struct finder *f)
{
	struct fat *fat = f->fat;
	f->links = (struct fat_links){.r = fat->r,
				      .o = f->o,
				      .bits = fat->bits,
				      .copies = fat->copies,
				      .fat_start = fat->fat_start,
				      .fat_len = fat->fat_len,
				      .clusters = fat->clusters,
				      .cluster = fat->cluster,
				      .data_start = fat->data_start};
	f->buf = malloc(SV_MAX(fat->cluster, FAT_PAGE));
	if (!f->buf || fat_found_open(&f->found, f->o, fat->clusters))
		return SV_E_NOMEM;
	return fat_links_open(&f->links);
}

static int find_owners(struct finder *f)
{
	struct fat_folder root = {.id = FAT_ROOT_ID};
	int rc = fat_boot_read(f->fat, 0);
	if (rc > 0)
		rc = fat_boot_read(f->fat, (uint64_t)BACKUP_BOOT * fsmap_sector_size(f->fat->r));
	if (!rc)
		rc = prepare(f);
	if (!rc)
		rc = take_tables(f);
	root.cluster = f->fat->bits == 32 ? f->fat->root_cluster : 0;
	if (!rc)
		rc = fat_found_walk(&f->found, &root, read_folder, f);
	if (f->fat->dirty)
		owners_caution(f->o, "it was not shut down cleanly: owners may be missing");
	if (!rc && !(f->fat->dirty && f->lost_folder))
		rc = fat_links_find_free(&f->links, is_free, f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : fat_found_name(&f->found);
}

int fat_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct fat fat = {.r = r, .alone = true};
	struct finder f = {.fat = &fat, .o = o};
	int rc = find_owners(&f);
	fat_found_close(&f.found);
	fat_links_close(&f.links);
	free(f.buf);
	return rc;
}
