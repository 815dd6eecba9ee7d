/* reader_scan.c - frames of a stream without a table: found by their headers, past damage */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/frames.h"
#include "engine/image/image.h"

#include <stdlib.h>
#include <string.h>

/* Headers lie close together in small frames and far apart in large ones. */
#define WINDOW ((size_t)65536)

/* How far to go on where a medium cannot be read. */
#define LOST_STEP 512u

/* A stretch of frames that follow each other without damage: known by index only at its ends. */
struct walk {
	const struct codec_ops *codec;
	const struct frames_stream *stream;
	uint64_t end;
	uint64_t
		budget; /* reads left: a sound stream needs far fewer, a hostile one gets no more */
	uint64_t window_at;
	size_t window_len;
	uint8_t window[WINDOW];
	struct frame_table segment; /* of the current stretch */
	uint64_t last_raw;	    /* of its last frame */
};

/* Small reads through a window. */
static int windowed(void *arg, void *buf, size_t len, uint64_t off)
{
	struct walk *w = arg;
	bool inside = off >= w->window_at && off - w->window_at <= w->window_len &&
		      len <= w->window_len - (off - w->window_at);
	if (len > WINDOW || !sv_range_ok(off, len, w->end) || w->budget == 0)
		return SV_E_DATA;
	w->budget--;
	if (!inside) {
		w->window_len = 0;
		size_t n = (size_t)SV_MIN(WINDOW, w->end - off);
		const struct frames_stream *s = w->stream;
		if (s->read(s->arg, w->window, n, off)) /* only some of it may be lost */
			return s->read(s->arg, buf, len, off);
		w->window_at = off;
		w->window_len = n;
	}
	memcpy(buf, w->window + (off - w->window_at), len);
	return 0;
}

static int measure(struct walk *w, uint64_t at, struct codec_found *found)
{
	return w->codec->measure(windowed, w, at, w->end, found);
}

/* true at the end of the file, or where a container's tail begins (an .xz index: a header never
 * begins with 0). */
static bool at_tail(struct walk *w, uint64_t at)
{
	uint8_t first;
	if (at == w->end)
		return true;
	return w->codec->tail_parse && w->end - at >= CODEC_FOOTER && !windowed(w, &first, 1, at) &&
	       first == 0;
}

/* true when a header that measures well stands at `at`, and the next thing after it does too or is
 * the end. */
static bool plausible(struct walk *w, uint64_t at)
{
	struct codec_found here, next;
	if (measure(w, at, &here))
		return false;
	uint64_t after = at + here.stored_len;
	return at_tail(w, after) || !measure(w, after, &next);
}

/* The next place to try behind one where no header can be read: holes may be much longer than what
 * is there. */
static uint64_t past_lost(const struct walk *w, uint64_t pos, size_t head)
{
	const struct frames_stream *s = w->stream;
	for (uint64_t at = pos; s->next && at < pos + head; at += head - 1) {
		uint64_t next = s->next(s->arg, at);
		if (next > at)
			return sv_round_up(next, w->codec->stored_align);
	}
	return pos + LOST_STEP;
}

/* The next place after `at` where frames go on; end when there is none. */
static uint64_t resync(struct walk *w, uint64_t at)
{
	uint64_t step = w->codec->stored_align;
	uint64_t pos = sv_round_down(at, step);
	for (pos += step; pos < w->end; pos += step) {
		uint8_t head[4];
		if (w->end - pos < sizeof(head) || w->budget == 0)
			return w->end;
		if (windowed(w, head, sizeof(head), pos)) {
			pos = past_lost(w, pos, sizeof(head)) - step;
			continue;
		}
		uint32_t magic = get_le32(head);
		bool maybe = w->codec->stored_align > 1
				     ? head[0] != 0
				     : magic == 0xFD2FB528u || (magic & ~15u) == SKIPPABLE_MAGIC;
		if (maybe && plausible(w, pos))
			return pos;
	}
	return w->end;
}

/* Give the frames of a stretch to the table, the first being number `first`. */
static void place(struct frame_table *t, const struct frame_table *segment, uint64_t first)
{
	for (uint64_t i = 0; i < segment->n && first + i < t->n; i++)
		if (!t->v[first + i].payload) {
			uint64_t record = t->v[first + i].record;
			uint32_t checksum = t->v[first + i].checksum;
			bool known = t->v[first + i].has_checksum;
			t->v[first + i] = segment->v[i];
			t->v[first + i].record = record & (UINT64_MAX >> 1);
			t->v[first + i].checksum = checksum;
			t->v[first + i].has_checksum = known;
		}
}

/* Frames from `at` to the next damage or the end; returns where it stopped. */
static int stretch(struct walk *w, uint64_t *at, uint64_t frame_size)
{
	w->segment.n = 0;
	w->last_raw = 0;
	while (*at < w->end) {
		struct codec_found found;
		int rc = measure(w, *at, &found);
		if (image_cannot_tell(rc))
			return rc;
		/* a short frame is the last one: nothing but skippable ones behind it */
		if (rc || (!found.skippable && w->last_raw && w->last_raw != frame_size) ||
		    found.raw_len > frame_size || found.payload > UINT32_MAX)
			return 0;
		if (!found.skippable && found.raw_len) {
			struct frame_entry e = {.offset = *at, .payload = (uint32_t)found.payload};
			rc = frame_table_add(&w->segment, &e);
			if (rc)
				return rc;
			w->last_raw = found.raw_len;
		}
		*at += found.stored_len;
	}
	return 0;
}

static struct walk *walk_new(const struct codec_ops *codec, const struct frames_stream *stream)
{
	struct walk *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->codec = codec;
	w->stream = stream;
	w->end = stream->end;
	w->budget = SV_MIB + 4 * SV_MIN(stream->present, stream->end);
	return w;
}

static void walk_free(struct walk *w)
{
	frame_table_clear(&w->segment);
	free(w);
}

int frames_walk(const struct codec_ops *codec, const struct frames_stream *stream, uint64_t start,
		const struct geometry *g, struct frame_table *t, uint64_t *damaged)
{
	if (!codec->measure)
		return SV_E_DATA;
	struct walk *w = walk_new(codec, stream);
	if (!w)
		return SV_E_NOMEM;
	uint64_t at = start, last_len = geometry_frame_len(g, t->n - 1);
	bool first = true;
	int rc = 0;
	*damaged = 0;
	while (!rc && !at_tail(w, at)) {
		rc = stretch(w, &at, g->frame_size);
		if (!rc && first)
			place(t, &w->segment, 0);
		else if (!rc && at_tail(w, at) && w->last_raw == last_len && w->segment.n <= t->n)
			place(t, &w->segment, t->n - w->segment.n);
		first = false;
		if (!rc && !at_tail(w, at)) {
			uint64_t next = resync(w, at);
			*damaged += next - at;
			at = next;
		}
	}
	walk_free(w);
	return rc;
}

int frames_guess_geometry(const struct codec_ops *codec, const struct frames_stream *stream,
			  uint64_t start, struct geometry *g)
{
	if (!codec->measure)
		return SV_E_DATA;
	struct walk *w = walk_new(codec, stream);
	if (!w)
		return SV_E_NOMEM;
	uint64_t at = start, n = 0, last = 0;
	uint32_t size = 0;
	while (at < stream->end) {
		struct codec_found found;
		int rc = measure(w, at, &found);
		if (image_cannot_tell(rc)) {
			walk_free(w);
			return rc;
		}
		if (rc || n == MAX_FRAMES)
			break;
		if (!found.skippable && found.raw_len) {
			size = size ? size : (uint32_t)found.raw_len;
			last = found.raw_len;
			n++;
		}
		at += found.stored_len;
	}
	walk_free(w);
	g->frame_size = n == 1 ? (uint32_t)sv_round_up(size, 65536) : size;
	g->size = n ? (n - 1) * size + last : 0;
	return n && geometry_ok(g) && last <= size ? 0 : SV_E_DATA;
}
