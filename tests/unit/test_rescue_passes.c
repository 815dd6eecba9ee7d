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
	uint64_t done_first; /* what was read before the first read outside of areas[0] */
	enum { NO_HINTS, HINTS, WRONG_HINTS } hints; /* what the disk says of a failed read */
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

/* Where a disk says that a read has failed. */
static void hint(const struct sim *s, struct passes *passes, const struct passes_read *read)
{
	const struct sv_extents *bad = &s->disk.bad;
	uint64_t first = bad->v[sv_extents_seek(bad, read->off)].start;
	if (s->hints)
		assert_int_equal(passes_hint(passes, s->hints == HINTS ? SV_MAX(first, read->off)
								       : read->off),
				 0);
}

static bool outside(const struct sv_extents *list, uint64_t pos)
{
	size_t i = sv_extents_seek(list, pos);
	return i == list->n || list->v[i].start > pos;
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
		if (!s->done_first && s->params.n_areas && outside(&s->params.areas[0], read.off))
			s->done_first = rmap_total(s->map, RMAP_DONE);
		bool ok = simdisk_read(&s->disk, read.off, read.len, &us);
		assert_int_equal(passes_result(passes, &read, ok ? read.len : 0, us), 0);
		if (!ok)
			hint(s, passes, &read);
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

/* A disk on which each failed read spoils what lies around: one is needed to find what is bad, one
 * for each of its edges, and few are wrong guesses. */
static void growing(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		struct sim s;
		unsigned int dice = seed, n = 100;
		begin(&s, 8 * SV_GIB);
		simdisk_isolated(&s.disk, &dice, n);
		simdisk_ready(&s.disk);
		s.disk.grow = 8ull * SECTOR;
		s.disk.grown_max = 20000ull * SECTOR;
		rescue(&s, 0);
		say(&s, "growing");
		assert_true(s.ended);
		uint64_t lost = s.disk.size - rmap_total(s.map, RMAP_DONE);
		/* some are so near to the border of a cluster that they spoil the next one */
		assert_true(lost * 10 <= 11 * n * (SECTOR + 3 * s.disk.grow));
		rmap_destroy(s.map);
		simdisk_clear(&s.disk);
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

/* What is used is there, to the edges of what is bad in it, before anything else is read. */
static void used_first(void **state)
{
	(void)state;
	struct sim s;
	unsigned int dice = 3;
	struct sv_extents used = {0}, all = {0}, lost = {0}, areas[2] = {{0}, {0}};
	begin(&s, 8 * SV_GIB);
	simdisk_isolated(&s.disk, &dice, 40);
	simdisk_runs(&s.disk, &dice, 10, 300);
	simdisk_ready(&s.disk);
	for (uint64_t pos = 0; pos < s.disk.size; pos += 128 * SV_MIB)
		assert_int_equal(sv_extents_add(&used, pos, 64 * SV_MIB), 0);
	assert_int_equal(sv_extents_add(&all, 0, s.disk.size), 0);
	assert_int_equal(passes_round(&areas[0], &used, PASSES_CLUSTER, s.disk.size), 0);
	assert_int_equal(passes_round(&areas[1], &all, PASSES_CLUSTER, s.disk.size), 0);
	assert_int_equal(sv_extents_intersect(&lost, &s.disk.bad, &areas[0]), 0);
	s.params.areas = areas;
	s.params.n_areas = 2;
	rescue(&s, 0);
	check_truth(&s);
	assert_true(s.done_first == sv_extents_total(&areas[0]) - sv_extents_total(&lost));
	rmap_destroy(s.map);
	simdisk_clear(&s.disk);
	sv_extents_clear(&used);
	sv_extents_clear(&all);
	sv_extents_clear(&lost);
	for (size_t i = 0; i < 2; i++)
		sv_extents_clear(&areas[i]);
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

/* A disk that names what is bad: then one failed read is enough. One that names something else
 * costs one more, once. */
static void named(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		uint64_t failed[3];
		for (int hints = NO_HINTS; hints <= WRONG_HINTS; hints++) {
			struct sim s;
			unsigned int dice = seed;
			begin(&s, 8 * SV_GIB);
			s.hints = hints;
			simdisk_isolated(&s.disk, &dice, 100);
			simdisk_runs(&s.disk, &dice, 10, 300);
			simdisk_ready(&s.disk);
			rescue(&s, 0);
			say(&s, "named");
			assert_true(s.ended);
			failed[hints] = s.disk.failed;
			end(&s);
		}
		assert_true(failed[HINTS] + 90 <= failed[NO_HINTS]);
		assert_true(failed[WRONG_HINTS] <= failed[NO_HINTS] + 1);
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
		s.hints = seed % 7 % 3;
		rescue(&s, seed % 5 ? 7 + seed * 13 : 0);
		assert_true(s.ended || s.disk.bad.n);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolated),   cmocka_unit_test(scratch),
		cmocka_unit_test(runs),	      cmocka_unit_test(dead_head),
		cmocka_unit_test(used_first), cmocka_unit_test(dead_head_areas),
		cmocka_unit_test(weak_head),  cmocka_unit_test(named),
		cmocka_unit_test(killed),     cmocka_unit_test(growing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
