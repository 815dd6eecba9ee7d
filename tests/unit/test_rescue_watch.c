/* test_rescue_watch.c - a rescue that is looked at and steered from another thread: cells, pause */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/job/rescue.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- cells against an array ---- */

#define SIZE 1000

static void add(struct sv_rescue_cell *cell, uint8_t status)
{
	cell->rescued += status == RMAP_DONE;
	cell->untried += status == RMAP_UNTRIED;
	cell->failed += status == RMAP_UNTRIMMED || status == RMAP_UNSCRAPED;
	cell->bad += status == RMAP_BAD;
}

static void check_window(struct rescue_shared *shared, const uint8_t model[SIZE])
{
	struct sv_rescue_cell cells[50], want[50] = {0};
	size_t n = 1 + (size_t)rand() % 50;
	uint64_t start = (uint64_t)rand() % SIZE, len = 1 + (uint64_t)rand() % (SIZE - start);
	memset(cells, 0, sizeof(cells));
	for (size_t i = 0; i < n; i++)
		for (uint64_t pos = len * i / n; pos < len * (i + 1) / n; pos++)
			add(&want[i], model[start + pos]);
	assert_true(rescue_cells(shared, start, len, cells, n));
	assert_memory_equal(cells, want, sizeof(cells));
}

static void cells_are_the_map(void **state)
{
	struct rescue_shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct sv_rescue_cell cells[3] = {0};
	uint8_t model[SIZE] = {0};
	(void)state;
	srand(7);
	assert_false(rescue_cells(&shared, 0, 1, cells, 3));
	assert_int_equal(rmap_create(SIZE, &shared.map), 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t start = (uint64_t)rand() % SIZE, len = (uint64_t)rand() % 20;
		len = SV_MIN(len, SIZE - start);
		int status = rand() % RMAP_STATUSES;
		assert_int_equal(rmap_set(shared.map, start, len, (enum rmap_status)status), 0);
		memset(model + start, status, len);
		check_window(&shared, model);
	}
	assert_false(rescue_cells(&shared, 0, 0, cells, 3));
	assert_false(rescue_cells(&shared, 0, SIZE + 1, cells, 3));
	assert_false(rescue_cells(&shared, UINT64_MAX, 2, cells, 3));
	rmap_destroy(shared.map);
}

/* A disk of 2^63 bytes: nothing overflows, nothing is lost between two cells. */
static void cells_of_a_large_disk(void **state)
{
	struct rescue_shared shared = {.lock = PTHREAD_MUTEX_INITIALIZER};
	static struct sv_rescue_cell cells[4096];
	uint64_t sum = 0, size = (1ull << 63) - 512;
	(void)state;
	assert_int_equal(rmap_create(size, &shared.map), 0);
	assert_int_equal(rmap_set(shared.map, size - 512, 512, RMAP_BAD), 0);
	assert_true(rescue_cells(&shared, 0, size, cells, SV_ARRAY(cells)));
	for (size_t i = 0; i < SV_ARRAY(cells); i++)
		sum += cells[i].untried + cells[i].bad;
	assert_true(sum == size);
	assert_int_equal(cells[SV_ARRAY(cells) - 1].bad, 512);
	rmap_destroy(shared.map);
}

/* ---- a job ---- */

#define DISK (4 * SV_MIB)

struct ends {
	char dir[64], source[256], target[256], map[256];
};

static void make_source(struct ends *e)
{
	char *noise = malloc(DISK);
	assert_non_null(noise);
	for (size_t i = 0; i < DISK; i++)
		noise[i] = (char)rand();
	assert_true(scratch_make(e->dir));
	scratch_path(e->source, sizeof(e->source), e->dir, "source");
	scratch_path(e->target, sizeof(e->target), e->dir, "target");
	scratch_path(e->map, sizeof(e->map), e->dir, "map");
	FILE *f = fopen(e->source, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(noise, 1, DISK, f), DISK);
	assert_int_equal(fclose(f), 0);
	free(noise);
}

static struct sv_job *make_job(const struct ends *e)
{
	const struct sv_rescue_params params = {
		.root = "", .source = e->source, .target = e->target, .mapfile = e->map};
	struct sv_job *job = NULL;
	struct sv_err err = {0};
	assert_int_equal(sv_job_create_rescue(&params, NULL, NULL, &job, &err), 0);
	return job;
}

static struct sv_rescue_state state_of(struct sv_job *job)
{
	struct sv_progress now;
	sv_job_progress(job, &now);
	return now.rescue;
}

static void wait_for_pause(struct sv_job *job)
{
	struct sv_progress now = {0};
	while (!now.rescue.paused) {
		sched_yield();
		sv_job_progress(job, &now);
		assert_false(now.finished);
	}
}

static void a_paused_job(void **state)
{
	struct ends e;
	struct sv_rescue_cell cell;
	struct sv_err err = {0};
	(void)state;
	make_source(&e);
	struct sv_job *job = make_job(&e);
	assert_false(sv_job_rescue_cells(job, 0, DISK, &cell, 1));
	sv_job_pause(job, true);
	assert_int_equal(sv_job_start(job, &err), 0);
	wait_for_pause(job);
	/* it stands still after its first read, and its map tells the truth */
	assert_int_equal(access(e.map, R_OK), 0);
	struct sv_rescue_state now = state_of(job);
	assert_true(now.size == DISK && now.rescued < DISK);
	assert_true(sv_job_rescue_cells(job, 0, DISK, &cell, 1));
	assert_true(cell.rescued == now.rescued && cell.untried == now.untried);
	sv_job_rest(job, 3);
	sv_job_pause(job, false);
	sv_job_rest(job, 0);
	assert_int_equal(sv_job_wait(job, &err), 0);
	/* the map is still there */
	assert_true(sv_job_rescue_cells(job, 0, DISK, &cell, 1));
	assert_true(cell.rescued == DISK);
	sv_job_destroy(job);
	scratch_remove(e.dir);
}

static void stopped_while_it_pauses(void **state)
{
	struct ends e;
	struct sv_err err = {0};
	(void)state;
	make_source(&e);
	struct sv_job *job = make_job(&e);
	sv_job_pause(job, true);
	assert_int_equal(sv_job_start(job, &err), 0);
	wait_for_pause(job);
	sv_job_cancel(job);
	assert_int_equal(sv_job_wait(job, &err), SV_E_STOPPED);
	sv_job_destroy(job);
	scratch_remove(e.dir);
}

/* ---- which were begun ---- */

static void run_to_the_end(const struct ends *e)
{
	struct sv_err err = {0};
	struct sv_job *job = make_job(e);
	assert_int_equal(sv_job_start(job, &err), 0);
	assert_int_equal(sv_job_wait(job, &err), 0);
	sv_job_destroy(job);
}

static void check_list(const char *dir, bool finished)
{
	struct sv_rescue_entry *list, one;
	struct sv_err err = {0};
	size_t n;
	char map[300], junk[300];
	/* neither of these is a rescue */
	scratch_path(junk, sizeof(junk), dir, "other.salvor.json");
	close(open(junk, O_CREAT | O_WRONLY, 0600));
	scratch_path(junk, sizeof(junk), dir, "other");
	close(open(junk, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(sv_rescue_list(dir, &list, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].name, "map");
	assert_int_equal(list[0].finished, finished);
	assert_true(list[0].target.beside && !list[0].target.is_device);
	assert_true(list[0].source.size == DISK);
	assert_true(!finished || (list[0].total == DISK && list[0].done == DISK));
	scratch_path(map, sizeof(map), dir, "map");
	assert_int_equal(sv_rescue_look(map, &one, &err), 0);
	assert_string_equal(one.name, list[0].name);
	assert_true(one.done == list[0].done && one.finished == finished);
	free(list);
	assert_int_equal(sv_rescue_look(junk, &one, &err), SV_E_REFUSED);
	scratch_path(map, sizeof(map), dir, "none");
	err = (struct sv_err){0};
	assert_int_equal(sv_rescue_look(map, &one, &err), SV_E_NOT_FOUND);
}

static void found_again_in_a_folder_that_moved(void **state)
{
	struct ends e, moved;
	struct sv_err err = {0};
	(void)state;
	make_source(&e);
	struct sv_job *job = make_job(&e);
	sv_job_pause(job, true);
	assert_int_equal(sv_job_start(job, &err), 0);
	wait_for_pause(job);
	check_list(e.dir, false);
	sv_job_destroy(job);
	snprintf(moved.dir, sizeof(moved.dir), "%.50s-moved", e.dir);
	assert_int_equal(rename(e.dir, moved.dir), 0);
	scratch_path(moved.source, sizeof(moved.source), moved.dir, "source");
	scratch_path(moved.target, sizeof(moved.target), moved.dir, "target");
	scratch_path(moved.map, sizeof(moved.map), moved.dir, "map");
	run_to_the_end(&moved);
	check_list(moved.dir, true);
	/* the same names in another folder are another copy */
	scratch_path(moved.target, sizeof(moved.target), "/tmp", "target");
	job = make_job(&moved);
	err = (struct sv_err){0};
	assert_int_equal(sv_job_start(job, &err), 0);
	assert_int_equal(sv_job_wait(job, &err), SV_E_REFUSED);
	sv_job_destroy(job);
	scratch_remove(moved.dir);
}

static void another_kind_of_job(void **state)
{
	struct sv_rescue_cell cell = {1, 1, 1, 1};
	const struct sv_verify_params params = {.root = "", .image = "/nowhere"};
	struct sv_job *job = NULL;
	struct sv_err err = {0};
	(void)state;
	assert_int_equal(sv_job_create_verify(&params, NULL, NULL, &job, &err), 0);
	sv_job_pause(job, true);
	assert_false(sv_job_rescue_cells(job, 0, 512, &cell, 1));
	assert_true(!cell.rescued && !cell.untried && !cell.failed && !cell.bad);
	sv_job_destroy(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_the_map),
		cmocka_unit_test(cells_of_a_large_disk),
		cmocka_unit_test(a_paused_job),
		cmocka_unit_test(stopped_while_it_pauses),
		cmocka_unit_test(found_again_in_a_folder_that_moved),
		cmocka_unit_test(another_kind_of_job),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
