/* ntfs_walk.c - every cluster that any MFT record holds must be used in $Bitmap, or becomes it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"
#include "engine/util/extent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Clusters are collected and compared in one pass along $Bitmap, so that a large volume costs
 * neither its bitmap in memory nor random reads. */
#define COLLECT_MAX    (1u << 20)
#define READ_ERRORS    8 /* pieces of $MFT that may fail while we look for hiberfil.sys */
#define LAST_CORE      NTFS_REC_BADCLUS
#define FILE_NAME_LEN  0x40 /* kernel fs/ntfs3/ntfs.h, struct ATTR_FILE_NAME */
#define FILE_NAME_TEXT 0x42
#define REF_NUMBER(x)  ((x)&0xffffffffffffULL)

struct walker {
	struct ntfs_vol *v;
	struct sv_extents held; /* in clusters */
	struct ntfs_window in_use;
	struct ntfs_window bitmap;
	bool unite; /* what $Bitmap lacks is used, too */
};

/* The first clear bit of [from, to); `to` when all are set. */
static size_t find_clear(const uint8_t *bits, size_t from, size_t to)
{
	while (from < to) {
		if (from % 8 == 0 && to - from >= 8 && bits[from / 8] == 0xff)
			from += 8;
		else if (bits[from / 8] >> (from % 8) & 1)
			from++;
		else
			return from;
	}
	return to;
}

static size_t find_set(const uint8_t *bits, size_t from, size_t to)
{
	while (from < to && !(bits[from / 8] >> (from % 8) & 1))
		from++;
	return from;
}

/* What is clear in [from, to) of the window. */
static int judge_clear(struct walker *w, size_t from, size_t to)
{
	uint32_t cluster = w->v->cluster;
	uint64_t first = w->bitmap.start * 8;
	size_t end;
	int rc = 0;
	for (; !rc && (from = find_clear(w->bitmap.buf, from, to)) < to; from = end) {
		if (!w->unite)
			return ntfs_doubt(
				w->v, "cluster %" PRIu64 " belongs to a file but is marked free",
				first + from);
		end = find_set(w->bitmap.buf, from, to);
		rc = fsmap_mark_used(w->v->r, (first + from) * cluster,
				     (uint64_t)(end - from) * cluster);
	}
	return rc;
}

static int compare_range(struct walker *w, uint64_t start, uint64_t len)
{
	while (len) {
		int rc = ntfs_window_seek(w->v, &w->bitmap, start / 8);
		if (rc)
			return rc;
		size_t from = (size_t)(start - w->bitmap.start * 8);
		size_t to = (size_t)SV_MIN(from + len, (uint64_t)w->bitmap.len * 8);
		rc = judge_clear(w, from, to);
		if (rc)
			return rc;
		start += to - from;
		len -= to - from;
	}
	return 0;
}

/* Compare what was collected with $Bitmap. */
static int compare(struct walker *w)
{
	int rc = 0;
	sv_extents_normalise(&w->held);
	for (size_t i = 0; !rc && !w->v->doubt[0] && i < w->held.n; i++)
		rc = compare_range(w, w->held.v[i].start, w->held.v[i].len);
	sv_extents_clear(&w->held);
	return rc;
}

static int collect(struct walker *w, const struct ntfs_run *run)
{
	int rc = sv_extents_add(&w->held, run->lcn, run->len);
	if (rc || w->held.n < COLLECT_MAX)
		return rc;
	sv_extents_normalise(&w->held);
	return w->held.n < COLLECT_MAX / 2 ? 0 : compare(w);
}

static int walk_runs(struct walker *w, uint64_t number, const struct ntfs_attr *a)
{
	struct ntfs_run_iter it;
	struct ntfs_run run;
	int more, rc = 0;
	ntfs_runs_start(&it, a);
	while (!rc && (more = ntfs_runs_next(&it, w->v->clusters, &run)) == 1)
		if (run.lcn != NTFS_HOLE)
			rc = collect(w, &run);
	if (!rc && (more < 0 || it.vcn != a->end))
		rc = ntfs_doubt(w->v, "a run list of MFT record %" PRIu64 " is damaged", number);
	return rc;
}

/* A hole as large as the volume, with runs where clusters are bad. */
static bool is_bad_list(uint64_t owner, const struct ntfs_attr *a)
{
	return owner == NTFS_REC_BADCLUS && a->type == NTFS_AT_DATA &&
	       ntfs_name_is(a->name, a->name_len, "$Bad");
}

void ntfs_note_name(struct ntfs_vol *v, uint64_t owner, const struct ntfs_attr *a)
{
	if (!a->resident || a->value_len < FILE_NAME_TEXT ||
	    REF_NUMBER(get_le64(a->value)) != NTFS_REC_ROOT)
		return;
	size_t len = a->value[FILE_NAME_LEN];
	if (len * 2 > a->value_len - FILE_NAME_TEXT ||
	    !ntfs_name_is(a->value + FILE_NAME_TEXT, len, "hiberfil.sys"))
		return;
	if (v->hiberfil && v->hiberfil != owner)
		ntfs_doubt(v, "there is more than one hiberfil.sys");
	else
		v->hiberfil = owner;
}

static int walk_attrs(struct walker *w, uint64_t number, const uint8_t *rec)
{
	struct ntfs_vol *v = w->v;
	uint64_t base = ntfs_record_base(rec), owner = base ? base : number;
	struct ntfs_attr a;
	uint32_t pos = 0;
	int more, rc = 0;
	while ((more = ntfs_attr_next(rec, v->record, &pos, &a)) == 1 && rc >= 0) {
		if (a.type == NTFS_AT_FILE_NAME)
			ntfs_note_name(v, owner, &a);
		if (!a.resident && !is_bad_list(owner, &a) && !v->doubt[0])
			rc = walk_runs(w, number, &a);
	}
	if (more < 0)
		ntfs_doubt(v, "MFT record %" PRIu64 " is damaged", number);
	return SV_MIN(rc, 0);
}

/*
 * A record that is not in use, and not only in $MFT's bitmap: the deletion may be undone. Its run
 * lists are read as far as they can be: that they are right nobody promises any more.
 */
static int walk_freed(struct walker *w, const uint8_t *rec)
{
	struct ntfs_attr a;
	struct ntfs_run_iter it;
	struct ntfs_run run;
	uint32_t pos = 0;
	int rc = 0;
	while (!rc && ntfs_attr_next(rec, w->v->record, &pos, &a) == 1) {
		if (a.resident)
			continue;
		ntfs_runs_start(&it, &a);
		while (!rc && ntfs_runs_next(&it, w->v->clusters, &run) == 1)
			if (run.lcn != NTFS_HOLE)
				rc = collect(w, &run);
	}
	return SV_MIN(rc, 0);
}

/* $MFT's own bitmap tells which records count; past its end none does. */
static int record_counts(struct walker *w, uint64_t number, bool *counts)
{
	struct ntfs_stream *s = &w->v->mft_bitmap;
	*counts = false;
	if (number / 8 >= s->valid)
		return 0;
	int rc = ntfs_window_seek(w->v, &w->in_use, number / 8);
	if (!rc)
		*counts = w->in_use.buf[number / 8 - w->in_use.start] >> (number % 8) & 1;
	else
		s->valid = 0; /* it is whole anyway; do not try a bad place again and again */
	return SV_MIN(rc, 0);
}

static int walk_record(struct walker *w, uint64_t number, uint8_t *rec)
{
	struct ntfs_vol *v = w->v;
	bool counts, good;
	int rc = record_counts(w, number, &counts);
	if (rc < 0)
		return rc;
	if (number == NTFS_REC_MFT)
		memcpy(rec, v->record0, v->record);
	good = number == NTFS_REC_MFT || ntfs_record_open(rec, v->record);
	if (!good && (counts || number <= LAST_CORE))
		ntfs_doubt(v, "MFT record %" PRIu64 " is damaged", number);
	if (!good)
		return 0;
	if (ntfs_record_in_use(rec))
		return walk_attrs(w, number, rec);
	if (number <= LAST_CORE)
		ntfs_doubt(v, "MFT record %" PRIu64 " is not in use", number);
	return w->unite && !v->doubt[0] ? walk_freed(w, rec) : 0;
}

static int walk_piece(struct walker *w, uint8_t *buf, size_t len, uint64_t off)
{
	struct ntfs_vol *v = w->v;
	int rc = ntfs_stream_read(v, &v->mft, buf, len, off, false);
	for (size_t at = 0; !rc && len - at >= v->record; at += v->record)
		rc = walk_record(w, (off + at) / v->record, buf + at);
	return rc;
}

static int walk_mft(struct walker *w, uint8_t *buf)
{
	struct ntfs_vol *v = w->v;
	uint64_t end = SV_MIN(v->mft.size, v->mft.valid);
	int failed = 0;
	for (uint64_t off = 0; off < end && failed < READ_ERRORS; off += NTFS_PIECE) {
		int rc = walk_piece(w, buf, (size_t)SV_MIN(end - off, NTFS_PIECE), off);
		if (rc < 0)
			return rc;
		failed += rc != 0;
		if (v->doubt[0] && v->hiberfil)
			break;
	}
	return failed ? FSMAP_IS_WHOLE : compare(w);
}

int ntfs_walk(struct ntfs_vol *v)
{
	struct walker w = {
		.v = v,
		.in_use.stream = &v->mft_bitmap,
		.bitmap.stream = &v->bitmap,
		.unite = v->unclean[0] != '\0',
	};
	uint8_t *buf = malloc(NTFS_PIECE);
	int rc = buf ? walk_mft(&w, buf) : SV_E_NOMEM;
	free(buf);
	free(w.in_use.buf);
	free(w.bitmap.buf);
	sv_extents_clear(&w.held);
	return rc;
}
