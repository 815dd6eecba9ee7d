/* fsmap.c - the core of the map readers: collect what is proven free, subtract every doubt */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners.h"
#include "engine/fsmap/reader_priv.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first and last bytes of a volume that are always read (DESIGN section 4). */
#define ALWAYS_READ SV_MIB

/*
 * Longest lists held: 2^21 ranges are 32 MiB. Past that the shortest free ranges become used and
 * the narrowest gaps between used ones close; both only make the map larger.
 */
#define LIST_MAX ((size_t)1 << 21)

uint64_t fsmap_size(const struct fsmap_reader *r)
{
	return r->map->size;
}

uint32_t fsmap_sector_size(const struct fsmap_reader *r)
{
	return r->vol->sector_size;
}

struct blk_dev *fsmap_device(const struct fsmap_reader *r)
{
	return r->owners ? owners_zeros(r->owners) : r->vol;
}

const char *fsmap_type(const struct fsmap_reader *r)
{
	return r->map->fs;
}

struct unlock *fsmap_unlock(const struct fsmap_reader *r)
{
	return r->around.how.unlock;
}

bool fsmap_wants_ntfs_union(const struct fsmap_reader *r)
{
	return r->around.how.ntfs_union;
}

struct owners *fsmap_owners(const struct fsmap_reader *r)
{
	return r->owners;
}

int fsmap_tell_free(struct fsmap_reader *r)
{
	struct sv_extents proven = {0};
	sv_extents_normalise(&r->free);
	sv_extents_normalise(&r->used);
	int rc = sv_extents_subtract(&proven, &r->free, &r->used);
	for (size_t i = 0; !rc && i < proven.n; i++)
		rc = owners_free(r->owners, proven.v[i].start, proven.v[i].len);
	sv_extents_clear(&proven);
	return rc;
}

int fsmap_frees_any(struct fsmap_reader *r, struct sv_extents *list, bool *any)
{
	struct sv_extents both = {0};
	sv_extents_normalise(&r->free);
	sv_extents_normalise(list);
	int rc = sv_extents_intersect(&both, &r->free, list);
	*any = both.n;
	sv_extents_clear(&both);
	return rc;
}

void fsmap_name_volume(const struct fsmap_reader *r, const char *title, char *text, size_t len)
{
	const struct fsmap *map = r->map;
	snprintf(text, len, "%s volume %s%s%.60s%s on %.80s", title, map->uuid,
		 *map->label ? " (" : "", map->label, *map->label ? ")" : "", r->vol->name);
}

void fsmap_set_block_size(struct fsmap_reader *r, uint32_t block_size)
{
	r->map->block_size = block_size;
}

void fsmap_set_locked(struct fsmap_reader *r)
{
	r->map->locked = true;
}

void fsmap_set_hibernated(struct fsmap_reader *r)
{
	r->map->hibernated = true;
}

void fsmap_set_unsettled(struct fsmap_reader *r)
{
	r->map->unsettled = true;
}

bool fsmap_is_unsettled(const struct fsmap_reader *r)
{
	return r->map->unsettled;
}

int fsmap_whole(struct fsmap_reader *r, const char *fmt, ...)
{
	if (r->whole)
		return FSMAP_IS_WHOLE;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->map->reason, sizeof(r->map->reason), fmt, ap);
	va_end(ap);
	r->map->state = FSMAP_WHOLE;
	r->whole = true;
	return FSMAP_IS_WHOLE;
}

int fsmap_doubt(struct fsmap_reader *r, const char *fmt, ...)
{
	char why[240];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (!r->owners)
		return fsmap_whole(r, "%s", why);
	owners_caution(r->owners, "%s", why);
	return 0;
}

void fsmap_union(struct fsmap_reader *r, const char *fmt, ...)
{
	if (r->whole || r->map->state == FSMAP_UNION)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->map->reason, sizeof(r->map->reason), fmt, ap);
	va_end(ap);
	r->map->state = FSMAP_UNION;
}

void fsmap_digest_add(struct fsmap *map, const void *buf, size_t len, uint64_t off)
{
	uint8_t link[48];
	struct sv_digest content = sv_xxh3_128(buf, len, 0);
	memcpy(link, map->meta_digest.b, 16);
	put_le64(link + 16, off);
	put_le64(link + 24, len);
	memcpy(link + 32, content.b, 16);
	map->meta_digest = sv_xxh3_128(link, sizeof(link), 0);
}

/* Without a doubt where the medium fails: *ok tells. */
static int read_bytes(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what,
		      bool *ok)
{
	struct sv_err err = {0};
	if (!sv_range_ok(off, len, r->map->size))
		return fsmap_whole(r, "%s would lie outside of the volume, at %" PRIu64, what, off);
	int rc = blk_pread(r->vol, buf, len, off, &err);
	if (rc == SV_E_NOMEM)
		return rc;
	*ok = rc == 0;
	if (*ok)
		fsmap_digest_add(r->map, buf, len, off);
	return 0;
}

int fsmap_read_hint(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what)
{
	bool ok = false;
	int rc = read_bytes(r, buf, len, off, what, &ok);
	if (!rc && !ok)
		return fsmap_whole(r, "%s at %" PRIu64 " cannot be read", what, off);
	return rc;
}

/* To be found used at the end. */
static int note_meta(struct fsmap_reader *r, size_t len, uint64_t off)
{
	if (r->searching)
		return 0;
	if (r->meta.n >= LIST_MAX) {
		sv_extents_normalise(&r->meta);
		if (r->meta.n >= LIST_MAX / 2)
			return fsmap_whole(r, "its metadata lies in too many places");
	}
	return sv_extents_add(&r->meta, off, len);
}

int fsmap_read_meta(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what)
{
	int rc = fsmap_read_hint(r, buf, len, off, what);
	return rc ? rc : note_meta(r, len, off);
}

int fsmap_read_copy(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what,
		    bool *ok)
{
	int rc = read_bytes(r, buf, len, off, what, ok);
	return rc ? rc : note_meta(r, len, off);
}

int fsmap_read_maybe(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what,
		     bool *ok)
{
	*ok = true;
	return r->owners ? fsmap_read_copy(r, buf, len, off, what, ok)
			 : fsmap_read_meta(r, buf, len, off, what);
}

/* Keep at most LIST_MAX / 2 free ranges: the longest. */
static void shorten_free(struct sv_extents *list)
{
	sv_extents_normalise(list);
	for (uint64_t min = 8 * SV_KIB; list->n > LIST_MAX / 2; min *= 2) {
		size_t out = 0;
		for (size_t i = 0; i < list->n; i++)
			if (list->v[i].len >= min)
				list->v[out++] = list->v[i];
		list->n = out;
	}
}

/* Keep at most LIST_MAX / 2 used ranges: join those with the narrowest gaps. */
static void shorten_used(struct sv_extents *list)
{
	sv_extents_normalise(list);
	for (uint64_t gap = 8 * SV_KIB; list->n > LIST_MAX / 2; gap *= 2) {
		size_t out = 0;
		for (size_t i = 1; i < list->n; i++) {
			struct sv_extent *last = &list->v[out], *next = &list->v[i];
			if (next->start - (last->start + last->len) < gap)
				last->len = next->start + next->len - last->start;
			else
				list->v[++out] = *next;
		}
		list->n = out + 1;
	}
}

int fsmap_mark_free(struct fsmap_reader *r, uint64_t off, uint64_t len)
{
	if (!sv_range_ok(off, len, r->map->size))
		return fsmap_whole(r, "its map reaches beyond the end of the volume, to %" PRIu64,
				   off + len);
	if (r->free.n >= LIST_MAX)
		shorten_free(&r->free);
	return sv_extents_add(&r->free, off, len);
}

int fsmap_mark_used(struct fsmap_reader *r, uint64_t off, uint64_t len)
{
	if (!sv_range_ok(off, len, r->map->size))
		return fsmap_whole(r, "its map reaches beyond the end of the volume, to %" PRIu64,
				   off + len);
	if (r->used.n >= LIST_MAX)
		shorten_used(&r->used);
	return sv_extents_add(&r->used, off, len);
}

/* The first bit at or after `bit` that is `value`; `bits` when there is none. */
static uint64_t find_bit(const uint8_t *bitmap, uint64_t bit, uint64_t bits, bool value)
{
	uint8_t skip = value ? 0x00 : 0xff;
	while (bit < bits) {
		if (bit % 8 == 0 && bitmap[bit / 8] == skip) {
			bit += 8;
			continue;
		}
		if ((bitmap[bit / 8] >> (bit % 8) & 1) == value)
			return bit;
		bit++;
	}
	return bits;
}

int fsmap_mark_bitmap(struct fsmap_reader *r, const uint8_t *bitmap, uint64_t first_bit,
		      uint64_t bits, uint64_t base, uint64_t unit)
{
	uint64_t span, end;
	if (!sv_mul_ok(bits, unit, &span) || !sv_add_ok(base, span, &end))
		return fsmap_whole(r, "its map reaches beyond every possible volume");
	for (uint64_t bit = first_bit; bit < bits;) {
		uint64_t start = find_bit(bitmap, bit, bits, false);
		bit = find_bit(bitmap, start, bits, true);
		if (start == bit)
			break;
		int rc = fsmap_mark_free(r, base + start * unit, (bit - start) * unit);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_ends(struct fsmap_reader *r)
{
	uint64_t edge = SV_MIN(r->map->size, ALWAYS_READ);
	int rc = fsmap_mark_used(r, 0, edge);
	if (!rc)
		rc = fsmap_mark_used(r, r->map->size - edge, edge);
	return rc;
}

/* used = everything - (free - used). */
static int subtract(struct fsmap_reader *r)
{
	struct sv_extents proven = {0};
	int rc = add_ends(r);
	if (rc)
		return rc;
	sv_extents_normalise(&r->free);
	sv_extents_normalise(&r->used);
	rc = sv_extents_subtract(&proven, &r->free, &r->used);
	if (!rc)
		rc = sv_extents_invert(&r->map->used, &proven, r->map->size);
	sv_extents_clear(&proven);
	return rc;
}

/* What was read as metadata must be in the map, or the map is wrong. */
static int self_check(struct fsmap_reader *r)
{
	sv_extents_normalise(&r->meta);
	for (size_t i = 0; i < r->meta.n; i++) {
		const struct sv_extent *m = &r->meta.v[i];
		if (!sv_extents_contain(&r->map->used, m->start, m->len))
			return fsmap_whole(
				r, "the map says that its own metadata at %" PRIu64 " is free",
				m->start);
	}
	return 0;
}

static int take_whole(struct fsmap_reader *r)
{
	sv_extents_clear(&r->map->used);
	return sv_extents_add(&r->map->used, 0, r->map->size);
}

/* Turn what the reader answered and marked into the finished map. */
static int finish(struct fsmap_reader *r, int rc)
{
	if (rc == SV_E_NOMEM)
		return rc;
	if (rc && !r->whole)
		fsmap_whole(r, "its map could not be read");
	if (!r->whole) {
		rc = subtract(r);
		if (!rc)
			rc = self_check(r);
		if (rc < 0)
			return rc;
	}
	return r->whole ? take_whole(r) : 0;
}

static int run_reader(struct blk_dev *vol, const struct fsmap_ops *ops, struct fsmap *map,
		      const char *whole, const struct fsmap_around *around)
{
	struct fsmap_reader r = {.vol = vol, .map = map, .around = *around};
	int rc = ops ? ops->read(&r) : fsmap_whole(&r, "%s", whole);
	if (ops && !ops->container && map->state == FSMAP_UNION)
		map->unsettled = true;
	rc = finish(&r, rc);
	sv_extents_clear(&r.free);
	sv_extents_clear(&r.used);
	sv_extents_clear(&r.meta);
	return rc;
}

void fsmap_set_names(struct fsmap *map, const struct fsmap_probe *probe)
{
	snprintf(map->fs, sizeof(map->fs), "%s", probe->type);
	snprintf(map->label, sizeof(map->label), "%s", probe->label);
	snprintf(map->uuid, sizeof(map->uuid), "%s", probe->uuid);
}

static struct fsmap *map_create(struct blk_dev *vol)
{
	struct fsmap *map = calloc(1, sizeof(*map));
	if (map)
		map->size = vol->size;
	return map;
}

/* Run the reader (or, without one, take the volume whole) and hand the map out. */
static int complete(struct blk_dev *vol, const struct fsmap_ops *ops, struct fsmap *map,
		    const char *whole, const struct fsmap_around *around, struct fsmap **map_ret,
		    struct sv_err *err)
{
	if (run_reader(vol, ops, map, whole, around)) {
		fsmap_destroy(map);
		return sv_fail_nomem(err);
	}
	*map_ret = map;
	return 0;
}

static struct fsmap_around outermost(const struct fsmap_how *how)
{
	return (struct fsmap_around){.how = how ? *how : (struct fsmap_how){0}};
}

int fsmap_read_with(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
		    const struct fsmap_how *how, struct fsmap **map_ret, struct sv_err *err)
{
	struct fsmap_around around = outermost(how);
	struct fsmap *map = map_create(vol);
	if (!map)
		return sv_fail_nomem(err);
	snprintf(map->fs, sizeof(map->fs), "%s", type);
	return complete(vol, ops, map, "", &around, map_ret, err);
}

int fsmap_read_as(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
		  struct fsmap **map_ret, struct sv_err *err)
{
	return fsmap_read_with(vol, ops, type, NULL, map_ret, err);
}

/* Which reader; NULL and a reason when the volume must be taken whole. */
static const struct fsmap_ops *choose(const struct fsmap_probe *probe, int probe_rc, char *why,
				      size_t len)
{
	const struct fsmap_ops *ops = NULL;
	if (probe_rc)
		snprintf(why, len, "what it holds could not be read");
	else if (probe->ambivalent)
		snprintf(why, len, "signatures of more than one type");
	else if (!probe->type[0])
		snprintf(why, len, "no known filesystem");
	else if (!(ops = fsmap_ops_find(probe->type)))
		snprintf(why, len, "Salvor has no map of %s: everything is read",
			 fsmap_type_name(probe->type));
	return ops;
}

int fsmap_read_at(struct blk_dev *vol, const struct fsmap_around *around, struct fsmap **map_ret,
		  struct sv_err *err)
{
	struct fsmap_probe probe = {0};
	char why[120] = "";
	struct fsmap *map = map_create(vol);
	int rc = map ? fsmap_probe(vol, &probe, NULL) : SV_E_NOMEM;
	if (rc == SV_E_NOMEM) {
		fsmap_destroy(map);
		return sv_fail_nomem(err);
	}
	const struct fsmap_ops *ops = choose(&probe, rc, why, sizeof(why));
	fsmap_set_names(map, &probe);
	return complete(vol, ops, map, why, around, map_ret, err);
}

int fsmap_read(struct blk_dev *vol, const struct fsmap_how *how, struct fsmap **map_ret,
	       struct sv_err *err)
{
	struct fsmap_around around = outermost(how);
	return fsmap_read_at(vol, &around, map_ret, err);
}

void fsmap_destroy(struct fsmap *map)
{
	if (!map)
		return;
	sv_extents_clear(&map->used);
	free(map);
}

const char *fsmap_state_name(enum fsmap_state state)
{
	static const char *const names[] = {
		[FSMAP_EXACT] = "exact",
		[FSMAP_UNION] = "union",
		[FSMAP_WHOLE] = "whole",
	};
	return names[state];
}
