/* ntfs_log_ops.c - one record of an NTFS log: the clusters that it names, whatever it does with
 * them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_log.h"

#include "engine/util/bytes.h"

#include <inttypes.h>

/* kernel fs/ntfs3/fslog.c, struct LOG_REC_HDR */
#define REC_REDO_OP    0x00
#define REC_UNDO_OP    0x02
#define REC_REDO_OFF   0x04
#define REC_REDO_LEN   0x06
#define REC_UNDO_OFF   0x08
#define REC_UNDO_LEN   0x0a
#define REC_LCNS       0x0e /* how many follow */
#define REC_RECORD_OFF 0x10
#define REC_ATTR_OFF   0x12
#define REC_BLOCK      0x14 /* in units of 512 bytes, behind the VCN */
#define REC_VCN	       0x18
#define REC_LIST       0x20
#define RANGE_LEN      8    /* struct BITMAP_RANGE */
#define FILE_ATTRS     0x14 /* struct MFT_REC */
#define FILE_USED      0x18
#define FILE_MIN       0x28
#define RUNS_OFF_MIN   0x40 /* of an attribute */

/* enum NTFS_LOG_OPERATION */
enum op {
	OP_INIT_RECORD = 0x02,
	OP_FREE_RECORD = 0x03,
	OP_END_OF_RECORD = 0x04,
	OP_CREATE_ATTR = 0x05,
	OP_DELETE_ATTR = 0x06,
	OP_NON_RESIDENT = 0x08,
	OP_MAPPING_PAIRS = 0x09,
	OP_NEW_SIZES = 0x0b,
	OP_SET_BITS = 0x15,
	OP_CLEAR_BITS = 0x16,
	OP_HOT_FIX = 0x17,
	OP_LAST = 0x25,
};

/* One direction of a record. */
struct side {
	unsigned int op;
	const uint8_t *data;
	size_t len; /* 0 = it has no data */
};

/* A record in memory. */
struct change {
	struct ntfs_log *l;
	const uint8_t *rec;
	size_t len;
	bool strict;
	struct side side[2]; /* redo, undo */
};

static int doubt(const struct change *c, const char *what)
{
	if (!c->strict)
		return 0;
	return ntfs_doubt(c->l->v, "its log has %s", what);
}

/* Clusters of the volume; what lies outside of it is of no bitmap of clusters. */
static int use(const struct change *c, uint64_t lcn, uint64_t len)
{
	const struct ntfs_vol *v = c->l->v;
	if (lcn >= v->clusters)
		return 0;
	len = SV_MIN(len, v->clusters - lcn);
	return fsmap_mark_used(v->r, lcn * v->cluster, len * v->cluster);
}

static bool parse_side(const struct change *c, struct side *s, uint32_t op, uint32_t off,
		       uint32_t len, bool empty)
{
	*s = (struct side){.op = get_le16(c->rec + op)};
	uint32_t at = get_le16(c->rec + off), n = get_le16(c->rec + len);
	if (empty || !n || !at)
		return true;
	s->data = c->rec + at;
	s->len = n;
	return at >= REC_LIST && sv_range_ok(at, n, c->len);
}

/* The clusters that it changes. */
static int use_targets(const struct change *c)
{
	size_t n = get_le16(c->rec + REC_LCNS);
	int rc = 0;
	for (size_t i = 0; !rc && i < n; i++) {
		uint64_t lcn = get_le64(c->rec + REC_LIST + i * 8);
		if (lcn >= c->l->v->clusters && lcn <= INT64_MAX)
			rc = doubt(c, "a record about a place outside of the volume");
		else
			rc = use(c, lcn, 1);
	}
	return rc;
}

static bool is_bits(const struct side *s)
{
	return s->op == OP_SET_BITS || s->op == OP_CLEAR_BITS;
}

/* Bits of a bitmap, counted from a byte of it. */
static int use_range(const struct change *c, const struct side *s, uint64_t byte)
{
	uint64_t first;
	if (!sv_mul_ok(byte, 8, &first) || !sv_add_ok(first, get_le32(s->data), &first))
		return 0;
	return use(c, first, get_le32(s->data + 4));
}

/*
 * A record names its bitmap by a number only the log knows. $Bitmap is most of them; the bits of
 * the others ($MFT's, folders') are taken for clusters as well, which costs a few clusters and
 * misses none. The range counts from the beginning of the target; that the offset inside of an
 * attribute is a part of that is nowhere told, so both are taken.
 */
static int use_bits(const struct change *c)
{
	uint64_t byte;
	uint32_t behind =
		get_le16(c->rec + REC_BLOCK) * NTFS_BLOCK + get_le16(c->rec + REC_RECORD_OFF);
	uint32_t attr_off = get_le16(c->rec + REC_ATTR_OFF);
	bool any = false;
	int rc = 0;
	if (!is_bits(&c->side[0]) && !is_bits(&c->side[1]))
		return 0;
	if (!sv_mul_ok(get_le64(c->rec + REC_VCN), c->l->v->cluster, &byte) ||
	    !sv_add_ok(byte, behind, &byte) || byte > INT64_MAX)
		return doubt(c, "a record about a place outside of the volume");
	for (size_t i = 0; !rc && i < SV_ARRAY(c->side); i++) {
		const struct side *s = &c->side[i];
		if (!is_bits(s) || s->len < RANGE_LEN)
			continue;
		any = true;
		rc = use_range(c, s, byte);
		if (!rc && attr_off)
			rc = use_range(c, s, byte + attr_off);
	}
	return (rc || any) ? rc : doubt(c, "a change of a bitmap that does not say which bits");
}

static bool in_bitmap(const struct change *c, uint64_t lcn)
{
	const struct ntfs_stream *s = &c->l->v->bitmap;
	for (size_t i = 0; i < s->n; i++)
		if (lcn - s->runs[i].lcn < s->runs[i].len)
			return true;
	return false;
}

static bool has(const struct change *c, unsigned int op)
{
	return c->side[0].op == op || c->side[1].op == op;
}

/* Does it write into $Bitmap, other than by bits? */
static bool writes_bitmap(const struct change *c)
{
	size_t n = get_le16(c->rec + REC_LCNS);
	if (!has(c, OP_NON_RESIDENT))
		return false;
	for (size_t i = 0; i < n; i++)
		if (in_bitmap(c, get_le64(c->rec + REC_LIST + i * 8)))
			return true;
	return false;
}

/* Does it move or resize $Bitmap or $LogFile, so that what was read of them is no longer true? */
static bool moves_system_file(const struct change *c)
{
	static const unsigned int ops[] = {OP_INIT_RECORD, OP_FREE_RECORD, OP_END_OF_RECORD,
					   OP_CREATE_ATTR, OP_DELETE_ATTR, OP_MAPPING_PAIRS,
					   OP_NEW_SIZES};
	const struct ntfs_vol *v = c->l->v;
	uint64_t byte, number;
	bool any = false;
	for (size_t i = 0; i < SV_ARRAY(ops); i++)
		any |= has(c, ops[i]);
	if (!any || !sv_mul_ok(get_le64(c->rec + REC_VCN), v->cluster, &byte))
		return any;
	number = (byte + get_le16(c->rec + REC_BLOCK) * NTFS_BLOCK) / v->record;
	return number == NTFS_REC_BITMAP || number == NTFS_REC_LOGFILE;
}

static int use_runs(const struct change *c, const struct ntfs_attr *a)
{
	struct ntfs_run_iter it;
	struct ntfs_run run;
	int more, rc = 0;
	ntfs_runs_start(&it, a);
	while (!rc && (more = ntfs_runs_next(&it, c->l->v->clusters, &run)) == 1)
		if (run.lcn != NTFS_HOLE)
			rc = use(c, run.lcn, run.len);
	if (!rc && more < 0)
		rc = doubt(c, "a run list that is damaged");
	return rc;
}

/* Attributes one behind the other. The list of bad clusters is as large as the volume, and a hole.
 */
static int use_attrs(const struct change *c, const uint8_t *p, size_t len)
{
	struct ntfs_attr a;
	int size = 0, rc = 0;
	for (; !rc && len && (size = ntfs_attr_parse(p, (uint32_t)len, &a)) > 0; p += size) {
		len -= (size_t)size;
		if (!a.resident)
			rc = use_runs(c, &a);
	}
	if (!rc && size < 0)
		rc = doubt(c, "an attribute that is damaged");
	return rc;
}

static int use_record(const struct change *c, const struct side *s)
{
	if (s->len < FILE_MIN)
		return doubt(c, "an MFT record that is damaged");
	size_t attrs = get_le16(s->data + FILE_ATTRS);
	size_t used = SV_MIN((size_t)get_le32(s->data + FILE_USED), s->len);
	if (attrs < FILE_MIN || attrs > used)
		return doubt(c, "an MFT record that is damaged");
	return use_attrs(c, s->data + attrs, used - attrs);
}

/*
 * A run list from some byte of an attribute on. Only from its beginning it tells its places; what
 * it gives otherwise are places of no meaning, which does no harm. The clusters themselves are
 * those of set-bits operations before it.
 */
static int use_pairs(const struct change *c, const struct side *s)
{
	const struct ntfs_attr a = {.value = s->data, .value_len = s->len};
	struct change loose = *c;
	loose.strict = false;
	return get_le16(c->rec + REC_ATTR_OFF) < RUNS_OFF_MIN ? 0 : use_runs(&loose, &a);
}

static int use_side(const struct change *c, const struct side *s)
{
	if (!s->len)
		return 0;
	switch (s->op) {
	case OP_INIT_RECORD:
		return use_record(c, s);
	case OP_END_OF_RECORD:
	case OP_CREATE_ATTR:
		return use_attrs(c, s->data, s->len);
	case OP_MAPPING_PAIRS:
		return use_pairs(c, s);
	default:
		return 0;
	}
}

static bool parse(struct change *c, uint16_t flags)
{
	if (c->len < REC_LIST || get_le16(c->rec + REC_LCNS) > (c->len - REC_LIST) / 8)
		return false;
	return parse_side(c, &c->side[0], REC_REDO_OP, REC_REDO_OFF, REC_REDO_LEN,
			  flags & NTFS_LOG_NO_REDO) &&
	       parse_side(c, &c->side[1], REC_UNDO_OP, REC_UNDO_OFF, REC_UNDO_LEN,
			  flags & NTFS_LOG_NO_UNDO);
}

int ntfs_log_take(struct ntfs_log *l, const struct ntfs_log_record *rec, bool strict)
{
	struct change c = {.l = l, .rec = l->data, .len = rec->len, .strict = strict};
	if (rec->type != NTFS_LOG_RECORD)
		return 0;
	if (!parse(&c, rec->flags))
		return doubt(&c, "a record that is damaged");
	if (c.side[0].op > OP_LAST || c.side[1].op > OP_LAST || has(&c, OP_HOT_FIX))
		return doubt(&c, "an operation that is not known");
	if (writes_bitmap(&c) || moves_system_file(&c))
		return doubt(&c, "a change of its own files");
	int rc = use_targets(&c);
	if (!rc)
		rc = use_bits(&c);
	for (size_t i = 0; !rc && i < SV_ARRAY(c.side); i++)
		rc = use_side(&c, &c.side[i]);
	return rc;
}
