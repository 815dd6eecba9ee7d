/* fat_links.c - FAT and exFAT: chains of clusters on a volume of which parts are lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/fat_links.h"

#include "engine/fsmap/fat.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS	1024u
#define NO_PAGE UINT64_MAX

int fat_links_open(struct fat_links *l)
{
	l->pages = malloc((size_t)SLOTS * FAT_PAGE);
	l->tags = malloc(SLOTS * sizeof(*l->tags));
	if (!l->pages || !l->tags)
		return SV_E_NOMEM;
	memset(l->tags, 0xff, SLOTS * sizeof(*l->tags));
	l->budget = 4ull * l->clusters;
	return 0;
}

void fat_links_close(struct fat_links *l)
{
	free(l->pages);
	free(l->tags);
}

/* A page of the FAT from the first copy that has it; 1 = all have lost it. */
static int load_page(struct fat_links *l, uint64_t page)
{
	uint64_t off = page * FAT_PAGE;
	size_t len = (size_t)SV_MIN(FAT_PAGE, l->fat_len - off), slot = page % SLOTS;
	int rc = FSMAP_IS_WHOLE;
	l->tags[slot] = NO_PAGE;
	for (unsigned int c = 0; rc > 0 && c < l->copies; c++)
		rc = fsmap_read_hint(l->r, l->pages + slot * FAT_PAGE, len,
				     l->fat_start + c * l->fat_len + off, "the FAT");
	if (!rc)
		l->tags[slot] = page;
	return rc;
}

static int get_byte(struct fat_links *l, uint64_t off, uint8_t *byte)
{
	uint64_t page = off / FAT_PAGE;
	int rc = l->tags[page % SLOTS] == page ? 0 : load_page(l, page);
	*byte = l->pages[page % SLOTS * FAT_PAGE + off % FAT_PAGE];
	return rc;
}

/* Where a cluster's link stands in the FAT. */
static uint64_t link_offset(const struct fat_links *l, uint32_t cluster)
{
	return (uint64_t)cluster * l->bits / 8;
}

int fat_links_get(struct fat_links *l, uint32_t cluster, uint32_t *value)
{
	uint8_t raw[4] = {0};
	size_t len = l->bits == 32 ? 4 : 2;
	int rc = 0;
	for (size_t i = 0; !rc && i < len; i++)
		rc = get_byte(l, link_offset(l, cluster) + i, &raw[i]);
	if (l->exfat)
		*value = get_le32(raw);
	else if (l->bits == 12)
		*value = cluster % 2 ? get_le16(raw) >> 4 : get_le16(raw) & 0xfff;
	else
		*value = fat_entry(l->bits, raw, 0);
	return rc;
}

static bool is_end(const struct fat_links *l, uint32_t value)
{
	if (l->exfat)
		return value == UINT32_MAX;
	return value >= (l->bits == 32 ? 0x0ffffff8u : l->bits == 16 ? 0xfff8u : 0xff8u);
}

int fat_links_follow(struct fat_links *l, const struct owners_file *file, uint32_t *cluster,
		     uint64_t start, uint64_t size)
{
	struct owners_file map = {.id = file->id, .kind = FILES_MAP};
	uint64_t at = sv_round_down(link_offset(l, *cluster), FAT_PAGE),
		 left = size - SV_MIN(start, size);
	uint32_t value = 0;
	int rc = fat_links_get(l, *cluster, &value);
	*cluster = 0;
	if (rc > 0)
		return owners_lose(l->o, &map, l->fat_start + at, 2ull * FAT_PAGE, start, left);
	if (rc)
		return rc;
	if (fat_links_hold(l, value) && l->budget) {
		l->budget--;
		*cluster = value;
	} else if (!is_end(l, value)) {
		owners_caution(l->o, "chains in the FAT are damaged: owners may be missing");
	}
	return 0;
}

int fat_links_file(struct fat_links *l, const struct owners_file *file, uint32_t cluster,
		   uint64_t len, uint64_t size)
{
	uint64_t bytes = l->cluster;
	int rc = 0;
	for (uint64_t start = 0; !rc && cluster && start < len; start += bytes) {
		rc = owners_run(l->o, file, fat_links_offset(l, cluster), bytes, start, size);
		if (!rc && start + bytes < len)
			rc = fat_links_follow(l, file, &cluster, start + bytes, size);
	}
	return rc;
}

typedef int (*is_free_fn)(void *arg, uint32_t cluster, bool *unused);

static int free_piece(struct fat_links *l, const struct sv_extent *piece, is_free_fn is_free,
		      void *arg)
{
	uint64_t end = l->data_start + (uint64_t)l->clusters * l->cluster;
	uint64_t pos = SV_MAX(piece->start, l->data_start), next;
	int rc = 0;
	end = SV_MIN(end, piece->start + piece->len);
	for (; !rc && pos < end; pos = next) {
		uint64_t i = (pos - l->data_start) / l->cluster;
		bool unused;
		next = SV_MIN(l->data_start + (i + 1) * l->cluster, end);
		rc = is_free(arg, (uint32_t)i + 2, &unused);
		if (!rc && unused)
			rc = owners_free(l->o, pos, next - pos);
	}
	return rc;
}

int fat_links_find_free(struct fat_links *l, is_free_fn is_free, void *arg)
{
	struct sv_extents rest = {0};
	int rc = owners_rest(l->o, &rest);
	for (size_t i = 0; !rc && i < rest.n; i++)
		rc = free_piece(l, &rest.v[i], is_free, arg);
	sv_extents_clear(&rest);
	return rc;
}
