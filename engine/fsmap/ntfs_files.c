/* ntfs_files.c - NTFS: one pass over $MFT, and who owns the bytes that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h, enum ATTR_TYPE */
#define AT_INDEX 0xa0

#define BITS_PIECE 512u /* bytes of a bitmap, read at once */

struct finder {
	struct ntfs_vol *v;
	struct owners *o;
	struct ntfs_dirs dirs;
	bool lost_records, have_bitmap, trusted;
	uint8_t *piece, *rec; /* NTFS_PIECE; a record */
};

static const char *own_name(uint64_t number)
{
	static const char *const names[] = {"$MFT",	"$MFTMirr", "$LogFile", "$Volume",
					    "$AttrDef", NULL,	    "$Bitmap",	"$Boot",
					    "$BadClus", "$Secure",  "$UpCase",	"$Extend"};
	if (number < SV_ARRAY(names))
		return names[number];
	return number < NTFS_FIRST_FILE ? "a file of its own" : NULL;
}

/* ---- attributes ---- */

/* A compressed stream is packed in units: one bad cluster, and none of its unit can be unpacked. */
static int take_units(struct finder *f, const struct owners_file *file, const struct ntfs_attr *a,
		      const struct ntfs_run *run)
{
	uint64_t bytes = f->v->cluster, unit = 1ull << a->unit_shift, n;
	int rc = 0;
	if (!owners_touch(f->o, run->lcn * bytes, run->len * bytes))
		return 0;
	for (uint64_t i = 0; !rc && i < run->len; i += n) {
		uint64_t first = sv_round_down(run->vcn + i, unit) * bytes;
		uint64_t size = a->lowest ? UINT64_MAX : a->size;
		n = SV_MIN(run->len - i, unit - (run->vcn + i) % unit);
		uint64_t span = first < size ? SV_MIN(unit * bytes, size - first) : 0;
		rc = owners_lose(f->o, file, (run->lcn + i) * bytes, n * bytes, first, span);
	}
	return rc;
}

static int take_run(struct finder *f, const struct owners_file *file, const struct ntfs_attr *a,
		    const struct ntfs_run *run)
{
	uint64_t bytes = f->v->cluster, at = run->lcn * bytes, len = run->len * bytes;
	const char *own = own_name(file->id);
	if (own)
		return owners_metadata(f->o, at, len, own);
	if (file->kind != FILES_CONTENT && file->kind != FILES_ENTRIES)
		return owners_lose(f->o, file, at, len, 0, 0);
	if (a->flags & NTFS_ATTR_COMPRESSED && a->unit_shift)
		return take_units(f, file, a, run);
	return owners_run(f->o, file, at, len, run->vcn * bytes, a->lowest ? UINT64_MAX : a->size);
}

static enum files_kind kind_of(uint32_t type)
{
	return type == NTFS_AT_DATA		? FILES_CONTENT
	       : type == AT_INDEX		? FILES_ENTRIES
	       : type == NTFS_AT_ATTRIBUTE_LIST ? FILES_MAP
						: FILES_ATTRS;
}

/* A hole as large as the volume, with runs where clusters are known as bad. */
static bool counts(uint64_t owner, const struct ntfs_attr *a)
{
	return !a->resident && !(owner == NTFS_REC_BADCLUS && a->type == NTFS_AT_DATA &&
				 ntfs_name_is(a->name, a->name_len, "$Bad"));
}

static int take_attr(struct finder *f, uint64_t owner, const struct ntfs_attr *a)
{
	struct owners_file file = {.id = owner, .kind = kind_of(a->type)};
	char *stream = NULL;
	struct ntfs_run_iter it;
	struct ntfs_run run;
	int more = 0, rc = 0;
	if (a->type == NTFS_AT_DATA && a->name_len && !(stream = owners_utf8(a->name, a->name_len)))
		return SV_E_NOMEM;
	file.stream = stream;
	ntfs_runs_start(&it, a);
	while (!rc && (more = ntfs_runs_next(&it, f->v->clusters, &run)) == 1)
		if (run.lcn != NTFS_HOLE)
			rc = take_run(f, &file, a, &run);
	if (more < 0)
		owners_caution(f->o, "a run list of MFT record %" PRIu64 " is damaged", owner);
	free(stream);
	return rc;
}

static int note_folder(struct finder *f, uint64_t number)
{
	struct ntfs_dirs *d = &f->dirs;
	if (!f->lost_records)
		return 0;
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 256;
		uint64_t *v = reallocarray(d->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		d->v = v;
		d->cap = cap;
	}
	d->v[d->n++] = number;
	return 0;
}

static int take_record(struct finder *f, uint64_t number, const uint8_t *rec)
{
	uint64_t base = ntfs_record_base(rec), owner = base ? base : number;
	struct ntfs_attr a;
	uint32_t pos = 0;
	int more = 0, rc = !base && ntfs_record_is_folder(rec) ? note_folder(f, number) : 0;
	while (!rc && (more = ntfs_attr_next(rec, f->v->record, &pos, &a)) == 1) {
		if (a.type == NTFS_AT_FILE_NAME)
			ntfs_note_name(f->v, owner, &a);
		if (counts(owner, &a))
			rc = take_attr(f, owner, &a);
	}
	if (more < 0)
		owners_caution(f->o, "MFT record %" PRIu64 " is damaged", number);
	return rc;
}

/* ---- records ---- */

/* 1 in use, 0 not, -1 the bitmap that would tell is lost. */
static int record_state(struct finder *f, uint64_t number, int *rc)
{
	uint8_t byte;
	*rc = 0;
	if (!f->have_bitmap)
		return -1;
	if (number / 8 >= f->v->mft_bitmap.valid)
		return 0;
	*rc = ntfs_stream_read(f->v, &f->v->mft_bitmap, &byte, 1, number / 8, true);
	if (*rc)
		return *rc = SV_MIN(*rc, 0), -1;
	return byte >> number % 8 & 1;
}

static int lose_piece(struct finder *f, uint64_t number, int state, uint64_t at, uint64_t len)
{
	struct owners_file file = {.id = number, .kind = FILES_RECORD};
	bool own = number < NTFS_FIRST_FILE && number != NTFS_REC_ROOT;
	if (state == 1 && !own)
		return owners_lose(f->o, &file, at, len, 0, 0);
	return owners_metadata(f->o, at, len, state ? "$MFT" : "an unused record of $MFT");
}

/* A record may lie in two places, with clusters that are smaller than it. */
static int lose_record(struct finder *f, uint64_t number)
{
	uint64_t off = number * f->v->record, end = off + f->v->record, len;
	int rc, state = record_state(f, number, &rc);
	if (state < 0)
		owners_caution(f->o, "MFT records are lost, and the bitmap that says which of them "
				     "were in use");
	for (; !rc && off < end; off += len) {
		uint64_t at = ntfs_stream_place(f->v, &f->v->mft, off, &len);
		len = SV_MIN(len, end - off);
		rc = lose_piece(f, number, state, at, len);
	}
	return rc;
}

static int look_at_record(struct finder *f, uint64_t number, uint8_t *rec)
{
	int rc, state;
	if (ntfs_record_open(rec, f->v->record))
		return ntfs_record_in_use(rec) ? take_record(f, number, rec) : 0;
	state = record_state(f, number, &rc);
	if (state == 1)
		owners_caution(f->o, "MFT record %" PRIu64 " is damaged: what it owns is not known",
			       number);
	return rc;
}

static int single_record(struct finder *f, uint64_t number)
{
	int rc = ntfs_stream_read(f->v, &f->v->mft, f->rec, f->v->record, number * f->v->record,
				  true);
	if (number == NTFS_REC_MFT && rc >= 0) {
		int lost = rc ? lose_record(f, number) : 0;
		memcpy(f->rec, f->v->record0, f->v->record);
		return lost ? lost : take_record(f, number, f->rec);
	}
	if (rc > 0)
		return lose_record(f, number);
	return rc ? rc : look_at_record(f, number, f->rec);
}

static int walk_piece(struct finder *f, uint64_t off, size_t len)
{
	struct ntfs_vol *v = f->v;
	int rc = ntfs_stream_read(v, &v->mft, f->piece, len, off, true);
	bool whole = !rc;
	if (rc < 0)
		return rc;
	rc = 0;
	for (size_t at = 0; !rc && len - at >= v->record; at += v->record) {
		uint64_t number = (off + at) / v->record;
		rc = whole && number != NTFS_REC_MFT ? look_at_record(f, number, f->piece + at)
						     : single_record(f, number);
	}
	return rc;
}

static int walk_mft(struct finder *f)
{
	struct ntfs_vol *v = f->v;
	uint64_t end = SV_MIN(SV_MIN(v->mft.size, v->mft.valid), ntfs_stream_mapped(v, &v->mft));
	int rc = 0;
	for (uint64_t off = 0; !rc && off < end && !owners_stopped(f->o); off += NTFS_PIECE)
		rc = walk_piece(f, off, (size_t)SV_MIN(end - off, NTFS_PIECE));
	for (size_t i = 0; !rc && i < v->mft.n; i++)
		rc = owners_metadata(f->o, v->mft.runs[i].lcn * v->cluster,
				     v->mft.runs[i].len * v->cluster, "$MFT");
	return rc;
}

static bool mft_is_hit(const struct finder *f)
{
	const struct ntfs_stream *s = &f->v->mft;
	for (size_t i = 0; i < s->n; i++)
		if (owners_touch(f->o, s->runs[i].lcn * f->v->cluster,
				 s->runs[i].len * f->v->cluster))
			return true;
	return false;
}

/* ---- what is free ---- */

/* Clear bits of [first, end) clusters, all in the bits of `buf`, which begin at `base`. */
static int free_clusters(struct finder *f, const struct sv_extent *piece, const uint8_t *buf,
			 uint64_t base, uint64_t first, uint64_t end)
{
	uint64_t bytes = f->v->cluster;
	int rc = 0;
	for (uint64_t c = first; !rc && c < end; c++) {
		uint64_t start = SV_MAX(c * bytes, piece->start);
		uint64_t stop = SV_MIN((c + 1) * bytes, piece->start + piece->len);
		if (!(buf[(c - base) / 8] >> (c - base) % 8 & 1))
			rc = owners_free(f->o, start, stop - start);
	}
	return rc;
}

static int free_piece(struct finder *f, const struct sv_extent *piece)
{
	struct ntfs_vol *v = f->v;
	uint8_t buf[BITS_PIECE];
	uint64_t c = piece->start / v->cluster, step = 8ull * BITS_PIECE, next;
	uint64_t end = SV_MIN((piece->start + piece->len - 1) / v->cluster + 1, v->clusters);
	int rc = 0;
	for (; rc >= 0 && c < end; c = next) {
		uint64_t base = sv_round_down(c, step), at = base / 8;
		next = SV_MIN(base + step, end);
		if (at >= v->bitmap.valid)
			break;
		rc = ntfs_stream_read(v, &v->bitmap, buf,
				      (size_t)SV_MIN(v->bitmap.valid - at, BITS_PIECE), at, true);
		if (!rc)
			rc = free_clusters(f, piece, buf, base, c, next);
	}
	return SV_MIN(rc, 0);
}

/* What is nobody's now, but in use by a shadow copy. */
struct unowned {
	struct owners *o;
	struct sv_extents rest;
};

static int claim_shadow(void *arg, uint64_t off, uint64_t len)
{
	struct unowned *u = arg;
	struct sv_extent part;
	uint64_t end = off + len;
	int rc = 0;
	while (!rc && sv_extents_next(&u->rest, &off, end, &part))
		rc = owners_metadata(u->o, part.start, part.len, "kept for shadow copies");
	return rc;
}

/* false: what shadow copies hold is not known, so nothing is proven free. */
static int find_shadows(struct finder *f, bool *told)
{
	struct unowned u = {.o = f->o};
	int rc = owners_rest(f->o, &u.rest);
	if (!rc)
		rc = ntfs_shadow_walk(f->v, claim_shadow, &u);
	sv_extents_clear(&u.rest);
	*told = !rc;
	if (rc > 0)
		owners_caution(f->o, "%s: what they hold cannot be told from free space",
			       f->v->doubt);
	return SV_MIN(rc, 0);
}

static int find_free(struct finder *f)
{
	struct ntfs_vol *v = f->v;
	struct sv_extents rest = {0};
	bool told = false;
	int rc = ntfs_stream_load(v, &v->bitmap, NTFS_REC_BITMAP, NTFS_AT_DATA, "");
	if (rc || v->bitmap.valid < (v->clusters + 7) / 8)
		return SV_MIN(rc, 0);
	rc = find_shadows(f, &told);
	if (rc || !told)
		return rc;
	rc = owners_rest(f->o, &rest);
	for (size_t i = 0; !rc && i < rest.n; i++)
		rc = free_piece(f, &rest.v[i]);
	sv_extents_clear(&rest);
	return rc;
}

/* Whether $Bitmap can be believed. After the walk, which has met hiberfil.sys. */
static int judge_state(struct finder *f)
{
	int (*const steps[])(struct ntfs_vol *) = {ntfs_volume_check, ntfs_log_check,
						   ntfs_hiberfil_check};
	f->trusted = true;
	for (size_t i = 0; i < SV_ARRAY(steps); i++) {
		f->v->doubt[0] = '\0';
		int rc = steps[i](f->v);
		if (rc < 0)
			return rc;
		if (rc || f->v->hibernated) {
			f->trusted = false;
			owners_caution(f->o, "it may not have been shut down cleanly: names or "
					     "owners may be those of before");
		}
	}
	return 0;
}

/* ---- the volume ---- */

/* Without the bitmap of $MFT it is not known which lost records were in use; the rest goes on. */
static int load_mft(struct finder *f)
{
	struct ntfs_vol *v = f->v;
	int rc = ntfs_mft_load(v);
	f->have_bitmap = !rc;
	if (rc <= 0)
		return rc;
	return v->mft.n && ntfs_stream_mapped(v, &v->mft) >= v->mft.size &&
			       v->mft.runs[0].lcn == v->mft_lcn
		       ? 0
		       : rc;
}

static int find_owners(struct finder *f)
{
	uint64_t size = fsmap_size(f->v->r), sector = fsmap_sector_size(f->v->r);
	int rc = ntfs_boot_read(f->v, 0);
	if (rc > 0 && size >= sector) /* its copy is the last sector */
		rc = ntfs_boot_read(f->v, size - sector);
	if (!rc)
		rc = load_mft(f);
	if (rc)
		return rc;
	f->piece = malloc(NTFS_PIECE);
	f->rec = malloc(f->v->record);
	if (!f->piece || !f->rec)
		return SV_E_NOMEM;
	f->lost_records = mft_is_hit(f);
	uint64_t end = f->v->clusters * f->v->cluster;
	rc = owners_metadata(f->o, end, fsmap_size(f->v->r) - end, "the second boot sector");
	if (!rc)
		rc = walk_mft(f);
	if (!rc)
		rc = judge_state(f);
	if (!rc && f->trusted)
		rc = find_free(f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : ntfs_names_find(f->v, f->o, &f->dirs);
}

int ntfs_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct ntfs_vol v = {
		.r = r,
		.partly = true,
		.mft.what = "$MFT",
		.mft_bitmap.what = "the bitmap of $MFT",
		.bitmap.what = "$Bitmap",
	};
	struct finder f = {.v = &v, .o = o};
	int rc = find_owners(&f);
	if (rc > 0 && v.doubt[0])
		fsmap_whole(r, "%s", v.doubt);
	ntfs_stream_clear(&v.mft);
	ntfs_stream_clear(&v.mft_bitmap);
	ntfs_stream_clear(&v.bitmap);
	free(v.record0);
	free(f.piece);
	free(f.rec);
	free(f.dirs.v);
	return rc;
}
