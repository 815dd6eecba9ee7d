/* fuzz_stream.h - a hostile stored stream given to everything that looks for frames in it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_STREAM_H
#define TESTS_FUZZ_STREAM_H

#include "tests/fuzz/fuzz.h"

#include "engine/image/frames.h"

#include <string.h>

/* Frames are decoded only while they are as small as a fuzzer can afford. */
#define FUZZ_MAX_RAW (4u << 20)

struct fuzz_stream {
	const struct codec_ops *codec;
	const uint8_t *data;
	size_t size;
};

static int fuzz_read(void *arg, void *buf, size_t len, uint64_t off)
{
	const struct fuzz_stream *s = arg;
	if (!sv_range_ok(off, len, s->size))
		return SV_E_RANGE;
	memcpy(buf, s->data + off, len);
	return 0;
}

static void fuzz_decode(const struct fuzz_stream *s, const struct frame_table *t,
			const struct geometry *g)
{
	struct codec_ctx *ctx = s->codec->create(1);
	uint8_t *raw = malloc(SV_MIN(g->frame_size, FUZZ_MAX_RAW));
	must(ctx && raw);
	for (uint64_t n = 0; n < SV_MIN(t->n, 16); n++) {
		const struct frame_entry *e = &t->v[n];
		uint64_t len = frame_stored_len(s->codec, e), raw_len = geometry_frame_len(g, n);
		if (e->payload && raw_len <= FUZZ_MAX_RAW && sv_range_ok(e->offset, len, s->size))
			(void)s->codec->decompress(ctx, s->data + e->offset, (size_t)len, raw,
						   (size_t)raw_len);
	}
	free(raw);
	s->codec->destroy(ctx);
}

static void fuzz_stream_all(struct fuzz_stream *s)
{
	struct stream_table table;
	struct frame_table walked = {0};
	struct geometry g = {0, 0};
	const struct frames_stream stream = {
		.read = fuzz_read, .arg = s, .end = s->size, .present = s->size};
	uint64_t damaged, start = 0;
	uint8_t head[CODEC_HEAD_MAX];
	if (s->codec->stream_head)
		start = s->codec->stream_head(head);
	if (!stream_table_load(s->codec, fuzz_read, s, s->size, &table)) {
		must(table.frames.n > 0 && table.tail_at <= s->size);
		g = (struct geometry){table.raw_len,
				      (uint32_t)sv_round_up(table.frame_size, 65536)};
		if (geometry_ok(&g) && geometry_frames(&g) == table.frames.n)
			fuzz_decode(s, &table.frames, &g);
	}
	if (!frames_guess_geometry(s->codec, &stream, start, &g)) {
		must(geometry_ok(&g));
		must(!frame_table_resize(&walked, geometry_frames(&g)));
		must(!frames_walk(s->codec, &stream, start, &g, &walked, &damaged));
		for (uint64_t i = 0; i < walked.n; i++)
			must(!walked.v[i].payload ||
			     sv_range_ok(walked.v[i].offset,
					 frame_stored_len(s->codec, &walked.v[i]), s->size));
		fuzz_decode(s, &walked, &g);
	}
	frame_table_clear(&walked);
	stream_table_clear(&table);
}

#endif
