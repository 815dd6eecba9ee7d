/* inner.c - volumes that stand inside of others: mapped by the same readers, told as places of the
 * outer one */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader_priv.h"

#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A volume that stands inside of the reader's. */
struct inside {
	const char *name;
	const struct blk_segment *segments; /* where its bytes are */
	size_t n;
	uint32_t unit; /* it is in use in units of so many bytes, whatever its own map says */
	struct fsmap *map;
	struct sv_digest digest; /* of its metadata */
};

/* What of a segment is on other disks than this is not ours to free. */
static int free_segment(struct fsmap_reader *r, const struct blk_segment *s, uint64_t start,
			uint64_t len)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n; i++) {
		struct blk_piece piece;
		if (s->columns[i].below == r->vol && blk_segment_on(s, start, len, i, &piece))
			rc = fsmap_mark_free(r, piece.start, piece.len);
	}
	return rc;
}

/* Bytes [start, end) of the volume inside are free. */
static int free_range(struct fsmap_reader *r, const struct inside *in, uint64_t start, uint64_t end)
{
	uint64_t at = 0;
	int rc = 0;
	for (size_t i = 0; !rc && i < in->n && at < end; at += in->segments[i++].len) {
		uint64_t low = SV_MAX(start, at), high = SV_MIN(end, at + in->segments[i].len);
		if (low < high)
			rc = free_segment(r, &in->segments[i], low - at, high - low);
	}
	return rc;
}

/* A unit of which a part is in use is in use. */
static int free_units(struct fsmap_reader *r, const struct inside *in, const struct sv_extent *e)
{
	uint64_t start = (e->start + in->unit - 1) / in->unit * in->unit;
	uint64_t end = (e->start + e->len) / in->unit * in->unit;
	return start < end ? free_range(r, in, start, end) : 0;
}

void fsmap_tell(struct fsmap_reader *r, const char *fmt, ...)
{
	char *text = r->map->inside;
	size_t room = sizeof(r->map->inside), len = strlen(text);
	va_list ap;
	if (len)
		len += (size_t)snprintf(text + len, room - len, "; ");
	if (len >= room)
		return;
	va_start(ap, fmt);
	vsnprintf(text + len, room - len, fmt, ap);
	va_end(ap);
}

/* Take over what the map of an inner volume says. */
static int take_inner(struct fsmap_reader *r, const struct inside *in)
{
	const struct fsmap *inner = in->map;
	struct sv_extents unused = {0};
	fsmap_digest_add(r->map, in->digest.b, sizeof(in->digest.b),
			 in->segments[0].columns[0].start);
	/* what was opened in there is worth telling, wherever it stands */
	if (*inner->inside)
		fsmap_tell(r, "%s: %s", in->name, inner->inside);
	if (inner->unsettled && inner->state != FSMAP_WHOLE)
		fsmap_set_unsettled(r);
	if (inner->hibernated) {
		r->map->hibernated = true;
		return fsmap_whole(r, "%s: %s", in->name, inner->reason);
	}
	if (inner->state == FSMAP_WHOLE)
		fsmap_union(r, "%s is read whole: %s", in->name, inner->reason);
	else if (inner->state == FSMAP_UNION)
		fsmap_union(r, "%s: %s", in->name, inner->reason);
	int rc = sv_extents_invert(&unused, &inner->used, inner->size);
	for (size_t i = 0; !rc && i < unused.n; i++)
		rc = free_units(r, in, &unused.v[i]);
	sv_extents_clear(&unused);
	return rc;
}

static bool too_deep(struct fsmap_reader *r, const char *name)
{
	if (r->around.depth + 1 < FSMAP_DEPTH)
		return false;
	fsmap_union(r, "%s is read whole: too many volumes stand in each other", name);
	return true;
}

/* Whether with keys and other disks, and which would help. */
static void take_help(struct fsmap *map, const struct fsmap *inner)
{
	map->locked |= inner->locked;
	map->unlocked += inner->unlocked;
	map->joined += inner->joined;
	if (!*map->apart)
		memcpy(map->apart, inner->apart, sizeof(map->apart));
}

static int map_inner(struct fsmap_reader *r, struct blk_dev *dev, struct fsmap **map_ret)
{
	struct fsmap_around around = r->around;
	around.depth++;
	int rc = fsmap_read_at(dev, &around, map_ret, NULL);
	if (!rc)
		take_help(r->map, *map_ret);
	return rc;
}

/* The map of what the segments hold; the caller destroys it. */
static int map_segments(struct fsmap_reader *r, const char *name, struct inside *in)
{
	struct blk_dev *dev = NULL;
	int rc = blk_segments_create(in->segments, in->n, name, &dev, NULL);
	if (!rc)
		rc = map_inner(r, dev, &in->map);
	if (!rc)
		in->digest = in->map->meta_digest;
	else if (rc != SV_E_NOMEM)
		rc = fsmap_whole(r, "%s lies outside of its volume", name);
	blk_close(dev);
	return rc;
}

int fsmap_read_inner(struct fsmap_reader *r, const char *name, const struct blk_segment *segments,
		     size_t n)
{
	struct inside in = {.name = name, .segments = segments, .n = n, .unit = 1};
	if (r->owners)
		return owners_segments(r, name, segments, n);
	if (too_deep(r, name))
		return 0;
	int rc = map_segments(r, name, &in);
	if (!rc)
		rc = take_inner(r, &in);
	fsmap_destroy(in.map);
	return rc;
}

int fsmap_probe_without(struct fsmap_reader *r, uint64_t off, struct fsmap_probe *probe)
{
	static const uint8_t zeros[4096];
	struct blk_dev *dev = NULL;
	int rc = blk_overlay_create(fsmap_device(r), sizeof(zeros), &dev);
	if (!rc)
		rc = blk_pwrite(dev, zeros, sizeof(zeros), off, NULL);
	if (!rc)
		rc = fsmap_probe(dev, probe, NULL);
	blk_close(dev);
	if (rc && rc != SV_E_NOMEM)
		return fsmap_whole(r, "what it holds could not be read");
	return rc;
}

/* The digest goes into images, and must tell nothing about what was decrypted. */
static int seal_digest(const struct blk_crypt_params *crypt, struct inside *in)
{
	uint8_t sum[SV_SHA256_LEN];
	struct sv_sha256 *sha = sv_sha256_create();
	if (!sha)
		return SV_E_NOMEM;
	sv_sha256_update(sha, crypt->key, crypt->key_len);
	sv_sha256_update(sha, in->map->meta_digest.b, sizeof(in->map->meta_digest.b));
	sv_sha256_finish(sha, sum);
	sv_sha256_destroy(sha);
	memcpy(in->digest.b, sum, sizeof(in->digest.b));
	return 0;
}

/* What all of the outer volume is there for; `in` gets its name here. */
static int take_content(struct fsmap_reader *r, const char *title, struct inside *in)
{
	char name[64];
	const char *fs = fsmap_type_name(in->map->fs);
	snprintf(name, sizeof(name), "the %s inside", *fs ? fs : "volume");
	in->name = name;
	snprintf(r->map->inside, sizeof(r->map->inside), "%s: %s inside", title,
		 *fs ? fs : "nothing known");
	if (in->map->state == FSMAP_WHOLE && !in->map->hibernated)
		return fsmap_whole(r, "%s is read whole: %s", name, in->map->reason);
	return take_inner(r, in);
}

int fsmap_read_content(struct fsmap_reader *r, const char *title, const struct blk_piece *piece)
{
	const struct blk_column column = {r->vol, piece->start};
	const struct blk_segment all = {.len = piece->len, .columns = &column, .n = 1};
	struct inside in = {.segments = &all, .n = 1, .unit = 1};
	if (too_deep(r, "what is inside"))
		return 0;
	int rc = map_segments(r, "what is inside", &in);
	if (!rc)
		rc = take_content(r, title, &in);
	fsmap_destroy(in.map);
	return rc;
}

int fsmap_parts_create(const struct fsmap_decrypted *how, struct blk_dev *below, uint64_t from,
		       struct fsmap_parts *p)
{
	const struct blk_piece *order = how->n ? how->order : &how->data;
	p->n = how->n ? how->n : 1;
	p->columns = calloc(p->n, sizeof(*p->columns));
	p->v = calloc(p->n, sizeof(*p->v));
	if (!p->columns || !p->v)
		return SV_E_NOMEM;
	for (size_t i = 0; i < p->n; i++) {
		p->columns[i] = (struct blk_column){below, order[i].start - from};
		p->v[i] = (struct blk_segment){
			.len = order[i].len, .columns = &p->columns[i], .n = 1};
	}
	return 0;
}

void fsmap_parts_clear(struct fsmap_parts *p)
{
	free(p->columns);
	free(p->v);
	*p = (struct fsmap_parts){0};
}

int fsmap_plain_open(struct blk_dev *vol, const struct fsmap_decrypted *how, struct fsmap_plain *p)
{
	int rc = blk_window_create(vol, how->data.start, how->data.len, vol->name, &p->below, NULL);
	if (!rc)
		rc = blk_crypt_create(p->below, how->crypt, vol->name, &p->plain, NULL);
	if (!rc)
		rc = fsmap_parts_create(how, p->plain, how->data.start, &p->parts);
	if (!rc)
		rc = blk_segments_create(p->parts.v, p->parts.n, vol->name, &p->view, NULL);
	return rc ? rc : blk_holes_create(p->view, how->blank, true, &p->dev);
}

void fsmap_plain_close(struct fsmap_plain *p)
{
	blk_close(p->dev);
	blk_close(p->view);
	fsmap_parts_clear(&p->parts);
	blk_close(p->plain);
	blk_close(p->below);
}

/* What the map of the volume inside has for free, in the places that it has here. */
static int take_plain(struct fsmap_reader *r, const struct fsmap_decrypted *how, struct inside *in)
{
	struct fsmap_parts here = {0};
	char opened[64];
	snprintf(opened, sizeof(opened), "%s, unlocked", how->title);
	int rc = fsmap_parts_create(how, r->vol, 0, &here);
	in->segments = here.v;
	in->n = here.n;
	if (!rc)
		rc = take_content(r, opened, in);
	fsmap_parts_clear(&here);
	return rc;
}

int fsmap_read_decrypted(struct fsmap_reader *r, const struct fsmap_decrypted *how)
{
	struct fsmap_plain plain = {0};
	struct inside in = {.unit = how->crypt->sector_size};
	if (r->owners)
		return owners_decrypted(r, how);
	if (too_deep(r, "what is inside"))
		return 0;
	int rc = fsmap_plain_open(r->vol, how, &plain);
	if (rc && rc != SV_E_NOMEM)
		rc = fsmap_whole(r, "its header says that it is larger than its volume");
	if (!rc)
		rc = map_inner(r, plain.dev, &in.map);
	if (!rc)
		r->map->unlocked++;
	if (!rc)
		rc = seal_digest(how->crypt, &in);
	if (!rc)
		rc = take_plain(r, how, &in);
	fsmap_destroy(in.map);
	fsmap_plain_close(&plain);
	return rc;
}
