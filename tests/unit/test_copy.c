/* test_copy.c - files copied off a volume: the same, with sums and a report, and nothing besides */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/salvor.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

/* The volume is in memory, so that it is another filesystem than the target. */
static char from[64], to[64];
static unsigned int warnings;
static char last[400];

static void on_event(void *arg, const struct sv_event *event)
{
	(void)arg;
	if (event->kind != SV_EVENT_WARNING)
		return;
	warnings++;
	snprintf(last, sizeof(last), "%s", event->sentence);
}

static int copy(const char *const *names, size_t n, const char *folder, struct sv_err *err)
{
	struct sv_job *job = NULL;
	const struct sv_copy_params params = {
		.from = from, .names = names, .n_names = n, .to = to, .folder = folder};
	warnings = 0;
	int rc = sv_job_create_copy(&params, on_event, NULL, &job, err);
	if (!rc)
		rc = sv_job_start(job, err);
	if (!rc)
		rc = sv_job_wait(job, err);
	sv_job_destroy(job);
	return rc;
}

static int make(void **state)
{
	(void)state;
	fixture_must(from, "mkdir -p home/me/letters 'home/me/odd names' etc/deep/er");
	fixture_must(from, "echo one >home/me/letters/one; : >home/me/letters/empty");
	fixture_must(from, "head -c 3000000 /dev/urandom >home/me/big");
	fixture_must(from, "truncate -s 5M home/me/sparse; printf x | dd of=home/me/sparse bs=1 "
			   "seek=4000000 conv=notrunc status=none");
	fixture_must(from, "printf 'back\\\\slash' >'home/me/odd names/a\\b'; echo nl "
			   ">'home/me/odd names/new\nline'");
	fixture_must(from, "ln -s letters/one home/me/link; ln -s /etc/passwd home/me/out");
	fixture_must(from, "echo deep >etc/deep/er/f; touch -d 2001-02-03 home/me/letters/one");
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fixture_must(from, "rm -rf -- *");
	fixture_must(to, "rm -rf -- *");
	return 0;
}

static void all_the_same(void **state)
{
	const char *const names[] = {"home", "etc/deep/er/f"};
	struct sv_err err = {0};
	(void)state;
	int rc = copy(names, 2, "rescued", &err);
	if (rc)
		fail_msg("%d %s", rc, err.text);
	assert_int_equal(warnings, 0);
	fixture_must(to, "diff -r --no-dereference rescued/files/home %s/home", from);
	fixture_must(to, "cmp rescued/files/etc/deep/er/f %s/etc/deep/er/f", from);
	fixture_must(to, "test $(ls rescued/files/etc/deep/er | wc -l) = 1");
	fixture_must(to, "cd rescued && sha256sum --quiet -c SHA256SUMS");
	fixture_must(to, "test $(grep -c files/ rescued/SHA256SUMS) = 7");
	fixture_must(to,
		     "test $(stat -c %%s rescued/files/home/me/sparse) = 5242880 && test $(stat -c "
		     "%%b rescued/files/home/me/sparse) -lt 4096");
	fixture_must(to, "test $(date -r rescued/files/home/me/letters/one +%%Y) = 2001");
	fixture_must(to, "grep -q '^7 files, .* 0 problems' rescued/report.txt");
	fixture_must(to, "test $(ls | wc -l) = 1");
}

static void problems(void **state)
{
	const char *const names[] = {"home/me/letters", "gone", "pipe"};
	struct sv_err err = {0};
	(void)state;
	fixture_must(from, "mkfifo pipe");
	assert_int_equal(copy(names, 3, "some", &err), SV_E_UNREADABLE);
	assert_int_equal(warnings, 2);
	assert_non_null(strstr(last, "pipe: no file: a device, pipe or socket"));
	fixture_must(to,
		     "grep -q '^gone: it cannot be looked at' some/report.txt && grep -q '^pipe: ' "
		     "some/report.txt && test -s some/files/home/me/letters/one");
}

static void refusals(void **state)
{
	const char *const names[] = {"home/me/letters"};
	static const char *const bad[] = {"",	 "/etc",     "..",   "a/../b", "a//b",
					  "./a", "home/me/", "a/..", "a/."};
	struct sv_err err = {0};
	(void)state;
	assert_int_equal(copy(names, 1, "one", &err), 0);
	assert_int_equal(copy(names, 1, "one", &err), SV_E_REFUSED);
	memset(&err, 0, sizeof(err));
	assert_int_equal(copy(names, 1, "a/b", &err), SV_E_USAGE);
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(copy(&bad[i], 1, "two", &err), SV_E_USAGE);
	}
	fixture_must(to, "mkdir three.part");
	memset(&err, 0, sizeof(err));
	assert_int_equal(copy(names, 1, "three", &err), SV_E_REFUSED);
	/* a link on the way is not followed */
	fixture_must(from, "ln -s home/me shortcut");
	const char *const through[] = {"shortcut/big"};
	memset(&err, 0, sizeof(err));
	assert_int_equal(copy(through, 1, "four", &err), SV_E_UNREADABLE);
	fixture_must(to, "test ! -e four/files/shortcut/big");
	/* onto itself */
	char keep[64];
	memcpy(keep, to, sizeof(keep));
	memcpy(to, from, sizeof(to));
	memset(&err, 0, sizeof(err));
	assert_int_equal(copy(names, 1, "five", &err), SV_E_REFUSED);
	memcpy(to, keep, sizeof(to));
}

/* The lowest descriptor that is free. */
static int next_descriptor(void)
{
	int fd = dup(0);
	close(fd);
	return fd;
}

/* However many descriptors there are: all is copied, or it is said that something is missing. */
static void few_descriptors(void **state)
{
	const char *const names[] = {"home"};
	struct rlimit old, few;
	unsigned int whole = 0, failed = 0;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	for (int more = 0; more < 24; more++) {
		struct sv_err err = {0};
		char folder[32];
		snprintf(folder, sizeof(folder), "few%d", more);
		few.rlim_cur = (rlim_t)(next_descriptor() + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		int rc = copy(names, 1, folder, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		failed += rc != 0;
		whole += rc == 0;
		if (rc == 0)
			fixture_must(to, "diff -r --no-dereference %s/files/home %s/home", folder,
				     from);
		fixture_must(to, "rm -rf few*");
	}
	assert_true(whole && failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_the_same, make, drop),
		cmocka_unit_test_setup_teardown(problems, make, drop),
		cmocka_unit_test_setup_teardown(refusals, make, drop),
		cmocka_unit_test_setup_teardown(few_descriptors, make, drop),
	};
	if (!scratch_make(from) || !scratch_make(to))
		return 1;
	if (!scratch_tmpfs(from, 32 * SV_MIB))
		return 77;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_remove(to);
	umount(from);
	scratch_remove(from);
	return rc;
}
