/* test_store.c - small files of a store, its space, its lock */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/store.h"
#include "engine/util/bytes.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_FILE ".salvor-lock"

struct ctx {
	char dir[64];
	int dirfd;
};

static int setup(void **state)
{
	struct ctx *c = calloc(1, sizeof(*c));
	if (!c || !scratch_make(c->dir))
		return -1;
	c->dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = c;
	return c->dirfd < 0;
}

static int teardown(void **state)
{
	struct ctx *c = *state;
	close(c->dirfd);
	scratch_remove(c->dir);
	free(c);
	return 0;
}

static int count_files(const struct ctx *c)
{
	DIR *d = opendir(c->dir);
	int n = 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void check_text(const struct ctx *c, const char *name, const char *text)
{
	char *got;
	size_t len;
	struct sv_err err = {0};
	assert_int_equal(store_read_file(c->dirfd, name, 1000, &got, &len, &err), 0);
	assert_int_equal(len, strlen(text));
	assert_string_equal(got, text);
	free(got);
}

static void test_write_read(void **state)
{
	struct ctx *c = *state;
	struct sv_err err = {0};
	bool missing = false;
	assert_int_equal(store_write_file(c->dirfd, "a.txt", "one", 3, NULL, &missing, &err), 0);
	check_text(c, "a.txt", "one");
	assert_int_equal(store_write_file(c->dirfd, "a.txt", "", 0, NULL, NULL, &err), 0);
	check_text(c, "a.txt", "");
	assert_int_equal(count_files(c), 1);
	assert_false(missing);
}

static void test_read_refused(void **state)
{
	struct ctx *c = *state;
	char *got = NULL;
	size_t len;
	struct sv_err err = {0};
	assert_int_equal(store_read_file(c->dirfd, "none", 10, &got, &len, &err), SV_E_NOT_FOUND);
	assert_string_equal(err.object, "none");
	assert_int_equal(store_write_file(c->dirfd, "big", "0123456789", 10, NULL, NULL, NULL), 0);
	assert_int_equal(store_read_file(c->dirfd, "big", 9, &got, &len, NULL), SV_E_DATA);
	assert_int_equal(mkfifoat(c->dirfd, "pipe", 0600), 0);
	assert_int_equal(store_read_file(c->dirfd, "pipe", 9, &got, &len, NULL), SV_E_DATA);
	assert_int_equal(mkdirat(c->dirfd, "sub", 0700), 0);
	assert_int_equal(store_read_file(c->dirfd, "sub", 9, &got, &len, NULL), SV_E_DATA);
	assert_null(got);
}

struct nth {
	int left;
	int sys_errno;
	bool dir_only; /* only syncs of the directory count */
	bool shorten;
};

static int nth_check(void *arg, enum store_op op, const char *name, size_t *len)
{
	struct nth *n = arg;
	if (n->shorten && op == STORE_OP_WRITE)
		*len = 1;
	if (n->dir_only && (op != STORE_OP_SYNC || strcmp(name, ".") != 0))
		return 0;
	return n->left-- == 0 ? n->sys_errno : 0;
}

/* Whatever fails: the old content or the new, and no rubbish beside it. */
static void test_write_faults(void **state)
{
	struct ctx *c = *state;
	int failures = 0;
	for (int n = 0;; n++) {
		struct nth nth = {.left = n, .sys_errno = ENOSPC};
		const struct store_faults faults = {nth_check, &nth};
		struct sv_err err = {0};
		assert_int_equal(store_write_file(c->dirfd, "a", "old", 3, NULL, NULL, NULL), 0);
		int rc = store_write_file(c->dirfd, "a", "fresh", 5, &faults, NULL, &err);
		assert_int_equal(count_files(c), 1);
		if (!rc)
			break;
		assert_int_equal(rc, SV_E_NOSPC);
		/* the last step is the directory's sync: the rename has happened by then */
		check_text(c, "a", ++failures == 5 ? "fresh" : "old");
	}
	assert_int_equal(failures, 5); /* open, write, sync, rename, sync of the directory */
	check_text(c, "a", "fresh");

	struct nth one = {.left = -1, .shorten = true};
	const struct store_faults faults = {nth_check, &one};
	assert_int_equal(store_write_file(c->dirfd, "a", "in pieces", 9, &faults, NULL, NULL), 0);
	check_text(c, "a", "in pieces");
}

static void test_dir_sync_tolerated(void **state)
{
	struct ctx *c = *state;
	const int tolerated[] = {EINVAL, ENOTSUP};
	for (size_t i = 0; i < SV_ARRAY(tolerated); i++) {
		struct nth nth = {.sys_errno = tolerated[i], .dir_only = true};
		const struct store_faults faults = {nth_check, &nth};
		bool missing = false;
		assert_int_equal(store_write_file(c->dirfd, "a", "x", 1, &faults, &missing, NULL),
				 0);
		assert_true(missing);
	}
	struct nth nth = {.sys_errno = EIO, .dir_only = true};
	const struct store_faults faults = {nth_check, &nth};
	bool missing = false;
	assert_int_equal(store_sync_dir(c->dirfd, &faults, &missing, NULL), SV_E_IO);
	assert_false(missing);
	assert_int_equal(store_sync_all(c->dirfd, NULL), 0);
}

static void test_rename(void **state)
{
	struct ctx *c = *state;
	assert_int_equal(store_write_file(c->dirfd, "a", "a", 1, NULL, NULL, NULL), 0);
	assert_int_equal(store_write_file(c->dirfd, "b", "b", 1, NULL, NULL, NULL), 0);
	assert_int_equal(store_rename(c->dirfd, "a", c->dirfd, "b", NULL, NULL), SV_E_REFUSED);
	check_text(c, "b", "b");
	assert_int_equal(store_rename(c->dirfd, "a", c->dirfd, "d", NULL, NULL), 0);
	check_text(c, "d", "a");
	assert_int_equal(store_rename(c->dirfd, "a", c->dirfd, "e", NULL, NULL), SV_E_NOT_FOUND);
}

static void test_sha256(void **state)
{
	struct ctx *c = *state;
	const size_t sizes[] = {0, 3, 1 << 20, (3 << 20) + 17};
	uint8_t *data = malloc(4 << 20);
	for (size_t i = 0; i < 4 << 20; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	for (size_t i = 0; i < SV_ARRAY(sizes); i++) {
		uint8_t digest[SV_SHA256_LEN];
		char ours[65], theirs[65] = "", cmd[100];
		uint64_t size;
		assert_int_equal(store_write_file(c->dirfd, "f", data, sizes[i], NULL, NULL, NULL),
				 0);
		assert_int_equal(store_sha256(c->dirfd, "f", digest, &size, NULL), 0);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(store_sha256_written(c->dirfd, "f", size, digest, NULL), 0);
		assert_int_equal(store_sha256_written(c->dirfd, "f", size + 1, digest, NULL),
				 SV_E_DATA);
		sv_hex(ours, digest, sizeof(digest));
		snprintf(cmd, sizeof(cmd), "sha256sum '%s/f'", c->dir);
		FILE *p = popen(cmd, "r");
		assert_non_null(p);
		assert_int_equal(fread(theirs, 1, 64, p), 64);
		pclose(p);
		assert_string_equal(ours, theirs);
	}
	free(data);
}

static void test_space(void **state)
{
	struct ctx *c = *state;
	struct store_space space;
	if (!scratch_tmpfs(c->dir, 1 << 20))
		skip();
	int fd = open(c->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(store_space(fd, &space, NULL), 0);
	assert_string_equal(space.fs_name, "tmpfs");
	assert_int_equal(space.file_limit, 0);
	assert_int_equal(space.free_bytes, 1 << 20);
	close(fd);
}

static void test_space_fat(void **state)
{
	struct ctx *c = *state;
	struct store_space space;
	char device[32], cmd[100];
	int hold = scratch_loop(c->dir, 4 << 20, 512, device);
	if (hold < 0)
		skip();
	snprintf(cmd, sizeof(cmd), "mkfs.vfat %s >/dev/null 2>&1", device);
	if (system(cmd) != 0 || !scratch_tmpfs(c->dir, 1 << 20) ||
	    mount(device, c->dir, "vfat", 0, NULL) < 0) {
		printf("no vfat here\n");
		close(hold);
		skip();
	}
	int fd = open(c->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(store_space(fd, &space, NULL), 0);
	assert_string_equal(space.fs_name, "vfat");
	assert_int_equal(space.file_limit, 0xffffffff);
	assert_true(space.free_bytes > 3 << 20);
	struct store_lock *lock;
	assert_int_equal(store_lock_take(fd, NULL, &lock, NULL), 0);
	assert_int_equal(store_write_file(fd, "a", "text", 4, NULL, NULL, NULL), 0);
	assert_int_equal(store_write_file(fd, "b", "text", 4, NULL, NULL, NULL), 0);
	assert_int_equal(store_rename(fd, "a", fd, "b", NULL, NULL), SV_E_REFUSED);
	assert_int_equal(store_rename(fd, "a", fd, "d", NULL, NULL), 0);
	store_lock_release(lock);
	close(fd);
	umount2(c->dir, MNT_DETACH);
	close(hold);
}

static void test_flock(void **state)
{
	struct ctx *c = *state;
	struct store_lock *lock, *second = NULL;
	struct sv_err err = {0};
	assert_int_equal(store_lock_take(c->dirfd, NULL, &lock, &err), 0);
	assert_int_equal(store_lock_take(c->dirfd, NULL, &second, &err), SV_E_LOCKED);
	assert_null(second);
	store_lock_release(lock);
	assert_int_equal(store_lock_take(c->dirfd, NULL, &lock, NULL), 0);
	store_lock_release(lock);
	store_lock_release(NULL);
	assert_int_equal(count_files(c), 0);
}

static int no_flock(void *arg, enum store_op op, const char *name, size_t *len)
{
	(void)arg, (void)name, (void)len;
	return op == STORE_OP_LOCK ? ENOLCK : 0;
}

static const struct store_faults without_flock = {no_flock, NULL};

static int try_lock(const struct ctx *c)
{
	struct store_lock *lock = NULL;
	int rc = store_lock_take(c->dirfd, &without_flock, &lock, NULL);
	store_lock_release(lock);
	return rc;
}

static void test_lock_file(void **state)
{
	struct ctx *c = *state;
	struct store_lock *lock;
	assert_int_equal(store_lock_take(c->dirfd, &without_flock, &lock, NULL), 0);
	assert_int_equal(count_files(c), 1);
	assert_int_equal(try_lock(c), SV_E_LOCKED);
	store_lock_release(lock);
	assert_int_equal(count_files(c), 0);
	assert_int_equal(try_lock(c), 0);
}

static void put_lock(const struct ctx *c, const char *boot_id, long pid)
{
	char text[100];
	int n = snprintf(text, sizeof(text), "%s %ld\n", boot_id, pid);
	assert_int_equal(store_write_file(c->dirfd, LOCK_FILE, text, (size_t)n, NULL, NULL, NULL),
			 0);
}

static void test_lock_file_stale(void **state)
{
	struct ctx *c = *state;
	char boot_id[37] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	assert_non_null(f);
	assert_int_equal(fread(boot_id, 1, 36, f), 36);
	fclose(f);

	put_lock(c, "00000000-0000-4000-8000-000000000000", getpid());
	assert_int_equal(try_lock(c), 0); /* another boot */

	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	put_lock(c, boot_id, gone);
	assert_int_equal(try_lock(c), 0); /* this boot, but the process is no more */

	put_lock(c, boot_id, getppid());
	assert_int_equal(try_lock(c), SV_E_LOCKED);
	assert_int_equal(count_files(c), 1); /* and it still stands */
	assert_int_equal(store_write_file(c->dirfd, LOCK_FILE, "rubbish", 7, NULL, NULL, NULL), 0);
	assert_int_equal(try_lock(c), SV_E_LOCKED); /* in doubt it is in use */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_read),	    TEST(test_read_refused),
		TEST(test_write_faults),    TEST(test_dir_sync_tolerated),
		TEST(test_rename),	    TEST(test_sha256),
		TEST(test_space),	    TEST(test_space_fat),
		TEST(test_flock),	    TEST(test_lock_file),
		TEST(test_lock_file_stale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
