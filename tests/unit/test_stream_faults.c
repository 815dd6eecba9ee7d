/* test_stream_faults.c - streams over numbered files: the nth operation fails, is short, or is the
 * process's last */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/stream.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

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
static int scenario(struct stream_place *c, struct volumes_writer **w, volatile uint64_t *synced,
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

static void continue_from(struct stream_place *c, uint64_t synced)
{
	struct volumes_writer *w;
	struct sv_err err = {0};
	assert_int_equal(volumes_writer_resume(&c->create, synced, &w, &err), 0);
	stream_append(c, w, (size_t)synced, SCENARIO_SIZE, 30000);
	assert_int_equal(volumes_writer_finish(w, &err), 0);
	stream_check_files(c, w, SCENARIO_SIZE);
	volumes_writer_destroy(w);
}

/* After a failure: what is left ends with a whole append, and the rest can follow. */
static void check_after_fault(struct stream_place *c, struct volumes_writer *w, uint64_t synced)
{
	uint64_t position = volumes_writer_position(w);
	assert_true(synced <= position);
	if (volumes_writer_sync(w, NULL) == 0) {
		assert_true(position % SCENARIO_STEP == 0 || position == SCENARIO_SIZE);
		stream_check_files(c, w, (size_t)position);
		stream_append(c, w, (size_t)position, SCENARIO_SIZE, 50000);
		assert_int_equal(volumes_writer_finish(w, NULL), 0);
		stream_check_files(c, w, SCENARIO_SIZE);
		stream_check_digests(c, w);
	}
}

static void run_faults(struct stream_place *c, enum how how, int sys_errno, enum sv_error code)
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
			stream_check_files(c, w, SCENARIO_SIZE);
		}
		volumes_writer_destroy(w);
		if (rc && !(w && n % 2))
			continue_from(c, synced);
		stream_empty(c);
		if (nth.left > 0)
			break;
	}
	if (how != SHORT)
		assert_true(failures > 15);
}

static void test_faults(void **state)
{
	struct stream_place *c = *state;
	run_faults(c, FAIL, EIO, SV_E_IO);
	stream_use_tmpfs(c, 16 << 20); /* only faster: each of these syncs hundreds of times */
	c->create.volume_size = 50001;
	run_faults(c, FAIL, EIO, SV_E_IO);
	run_faults(c, FAIL, ENOSPC, SV_E_NOSPC);
	run_faults(c, DEAD, EIO, SV_E_IO);
	run_faults(c, SHORT, 0, SV_OK);
}

/* The process ends at any operation: what was synced is there and the rest can follow. */
static void test_killed(void **state)
{
	struct stream_place *c = *state;
	stream_use_tmpfs(c, 16 << 20);
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
		stream_empty(c);
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(test_faults),
		STREAM_TEST(test_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
