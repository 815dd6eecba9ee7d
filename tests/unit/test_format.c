/* test_format.c - a disk becomes one for images: the new table, the filesystem, and every refusal
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/layout.h"
#include "engine/salvor.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"
#include "tests/lib/table_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE (96 * SV_MIB + 4096 * 3)

static char dir[64];

struct loop {
	int fd;
	char node[32], id[32];
};

static bool loop_new(struct loop *l, uint64_t size, uint32_t ss)
{
	l->fd = scratch_loop(dir, size, ss, l->node);
	snprintf(l->id, sizeof(l->id), "%llu", (unsigned long long)size);
	return l->fd >= 0;
}

static void put(const struct loop *l, uint64_t off, size_t len, int byte)
{
	uint8_t *buf = malloc(len);
	memset(buf, byte, len);
	assert_int_equal(pwrite(l->fd, buf, len, (off_t)off), len);
	free(buf);
}

/* All of it, to be freed. */
static uint8_t *content(const struct loop *l, uint64_t size)
{
	uint8_t *buf = malloc(size);
	/* what went past the page cache */
	fixture_must(dir, "blockdev --flushbufs %s", l->node);
	assert_int_equal(pread(l->fd, buf, size, 0), size);
	return buf;
}

struct stopper {
	struct sv_job *job;
	bool stop;
};

static void on_event(void *arg, const struct sv_event *event)
{
	struct stopper *s = arg;
	if (s->stop && event->kind == SV_EVENT_START)
		sv_job_cancel(s->job);
}

static int run(const struct sv_format_params *params, bool stop, struct sv_err *err)
{
	struct stopper s = {.stop = stop};
	memset(err, 0, sizeof(*err));
	int rc = sv_job_create_format(params, on_event, &s, &s.job, err);
	if (rc)
		return rc;
	assert_int_equal(sv_job_start(s.job, err), 0);
	rc = sv_job_wait(s.job, err);
	sv_job_destroy(s.job);
	return rc;
}

/* The partition as a file of its own, for the checkers. */
static void cut_partition(const struct loop *l, uint32_t ss, uint64_t size)
{
	struct blk_dev *mem;
	uint8_t *bytes = content(l, size);
	char path[128];
	assert_int_equal(blk_mem_create(bytes, size, ss, &mem), 0);
	struct layout *layout = layout_of(mem);
	assert_string_equal(layout->table, "gpt");
	assert_string_equal(layout->doubt, "");
	assert_false(layout->primary_gpt_dead || layout->backup_gpt_dead);
	assert_int_equal(layout->n, 1);
	assert_int_equal(layout->v[0].start, SV_MIB);
	assert_string_equal(layout->v[0].name, "SALVOR");
	int fd = open(scratch_path(path, sizeof(path), dir, "part"),
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes + layout->v[0].start, layout->v[0].size),
			 layout->v[0].size);
	close(fd);
	layout_destroy(layout);
	blk_close(mem);
	free(bytes);
}

/* ---- the table alone, judged by sgdisk ---- */

static void check_table(uint64_t size, uint32_t ss)
{
	struct layout_new l;
	struct sv_err err = {0};
	struct table_disk disk;
	char *said;
	if (!table_disk_make(&disk, size, ss))
		return;
	assert_int_equal(layout_new_gpt(size, ss, LAYOUT_LINUX, "SALVOR", &l, &err), 0);
	assert_int_equal(l.part_start % SV_MIB, 0);
	assert_int_equal(l.part_size % SV_MIB, 0);
	assert_true(l.part_start + l.part_size <= size - SV_MIB);
	assert_true(l.part_start + l.part_size > size - 3 * SV_MIB);
	int fd = open(disk.node, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, l.head, l.head_len, 0), l.head_len);
	assert_int_equal(pwrite(fd, l.tail, l.tail_len, (off_t)l.tail_off), l.tail_len);
	fsync(fd);
	close(fd);
	fixture_run(dir, &said, "sgdisk -v %s; sgdisk -i 1 %s", disk.node, disk.node);
	assert_non_null(strstr(said, "No problems found"));
	assert_non_null(strstr(said, "0FC63DAF-8483-4772-8E79-3D69D8477DE4"));
	assert_non_null(strstr(said, "'SALVOR'"));
	free(said);
	free(l.head);
	free(l.tail);
	table_disk_remove(&disk);
}

static void test_table(void **state)
{
	(void)state;
	check_table(LAYOUT_NEW_MIN, 512);
	check_table(64 * SV_MIB + 512 * 77, 512);
	check_table(3ULL << 40, 512);
	check_table(64 * SV_MIB, 4096);
}

static void test_table_too_small(void **state)
{
	struct layout_new l;
	struct sv_err err = {0};
	(void)state;
	assert_int_equal(layout_new_gpt(LAYOUT_NEW_MIN - 512, 512, LAYOUT_LINUX, "x", &l, &err),
			 SV_E_REFUSED);
	assert_null(l.head);
}

/* ---- empty or not ---- */

static void test_blank(void **state)
{
	static const uint64_t places[] = {0, 511, 4 * SV_MIB - 1, SIZE - 4 * SV_MIB, SIZE - 1};
	struct blk_dev *mem;
	struct sv_err err = {0};
	bool blank;
	(void)state;
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &mem), 0);
	assert_int_equal(disk_is_blank(mem, &blank, &err), 0);
	assert_true(blank);
	for (size_t i = 0; i < SV_ARRAY(places); i++) {
		blk_mem_data(mem)[places[i]] = 1;
		assert_int_equal(disk_is_blank(mem, &blank, &err), 0);
		assert_false(blank);
		blk_mem_data(mem)[places[i]] = 0;
	}
	/* a hundredth of it in one piece is always met */
	memset(blk_mem_data(mem) + 50 * SV_MIB, 1, SV_MIB);
	assert_int_equal(disk_is_blank(mem, &blank, &err), 0);
	assert_false(blank);
	blk_close(mem);
}

/* Small ones are read whole, and not beyond their end. */
static void test_blank_small(void **state)
{
	struct sv_err err = {0};
	bool blank;
	(void)state;
	for (uint64_t size = 512; size < 9 * SV_MIB; size = size * 3 / 512 * 512) {
		struct blk_dev *mem;
		assert_int_equal(blk_mem_create(NULL, size, 512, &mem), 0);
		assert_int_equal(disk_is_blank(mem, &blank, &err), 0);
		assert_true(blank);
		blk_mem_data(mem)[size * 2 / 3] = 1;
		assert_int_equal(disk_is_blank(mem, &blank, &err), 0);
		assert_false(blank);
		blk_close(mem);
	}
}

static void test_blank_unreadable(void **state)
{
	const struct blk_fault_rule rule = {
		.ops = BLK_FAULT_READ, .start = 40 * SV_MIB, .len = SV_MIB, .sys_errno = EIO};
	struct blk_dev *mem, *fault;
	struct sv_err err = {0};
	bool blank = true;
	(void)state;
	assert_int_equal(blk_mem_create(NULL, SIZE, 512, &mem), 0);
	assert_int_equal(blk_fault_create(mem, &fault), 0);
	assert_int_equal(blk_fault_add(fault, &rule), 0);
	assert_int_equal(disk_is_blank(fault, &blank, &err), SV_E_IO);
	assert_false(blank);
	blk_close(fault);
	blk_close(mem);
}

/* ---- the job ---- */

static void need(bool there, const char *what)
{
	if (there)
		return;
	print_message("%s: not tested\n", what);
	skip();
}

static void test_exfat(void **state)
{
	struct loop l;
	struct sv_err err;
	char *said;
	(void)state;
	need(sv_format_can(SV_FORMAT_EXFAT, 512), "mkfs.exfat is not installed");
	need(loop_new(&l, SIZE, 512), "no loop devices");
	const struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXFAT, .confirm_erase = l.id, .only_empty = true};
	assert_int_equal(run(&params, false, &err), 0);
	cut_partition(&l, 512, SIZE);
	fixture_must(dir, "fsck.exfat -n part");
	assert_int_equal(fixture_run(dir, &said, "exfatlabel part"), 0);
	assert_non_null(strstr(said, "label: SALVOR"));
	free(said);
	/* now there is something on it */
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "is not empty"));
	close(l.fd);
}

/* Old content everywhere: what is free keeps it, what counts must not. */
static void check_ext4(uint32_t ss)
{
	struct loop l;
	struct sv_err err;
	need(loop_new(&l, SIZE, ss), "no loop devices");
	put(&l, 0, SIZE, 0xa5);
	const struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id};
	assert_int_equal(run(&params, false, &err), 0);
	cut_partition(&l, ss, SIZE);
	fixture_must(dir, "e2fsck -fn part && dumpe2fs -h part | grep -q 'volume name: *SALVOR'");
	uint8_t *bytes = content(&l, SIZE);
	size_t old = 0;
	for (size_t i = 0; i < SIZE; i += 4096)
		old += bytes[i] == 0xa5;
	assert_true(old > SIZE / 4096 / 2);
	free(bytes);
	close(l.fd);
}

static void test_ext4(void **state)
{
	(void)state;
	check_ext4(512);
	check_ext4(4096);
	assert_false(sv_format_can(SV_FORMAT_EXFAT, 4096));
	assert_true(sv_format_can(SV_FORMAT_EXT4, 4096));
}

/* A journal in the middle of the disk is empty, whatever stood there: what it once held is never
 * replayed. */
static void test_journal(void **state)
{
	const uint64_t size = 512 * SV_MIB;
	struct loop l;
	struct sv_err err;
	char *said;
	(void)state;
	need(loop_new(&l, size, 512), "no loop devices");
	for (uint64_t off = 128 * SV_MIB; off < 384 * SV_MIB; off += 16 * SV_MIB)
		put(&l, off, 16 * SV_MIB, 0xa5);
	const struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id};
	assert_int_equal(run(&params, false, &err), 0);
	/* behind its superblock */
	assert_int_equal(fixture_run(dir, &said,
				     "debugfs -R 'cat <8>' '%s?offset=1048576' 2>debugfs.err | "
				     "tail -c +4097 >journal; wc -c <journal; "
				     "tr -d '\\000' <journal | wc -c",
				     l.node),
			 0);
	assert_true(strtoull(said, NULL, 10) > SV_MIB);
	assert_non_null(strstr(said, "\n0\n"));
	free(said);
	close(l.fd);
}

/* Nothing of these may write a byte. */
static void test_refused(void **state)
{
	struct loop l;
	struct sv_err err;
	(void)state;
	need(loop_new(&l, SIZE, 512), "no loop devices");
	put(&l, SIZE / 2, SV_MIB, 7);
	uint8_t *before = content(&l, SIZE);
	struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id, .only_empty = true};
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	params.only_empty = false;
	params.confirm_erase = "4711";
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	params.confirm_erase = NULL;
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	params.confirm_erase = l.id;
	params.dry_run = true;
	assert_int_equal(run(&params, false, &err), 0);
	params.dry_run = false;
	/* opened by another program that wants it for itself */
	int held = open(l.node, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	close(held);
	params.target = "/nowhere";
	assert_int_equal(run(&params, false, &err), SV_E_USAGE);
	uint8_t *after = content(&l, SIZE);
	assert_memory_equal(before, after, SIZE);
	free(before);
	free(after);
	close(l.fd);
}

static void test_too_small(void **state)
{
	struct loop l;
	struct sv_err err;
	(void)state;
	need(loop_new(&l, 8 * SV_MIB, 512), "no loop devices");
	const struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id};
	assert_int_equal(run(&params, false, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "too small"));
	close(l.fd);
}

/* Stopped on the way: no table, and none of the old one. */
static void test_stopped(void **state)
{
	struct loop l;
	struct sv_err err;
	(void)state;
	need(loop_new(&l, SIZE, 512), "no loop devices");
	put(&l, 0, SIZE, 0xa5);
	const struct sv_format_params params = {
		.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id};
	assert_int_equal(run(&params, true, &err), SV_E_STOPPED);
	uint8_t *bytes = content(&l, SIZE);
	assert_true(sv_is_zero(bytes, SV_MIB));
	assert_true(sv_is_zero(bytes + SIZE - SV_MIB, SV_MIB));
	free(bytes);
	close(l.fd);
}

/* A tool that fails, and one that makes nothing and says it is fine: the disk stays as it is. */
static void test_bad_tool(void **state)
{
	static const char *const tools[] = {"exit 1", "exit 0"};
	struct loop l;
	struct sv_err err;
	char path[4096], *old = strdup(getenv("PATH"));
	(void)state;
	need(loop_new(&l, SIZE, 512), "no loop devices");
	put(&l, 0, SIZE, 0xa5);
	uint8_t *before = content(&l, SIZE);
	snprintf(path, sizeof(path), "%s:%s", dir, old);
	for (size_t i = 0; i < SV_ARRAY(tools); i++) {
		fixture_must(dir, "printf '#!/bin/sh\\n%s\\n' >mke2fs && chmod +x mke2fs",
			     tools[i]);
		const struct sv_format_params params = {
			.target = l.node, .fs = SV_FORMAT_EXT4, .confirm_erase = l.id};
		setenv("PATH", path, 1);
		assert_int_equal(run(&params, false, &err), SV_E_FAILED);
		setenv("PATH", old, 1);
		assert_non_null(strstr(err.text, "mke2fs"));
	}
	uint8_t *after = content(&l, SIZE);
	assert_memory_equal(before, after, SIZE);
	free(before);
	free(after);
	free(old);
	close(l.fd);
}

static int make_dir(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
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
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_too_small),
		cmocka_unit_test(test_blank),
		cmocka_unit_test(test_blank_small),
		cmocka_unit_test(test_blank_unreadable),
		cmocka_unit_test(test_exfat),
		cmocka_unit_test(test_ext4),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_bad_tool),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
