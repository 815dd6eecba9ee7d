/* apfs_files.c - APFS: who owns the bytes that were lost: volumes, snapshots, what is free */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USED_MAX ((size_t)1 << 18)

bool apfs_wants(const struct apfs_search *s, uint64_t block, uint64_t count)
{
	uint64_t at = block * s->a.block_size, end = at + count * s->a.block_size;
	struct sv_extent piece;
	return sv_extents_next(s->wanted, &at, end, &piece);
}

bool apfs_is_asked(const struct apfs_search *s, uint64_t block, uint64_t count)
{
	return !s->o || owners_touch(s->o, block * s->a.block_size, count * s->a.block_size);
}

int apfs_use(struct apfs_search *s, uint64_t block, uint64_t count)
{
	int rc = sv_extents_add(&s->used, block * s->a.block_size, count * s->a.block_size);
	return rc || s->o || s->used.n < USED_MAX ? SV_MIN(rc, 0) : apfs_proof_check(s);
}

int apfs_claim(struct apfs_search *s, uint64_t block, uint64_t count, const char *what)
{
	if (!sv_range_ok(block, count, s->a.blocks))
		return 0;
	int rc = count && apfs_is_asked(s, block, count) ? apfs_use(s, block, count) : 0;
	return rc || !s->o ? rc
			   : owners_metadata(s->o, block * s->a.block_size, count * s->a.block_size,
					     what);
}

int apfs_doubt(struct apfs_search *s, const struct apfs_span *span, const char *fmt, ...)
{
	struct apfs *a = &s->a;
	char why[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (s->o || span->block >= a->blocks)
		return s->o ? fsmap_doubt(a->r, "%s", why) : 0;
	int rc = apfs_read(a, a->block, span->block, "a node");
	why[strcspn(why, ":")] = '\0';
	if (!rc && !apfs_is_object(a->block, a->block_size, get_le16(a->block + APFS_O_TYPE)))
		rc = fsmap_whole(a->r, "%s", why);
	return rc;
}

/* ---- what is not said of any file ---- */

/* The firmware's driver, and where it is. */
static int claim_jumpstart(struct apfs_search *s)
{
	struct apfs *a = &s->a;
	uint64_t block = get_le64(a->super + APFS_S_JUMPSTART);
	bool ok = false;
	int rc = block && block < a->blocks
			 ? apfs_read_maybe(a, a->block, block, "what starts its system", &ok)
			 : 0;
	uint32_t n = !rc && ok ? apfs_jumpstart(a, a->block) : 0;
	if (!rc && block)
		rc = apfs_claim(s, block, 1, "what starts its system");
	for (uint32_t i = 0; !rc && n != UINT32_MAX && i < n; i++) {
		struct sv_extent e = apfs_jumpstart_at(a->block, i);
		rc = apfs_claim(s, e.start, e.len, "what starts its system");
	}
	return rc;
}

static int claim_fixed(struct apfs_search *s)
{
	const uint8_t *super = s->a.super;
	static const size_t keys[] = {APFS_S_KEYS, APFS_S_MEDIA_KEYS};
	int rc = apfs_claim(s, 0, 1, "a superblock");
	if (!rc)
		rc = apfs_claim(s, s->a.ring, s->a.ring_blocks, "its checkpoints");
	if (!rc)
		rc = apfs_claim(s, get_le64(super + APFS_S_DATA),
				get_le32(super + APFS_S_DATA_BLOCKS), "its checkpoints");
	for (size_t i = 0; !rc && i < SV_ARRAY(keys); i++)
		rc = apfs_claim(s, get_le64(super + keys[i]), get_le64(super + keys[i] + 8),
				"keys");
	return rc ? rc : claim_jumpstart(s);
}

/* ---- what is free ---- */

static int read_spaceman(struct apfs_search *s)
{
	struct apfs *a = &s->a;
	int rc = apfs_spaceman_find(a);
	if (rc)
		return rc;
	struct sv_extent pool = apfs_spaceman_pool(a), maps = apfs_spaceman_bitmaps(a);
	rc = apfs_claim(s, pool.start, pool.len, "its space manager");
	if (!rc)
		rc = apfs_claim(s, maps.start, maps.len, "its space manager");
	return rc ? rc : apfs_spaceman_map(a);
}

/* Only of the newest state, and only where the space manager is what it should be: its bitmaps have
 * no checksum, but what trees have must be in them. */
static int tell_free(struct apfs_search *s)
{
	bool wrong = false;
	int rc = read_spaceman(s);
	if (rc > 0)
		owners_caution(s->o, "its space manager is lost or damaged: what is free cannot be "
				     "told");
	if (!rc)
		rc = fsmap_frees_any(s->a.r, &s->used, &wrong);
	if (wrong)
		owners_caution(s->o, "its space manager and its trees do not agree: what is free "
				     "cannot be told");
	return rc || wrong || s->a.unsure ? SV_MIN(rc, 0) : fsmap_tell_free(s->a.r);
}

/* ---- volumes ---- */

static int search_views(struct apfs_search *s, bool snapshots)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_views && !owners_stopped(s->o); i++) {
		if (s->volumes[s->views[i].volume].untold ||
		    (bool)s->views[i].snapshot != snapshots)
			continue;
		rc = apfs_view_open(s, i);
		if (!rc)
			rc = apfs_content_find(s);
	}
	sv_extents_normalise(&s->seen);
	return rc;
}

/* Of what snapshots have only what no volume has as it is. */
static int search_volumes(struct apfs_search *s)
{
	struct sv_extents rest = {0};
	s->wanted = owners_lost(s->o);
	int rc = search_views(s, false);
	if (!rc)
		rc = owners_rest(s->o, &rest);
	s->wanted = &rest;
	if (!rc && rest.n)
		rc = search_views(s, true);
	sv_extents_clear(&rest);
	s->wanted = owners_lost(s->o);
	return rc;
}

static int find_owners(struct apfs_search *s)
{
	int (*const steps[])(struct apfs_search *) = {
		claim_fixed, apfs_volumes_find, search_volumes, apfs_volumes_rest, tell_free,
	};
	int rc = apfs_super_search(&s->a);
	if (!rc && s->a.unsure)
		owners_caution(s->o, "its newest checkpoint is lost: this is what the one before "
				     "it says");
	for (size_t i = 0; !rc && i < SV_ARRAY(steps); i++)
		rc = steps[i](s);
	if (!rc)
		rc = owners_seal(s->o);
	return rc ? rc : apfs_names_find(s);
}

void apfs_search_clear(struct apfs_search *s)
{
	for (size_t i = 0; i < s->n_entries; i++)
		free(s->entries[i].name);
	for (size_t i = 0; i < s->n_views; i++)
		free(s->views[i].snapshot);
	free(s->entries);
	free(s->views);
	free(s->volumes);
	free(s->gaps);
	free(s->hits);
	sv_extents_clear(&s->seen);
	sv_extents_clear(&s->used);
	apfs_omap_clear(&s->map);
}

int apfs_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct apfs_search s = {.a.r = r, .o = o, .current = SIZE_MAX};
	int rc = find_owners(&s);
	apfs_search_clear(&s);
	free(s.a.super);
	free(s.a.spaceman);
	free(s.a.block);
	return rc;
}
