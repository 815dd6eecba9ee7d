/* test_clone.c - the clone job over small disks of odd sizes: content, larger targets, a stop */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/salvor.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], source[128], target[128];

static void put_file(const char *path, const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

/* The bytes of a file, to be freed. */
static uint8_t *get_file(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &st));
	*len = (size_t)st.st_size;
	uint8_t *bytes = malloc(*len + 1);
	assert_int_equal(read(fd, bytes, *len), *len);
	close(fd);
	return bytes;
}

/* No table, no filesystem: all of it is read. A third is zeros. */
static uint8_t *make_source(size_t len)
{
	uint8_t *bytes = calloc(1, len);
	for (size_t i = 0; i < len; i++)
		if (i / 65536 % 3 != 1)
			bytes[i] = (uint8_t)(rand() | 1);
	put_file(source, bytes, len);
	return bytes;
}

struct stopper {
	struct sv_job *job;
	bool stop;
	uint64_t bad;
};

static void on_event(void *arg, const struct sv_event *event)
{
	struct stopper *s = arg;
	if (s->stop && event->kind == SV_EVENT_PLAN)
		sv_job_cancel(s->job);
	if (event->kind == SV_EVENT_DAMAGE)
		s->bad += event->len;
}

static int clone(const char *confirm, unsigned int threads, enum sv_free_mode mode, bool stop)
{
	const struct sv_clone_params params = {.map = {.root = dir, .source = source},
					       .target = target,
					       .confirm_erase = confirm,
					       .threads = threads,
					       .free_mode = mode,
					       .verify = true};
	struct stopper s = {.stop = stop};
	struct sv_err err = {0};
	assert_int_equal(sv_job_create_clone(&params, on_event, &s, &s.job, &err), 0);
	assert_int_equal(sv_job_start(s.job, &err), 0);
	int rc = sv_job_wait(s.job, &err);
	if (rc && rc != SV_E_STOPPED)
		print_message("%s\n", err.text);
	assert_int_equal(s.bad, 0);
	sv_job_destroy(s.job);
	return rc;
}

static bool all_are(const uint8_t *bytes, size_t from, size_t to, uint8_t value)
{
	for (; from < to; from++)
		if (bytes[from] != value)
			return false;
	return true;
}

/* Around the ends that are held back, and around the frames. */
static void sizes(void **state)
{
	static const size_t sectors[] = {1,    8,    2047, 2048, 2049, 4095, 4096,
					 4097, 4104, 6144, 8191, 8192, 8193, 20481};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(sectors); i++) {
		size_t len = sectors[i] * 512, got_len;
		uint8_t *want = make_source(len);
		unsigned int threads = i % 2 ? 3 : SV_THREADS_SERIAL;
		unlink(target);
		assert_int_equal(clone(NULL, threads, SV_FREE_KEEP, false), 0);
		uint8_t *got = get_file(target, &got_len);
		assert_int_equal(got_len, len);
		assert_memory_equal(got, want, len);
		free(got);
		free(want);
	}
}

/* What is behind the source is left alone, but for the last MiB, where another table may be. */
static void larger(void **state)
{
	static const size_t more[] = {512, 700 * 1024, 3 * SV_MIB};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(more); i++) {
		size_t len = 5 * SV_MIB + 512, full = len + more[i], got_len;
		uint8_t *want = make_source(len), *old = malloc(full);
		char id[32];
		memset(old, 0xa5, full);
		put_file(target, old, full);
		snprintf(id, sizeof(id), "%zu", full);
		assert_int_equal(clone(id, 2, SV_FREE_ZERO, false), 0);
		uint8_t *got = get_file(target, &got_len);
		size_t end = SV_MAX(len, full - SV_MIB);
		assert_int_equal(got_len, full);
		assert_memory_equal(got, want, len);
		assert_true(all_are(got, len, end, 0xa5));
		assert_true(all_are(got, end, full, 0));
		free(got);
		free(old);
		free(want);
	}
}

static void stopped(void **state)
{
	size_t len = 5 * SV_MIB;
	(void)state;
	free(make_source(len));
	unlink(target);
	assert_int_equal(clone(NULL, 2, SV_FREE_KEEP, true), SV_E_STOPPED);
	assert_int_not_equal(access(target, F_OK), 0);
}

static void empty(void **state)
{
	(void)state;
	put_file(source, (const uint8_t *)"", 0);
	unlink(target);
	assert_int_equal(clone(NULL, 2, SV_FREE_KEEP, false), SV_E_SOURCE);
	assert_int_not_equal(access(target, F_OK), 0);
}

static void senseless(void **state)
{
	const struct sv_clone_params params = {.map = {.source = "x"}, .target = ""};
	struct sv_job *job = NULL;
	(void)state;
	assert_int_equal(sv_job_create_clone(&params, NULL, NULL, &job, NULL), SV_E_USAGE);
	assert_null(job);
}

static int make_dir(void **state)
{
	(void)state;
	if (!scratch_make(dir))
		return -1;
	scratch_path(source, sizeof(source), dir, "source");
	scratch_path(target, sizeof(target), dir, "target");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(larger),    cmocka_unit_test(stopped),
		cmocka_unit_test(empty), cmocka_unit_test(senseless),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
