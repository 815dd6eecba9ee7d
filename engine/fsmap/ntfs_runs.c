/* ntfs_runs.c - run lists of NTFS, and reading the streams they describe */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

void ntfs_runs_start(struct ntfs_run_iter *it, const struct ntfs_attr *a)
{
	it->p = a->value;
	it->limit = a->value + a->value_len;
	it->vcn = a->lowest;
	it->lcn = 0;
}

/* A signed little endian number of 1 to 8 bytes. */
static int64_t get_signed(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = p[bytes - 1] & 0x80 ? UINT64_MAX : 0;
	for (unsigned int i = bytes; i-- > 0;)
		value = value << 8 | p[i];
	return (int64_t)value;
}

int ntfs_runs_next(struct ntfs_run_iter *it, uint64_t clusters, struct ntfs_run *run)
{
	if (it->p >= it->limit)
		return -1;
	unsigned int len_bytes = *it->p & 15, off_bytes = *it->p >> 4;
	if (*it->p == 0)
		return 0;
	if (len_bytes == 0 || len_bytes > 8 || off_bytes > 8 ||
	    (size_t)(it->limit - it->p) < 1u + len_bytes + off_bytes)
		return -1;
	int64_t len = get_signed(it->p + 1, len_bytes), end;
	if (len <= 0 || __builtin_add_overflow((int64_t)it->vcn, len, &end))
		return -1;
	*run = (struct ntfs_run){.vcn = it->vcn, .lcn = NTFS_HOLE, .len = (uint64_t)len};
	if (off_bytes) {
		int64_t delta = get_signed(it->p + 1 + len_bytes, off_bytes);
		if (__builtin_add_overflow(it->lcn, delta, &it->lcn) || it->lcn < 0 ||
		    !sv_range_ok((uint64_t)it->lcn, run->len, clusters))
			return -1;
		run->lcn = (uint64_t)it->lcn;
	}
	it->p += 1 + len_bytes + off_bytes;
	it->vcn = (uint64_t)end;
	return 1;
}

void ntfs_stream_clear(struct ntfs_stream *s)
{
	free(s->runs);
	free(s->resident);
	*s = (struct ntfs_stream){.what = s->what};
}

static int add_run(struct ntfs_vol *v, struct ntfs_stream *s, const struct ntfs_run *run)
{
	if (run->lcn == NTFS_HOLE)
		return ntfs_doubt(v, "%s has a hole", s->what);
	if (run->len > v->clusters - s->clusters)
		return ntfs_doubt(v, "%s is larger than the volume", s->what);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		if (cap > NTFS_RUNS_MAX)
			return ntfs_doubt(v, "%s is in too many pieces", s->what);
		struct ntfs_run *runs = realloc(s->runs, cap * sizeof(*runs));
		if (!runs)
			return SV_E_NOMEM;
		s->runs = runs;
		s->cap = cap;
	}
	s->runs[s->n++] = *run;
	s->clusters += run->len;
	return 0;
}

static int append_runs(struct ntfs_vol *v, struct ntfs_stream *s, const struct ntfs_attr *a)
{
	struct ntfs_run_iter it;
	struct ntfs_run run;
	int more, rc = 0;
	ntfs_runs_start(&it, a);
	while (!rc && (more = ntfs_runs_next(&it, v->clusters, &run)) == 1)
		rc = add_run(v, s, &run);
	if (rc)
		return rc;
	if (more < 0 || s->clusters != a->end)
		return ntfs_doubt(v, "the run list of %s is damaged", s->what);
	return 0;
}

static int take_resident(struct ntfs_vol *v, struct ntfs_stream *s, const struct ntfs_attr *a)
{
	if (s->n || s->resident)
		return ntfs_doubt(v, "%s is there twice", s->what);
	s->resident = malloc(a->value_len + 1);
	if (!s->resident)
		return SV_E_NOMEM;
	memcpy(s->resident, a->value, a->value_len);
	s->size = s->valid = a->value_len;
	return 0;
}

int ntfs_stream_append(struct ntfs_vol *v, struct ntfs_stream *s, const struct ntfs_attr *a)
{
	if (a->flags & (NTFS_ATTR_COMPRESSED | NTFS_ATTR_ENCRYPTED | NTFS_ATTR_SPARSE))
		return ntfs_doubt(v, "%s is compressed, sparse or encrypted", s->what);
	if (a->resident)
		return take_resident(v, s, a);
	if (s->resident || a->lowest != s->clusters)
		return ntfs_doubt(v, "the pieces of %s do not fit together", s->what);
	if (a->lowest == 0) {
		s->size = a->size;
		s->valid = a->valid;
		if (a->valid > a->size || a->size > a->alloc)
			return ntfs_doubt(v, "the sizes of %s contradict each other", s->what);
	}
	return append_runs(v, s, a);
}

uint64_t ntfs_stream_mapped(const struct ntfs_vol *v, const struct ntfs_stream *s)
{
	return s->resident ? s->size : SV_MIN(s->clusters * v->cluster, s->size);
}

/* Index of the run that holds a VCN that is mapped. */
static size_t find_run(const struct ntfs_stream *s, uint64_t vcn)
{
	size_t low = 0, high = s->n;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (s->runs[mid].vcn <= vcn)
			low = mid;
		else
			high = mid;
	}
	return low;
}

uint64_t ntfs_stream_place(const struct ntfs_vol *v, const struct ntfs_stream *s, uint64_t off,
			   uint64_t *len)
{
	const struct ntfs_run *run = &s->runs[find_run(s, off / v->cluster)];
	uint64_t skip = off - run->vcn * v->cluster;
	*len = run->len * v->cluster - skip;
	return run->lcn * v->cluster + skip;
}

static int read_run(struct ntfs_vol *v, struct ntfs_stream *s, uint8_t *buf, size_t *len,
		    uint64_t off, bool hint)
{
	uint64_t left, at = ntfs_stream_place(v, s, off, &left);
	*len = (size_t)SV_MIN((uint64_t)*len, left);
	return hint ? fsmap_read_hint(v->r, buf, *len, at, s->what)
		    : fsmap_read_meta(v->r, buf, *len, at, s->what);
}

int ntfs_stream_read(struct ntfs_vol *v, struct ntfs_stream *s, void *buf, size_t len, uint64_t off,
		     bool hint)
{
	uint8_t *out = buf;
	if (!sv_range_ok(off, len, ntfs_stream_mapped(v, s)))
		return ntfs_doubt(v, "%s is shorter than it should be", s->what);
	if (s->resident) {
		memcpy(out, s->resident + off, len);
		return 0;
	}
	while (len) {
		size_t part = len;
		int rc = read_run(v, s, out, &part, off, hint);
		if (rc)
			return rc;
		out += part;
		off += part;
		len -= part;
	}
	return 0;
}

int ntfs_window_seek(struct ntfs_vol *v, struct ntfs_window *w, uint64_t off)
{
	if (w->len && off >= w->start && off - w->start < w->len)
		return 0;
	if (!w->buf && !(w->buf = malloc(NTFS_PIECE)))
		return SV_E_NOMEM;
	uint64_t end = ntfs_stream_mapped(v, w->stream);
	w->start = sv_round_down(off, NTFS_PIECE);
	w->len = 0;
	if (off >= end)
		return ntfs_doubt(v, "%s is shorter than it should be", w->stream->what);
	size_t len = (size_t)SV_MIN(end - w->start, NTFS_PIECE);
	int rc = ntfs_stream_read(v, w->stream, w->buf, len, w->start, false);
	if (!rc)
		w->len = len;
	return rc;
}
