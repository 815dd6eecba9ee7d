/* ntfs_mft.c - the $MFT of NTFS: from record numbers to records and streams */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h, struct ATTR_LIST_ENTRY */
#define ENTRY_LEN      0x04
#define ENTRY_NAME_LEN 0x06
#define ENTRY_NAME_OFF 0x07
#define ENTRY_VCN      0x08
#define ENTRY_REF      0x10
#define ENTRY_MIN      0x1a
#define REF_NUMBER(x)  ((x)&0xffffffffffffULL)

/* One loading of a stream: which attribute of which base record. */
struct loader {
	struct ntfs_vol *v;
	struct ntfs_stream *s;
	uint64_t number;
	uint32_t type;
	const char *name;
	uint8_t *base, *other; /* records */
	uint64_t other_number; /* what `other` holds, 0 = nothing */
};

static int read_record0(struct ntfs_vol *v, uint64_t lcn, bool *good)
{
	int rc = fsmap_read_meta(v->r, v->record0, v->record, lcn * v->cluster, "$MFT");
	*good = !rc && ntfs_record_open(v->record0, v->record) && ntfs_record_in_use(v->record0);
	return rc;
}

/* Record 0 from $MFT, else from $MFTMirr. A place that cannot be read makes the volume whole. */
static int find_record0(struct ntfs_vol *v)
{
	bool good;
	v->record0 = malloc(v->record);
	if (!v->record0)
		return SV_E_NOMEM;
	int rc = read_record0(v, v->mft_lcn, &good);
	if (rc < 0 || good)
		return rc;
	if (v->mirror_lcn >= v->clusters)
		return ntfs_doubt(v, "record 0 of $MFT is damaged");
	int again = read_record0(v, v->mirror_lcn, &good);
	if (again < 0)
		return again;
	if (!good)
		return ntfs_doubt(v, "record 0 of $MFT and its mirror are damaged");
	v->mirrored = true;
	return 0;
}

int ntfs_record_read(struct ntfs_vol *v, uint64_t number, uint8_t *rec)
{
	uint64_t off, end;
	if (number == NTFS_REC_MFT) {
		memcpy(rec, v->record0, v->record);
		return 0;
	}
	if (!sv_mul_ok(number, v->record, &off) || !sv_add_ok(off, v->record, &end) ||
	    end > ntfs_stream_mapped(v, &v->mft))
		return ntfs_doubt(v, "MFT record %" PRIu64 " would lie outside of $MFT", number);
	int rc = ntfs_stream_read(v, &v->mft, rec, v->record, off, false);
	if (rc)
		return rc;
	if (!ntfs_record_open(rec, v->record) || !ntfs_record_in_use(rec))
		return ntfs_doubt(v, "MFT record %" PRIu64 " is damaged", number);
	return 0;
}

/* Find an attribute in a record; lowest VCN UINT64_MAX = any. 1 found, 0 not, -1 damaged. */
static int find_attr(const struct ntfs_vol *v, const uint8_t *rec, uint32_t type, const char *name,
		     uint64_t lowest, struct ntfs_attr *a)
{
	uint32_t pos = 0;
	int more;
	while ((more = ntfs_attr_next(rec, v->record, &pos, a)) == 1)
		if (a->type == type && ntfs_name_is(a->name, a->name_len, name) &&
		    (lowest == UINT64_MAX || a->lowest == lowest))
			return 1;
	return more;
}

static int append_from(struct loader *l, const uint8_t *rec, uint64_t lowest)
{
	struct ntfs_attr a;
	if (find_attr(l->v, rec, l->type, l->name, lowest, &a) != 1)
		return ntfs_doubt(l->v, "%s is not where it should be", l->s->what);
	return ntfs_stream_append(l->v, l->s, &a);
}

/* Append what one entry of the attribute list points to, if it is about our attribute. */
static int follow_entry(struct loader *l, const uint8_t *entry, uint32_t len)
{
	uint32_t name_off = entry[ENTRY_NAME_OFF], name_len = entry[ENTRY_NAME_LEN];
	if (get_le32(entry) != l->type)
		return 0;
	if (!sv_range_ok(name_off, name_len * 2, len))
		return ntfs_doubt(l->v, "the attribute list of %s is damaged", l->s->what);
	if (!ntfs_name_is(entry + name_off, name_len, l->name))
		return 0;
	uint64_t lowest = get_le64(entry + ENTRY_VCN);
	uint64_t number = REF_NUMBER(get_le64(entry + ENTRY_REF));
	if (number == l->number)
		return append_from(l, l->base, lowest);
	if (number != l->other_number || number == 0) {
		int rc = ntfs_record_read(l->v, number, l->other);
		if (rc)
			return rc;
		if (ntfs_record_base(l->other) != l->number)
			return ntfs_doubt(l->v, "MFT record %" PRIu64 " does not extend %s", number,
					  l->s->what);
		l->other_number = number;
	}
	return append_from(l, l->other, lowest);
}

static int follow_list(struct loader *l, const uint8_t *list, size_t size)
{
	int rc = 0;
	for (size_t pos = 0; !rc && pos < size;) {
		uint32_t len = size - pos >= ENTRY_MIN ? get_le16(list + pos + ENTRY_LEN) : 0;
		if (len < ENTRY_MIN || len > size - pos)
			return ntfs_doubt(l->v, "the attribute list of %s is damaged", l->s->what);
		rc = follow_entry(l, list + pos, len);
		pos += len;
	}
	return rc;
}

static int load_by_list(struct loader *l, const struct ntfs_attr *a)
{
	struct ntfs_stream s = {.what = "an attribute list"};
	uint8_t *list = NULL;
	int rc = ntfs_stream_append(l->v, &s, a);
	if (!rc && (s.size > NTFS_ATTR_LIST_MAX || s.size > s.valid))
		rc = ntfs_doubt(l->v, "the attribute list of %s is damaged", l->s->what);
	if (rc)
		goto out;
	list = malloc(s.size + 1);
	if (!list) {
		rc = SV_E_NOMEM;
		goto out;
	}
	rc = ntfs_stream_read(l->v, &s, list, s.size, 0, false);
	if (!rc)
		rc = follow_list(l, list, s.size);
out:
	free(list);
	ntfs_stream_clear(&s);
	return rc;
}

static int load(struct loader *l)
{
	struct ntfs_attr a;
	int rc = ntfs_record_read(l->v, l->number, l->base);
	if (rc)
		return rc;
	if (ntfs_record_base(l->base) != 0)
		return ntfs_doubt(l->v, "%s is not in a base record", l->s->what);
	int found = find_attr(l->v, l->base, NTFS_AT_ATTRIBUTE_LIST, "", UINT64_MAX, &a);
	if (found < 0)
		return ntfs_doubt(l->v, "MFT record %" PRIu64 " is damaged", l->number);
	rc = found ? load_by_list(l, &a) : append_from(l, l->base, 0);
	if (rc)
		return rc;
	if (!l->s->resident && l->s->n == 0 && l->s->size)
		return ntfs_doubt(l->v, "%s has no run list", l->s->what);
	if (ntfs_stream_mapped(l->v, l->s) < l->s->size)
		return ntfs_doubt(l->v, "the run list of %s has an end missing", l->s->what);
	return 0;
}

int ntfs_stream_load(struct ntfs_vol *v, struct ntfs_stream *s, uint64_t number, uint32_t type,
		     const char *name)
{
	struct loader l = {.v = v, .s = s, .number = number, .type = type, .name = name};
	l.base = malloc(v->record);
	l.other = malloc(v->record);
	int rc = l.base && l.other ? load(&l) : SV_E_NOMEM;
	free(l.base);
	free(l.other);
	return rc;
}

int ntfs_mft_load(struct ntfs_vol *v)
{
	int rc = find_record0(v);
	if (!rc)
		rc = ntfs_stream_load(v, &v->mft, NTFS_REC_MFT, NTFS_AT_DATA, "");
	if (!rc && (v->mft.resident || v->mft.n == 0 || v->mft.runs[0].lcn != v->mft_lcn))
		rc = ntfs_doubt(v, "$MFT is not where the boot sector says");
	if (!rc)
		rc = ntfs_stream_load(v, &v->mft_bitmap, NTFS_REC_MFT, NTFS_AT_BITMAP, "");
	return rc;
}
