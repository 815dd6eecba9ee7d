/* noise.c - a filesystem image in memory, damaged byte by byte: its map must never lose anything */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/noise.h"

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MOST 8

uint64_t noise_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* ---- a device that notes what is read ---- */

struct spy {
	struct blk_dev dev;
	struct blk_dev *below;
	struct sv_extents *touched;
};

static int spy_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	struct spy *spy = (struct spy *)dev;
	assert_int_equal(sv_extents_add(spy->touched, off, len), 0);
	return blk_pread(spy->below, buf, len, off, err);
}

static const struct blk_ops spy_ops = {.name = "spy", .pread = spy_pread};

struct fsmap *noise_watch(struct blk_dev *mem, const struct fsmap_ops *ops, const char *type,
			  struct sv_extents *touched)
{
	struct spy spy = {
		.dev = {.ops = &spy_ops, .name = "spy", .size = mem->size, .sector_size = 512},
		.below = mem,
		.touched = touched,
	};
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	assert_int_equal(fsmap_read_as(&spy.dev, ops, type, &map, &err), 0);
	sv_extents_normalise(touched);
	return map;
}

static struct fsmap *map_of(const struct noise *n, struct blk_dev *dev)
{
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	assert_int_equal(fsmap_read_as(dev, n->ops, n->type, &map, &err), 0);
	fixture_check_map(map);
	return map;
}

struct fsmap *noise_map(const struct noise *n)
{
	return map_of(n, n->mem);
}

void noise_load(struct noise *n, const char *dir, const char *name, const struct fsmap_ops *ops,
		const char *type)
{
	*n = (struct noise){.ops = ops, .type = type, .mem = fixture_load(dir, name, 512)};
	n->data = blk_mem_data(n->mem);
	struct fsmap *map = noise_watch(n->mem, ops, type, &n->touched);
	fixture_check_map(map);
	if (map->state == FSMAP_WHOLE)
		fail_msg("%s is whole: %s", name, map->reason);
	assert_int_equal(sv_extents_copy(&n->used, &map->used), 0);
	fsmap_destroy(map);
}

void noise_free(struct noise *n)
{
	blk_close(n->mem);
	sv_extents_clear(&n->used);
	sv_extents_clear(&n->touched);
}

void noise_expect_whole(const struct noise *n, const char *reason)
{
	struct fsmap *map = noise_map(n);
	if (map->state != FSMAP_WHOLE || !strstr(map->reason, reason))
		fail_msg("%s: \"%s\" instead of \"%s\"", fsmap_state_name(map->state), map->reason,
			 reason);
	fsmap_destroy(map);
}

static void put(uint8_t *p, const struct noise_change *change, bool big)
{
	for (size_t i = 0; i < change->len; i++)
		p[big ? change->len - 1 - i : i] = (uint8_t)(change->value >> 8 * i);
}

void noise_refused(const struct noise *n, uint8_t *base, const struct noise_change *bad,
		   size_t count, bool big, void (*seal)(uint8_t *base))
{
	uint8_t keep[8];
	for (size_t i = 0; i < count; i++) {
		memcpy(keep, base + bad[i].off, bad[i].len);
		put(base + bad[i].off, &bad[i], big);
		if (seal)
			seal(base);
		struct fsmap *map = noise_map(n);
		if (map->state != FSMAP_WHOLE || !strstr(map->reason, bad[i].reason))
			fail_msg("change %zu: \"%s\" instead of \"%s\"", i, map->reason,
				 bad[i].reason);
		fsmap_destroy(map);
		memcpy(base + bad[i].off, keep, bad[i].len);
		if (seal)
			seal(base);
	}
}

static void nothing_lost(const struct noise *n, uint64_t at)
{
	struct sv_extents lost = {0};
	struct fsmap *map = noise_map(n);
	assert_int_equal(sv_extents_subtract(&lost, &n->used, &map->used), 0);
	if (lost.n)
		fail_msg("byte %" PRIu64 " changed: %s, but %" PRIu64 "+%" PRIu64 " is free", at,
			 fsmap_state_name(map->state), lost.v[0].start, lost.v[0].len);
	sv_extents_clear(&lost);
	fsmap_destroy(map);
}

static uint64_t random_place(const struct noise *n, uint64_t *seed)
{
	const struct sv_extent *e = &n->touched.v[noise_random(seed) % n->touched.n];
	return e->start + noise_random(seed) % e->len;
}

void noise_run(struct noise *n, int rounds, unsigned int most, uint64_t seed)
{
	uint64_t at[MOST];
	uint8_t was[MOST];
	assert_true(most <= MOST);
	while (rounds--) {
		unsigned int count = 1 + (unsigned int)(noise_random(&seed) % most);
		for (unsigned int i = 0; i < count; i++) {
			at[i] = random_place(n, &seed);
			was[i] = n->data[at[i]];
			n->data[at[i]] ^= (uint8_t)(1u << noise_random(&seed) % 8);
		}
		nothing_lost(n, at[0]);
		while (count--)
			n->data[at[count]] = was[count];
	}
}

void noise_unreadable(const struct noise *n)
{
	for (size_t i = 0; i < n->touched.n; i++) {
		struct blk_dev *fault = NULL;
		struct blk_fault_rule rule = {.ops = BLK_FAULT_READ,
					      .start = n->touched.v[i].start,
					      .len = n->touched.v[i].len,
					      .sys_errno = EIO};
		assert_int_equal(blk_fault_create(n->mem, &fault), 0);
		assert_int_equal(blk_fault_add(fault, &rule), 0);
		struct fsmap *map = map_of(n, fault);
		assert_int_equal(map->state, FSMAP_WHOLE);
		assert_non_null(strstr(map->reason, "cannot be read"));
		fsmap_destroy(map);
		blk_close(fault);
	}
}

void noise_truncated(const struct noise *n, uint64_t step)
{
	for (uint64_t size = 0; size < n->mem->size; size += step) {
		struct blk_dev *part = NULL;
		assert_int_equal(blk_window_create(n->mem, 0, size, "short", &part, NULL), 0);
		struct fsmap *map = map_of(n, part);
		assert_int_equal(map->state, FSMAP_WHOLE);
		fsmap_destroy(map);
		blk_close(part);
	}
}
