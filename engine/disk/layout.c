/* layout.c - the partition table of a disk: who reads it, whether it can be trusted, what is
 * outside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/layout.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREA  (2 * SV_MIB)  /* of each end that libparted sees */
#define PIECE (64 * SV_KIB) /* next try where an area cannot be read at once */

void layout_doubt(struct layout *layout, const char *fmt, ...)
{
	va_list ap;
	if (*layout->doubt)
		return;
	va_start(ap, fmt);
	vsnprintf(layout->doubt, sizeof(layout->doubt), fmt, ap);
	va_end(ap);
}

int layout_add(struct layout *layout, const struct layout_part *part)
{
	struct layout_part *v = realloc(layout->v, (layout->n + 1) * sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	layout->v = v;
	v[layout->n++] = *part;
	return 0;
}

int layout_pieces_add(struct layout_pieces *pieces, uint64_t off, const void *data, size_t len)
{
	struct layout_piece *v = realloc(pieces->v, (pieces->n + 1) * sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	pieces->v = v;
	uint8_t *copy = malloc(len);
	if (!copy)
		return SV_E_NOMEM;
	memcpy(copy, data, len);
	v[pieces->n++] = (struct layout_piece){.off = off, .len = len, .data = copy};
	return 0;
}

void layout_pieces_clear(struct layout_pieces *pieces)
{
	for (size_t i = 0; i < pieces->n; i++)
		free(pieces->v[i].data);
	free(pieces->v);
	memset(pieces, 0, sizeof(*pieces));
}

void layout_destroy(struct layout *layout)
{
	if (!layout)
		return;
	free(layout->v);
	sv_extents_clear(&layout->always);
	free(layout);
}

const struct layout_part *layout_find(const struct layout *layout, int number)
{
	for (size_t i = 0; i < layout->n; i++)
		if (layout->v[i].number == number)
			return &layout->v[i];
	return NULL;
}

uint32_t layout_guess_sector_size(struct blk_dev *file)
{
	uint8_t at512[8], at4096[8];
	if (blk_pread(file, at512, 8, 512, NULL) || blk_pread(file, at4096, 8, 4096, NULL))
		return 512;
	if (!memcmp(at512, "EFI PART", 8))
		return 512;
	if (!memcmp(at4096, "EFI PART", 8))
		return 4096;
	/* a dead primary: only one of the two can have its backup in the last sector */
	if (file->size % 4096 == 0 && !gpt_stands_at(file, 512, file->size / 512 - 1) &&
	    gpt_stands_at(file, 4096, file->size / 4096 - 1))
		return 4096;
	return 512;
}

/* Read an end of the disk. What cannot be read stays zero: a damaged table is a doubt, not an
 * error. */
static void read_area(struct blk_dev *disk, uint8_t *buf, size_t len, uint64_t off)
{
	if (!blk_pread(disk, buf, len, off, NULL))
		return;
	memset(buf, 0, len);
	for (size_t at = 0; at < len; at += PIECE) {
		size_t part = SV_MIN(PIECE, len - at);
		if (blk_pread(disk, buf + at, part, off + at, NULL))
			memset(buf + at, 0, part);
	}
}

static int add_areas(struct blk_dev *disk, const uint8_t *mbr, struct layout_pieces *pieces)
{
	size_t len = (size_t)SV_MIN(AREA, disk->size);
	uint8_t *buf = malloc(len);
	if (!buf)
		return SV_E_NOMEM;
	read_area(disk, buf, len, disk->size - len);
	int rc = layout_pieces_add(pieces, disk->size - len, buf, len);
	if (!rc) {
		read_area(disk, buf, len, 0);
		memcpy(buf, mbr, disk->sector_size);
		rc = layout_pieces_add(pieces, 0, buf, len);
	}
	free(buf);
	return rc;
}

/* Tables we have no parser for: libparted's partitions are the layout. */
static int take_parted(struct layout *layout, const struct parted_view *view)
{
	snprintf(layout->table, sizeof(layout->table), "%s", view->table);
	for (uint32_t i = 0; i < view->n; i++) {
		const struct parted_part *p = &view->v[i];
		struct layout_part part = {.number = p->number,
					   .start = p->start,
					   .size = p->size,
					   .logical = p->logical,
					   .extended = p->extended};
		if (layout_add(layout, &part))
			return SV_E_NOMEM;
	}
	return 0;
}

static bool parted_agrees(const struct layout *layout, const struct parted_view *view)
{
	if (strcmp(layout->table, view->table) || view->n != layout->n)
		return false;
	for (uint32_t i = 0; i < view->n; i++) {
		const struct parted_part *p = &view->v[i];
		const struct layout_part *own = layout_find(layout, p->number);
		if (!own || own->start != p->start || own->size != p->size ||
		    own->extended != p->extended || own->logical != p->logical)
			return false;
	}
	return true;
}

/* Second opinion for gpt and msdos, the only one for the others. */
static int ask_parted(struct layout *layout, const char *disk, const struct layout_pieces *pieces,
		      bool own, struct sv_err *err)
{
	struct parted_view *view = NULL;
	struct sv_err why = {0};
	int rc = parted_look(layout->size, layout->sector_size, pieces, &view, &why);
	if (rc == SV_E_NOMEM)
		return rc;
	if (rc) /* nothing of it is the disk's fault */
		return sv_fail(err, rc, 0, disk, "cannot look at the partition table of %s: %s",
			       disk, why.text);
	if (view->died)
		layout_doubt(layout, "the partition table is so damaged that its reader gave up");
	else if (view->unreadable)
		layout_doubt(layout, "the %s partition table is damaged", view->table);
	else if (own && !parted_agrees(layout, view))
		layout_doubt(layout, "two readers of the partition table do not agree");
	else if (!own && *view->table && strcmp(view->table, "loop"))
		rc = take_parted(layout, view);
	free(view);
	return rc == SV_E_NOMEM ? rc : 0;
}

static int read_table(struct blk_dev *disk, const uint8_t *mbr, struct layout *layout,
		      struct layout_pieces *pieces, struct sv_err *err)
{
	int rc = 0;
	switch (boot_sector_classify(mbr, layout->size / layout->sector_size,
				     layout->sector_size)) {
	case BOOT_GPT:
		rc = gpt_read(disk, layout, pieces);
		break;
	case BOOT_MSDOS:
		rc = msdos_read(disk, mbr, layout, pieces);
		break;
	case BOOT_FILESYSTEM:
		return 0;
	case BOOT_AMBIGUOUS:
		layout_doubt(layout, "the first sector is a filesystem and a partition table");
		return 0;
	case BOOT_OTHER:
		if (gpt_stands_at(disk, layout->sector_size, 1)) {
			layout_doubt(layout, "there is a GPT without its protective MBR");
			return 0;
		}
		return ask_parted(layout, disk->name, pieces, false, err);
	}
	if (!rc && !*layout->doubt)
		rc = ask_parted(layout, disk->name, pieces, true, err);
	return rc;
}

static int by_start(const void *a, const void *b)
{
	const struct layout_part *p = a, *q = b;
	if (p->start != q->start)
		return p->start < q->start ? -1 : 1;
	/* an extended partition before the logical ones in it */
	return (int)q->extended - (int)p->extended;
}

/* Every partition on the disk, none over another, no table inside one. */
static void check_parts(struct layout *layout, const struct layout_pieces *pieces)
{
	uint64_t end = 0, ebr_end = 0;
	for (size_t i = 0; i < layout->n; i++) {
		const struct layout_part *p = &layout->v[i];
		if (!p->size || !sv_range_ok(p->start, p->size, layout->size))
			layout_doubt(layout, "partition %d lies outside of the disk", p->number);
		else if (p->start < (p->extended ? SV_MAX(end, ebr_end) : end) ||
			 (!p->extended && !p->logical && p->start < ebr_end))
			layout_doubt(layout, "partition %d lies over another", p->number);
		if (p->extended)
			ebr_end = p->start + p->size;
		else
			end = p->start + p->size;
		for (size_t k = 0; k < pieces->n && !p->extended; k++)
			if (pieces->v[k].len <= layout->sector_size &&
			    pieces->v[k].off - p->start < p->size)
				layout_doubt(layout, "a partition table lies inside partition %d",
					     p->number);
		if (*layout->doubt)
			return;
	}
}

/* always = what no partition holds, and the last MiB. */
static int find_always(struct layout *layout)
{
	struct sv_extents parts = {0};
	int rc = 0;
	for (size_t i = 0; i < layout->n && !rc; i++)
		if (!layout->v[i].extended)
			rc = sv_extents_add(&parts, layout->v[i].start, layout->v[i].size);
	sv_extents_normalise(&parts);
	if (!rc)
		rc = sv_extents_invert(&layout->always, &parts, layout->size);
	uint64_t last = SV_MIN(SV_MIB, layout->size);
	if (!rc)
		rc = sv_extents_add(&layout->always, layout->size - last, last);
	sv_extents_normalise(&layout->always);
	sv_extents_clear(&parts);
	return rc;
}

static int read_layout(struct blk_dev *disk, struct layout *layout, struct layout_pieces *pieces,
		       struct sv_err *err)
{
	uint8_t *mbr = malloc(disk->sector_size);
	if (!mbr)
		return SV_E_NOMEM;
	int rc = blk_pread(disk, mbr, disk->sector_size, 0, err);
	if (!rc)
		rc = add_areas(disk, mbr, pieces);
	if (!rc)
		rc = read_table(disk, mbr, layout, pieces, err);
	free(mbr);
	if (rc)
		return rc;
	if (layout->n)
		qsort(layout->v, layout->n, sizeof(*layout->v), by_start);
	check_parts(layout, pieces);
	/* partitions of a doubtful table are not to be used by anyone */
	if (*layout->doubt)
		layout->n = 0;
	if (*layout->doubt && !strcmp(layout->table, "none"))
		snprintf(layout->table, sizeof(layout->table), "unknown");
	return find_always(layout);
}

int layout_read(struct blk_dev *disk, struct layout **layout_ret, struct sv_err *err)
{
	struct layout_pieces pieces = {0};
	struct layout *layout = calloc(1, sizeof(*layout));
	int rc = SV_E_NOMEM;
	*layout_ret = NULL;
	if (!layout)
		return sv_fail_nomem(err);
	layout->size = disk->size;
	layout->sector_size = disk->sector_size;
	snprintf(layout->table, sizeof(layout->table), "none");
	if (disk->size / disk->sector_size < 8 || !sv_is_pow2(disk->sector_size))
		rc = find_always(layout);
	else
		rc = read_layout(disk, layout, &pieces, err);
	layout_pieces_clear(&pieces);
	if (rc) {
		layout_destroy(layout);
		return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
	}
	*layout_ret = layout;
	return 0;
}
