/* reader_frames.c - where the frames are: index, the stream's own table, or a walk, whichever is
 * whole */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/reader_priv.h"

#include <stdlib.h>
#include <string.h>

/* Bytes before the first frame, as far as the stream itself tells. */
static uint64_t head_length(struct image_reader *r)
{
	uint8_t b[CODEC_HEAD_MAX];
	return r->codec->stream_head ? r->codec->stream_head(b) : 0;
}

/* What the index does not know is taken from the stream's table; where both do, the index is right:
 * its records are checksummed. *differ: the table says something else. */
static int merge_table(struct image_reader *r, const struct stream_table *t, bool *differ)
{
	int rc = frame_table_resize(&r->frames, t->frames.n);
	*differ = false;
	for (uint64_t i = 0; !rc && i < t->frames.n; i++) {
		struct frame_entry *own = &r->frames.v[i];
		const struct frame_entry *other = &t->frames.v[i];
		if (!own->payload)
			*own = *other;
		else if (own->offset != other->offset || own->payload != other->payload ||
			 (other->has_checksum && own->checksum != other->checksum))
			*differ = true;
	}
	return rc;
}

/* No memory for frames that cannot be there: none has fewer than 8 stored bytes, and an entry takes
 * 24. */
static bool enough_bytes(struct image_reader *r, uint64_t frames)
{
	return frames <= r->frames.n || frames / 1024 <= volumes_reader_present(r->stream) / 8192;
}

/* Frames that are stored as they are lie where they lie on the disk. */
static int place_plain(struct image_reader *r, uint64_t frames)
{
	int rc = enough_bytes(r, frames) ? frame_table_resize(&r->frames, frames) : 0;
	for (uint64_t i = 0; !rc && i < r->frames.n; i++)
		if (!r->frames.v[i].payload) {
			r->frames.v[i].offset = i * r->geometry.frame_size;
			r->frames.v[i].payload = (uint32_t)geometry_frame_len(&r->geometry, i);
		}
	return rc;
}

static int use_stream_table(struct image_reader *r, uint64_t frames)
{
	struct stream_table t;
	uint64_t end = volumes_reader_size(r->stream);
	bool differ = false;
	if (!r->codec->measure)
		return place_plain(r, frames);
	int rc = stream_table_load(r->codec, reader_pread, r->stream, end, &t);
	if (image_cannot_tell(rc))
		return rc;
	bool ours = !rc && t.frames.n == frames && t.raw_len == r->geometry.size &&
		    (t.frame_size == r->geometry.frame_size || frames == 1);
	if (ours)
		rc = merge_table(r, &t, &differ);
	if (!rc && (!ours || differ))
		rc = reader_say(r, "the table of frames at the end of %s does not fit", r->base);
	else if (rc && !image_cannot_tell(rc))
		rc = reader_say(r, "the table of frames at the end of %s is damaged", r->base);
	stream_table_clear(&t);
	return rc;
}

static uint64_t next_present(void *arg, uint64_t off)
{
	return volumes_reader_next(arg, off);
}

static struct frames_stream stream_of(const struct image_reader *r)
{
	return (struct frames_stream){.read = reader_pread,
				      .arg = r->stream,
				      .end = volumes_reader_size(r->stream),
				      .present = volumes_reader_present(r->stream),
				      .next = next_present};
}

static int walk(struct image_reader *r, uint64_t frames, struct sv_err *err)
{
	const struct frames_stream stream = stream_of(r);
	uint64_t damaged = 0, lost = 0;
	int rc = frame_table_resize(&r->frames, frames);
	if (!rc)
		rc = frames_walk(r->codec, &stream, head_length(r), &r->geometry, &r->frames,
				 &damaged);
	if (image_cannot_tell(rc))
		return rc;
	if (rc)
		return sv_fail(err, SV_E_DIFFERS, 0, r->path,
			       "where the frames of %s are is lost with %s", r->base, NAME_INDEX);
	for (uint64_t i = 0; i < frames; i++)
		lost += !r->frames.v[i].payload;
	return reader_say(r, "the frames of %s were found by their headers: %llu of %llu are lost",
			  r->base, (unsigned long long)lost, (unsigned long long)frames);
}

int reader_find_frames(struct image_reader *r, struct index *ix, struct sv_err *err)
{
	uint64_t frames = geometry_frames(&r->geometry);
	r->frames = ix->frames;
	memset(&ix->frames, 0, sizeof(ix->frames));
	int rc = use_stream_table(r, frames);
	if (rc || (r->frames.n == frames && frame_table_whole(&r->frames)))
		return rc;
	if (!enough_bytes(r, frames) || !(r->flags & IMAGE_OPEN_SALVAGE))
		return sv_fail(err, SV_E_DIFFERS, 0, r->path,
			       "%s is damaged: where its frames are is not known", r->path);
	return walk(r, frames, err);
}

/* ---- a stream alone ---- */

int reader_guess_codec(struct volumes_reader *stream, const struct codec_ops **codec,
		       struct sv_err *err)
{
	static const uint8_t xz[6] = {0xFD, '7', 'z', 'X', 'Z', 0};
	uint8_t b[8] = {0};
	size_t len = (size_t)SV_MIN(sizeof(b), volumes_reader_size(stream));
	int rc = volumes_reader_pread(stream, b, len, 0, err);
	if (rc)
		return rc;
	*codec = NULL;
	if (!memcmp(b, xz, sizeof(xz)))
		*codec = codec_find("xz");
	else if (get_le32(b) == 0xFD2FB528u || (get_le32(b) & ~15u) == SKIPPABLE_MAGIC)
		*codec = codec_find("zstd");
	return *codec ? 0 : SV_E_DATA;
}

/* A manifest in a skippable frame at `at`. SV_E_DATA when there is none. */
static int read_manifest_frame(struct image_reader *r, uint64_t at, struct manifest *m)
{
	uint8_t head[SKIPPABLE_HEADER];
	int rc = reader_pread(r->stream, head, sizeof(head), at);
	if (image_cannot_tell(rc))
		return rc;
	if (rc || get_le32(head) != SKIPPABLE_MAGIC || get_le32(head + 4) > MAX_JSON_FRAME)
		return SV_E_DATA;
	size_t len = get_le32(head + 4);
	char *text = malloc(len + 1);
	if (!text)
		return SV_E_NOMEM;
	rc = reader_pread(r->stream, text, len, at + sizeof(head));
	if (!rc)
		rc = manifest_decode(text, len, m);
	free(text);
	return image_cannot_tell(rc) || rc == SV_E_FORMAT ? rc : rc ? SV_E_DATA : 0;
}

/* Nothing tells of the disk but the frames themselves. */
static int guess(struct image_reader *r, const struct stream_table *t, struct sv_err *err)
{
	struct geometry g = {t->raw_len, t->frame_size};
	const struct frames_stream stream = stream_of(r);
	int rc = 0;
	if (t->frames.n == 1) /* a single frame may be shorter than frames are */
		g.frame_size = (uint32_t)sv_round_up(g.frame_size, IMAGE_GRANULE);
	if (!t->frames.n && r->flags & IMAGE_OPEN_SALVAGE)
		rc = frames_guess_geometry(r->codec, &stream, head_length(r), &g);
	if (image_cannot_tell(rc))
		return rc;
	if (rc || !geometry_ok(&g))
		return sv_fail(err, SV_E_FORMAT, 0, r->path, "%s is no image of a disk", r->path);
	struct image_info *info = &r->m.info;
	info->size = g.size;
	info->frame_size = g.frame_size;
	info->sector_size = 512;
	memcpy(info->codec, r->codec->name, strlen(r->codec->name) + 1);
	return reader_say(r, "%s does not tell which disk it is of", r->base);
}

int reader_identify_stream(struct image_reader *r, struct sv_err *err)
{
	struct stream_table t;
	int rc = stream_table_load(r->codec, reader_pread, r->stream,
				   volumes_reader_size(r->stream), &t);
	if (image_cannot_tell(rc))
		return rc;
	/* the result tells more than the identity */
	int result = t.frames.n ? read_manifest_frame(r, t.tail_at, &r->m) : SV_E_DATA;
	if (image_cannot_tell(result))
		rc = result;
	else
		rc = result ? read_manifest_frame(r, 0, &r->m) : 0;
	if (rc == SV_E_FORMAT && (result == SV_E_FORMAT || !t.frames.n))
		rc = sv_fail(err, rc, 0, r->path, "%s is of a newer format version", r->path);
	else if (rc && !image_cannot_tell(rc))
		rc = guess(r, &t, err);
	else if (!rc && strcmp(r->m.info.codec, r->codec->name) != 0)
		rc = sv_fail(err, SV_E_DIFFERS, 0, r->path, "%s is not the stream it says it is",
			     r->path);
	stream_table_clear(&t);
	return rc;
}
