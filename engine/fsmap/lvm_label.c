/* lvm_label.c - LVM2: label, header of the physical volume, metadata areas, and the text in them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

/* lvm2 lib/label/label.h, lib/format_text/layout.h */
enum {
	LABEL_SECTORS = 4, /* the label is in one of the first four */
	LABEL_SECTOR = 8,
	LABEL_CRC = 16,
	LABEL_OFFSET = 20, /* also where the checksum begins, and of the header below */
	LABEL_TYPE = 24,

	PV_AREAS = 40, /* {offset, size} each: data areas, an empty one, metadata areas, an empty
			  one */
	AREA_LEN = 16,
	AREAS_MAX = 4,	   /* metadata areas: lvm2 makes two at most */
	USUAL_AREA = 4096, /* the first one's place, whatever stands in the label */

	MDA_CRC = 0,
	MDA_MAGIC = 4,
	MDA_VERSION = 20,
	MDA_START = 24,
	MDA_SIZE = 32,
	MDA_LOCNS = 40, /* {offset, size, crc, flags}: the text, and one that is being written */
	MDA_HEADER = 512,
	LOCN_LEN = 24,
	LOCN_IGNORED = 1, /* in flags */
};
#define CRC_START 0xf597a6cfu
#define MAGIC	  " LVM2 x[5A%r0N*>"

struct area {
	uint64_t start, size;
};

static int find_label(struct lvm_pv *pv, uint8_t *label)
{
	bool found = false, gaps = false, ok = false;
	for (uint64_t i = 0; i < LABEL_SECTORS; i++) {
		uint8_t sector[LVM_SECTOR];
		int ret = fsmap_read_maybe(pv->r, sector, sizeof(sector), i * LVM_SECTOR,
					   "the LVM label", &ok);
		if (ret)
			return ret;
		gaps = gaps || !ok;
		if (!ok || memcmp(sector, "LABELONE", 8) != 0 ||
		    get_le64(sector + LABEL_SECTOR) != i)
			continue;
		if (found)
			return fsmap_whole(pv->r, "it has more than one LVM label");
		memcpy(label, sector, sizeof(sector));
		found = true;
	}
	pv->unlabelled = gaps && !found;
	if (pv->unlabelled)
		return 0;
	if (!found)
		return fsmap_whole(pv->r, "its LVM label is missing");
	if (memcmp(label + LABEL_TYPE, "LVM2 001", 8) != 0)
		return fsmap_whole(pv->r, "its LVM label is of an unknown type");
	if (sv_crc32_raw(CRC_START, label + LABEL_OFFSET, LVM_SECTOR - LABEL_OFFSET) !=
	    get_le32(label + LABEL_CRC))
		return fsmap_whole(pv->r, "its LVM label has a wrong checksum");
	return 0;
}

/* The next area of a list; false at its end, and where it would leave the sector. */
static bool next_area(const uint8_t *label, size_t *at, struct area *area)
{
	if (*at + AREA_LEN > LVM_SECTOR)
		return false;
	area->start = get_le64(label + *at);
	area->size = get_le64(label + *at + 8);
	*at += AREA_LEN;
	return area->start != 0;
}

static int read_areas(struct lvm_pv *pv, const uint8_t *label, struct area *areas, size_t *n)
{
	size_t header = get_le32(label + LABEL_OFFSET), at = header + PV_AREAS;
	struct area area;
	if (header < LABEL_TYPE + 8 || at > LVM_SECTOR)
		return fsmap_whole(pv->r, "the header of its LVM label is out of place");
	memcpy(pv->uuid, label + header, LVM_UUID_LEN);
	while (next_area(label, &at, &area))
		; /* data areas: the text is more exact about them */
	for (*n = 0; next_area(label, &at, &area); (*n)++) {
		if (*n == AREAS_MAX)
			return fsmap_whole(pv->r, "it has too many areas of LVM metadata");
		areas[*n] = area;
	}
	return 0;
}

static int read_header(struct lvm_pv *pv, const struct area *area, uint8_t *header)
{
	int ret = fsmap_read_meta(pv->r, header, MDA_HEADER, area->start, "LVM metadata");
	if (ret)
		return ret;
	if (sv_crc32_raw(CRC_START, header + MDA_MAGIC, MDA_HEADER - MDA_MAGIC) !=
	    get_le32(header + MDA_CRC))
		return fsmap_whole(pv->r, "the header of its LVM metadata has a wrong checksum");
	if (memcmp(header + MDA_MAGIC, MAGIC, 16) != 0 || get_le32(header + MDA_VERSION) != 1 ||
	    get_le64(header + MDA_START) != area->start)
		return fsmap_whole(pv->r, "the header of its LVM metadata is malformed");
	return 0;
}

/* The text is in a ring behind the header. */
static int read_text(struct lvm_pv *pv, const uint8_t *header, char **text_ret, size_t *len_ret)
{
	const uint8_t *locn = header + MDA_LOCNS;
	uint64_t start = get_le64(header + MDA_START), size = get_le64(header + MDA_SIZE);
	uint64_t off = get_le64(locn), len = get_le64(locn + 8);
	if (off < MDA_HEADER || off >= size || !len || len > LVM_TEXT_MAX ||
	    size < MDA_HEADER + len || !sv_range_ok(start, size, fsmap_size(pv->r)))
		return fsmap_whole(pv->r, "its LVM metadata is out of place");
	char *text = malloc(len + 1);
	if (!text)
		return SV_E_NOMEM;
	size_t first = (size_t)SV_MIN(len, size - off), rest = (size_t)len - first;
	int ret = fsmap_read_meta(pv->r, text, first, start + off, "LVM metadata");
	if (!ret && rest)
		ret = fsmap_read_meta(pv->r, text + first, rest, start + MDA_HEADER,
				      "LVM metadata");
	if (!ret && sv_crc32_raw(CRC_START, text, len) != get_le32(locn + 16))
		ret = fsmap_whole(pv->r, "its LVM metadata has a wrong checksum");
	text[len] = '\0';
	*text_ret = text;
	*len_ret = strlen(text);
	return ret;
}

/* Take the text of one area; a second one must be the same. */
static int take_area(struct lvm_pv *pv, const struct area *area)
{
	uint8_t header[MDA_HEADER];
	char *text = NULL;
	size_t len = 0;
	int ret = read_header(pv, area, header);
	if (ret)
		return ret;
	if (get_le64(header + MDA_LOCNS + LOCN_LEN))
		ret = fsmap_doubt(pv->r, "its LVM metadata was being changed");
	if (ret)
		return ret;
	if (get_le32(header + MDA_LOCNS + 20) & LOCN_IGNORED)
		return 0;
	if (!get_le64(header + MDA_LOCNS))
		return fsmap_whole(pv->r, "it belongs to no volume group");
	ret = read_text(pv, header, &text, &len);
	if (!ret && pv->text && (len != pv->len || memcmp(text, pv->text, len) != 0))
		ret = fsmap_whole(pv->r, "the copies of its LVM metadata differ");
	if (ret || pv->text) {
		free(text);
		return ret;
	}
	pv->text = text;
	pv->len = len;
	return 0;
}

int lvm_label_read(struct lvm_pv *pv)
{
	uint8_t label[LVM_SECTOR];
	struct area areas[AREAS_MAX];
	size_t n = 0;
	int ret = find_label(pv, label);
	if (!ret && pv->unlabelled)
		areas[n++].start = USUAL_AREA;
	else if (!ret)
		ret = read_areas(pv, label, areas, &n);
	for (size_t i = 0; !ret && i < n; i++)
		ret = take_area(pv, &areas[i]);
	if (!ret && !pv->text)
		ret = fsmap_whole(pv->r, "its LVM metadata is on other disks");
	return ret;
}
