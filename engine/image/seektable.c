/* seektable.c - tables of frames: in memory, zstd's seek table, xz's index */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/frames.h"

#include "engine/util/hash.h"

#include <stdlib.h>
#include <string.h>

/* Entries moved at a time. */
#define BATCH 4096u

/* Largest index of an .xz that is read into memory. */
#define MAX_TAIL (128 * SV_MIB)

void frame_table_clear(struct frame_table *t)
{
	free(t->v);
	memset(t, 0, sizeof(*t));
}

static int reserve(struct frame_table *t, uint64_t n)
{
	if (n <= t->cap)
		return 0;
	if (n > MAX_FRAMES)
		return SV_E_DATA;
	uint64_t cap = t->cap ? t->cap : 1024;
	while (cap < n)
		cap += cap / 2;
	struct frame_entry *v = reallocarray(t->v, cap, sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	t->v = v;
	t->cap = cap;
	return 0;
}

int frame_table_add(struct frame_table *t, const struct frame_entry *e)
{
	int rc = reserve(t, t->n + 1);
	if (!rc)
		t->v[t->n++] = *e;
	return rc;
}

int frame_table_resize(struct frame_table *t, uint64_t n)
{
	int rc = reserve(t, n);
	if (rc)
		return rc;
	if (n > t->n)
		memset(t->v + t->n, 0, (size_t)(n - t->n) * sizeof(*t->v));
	t->n = n;
	return 0;
}

bool frame_table_whole(const struct frame_table *t)
{
	for (uint64_t i = 0; i < t->n; i++)
		if (!t->v[i].payload)
			return false;
	return true;
}

void stream_table_clear(struct stream_table *t)
{
	frame_table_clear(&t->frames);
	memset(t, 0, sizeof(*t));
}

/* One more frame behind those there are: all but the last as long as the first. */
static int add_frame(struct stream_table *t, uint64_t raw, const struct frame_entry *e)
{
	if (t->frames.n == 0)
		t->frame_size = (uint32_t)raw;
	if (raw == 0 || raw > t->frame_size || t->raw_len % t->frame_size || e->payload == 0)
		return SV_E_DATA;
	t->raw_len += raw;
	return frame_table_add(&t->frames, e);
}

/* ---- zstd ---- */

static int add_entries(struct stream_table *t, const struct disk_seek_entry *v, size_t n,
		       bool checksums, uint64_t *offset)
{
	const uint8_t *p = (const uint8_t *)v;
	size_t size = checksums ? 12 : 8;
	for (size_t i = 0; i < n; i++, p += size) {
		struct frame_entry e = {.offset = *offset, .payload = get_le32(p)};
		uint64_t raw = get_le32(p + 4);
		if (checksums) {
			e.checksum = get_le32(p + 8);
			e.has_checksum = 1;
		}
		*offset += e.payload;
		int rc = raw ? add_frame(t, raw, &e) : 0;
		if (rc)
			return rc;
		if (raw)
			t->tail_at = *offset;
	}
	return 0;
}

static int read_entries(struct stream_table *t, codec_read_fn read, void *arg, uint64_t at,
			uint64_t n, bool checksums)
{
	size_t size = checksums ? 12 : 8;
	uint64_t offset = 0, stop = at + n * size;
	struct disk_seek_entry *batch = malloc(BATCH * sizeof(*batch));
	int rc = batch ? 0 : SV_E_NOMEM;
	while (!rc && at < stop) {
		size_t k = (size_t)SV_MIN(BATCH, (stop - at) / size);
		rc = read(arg, batch, k * size, at);
		if (!rc)
			rc = add_entries(t, batch, k, checksums, &offset);
		at += k * size;
	}
	free(batch);
	/* the entries must lead exactly to the table */
	return rc ? rc : offset == stop - n * size - SKIPPABLE_HEADER ? 0 : SV_E_DATA;
}

static int load_seektable(codec_read_fn read, void *arg, uint64_t end, struct stream_table *t)
{
	struct disk_seek_foot foot;
	uint8_t head[SKIPPABLE_HEADER];
	if (end < sizeof(foot) + sizeof(head))
		return SV_E_DATA;
	int rc = read(arg, &foot, sizeof(foot), end - sizeof(foot));
	if (rc)
		return rc;
	if (get_le32(foot.magic) != SEEKABLE_MAGIC || foot.descriptor & SEEKTABLE_SPARE)
		return SV_E_DATA;
	bool checksums = foot.descriptor & SEEKTABLE_FLAG;
	uint64_t n = get_le32(foot.n);
	uint64_t body = n * (checksums ? 12 : 8) + sizeof(foot);
	if (body > UINT32_MAX || body + sizeof(head) > end)
		return SV_E_DATA;
	uint64_t at = end - body - sizeof(head);
	rc = read(arg, head, sizeof(head), at);
	if (rc)
		return rc;
	if (get_le32(head) != SEEKTABLE_MAGIC || get_le32(head + 4) != body)
		return SV_E_DATA;
	return read_entries(t, read, arg, at + sizeof(head), n, checksums);
}

struct table_out {
	frames_emit_fn emit;
	void *arg;
	struct disk_seek_entry batch[BATCH];
	size_t n;
};

static int flush_entries(struct table_out *out)
{
	int rc = out->n ? out->emit(out->arg, out->batch, out->n * sizeof(*out->batch)) : 0;
	out->n = 0;
	return rc;
}

static int put_entry(struct table_out *out, uint32_t stored, uint32_t raw, uint32_t checksum)
{
	struct disk_seek_entry *e = &out->batch[out->n++];
	put_le32(e->stored_len, stored);
	put_le32(e->raw_len, raw);
	put_le32(e->checksum, checksum);
	return out->n == BATCH ? flush_entries(out) : 0;
}

static int put_entries(struct table_out *out, const struct frame_table *t, const struct geometry *g,
		       uint32_t head_len, uint32_t result_len)
{
	uint32_t of_nothing = (uint32_t)sv_xxh64("", 0);
	int rc = put_entry(out, head_len, 0, of_nothing);
	for (uint64_t i = 0; !rc && i < t->n; i++)
		rc = put_entry(out, t->v[i].payload, (uint32_t)geometry_frame_len(g, i),
			       t->v[i].checksum);
	if (!rc)
		rc = put_entry(out, result_len, 0, of_nothing);
	return rc ? rc : flush_entries(out);
}

int seektable_write(const struct frame_table *t, const struct geometry *g, uint32_t head_len,
		    uint32_t result_len, frames_emit_fn emit, void *arg)
{
	struct disk_seek_foot foot = {.descriptor = SEEKTABLE_FLAG};
	uint8_t head[SKIPPABLE_HEADER];
	uint64_t n = t->n + 2;
	struct table_out *out = calloc(1, sizeof(*out));
	if (!out)
		return SV_E_NOMEM;
	out->emit = emit;
	out->arg = arg;
	put_le32(head, SEEKTABLE_MAGIC);
	put_le32(head + 4, (uint32_t)(n * sizeof(struct disk_seek_entry) + sizeof(foot)));
	put_le32(foot.n, (uint32_t)n);
	put_le32(foot.magic, SEEKABLE_MAGIC);
	int rc = emit(arg, head, sizeof(head));
	if (!rc)
		rc = put_entries(out, t, g, head_len, result_len);
	if (!rc)
		rc = emit(arg, &foot, sizeof(foot));
	free(out);
	return rc;
}

/* ---- xz ---- */

struct tail_load {
	struct stream_table *t;
	const struct codec_ops *codec;
	uint64_t offset, limit;
};

static int tail_frame(void *arg, uint64_t payload, uint64_t raw)
{
	struct tail_load *load = arg;
	if (payload > UINT32_MAX - 8 || raw > MAX_FRAME_SIZE || load->offset > load->limit)
		return SV_E_DATA;
	struct frame_entry e = {.offset = load->offset, .payload = (uint32_t)payload};
	load->offset += frame_stored_len(load->codec, &e);
	return add_frame(load->t, raw, &e);
}

static int load_tail(const struct codec_ops *codec, codec_read_fn read, void *arg, uint64_t end,
		     struct stream_table *t)
{
	uint8_t footer[CODEC_FOOTER], head[CODEC_HEAD_MAX];
	uint64_t head_len = codec->stream_head(head);
	if (end < head_len + sizeof(footer))
		return SV_E_DATA;
	int rc = read(arg, footer, sizeof(footer), end - sizeof(footer));
	uint64_t len = rc ? 0 : codec->tail_size(footer);
	if (rc || len == 0 || len > end - head_len || len > MAX_TAIL)
		return rc ? rc : SV_E_DATA;
	uint8_t *tail = malloc((size_t)len);
	if (!tail)
		return SV_E_NOMEM;
	struct tail_load load = {t, codec, head_len, end - len};
	rc = read(arg, tail, (size_t)len, end - len);
	if (!rc)
		rc = codec->tail_parse(tail, (size_t)len, tail_frame, &load);
	free(tail);
	t->tail_at = end - len;
	return rc ? rc : load.offset == load.limit ? 0 : SV_E_DATA;
}

int stream_table_load(const struct codec_ops *codec, codec_read_fn read, void *arg, uint64_t end,
		      struct stream_table *t)
{
	int rc = SV_E_DATA;
	memset(t, 0, sizeof(*t));
	if (codec->tail_parse)
		rc = load_tail(codec, read, arg, end, t);
	else if (codec->measure)
		rc = load_seektable(read, arg, end, t);
	if (!rc && t->frames.n == 0)
		rc = SV_E_DATA;
	if (rc)
		stream_table_clear(t);
	return rc;
}
