/* test_stream.c - streams over numbered files: splitting, resume, full stores, reading */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_reader(struct stream_place *c, size_t size, int rounds)
{
	struct volumes_reader *r;
	struct sv_err err = {0};
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, VOLUMES_READ_ONCE, &r, &err),
			 0);
	assert_int_equal(volumes_reader_size(r), size);
	uint8_t *got = malloc(size + 1);
	assert_int_equal(volumes_reader_pread(r, got, size, 0, &err), 0);
	assert_memory_equal(got, c->data, size);
	volumes_reader_drop_cache(r);
	for (int i = 0; i < rounds; i++) {
		size_t off = (size_t)rand() % size, len = (size_t)rand() % (size - off + 1);
		assert_int_equal(volumes_reader_pread(r, got, len, off, &err), 0);
		assert_memory_equal(got, c->data + off, len);
	}
	assert_int_equal(volumes_reader_pread(r, got, 0, size, NULL), 0);
	assert_int_equal(volumes_reader_pread(r, got, 2, size - 1, NULL), SV_E_RANGE);
	assert_int_equal(volumes_reader_pread(r, got, 2, UINT64_MAX, NULL), SV_E_RANGE);
	free(got);
	volumes_reader_destroy(r);
}

static void test_digits(void **state)
{
	(void)state;
	assert_int_equal(volumes_digits(UINT64_MAX, 0), 3);
	assert_int_equal(volumes_digits(1000 * 4096, 4096), 3);
	assert_int_equal(volumes_digits(1000 * 4096 + 1, 4096), 4);
	assert_int_equal(volumes_digits(10000ULL * 4096 + 1, 4096), 5);
	assert_int_equal(volumes_digits(UINT64_MAX, 1), 9);
}

static void test_one_file(void **state)
{
	struct stream_place *c = *state;
	struct volumes_writer *w, *second;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	assert_int_equal(faccessat(c->dirfd, STREAM_BASE ".000", F_OK, 0), 0);
	assert_int_equal(volumes_writer_create(&c->create, &second, NULL), SV_E_REFUSED);
	stream_append(c, w, 0, STREAM_SIZE, 3000000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	assert_int_equal(volumes_writer_count(w), 1);
	struct volume_info info;
	volumes_writer_info(w, 0, &info);
	assert_string_equal(info.name, STREAM_BASE);
	assert_int_equal(faccessat(c->dirfd, STREAM_BASE ".000", F_OK, 0), -1);
	stream_check_files(c, w, STREAM_SIZE);
	stream_check_digests(c, w);
	check_reader(c, STREAM_SIZE, 50);
	assert_int_equal(volumes_writer_append(w, "x", 1, NULL), SV_E_IO);
	volumes_writer_destroy(w);
	assert_int_equal(volumes_writer_create(&c->create, &w, NULL), SV_E_REFUSED);
}

static void run_odd_volumes(struct stream_place *c)
{
	const struct {
		uint64_t volume_size;
		size_t size, most;
	} cases[] = {
		{1000003, STREAM_SIZE, 700000},
		{4 << 20, STREAM_SIZE, 5000000},
		{1 << 20, 3 << 20, 100},
		{4096, 40000, 9000},
		{1, 30, 7},
		{5000, 5000, 900},
		{5000, 5001, 900},
		{STREAM_SIZE, STREAM_SIZE, 2000000},
	};
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct volumes_writer *w;
		struct sv_err err = {0};
		c->create.volume_size = cases[i].volume_size;
		assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
		size_t most = SV_MAX(cases[i].most, cases[i].size / 200);
		stream_append(c, w, 0, cases[i].size, most);
		assert_int_equal(volumes_writer_finish(w, &err), 0);
		uint64_t volumes =
			(cases[i].size + cases[i].volume_size - 1) / cases[i].volume_size;
		assert_int_equal(volumes_writer_count(w), volumes);
		stream_check_files(c, w, cases[i].size);
		stream_check_digests(c, w);
		check_reader(c, cases[i].size, 30);
		volumes_writer_destroy(w);
		stream_empty(c);
	}
}

static void test_odd_volumes(void **state)
{
	run_odd_volumes(*state);
}

static int no_direct(void *arg, enum store_op op, const char *name, size_t *len)
{
	(void)arg, (void)name, (void)len;
	return op == STORE_OP_DIRECT ? EINVAL : 0;
}

static void test_odd_volumes_buffered(void **state)
{
	struct stream_place *c = *state;
	const struct store_faults faults = {no_direct, NULL};
	c->create.faults = &faults;
	run_odd_volumes(c);
}

static void test_many_volumes(void **state)
{
	struct stream_place *c = *state;
	if (!stream_use_tmpfs(c, 64 << 20))
		skip();
	struct volumes_writer *w;
	struct sv_err err = {0};
	const size_t size = 1234 * 1001;
	c->create.volume_size = 1001;
	c->create.digits = volumes_digits(size, 1001);
	assert_int_equal(c->create.digits, 4);
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	stream_append(c, w, 0, size, 30000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	assert_int_equal(volumes_writer_count(w), 1234);
	assert_int_equal(faccessat(c->dirfd, STREAM_BASE ".1233", F_OK, 0), 0);
	stream_check_files(c, w, size);
	check_reader(c, size, 20);
	volumes_writer_destroy(w);

	/* what the README tells the user: cat in the shell's order is the stream */
	char cmd[200];
	snprintf(cmd, sizeof(cmd), "cat '%s'/%s*", c->dir, STREAM_BASE);
	FILE *p = popen(cmd, "r");
	assert_non_null(p);
	uint8_t *got = malloc(size + 1);
	assert_int_equal(fread(got, 1, size + 1, p), size);
	assert_memory_equal(got, c->data, size);
	free(got);
	pclose(p);
}

static void test_too_many_volumes(void **state)
{
	struct stream_place *c = *state;
	struct volumes_writer *w;
	struct sv_err err = {0};
	c->create.volume_size = 10;
	c->create.digits = 1;
	assert_int_equal(volumes_writer_create(&c->create, &w, NULL), 0);
	assert_int_equal(volumes_writer_append(w, c->data, 96, NULL), 0);
	assert_int_equal(volumes_writer_append(w, c->data + 96, 5, &err), SV_E_NOSPC);
	assert_int_equal(volumes_writer_position(w), 96);
	assert_int_equal(volumes_writer_append(w, c->data + 96, 4, NULL), 0);
	assert_int_equal(volumes_writer_finish(w, NULL), 0);
	stream_check_files(c, w, 100);
	stream_check_digests(c, w);
	volumes_writer_destroy(w);
}

/* A limit of the store that nobody told us: the file ends there and the next one begins. */
static void test_file_limit(void **state)
{
	struct stream_place *c = *state;
	const rlim_t limits[] = {1000003, 1 << 20, 6000000};
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, lim;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (size_t i = 0; i < SV_ARRAY(limits); i++) {
		struct volumes_writer *w;
		struct sv_err err = {0};
		lim = (struct rlimit){limits[i], old.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
		assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
		stream_append(c, w, 0, STREAM_SIZE, 900000);
		assert_int_equal(volumes_writer_finish(w, &err), 0);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(volumes_writer_count(w),
				 (STREAM_SIZE + limits[i] - 1) / limits[i]);
		stream_check_files(c, w, STREAM_SIZE);
		stream_check_digests(c, w);
		check_reader(c, STREAM_SIZE, 10);
		volumes_writer_destroy(w);
		stream_empty(c);
	}
}

static void run_full_store(struct stream_place *c, uint64_t volume_size)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	const size_t piece = 333333;
	c->create.volume_size = volume_size;
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	size_t at = 0;
	int rc = 0;
	while (!rc && at + piece <= STREAM_SIZE) {
		rc = volumes_writer_append(w, c->data + at, piece, &err);
		at += rc ? 0 : piece;
	}
	if (!rc)
		rc = volumes_writer_sync(w, &err);
	assert_int_equal(rc, SV_E_NOSPC);
	assert_int_equal(err.sys_errno, ENOSPC);
	size_t kept = (size_t)volumes_writer_position(w);
	assert_int_equal(kept % piece, 0);
	assert_true(kept <= at && kept + 2 * piece >= 6 << 20);
	stream_check_files(c, w, kept);
	assert_int_equal(volumes_writer_sync(w, NULL), 0);
	assert_int_equal(volumes_writer_synced(w), kept);
	/* smaller appends still fit, and a failed one leaves no trace */
	assert_int_equal(volumes_writer_append(w, c->data + kept, 1000, NULL), 0);
	assert_int_equal(volumes_writer_finish(w, NULL), 0);
	stream_check_files(c, w, kept + 1000);
	stream_check_digests(c, w);
	volumes_writer_destroy(w);
	stream_empty(c);
}

static void test_full_store(void **state)
{
	struct stream_place *c = *state;
	if (!stream_use_tmpfs(c, 7 << 20))
		skip();
	run_full_store(c, 0);
	run_full_store(c, 1000003);
	run_full_store(c, 3 << 20);
}

static void spoil_end(struct stream_place *c)
{
	struct volumes_reader *r;
	struct volume_info info;
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, NULL), 0);
	volumes_reader_info(r, volumes_reader_count(r) - 1, &info);
	volumes_reader_destroy(r);
	int fd = openat(c->dirfd, info.name, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "not synced", 10), 10);
	close(fd);
}

static void run_resume(struct stream_place *c, size_t first, size_t position, size_t size,
		       bool finished)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	stream_append(c, w, 0, first, 200000);
	assert_int_equal(finished ? volumes_writer_finish(w, &err) : volumes_writer_sync(w, &err),
			 0);
	volumes_writer_destroy(w);
	spoil_end(c);
	assert_int_equal(volumes_writer_resume(&c->create, position, &w, &err), 0);
	assert_int_equal(volumes_writer_position(w), position);
	stream_append(c, w, position, size, 200000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	stream_check_files(c, w, size);
	stream_check_digests(c, w);
	check_reader(c, size, 5);
	volumes_writer_destroy(w);
	stream_empty(c);
}

static void test_resume(void **state)
{
	struct stream_place *c = *state;
	const uint64_t volume_sizes[] = {0, 300007, 262144};
	for (size_t i = 0; i < SV_ARRAY(volume_sizes); i++) {
		c->create.volume_size = volume_sizes[i];
		run_resume(c, 1000000, 1000000, 1500000, false);
		run_resume(c, 1000000, 1000000, 1000000, true);
		run_resume(c, 1000000, 999999, 1200000, true);
		run_resume(c, 1000000, 300007, 700000, false);
		run_resume(c, 1000000, 524288, 600000, false);
		run_resume(c, 1000000, 1, 2000, true);
		run_resume(c, 1000000, 0, 500000, false);
	}
}

static void test_resume_refused(void **state)
{
	struct stream_place *c = *state;
	struct volumes_writer *w;
	struct sv_err err = {0};
	c->create.volume_size = 1000;
	assert_int_equal(volumes_writer_resume(&c->create, 1, &w, &err), SV_E_DATA);
	assert_int_equal(volumes_writer_resume(&c->create, 0, &w, NULL), 0);
	stream_append(c, w, 0, 5000, 5000);
	assert_int_equal(volumes_writer_sync(w, NULL), 0);
	volumes_writer_destroy(w);
	assert_int_equal(volumes_writer_resume(&c->create, 5001, &w, NULL), SV_E_DATA);
	assert_int_equal(unlinkat(c->dirfd, STREAM_BASE ".002", 0), 0);
	assert_int_equal(volumes_writer_resume(&c->create, 4500, &w, NULL), SV_E_DATA);
	/* nothing was touched by the refusals */
	struct stat st;
	assert_int_equal(fstatat(c->dirfd, STREAM_BASE ".004", &st, 0), 0);
	assert_int_equal(st.st_size, 1000);
}

/* ---- reader ---- */

static void put_file(struct stream_place *c, const char *name, size_t from, size_t size)
{
	int fd = openat(c->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, c->data + from, size), size);
	close(fd);
}

static void test_reader_names(void **state)
{
	struct stream_place *c = *state;
	struct volumes_reader *r;
	struct sv_err err = {0};
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, &err), SV_E_NOT_FOUND);
	assert_int_equal(err.code, SV_E_NOT_FOUND);
	put_file(c, STREAM_BASE ".000", 0, 100);
	put_file(c, STREAM_BASE ".001", 100, 0);
	put_file(c, STREAM_BASE ".003", 100, 100);
	put_file(c, STREAM_BASE ".00", 0, 5);
	put_file(c, STREAM_BASE ".003.bak", 0, 5);
	put_file(c, "other.002", 0, 5);
	err = (struct sv_err){0};
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, &err), SV_E_DATA);
	assert_string_equal(err.object, STREAM_BASE ".002");
	put_file(c, STREAM_BASE ".002", 100, 100);
	put_file(c, STREAM_BASE ".003", 200, 33);
	check_reader(c, 233, 200);
	put_file(c, STREAM_BASE ".0004", 0, 10);
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, NULL), SV_E_DATA);
	put_file(c, STREAM_BASE, 0, 77);
	check_reader(c, 77, 20);
}

static void test_reader_shrunk(void **state)
{
	struct stream_place *c = *state;
	struct volumes_reader *r;
	struct sv_err err = {0};
	uint8_t got[100];
	put_file(c, STREAM_BASE ".000", 0, 100);
	put_file(c, STREAM_BASE ".001", 100, 100);
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, NULL), 0);
	put_file(c, STREAM_BASE ".001", 100, 50);
	assert_int_equal(volumes_reader_pread(r, got, 100, 50, NULL), 0);
	assert_int_equal(volumes_reader_pread(r, got, 100, 90, &err), SV_E_DATA);
	assert_string_equal(err.object, STREAM_BASE ".001");
	volumes_reader_destroy(r);
}

struct reading {
	struct stream_place *c;
	struct volumes_reader *r;
	unsigned int seed;
	int bad;
};

static void *read_much(void *arg)
{
	struct reading *t = arg;
	uint8_t buf[5000];
	for (int i = 0; i < 2000; i++) {
		size_t len = (size_t)rand_r(&t->seed) % sizeof(buf);
		size_t off = (size_t)rand_r(&t->seed) % (200 * 1000 - len);
		t->bad += volumes_reader_pread(t->r, buf, len, off, NULL) != 0 ||
			  memcmp(buf, t->c->data + off, len) != 0;
	}
	return NULL;
}

/* More volumes than descriptors are kept, and several readers at once. */
static void test_reader_threads(void **state)
{
	struct stream_place *c = *state;
	struct reading t[4];
	pthread_t id[4];
	struct volumes_reader *r;
	for (size_t i = 0; i < 200; i++) {
		char name[64];
		snprintf(name, sizeof(name), STREAM_BASE ".%03zu", i);
		put_file(c, name, i * 1000, 1000);
	}
	assert_int_equal(volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, NULL), 0);
	for (unsigned int i = 0; i < 4; i++) {
		t[i] = (struct reading){c, r, i, 0};
		assert_int_equal(pthread_create(&id[i], NULL, read_much, &t[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(id[i], NULL);
		assert_int_equal(t[i].bad, 0);
	}
	volumes_reader_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits),	  STREAM_TEST(test_one_file),
		STREAM_TEST(test_odd_volumes),	  STREAM_TEST(test_odd_volumes_buffered),
		STREAM_TEST(test_many_volumes),	  STREAM_TEST(test_too_many_volumes),
		STREAM_TEST(test_file_limit),	  STREAM_TEST(test_full_store),
		STREAM_TEST(test_resume),	  STREAM_TEST(test_resume_refused),
		STREAM_TEST(test_reader_names),	  STREAM_TEST(test_reader_shrunk),
		STREAM_TEST(test_reader_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
