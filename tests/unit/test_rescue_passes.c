/* test_rescue_passes.c - the order of a rescue, on models of disks in virtual time */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/rescue/passes.h"
#include "engine/util/bytes.h"
#include "tests/lib/simdisk.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTOR	   512u
#define HOUR_US	   3600e6
#define STOP_LOOPS 100000000ull
#define SEEDS	   3u

/* A rescue of a model, and what came of it. */
struct sim {
	struct simdisk disk;
	struct rmap *map;
	struct passes_params params;
	double budget_us;	 /* 0 = to the end */
	double t90, t99, t_part; /* when so much of what can be read was there; hours */
	double part;		 /* of the readable, for t_part */
	bool ended;
};

static uint64_t readable(const struct sim *s)
{
	return s->disk.size - sv_extents_total(&s->disk.bad);
}

static void clock_shares(struct sim *s, double all)
{
	double share = (double)rmap_total(s->map, RMAP_DONE) / all;
	double now = s->disk.now_us / HOUR_US;
	if (share >= 0.90 && s->t90 < 0)
		s->t90 = now;
	if (share >= 0.99 && s->t99 < 0)
		s->t99 = now;
	if (share >= s->part && s->t_part < 0)
		s->t_part = now;
}

/* `kill_every` reads the machine is thrown away, and a new one goes on with the map. */
static void rescue(struct sim *s, uint64_t kill_every)
{
	struct passes *passes = NULL;
	struct passes_read read;
	double all = (double)readable(s);
	uint64_t loops = 0;
	int rc = 0;
	s->t90 = s->t99 = s->t_part = -1;
	if (!s->map)
		assert_int_equal(rmap_create(s->disk.size, &s->map), 0);
	assert_int_equal(passes_create(&s->params, s->map, &passes), 0);
	while (passes_next(passes, &read, &rc)) {
		uint64_t us;
		assert_true(read.len > 0 && sv_range_ok(read.off, read.len, s->disk.size));
		assert_true(read.len <= PASSES_CLUSTER);
		bool ok = simdisk_read(&s->disk, read.off, read.len, &us);
		assert_int_equal(passes_result(passes, &read, ok ? read.len : 0, us), 0);
		clock_shares(s, all);
		if (s->budget_us > 0 && s->disk.now_us > s->budget_us)
			break;
		assert_true(++loops < STOP_LOOPS);
		if (kill_every && loops % kill_every == 0) {
			passes_destroy(passes);
			assert_int_equal(passes_create(&s->params, s->map, &passes), 0);
			kill_every *= 2; /* each begins with the retries anew */
		}
	}
	assert_int_equal(rc, 0);
	s->ended = passes_stage(passes) == PASSES_END;
	passes_destroy(passes);
}

/* No byte is called good that is bad; at the end every byte is called what it is. */
static void check_truth(const struct sim *s)
{
	const struct sv_extents *bad = &s->disk.bad;
	for (size_t i = 0; i < bad->n; i++)
		for (uint64_t pos = bad->v[i].start; pos < bad->v[i].start + bad->v[i].len;) {
			struct rmap_block b = rmap_at(s->map, pos);
			assert_int_not_equal(b.status, RMAP_DONE);
			assert_true(!s->ended || b.status == RMAP_BAD);
			pos = b.start + b.len;
		}
	if (s->ended) {
		assert_true(rmap_total(s->map, RMAP_DONE) == readable(s));
		assert_true(rmap_total(s->map, RMAP_BAD) == sv_extents_total(bad));
	}
}

static void say(const struct sim *s, const char *what)
{
	printf("%s: t90 %.3f h, t99 %.3f h, end %.3f h, failed reads %llu, seeks %llu\n", what,
	       s->t90, s->t99, s->disk.now_us / HOUR_US, (unsigned long long)s->disk.failed,
	       (unsigned long long)s->disk.seeks);
}

static void begin(struct sim *s, uint64_t size)
{
	*s = (struct sim){.params = {.unit = SECTOR}, .part = 2};
	simdisk_init(&s->disk, size);
}

static void end(struct sim *s)
{
	check_truth(s);
	rmap_destroy(s->map);
	simdisk_clear(&s->disk);
}

static void isolated(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 8 * SV_GIB);
		simdisk_isolated(&s.disk, &dice, 100);
		simdisk_ready(&s.disk);
		rescue(&s, 0);
		say(&s, "isolated");
		assert_true(s.ended);
		/* one read that finds each, one that pins it down; a pair over the border of two
		 * clusters costs one more */
		assert_true(s.disk.failed <= 202);
		end(&s);
	}
}

static void scratch(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 8 * SV_GIB);
		simdisk_scratch(&s.disk, &dice, 3 * SV_GIB, 64 * SV_MIB, 0.05);
		simdisk_ready(&s.disk);
		rescue(&s, 0);
		say(&s, "scratch");
		assert_true(s.ended);
		uint64_t sectors = sv_extents_total(&s.disk.bad) / SECTOR;
		assert_true(s.disk.failed <= sectors + 64 * SV_MIB / PASSES_CLUSTER + 4);
		end(&s);
	}
}

static void runs(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 8 * SV_GIB);
		simdisk_runs(&s.disk, &dice, 40, 256);
		simdisk_ready(&s.disk);
		rescue(&s, 0);
		say(&s, "runs");
		assert_true(s.ended);
		assert_true(s.disk.failed <= sv_extents_total(&s.disk.bad) / SECTOR + 3 * 40);
		end(&s);
	}
}

/* GNU ddrescue needs 3.5 hours at its best for such a disk (64 GB, one of four heads dead). */
static void dead_head(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 64000000000 / SECTOR * SECTOR);
		simdisk_head(&s.disk, &dice, 4, 40 * SV_MIB, false);
		simdisk_ready(&s.disk);
		s.budget_us = 4 * HOUR_US;
		rescue(&s, 0);
		say(&s, "dead head");
		assert_true(s.t99 > 0 && s.t99 < 1.7);
		end(&s);
	}
}

/* The same in areas: pieces all over the disk, half of it in pieces, all. What is learnt must not
 * be the distance between pieces, and what comes first must be there first. */
static void dead_head_areas(void **state)
{
	(void)state;
	struct sim s;
	unsigned int dice = 1;
	struct sv_extents meta = {0}, used = {0}, all = {0}, areas[3] = {{0}, {0}, {0}};
	begin(&s, 16000000000 / SECTOR * SECTOR);
	simdisk_head(&s.disk, &dice, 4, 40 * SV_MIB, false);
	simdisk_ready(&s.disk);
	for (uint64_t pos = 0; pos < s.disk.size; pos += 128 * SV_MIB)
		assert_int_equal(sv_extents_add(&meta, pos, 4096), 0);
	for (uint64_t pos = 0; pos < s.disk.size; pos += 8 * SV_MIB)
		assert_int_equal(sv_extents_add(&used, pos, 4 * SV_MIB), 0);
	assert_int_equal(sv_extents_add(&all, 0, s.disk.size), 0);
	assert_int_equal(passes_round(&areas[0], &meta, PASSES_CLUSTER, s.disk.size), 0);
	assert_int_equal(passes_round(&areas[1], &used, PASSES_CLUSTER, s.disk.size), 0);
	assert_int_equal(passes_round(&areas[2], &all, PASSES_CLUSTER, s.disk.size), 0);
	s.params.areas = areas;
	s.params.n_areas = 3;
	s.budget_us = HOUR_US;
	s.part = 0.495;
	rescue(&s, 0);
	say(&s, "dead head, areas");
	assert_true(s.t_part > 0 && s.t_part < 0.25 && s.t99 > 0 && s.t99 < 0.45);
	end(&s);
	for (int i = 0; i < 3; i++)
		sv_extents_clear(&areas[i]);
	sv_extents_clear(&meta);
	sv_extents_clear(&used);
	sv_extents_clear(&all);
}

static void weak_head(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 64000000000 / SECTOR * SECTOR);
		simdisk_head(&s.disk, &dice, 4, 40 * SV_MIB, true);
		simdisk_ready(&s.disk);
		s.budget_us = 4 * HOUR_US;
		s.part = 0.745;
		rescue(&s, 0);
		printf("weak head: 74.5 %% in %.3f h\n", s.t_part);
		assert_true(s.t_part > 0 && s.t_part < 2);
		end(&s);
	}
}

/* Everything wrong at once, in any order, killed again and again; it ends, and nothing is lost. */
static void killed(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 30; seed++) {
		struct sim s;
		unsigned int dice = seed;
		begin(&s, 64 * SV_MIB + (seed % 3) * SECTOR);
		simdisk_isolated(&s.disk, &dice, 20);
		simdisk_scratch(&s.disk, &dice, 20 * SV_MIB, SV_MIB, 0.1);
		simdisk_runs(&s.disk, &dice, 4, 200);
		simdisk_head(&s.disk, &dice, 3, 5 * SV_MIB, seed % 2);
		simdisk_ready(&s.disk);
		s.params.retries = seed % 3;
		rescue(&s, seed % 5 ? 7 + seed * 13 : 0);
		assert_true(s.ended || s.disk.bad.n);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolated),
		cmocka_unit_test(scratch),
		cmocka_unit_test(runs),
		cmocka_unit_test(dead_head),
		cmocka_unit_test(dead_head_areas),
		cmocka_unit_test(weak_head),
		cmocka_unit_test(killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
