/* test_stream.c - streams over numbered files: splitting, resume, full stores, faults, reading */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/volumes.h"
#include "engine/util/bytes.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE "disk.img.zst"
#define BIG  (11 * 1024 * 1024 + 321)

struct ctx {
	char dir[64];
	int dirfd;
	uint8_t *data; /* BIG bytes: the stream */
	struct volumes_create create;
};

static int setup(void **state)
{
	struct ctx *c = calloc(1, sizeof(*c));
	if (!c || !scratch_make(c->dir))
		return -1;
	c->dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->data = malloc(BIG);
	if (c->dirfd < 0 || !c->data)
		return -1;
	uint64_t x = 88172645463325252ULL;
	for (size_t i = 0; i < BIG; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		c->data[i] = (uint8_t)x;
	}
	c->create = (struct volumes_create){.dirfd = c->dirfd, .base_name = BASE, .digits = 3};
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct ctx *c = *state;
	close(c->dirfd);
	scratch_remove(c->dir);
	free(c->data);
	free(c);
	return 0;
}

/* The directory becomes a tmpfs; false where that cannot be. */
static bool use_tmpfs(struct ctx *c, uint64_t bytes)
{
	if (!scratch_tmpfs(c->dir, bytes))
		return false;
	close(c->dirfd);
	c->dirfd = c->create.dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->dirfd >= 0;
}

static void empty_dir(struct ctx *c)
{
	struct volume_info info;
	struct volumes_reader *r;
	unlinkat(c->dirfd, BASE, 0);
	while (volumes_reader_open(c->dirfd, BASE, 0, &r, NULL) == 0) {
		for (size_t i = 0; i < volumes_reader_count(r); i++) {
			volumes_reader_info(r, i, &info);
			unlinkat(c->dirfd, info.name, 0);
		}
		volumes_reader_destroy(r);
	}
}

/* Append data[from, to) in random pieces, with a sync now and then. */
static void append_range(struct ctx *c, struct volumes_writer *w, size_t from, size_t to,
			 size_t most)
{
	struct sv_err err = {0};
	while (from < to) {
		size_t piece = (size_t)rand() % most + 1;
		if (piece > to - from)
			piece = to - from;
		assert_int_equal(volumes_writer_append(w, c->data + from, piece, &err), 0);
		from += piece;
		assert_int_equal(volumes_writer_position(w), from);
		if (rand() % 8)
			continue;
		assert_int_equal(volumes_writer_sync(w, &err), 0);
		assert_int_equal(volumes_writer_synced(w), from);
	}
}

/* The files' concatenation, read with plain calls, is data[0, size). */
static void check_files(struct ctx *c, struct volumes_writer *w, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < volumes_writer_count(w); i++) {
		struct volume_info info;
		volumes_writer_info(w, i, &info);
		assert_int_equal(info.start, at);
		int fd = openat(c->dirfd, info.name, O_RDONLY);
		assert_true(fd >= 0);
		struct stat st;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, info.size);
		assert_true(at + info.size <= size);
		uint8_t *got = malloc(info.size + 1);
		assert_int_equal(read(fd, got, info.size + 1), info.size);
		assert_memory_equal(got, c->data + at, info.size);
		free(got);
		close(fd);
		at += info.size;
	}
	assert_int_equal(at, size);
}

/* Digests against the tool of the system. */
static void check_digests(struct ctx *c, struct volumes_writer *w)
{
	for (size_t i = 0; i < volumes_writer_count(w); i++) {
		struct volume_info info;
		struct sv_err err = {0};
		uint8_t digest[SV_SHA256_LEN];
		char ours[2 * SV_SHA256_LEN + 1], theirs[2 * SV_SHA256_LEN + 1] = "", cmd[400];
		volumes_writer_info(w, i, &info);
		assert_int_equal(volumes_writer_sha256(w, i, digest, &err), 0);
		sv_hex(ours, digest, SV_SHA256_LEN);
		snprintf(cmd, sizeof(cmd), "sha256sum '%s/%s'", c->dir, info.name);
		FILE *p = popen(cmd, "r");
		assert_non_null(p);
		assert_int_equal(fread(theirs, 1, 64, p), 64);
		pclose(p);
		assert_string_equal(ours, theirs);
	}
}

static void check_reader(struct ctx *c, size_t size, int rounds)
{
	struct volumes_reader *r;
	struct sv_err err = {0};
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, VOLUMES_READ_ONCE, &r, &err), 0);
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
	struct ctx *c = *state;
	struct volumes_writer *w, *second;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	assert_int_equal(faccessat(c->dirfd, BASE ".000", F_OK, 0), 0);
	assert_int_equal(volumes_writer_create(&c->create, &second, NULL), SV_E_REFUSED);
	append_range(c, w, 0, BIG, 3000000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	assert_int_equal(volumes_writer_count(w), 1);
	struct volume_info info;
	volumes_writer_info(w, 0, &info);
	assert_string_equal(info.name, BASE);
	assert_int_equal(faccessat(c->dirfd, BASE ".000", F_OK, 0), -1);
	check_files(c, w, BIG);
	check_digests(c, w);
	check_reader(c, BIG, 50);
	assert_int_equal(volumes_writer_append(w, "x", 1, NULL), SV_E_IO);
	volumes_writer_destroy(w);
	assert_int_equal(volumes_writer_create(&c->create, &w, NULL), SV_E_REFUSED);
}

static void run_odd_volumes(struct ctx *c)
{
	const struct {
		uint64_t volume_size;
		size_t size, most;
	} cases[] = {
		{1000003, BIG, 700000},
		{4 << 20, BIG, 5000000},
		{1 << 20, 3 << 20, 100},
		{4096, 40000, 9000},
		{1, 30, 7},
		{5000, 5000, 900},
		{5000, 5001, 900},
		{BIG, BIG, 2000000},
	};
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct volumes_writer *w;
		struct sv_err err = {0};
		c->create.volume_size = cases[i].volume_size;
		assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
		size_t most = SV_MAX(cases[i].most, cases[i].size / 200);
		append_range(c, w, 0, cases[i].size, most);
		assert_int_equal(volumes_writer_finish(w, &err), 0);
		uint64_t volumes =
			(cases[i].size + cases[i].volume_size - 1) / cases[i].volume_size;
		assert_int_equal(volumes_writer_count(w), volumes);
		check_files(c, w, cases[i].size);
		check_digests(c, w);
		check_reader(c, cases[i].size, 30);
		volumes_writer_destroy(w);
		empty_dir(c);
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
	struct ctx *c = *state;
	const struct store_faults faults = {no_direct, NULL};
	c->create.faults = &faults;
	run_odd_volumes(c);
}

static void test_many_volumes(void **state)
{
	struct ctx *c = *state;
	if (!use_tmpfs(c, 64 << 20))
		skip();
	struct volumes_writer *w;
	struct sv_err err = {0};
	const size_t size = 1234 * 1001;
	c->create.volume_size = 1001;
	c->create.digits = volumes_digits(size, 1001);
	assert_int_equal(c->create.digits, 4);
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	append_range(c, w, 0, size, 30000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	assert_int_equal(volumes_writer_count(w), 1234);
	assert_int_equal(faccessat(c->dirfd, BASE ".1233", F_OK, 0), 0);
	check_files(c, w, size);
	check_reader(c, size, 20);
	volumes_writer_destroy(w);

	/* what the README tells the user: cat in the shell's order is the stream */
	char cmd[200];
	snprintf(cmd, sizeof(cmd), "cat '%s'/%s*", c->dir, BASE);
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
	struct ctx *c = *state;
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
	check_files(c, w, 100);
	check_digests(c, w);
	volumes_writer_destroy(w);
}

/* A limit of the store that nobody told us: the file ends there and the next one begins. */
static void test_file_limit(void **state)
{
	struct ctx *c = *state;
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
		append_range(c, w, 0, BIG, 900000);
		assert_int_equal(volumes_writer_finish(w, &err), 0);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(volumes_writer_count(w), (BIG + limits[i] - 1) / limits[i]);
		check_files(c, w, BIG);
		check_digests(c, w);
		check_reader(c, BIG, 10);
		volumes_writer_destroy(w);
		empty_dir(c);
	}
}

static void run_full_store(struct ctx *c, uint64_t volume_size)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	const size_t piece = 333333;
	c->create.volume_size = volume_size;
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	size_t at = 0;
	int rc = 0;
	while (!rc && at + piece <= BIG) {
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
	check_files(c, w, kept);
	assert_int_equal(volumes_writer_sync(w, NULL), 0);
	assert_int_equal(volumes_writer_synced(w), kept);
	/* smaller appends still fit, and a failed one leaves no trace */
	assert_int_equal(volumes_writer_append(w, c->data + kept, 1000, NULL), 0);
	assert_int_equal(volumes_writer_finish(w, NULL), 0);
	check_files(c, w, kept + 1000);
	check_digests(c, w);
	volumes_writer_destroy(w);
	empty_dir(c);
}

static void test_full_store(void **state)
{
	struct ctx *c = *state;
	if (!use_tmpfs(c, 7 << 20))
		skip();
	run_full_store(c, 0);
	run_full_store(c, 1000003);
	run_full_store(c, 3 << 20);
}

static void spoil_end(struct ctx *c)
{
	struct volumes_reader *r;
	struct volume_info info;
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, NULL), 0);
	volumes_reader_info(r, volumes_reader_count(r) - 1, &info);
	volumes_reader_destroy(r);
	int fd = openat(c->dirfd, info.name, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "not synced", 10), 10);
	close(fd);
}

static void run_resume(struct ctx *c, size_t first, size_t position, size_t size, bool finished)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_create(&c->create, &w, &err), 0);
	append_range(c, w, 0, first, 200000);
	assert_int_equal(finished ? volumes_writer_finish(w, &err) : volumes_writer_sync(w, &err),
			 0);
	volumes_writer_destroy(w);
	spoil_end(c);
	assert_int_equal(volumes_writer_resume(&c->create, position, &w, &err), 0);
	assert_int_equal(volumes_writer_position(w), position);
	append_range(c, w, position, size, 200000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	check_files(c, w, size);
	check_digests(c, w);
	check_reader(c, size, 5);
	volumes_writer_destroy(w);
	empty_dir(c);
}

static void test_resume(void **state)
{
	struct ctx *c = *state;
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
	struct ctx *c = *state;
	struct volumes_writer *w;
	struct sv_err err = {0};
	c->create.volume_size = 1000;
	assert_int_equal(volumes_writer_resume(&c->create, 1, &w, &err), SV_E_DATA);
	assert_int_equal(volumes_writer_resume(&c->create, 0, &w, NULL), 0);
	append_range(c, w, 0, 5000, 5000);
	assert_int_equal(volumes_writer_sync(w, NULL), 0);
	volumes_writer_destroy(w);
	assert_int_equal(volumes_writer_resume(&c->create, 5001, &w, NULL), SV_E_DATA);
	assert_int_equal(unlinkat(c->dirfd, BASE ".002", 0), 0);
	assert_int_equal(volumes_writer_resume(&c->create, 4500, &w, NULL), SV_E_DATA);
	/* nothing was touched by the refusals */
	struct stat st;
	assert_int_equal(fstatat(c->dirfd, BASE ".004", &st, 0), 0);
	assert_int_equal(st.st_size, 1000);
}

/* ---- faults: the nth operation fails, is short, or is the last one of the process ---- */

enum how { FAIL, DEAD, SHORT, DIE }; /* DEAD: it and all that follow fail */

struct nth {
	int left; /* operations until it happens */
	enum how how;
	int sys_errno;
};

static int nth_check(void *arg, enum store_op op, const char *name, size_t *len)
{
	struct nth *n = arg;
	(void)name;
	if (n->how == DEAD && n->left <= 0)
		return n->sys_errno;
	if (n->left-- != 0)
		return 0;
	if (n->how == DIE)
		_exit(99);
	if (n->how == FAIL)
		return n->sys_errno;
	if (op == STORE_OP_WRITE)
		*len = *len > 1 ? *len / 2 + 1 : 1;
	return 0;
}

#define SCENARIO_SIZE 180000
#define SCENARIO_STEP 7001

/* Save, sync now and then, finish; tell in *synced how far it is safe. */
static int scenario(struct ctx *c, struct volumes_writer **w, volatile uint64_t *synced,
		    struct sv_err *err)
{
	int rc = volumes_writer_create(&c->create, w, err);
	if (rc)
		return rc;
	for (size_t at = 0; !rc && at < SCENARIO_SIZE; at += SCENARIO_STEP) {
		size_t piece = SV_MIN((size_t)SCENARIO_STEP, SCENARIO_SIZE - at);
		rc = volumes_writer_append(*w, c->data + at, piece, err);
		if (!rc && at / SCENARIO_STEP % 5 == 4)
			rc = volumes_writer_sync(*w, err);
		*synced = volumes_writer_synced(*w);
	}
	if (!rc)
		rc = volumes_writer_finish(*w, err);
	*synced = volumes_writer_synced(*w);
	return rc;
}

static void continue_from(struct ctx *c, uint64_t synced)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_resume(&c->create, synced, &w, &err), 0);
	append_range(c, w, (size_t)synced, SCENARIO_SIZE, 30000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	check_files(c, w, SCENARIO_SIZE);
	volumes_writer_destroy(w);
}

/* After a failure: what is left ends with a whole append, and the rest can follow. */
static void check_after_fault(struct ctx *c, struct volumes_writer *w, uint64_t synced)
{
	uint64_t position = volumes_writer_position(w);
	assert_true(synced <= position);
	if (volumes_writer_sync(w, NULL) == 0) {
		assert_true(position % SCENARIO_STEP == 0 || position == SCENARIO_SIZE);
		check_files(c, w, (size_t)position);
		append_range(c, w, (size_t)position, SCENARIO_SIZE, 50000);
		assert_int_equal(volumes_writer_finish(w, NULL), 0);
		check_files(c, w, SCENARIO_SIZE);
		check_digests(c, w);
	}
}

static void run_faults(struct ctx *c, enum how how, int sys_errno, enum sv_error code)
{
	int failures = 0;
	for (int n = 0;; n++) {
		struct nth nth = {n, how, sys_errno};
		const struct store_faults faults = {nth_check, &nth};
		struct volumes_writer *w = NULL;
		struct sv_err err = {0};
		volatile uint64_t synced = 0;
		c->create.faults = &faults;
		int rc = scenario(c, &w, &synced, &err);
		c->create.faults = NULL;
		if (rc) {
			failures++;
			assert_int_equal(rc, code);
			assert_int_equal(err.sys_errno, sys_errno);
			if (how == FAIL)
				nth.left = -1;
			if (w && n % 2)
				check_after_fault(c, w, synced);
		} else {
			check_files(c, w, SCENARIO_SIZE);
		}
		volumes_writer_destroy(w);
		if (rc && !(w && n % 2))
			continue_from(c, synced);
		empty_dir(c);
		if (nth.left > 0)
			break;
	}
	if (how != SHORT)
		assert_true(failures > 15);
}

static void test_faults(void **state)
{
	struct ctx *c = *state;
	run_faults(c, FAIL, EIO, SV_E_IO);
	use_tmpfs(c, 16 << 20); /* only faster: each of these syncs hundreds of times */
	c->create.volume_size = 50001;
	run_faults(c, FAIL, EIO, SV_E_IO);
	run_faults(c, FAIL, ENOSPC, SV_E_NOSPC);
	run_faults(c, DEAD, EIO, SV_E_IO);
	run_faults(c, SHORT, 0, SV_OK);
}

/* The process ends at any operation: what was synced is there and the rest can follow. */
static void test_killed(void **state)
{
	struct ctx *c = *state;
	use_tmpfs(c, 16 << 20);
	c->create.volume_size = 50001;
	for (int n = 0;; n++) {
		int pipefd[2];
		assert_int_equal(pipe(pipefd), 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct nth nth = {n, DIE, 0};
			const struct store_faults faults = {nth_check, &nth};
			struct volumes_writer *w = NULL;
			c->create.faults = &faults;
			if (volumes_writer_create(&c->create, &w, NULL))
				_exit(1);
			for (size_t at = 0; at < SCENARIO_SIZE; at += SCENARIO_STEP) {
				size_t piece = SV_MIN((size_t)SCENARIO_STEP, SCENARIO_SIZE - at);
				if (volumes_writer_append(w, c->data + at, piece, NULL) ||
				    volumes_writer_sync(w, NULL))
					_exit(1);
				uint64_t synced = volumes_writer_synced(w);
				if (write(pipefd[1], &synced, sizeof(synced)) != sizeof(synced))
					_exit(1);
			}
			_exit(volumes_writer_finish(w, NULL) ? 1 : 0);
		}
		close(pipefd[1]);
		uint64_t synced = 0, got;
		while (read(pipefd[0], &got, sizeof(got)) == sizeof(got))
			synced = got;
		close(pipefd[0]);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		continue_from(c, synced);
		empty_dir(c);
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 99);
	}
}

/* ---- reader ---- */

static void put_file(struct ctx *c, const char *name, size_t from, size_t size)
{
	int fd = openat(c->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, c->data + from, size), size);
	close(fd);
}

static void test_reader_names(void **state)
{
	struct ctx *c = *state;
	struct volumes_reader *r;
	struct sv_err err = {0};
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, &err), SV_E_NOT_FOUND);
	assert_int_equal(err.code, SV_E_NOT_FOUND);
	put_file(c, BASE ".000", 0, 100);
	put_file(c, BASE ".001", 100, 0);
	put_file(c, BASE ".003", 100, 100);
	put_file(c, BASE ".00", 0, 5);
	put_file(c, BASE ".003.bak", 0, 5);
	put_file(c, "other.002", 0, 5);
	err = (struct sv_err){0};
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, &err), SV_E_DATA);
	assert_string_equal(err.object, BASE ".002");
	put_file(c, BASE ".002", 100, 100);
	put_file(c, BASE ".003", 200, 33);
	check_reader(c, 233, 200);
	put_file(c, BASE ".0004", 0, 10);
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, NULL), SV_E_DATA);
	put_file(c, BASE, 0, 77);
	check_reader(c, 77, 20);
}

static void test_reader_shrunk(void **state)
{
	struct ctx *c = *state;
	struct volumes_reader *r;
	struct sv_err err = {0};
	uint8_t got[100];
	put_file(c, BASE ".000", 0, 100);
	put_file(c, BASE ".001", 100, 100);
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, NULL), 0);
	put_file(c, BASE ".001", 100, 50);
	assert_int_equal(volumes_reader_pread(r, got, 100, 50, NULL), 0);
	assert_int_equal(volumes_reader_pread(r, got, 100, 90, &err), SV_E_DATA);
	assert_string_equal(err.object, BASE ".001");
	volumes_reader_destroy(r);
}

struct reading {
	struct ctx *c;
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
	struct ctx *c = *state;
	struct reading t[4];
	pthread_t id[4];
	struct volumes_reader *r;
	for (size_t i = 0; i < 200; i++) {
		char name[64];
		snprintf(name, sizeof(name), BASE ".%03zu", i);
		put_file(c, name, i * 1000, 1000);
	}
	assert_int_equal(volumes_reader_open(c->dirfd, BASE, 0, &r, NULL), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits),
		TEST(test_one_file),
		TEST(test_odd_volumes),
		TEST(test_odd_volumes_buffered),
		TEST(test_many_volumes),
		TEST(test_too_many_volumes),
		TEST(test_file_limit),
		TEST(test_full_store),
		TEST(test_resume),
		TEST(test_resume_refused),
		TEST(test_faults),
		TEST(test_killed),
		TEST(test_reader_names),
		TEST(test_reader_shrunk),
		TEST(test_reader_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
