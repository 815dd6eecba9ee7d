/* test_layout_move.c - a GPT that moves to a larger disk, judged by sgdisk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/table_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROWTH (36 * SV_MIB)

/* Everything sgdisk says of the entries, as one sum; `n` receives the number of partitions. */
static void entries_of(struct table_disk *f, char sum[128])
{
	char cmd[512];
	snprintf(cmd, sizeof(cmd),
		 "{ sgdisk -p %s | grep -E '^ +[0-9]|identifier'; for i in 1 2 3 7; do sgdisk -i "
		 "$i %s; "
		 "done; } 2>&1 | sha256sum",
		 f->node, f->node);
	table_read_line(cmd, sum, 128);
}

static int move(struct blk_dev *image, uint64_t target_size, uint8_t **head_ret,
		struct layout_move *m, struct sv_err *err)
{
	uint8_t *head = malloc(SV_MIB);
	memcpy(head, blk_mem_data(image), SV_MIB);
	*head_ret = head;
	return layout_move_gpt(head, SV_MIB, blk_mem_data(image) + image->size - SV_MIB, SV_MIB,
			       image->size, target_size, image->sector_size, m, err);
}

/* Write the image with the moved GPT onto a larger disk full of 0xA5. */
static void write_target(struct table_disk *t, struct blk_dev *image, const uint8_t *head,
			 const struct layout_move *m)
{
	uint8_t *all = malloc(t->size);
	memset(all, 0xa5, t->size);
	memcpy(all, blk_mem_data(image), image->size);
	memcpy(all, head, SV_MIB);
	assert_int_equal(m->old_backup.start + m->old_backup.len, image->size);
	memset(all + m->old_backup.start, 0xa5, m->old_backup.len);
	assert_int_equal(m->tail_off + m->tail_len, t->size);
	memcpy(all + m->tail_off, m->tail, m->tail_len);
	int fd = open(t->node, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, all, t->size), (ssize_t)t->size);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	free(all);
}

static void judge(struct table_disk *from, struct table_disk *to)
{
	char cmd[256], line[128], before[128], after[128];
	snprintf(cmd, sizeof(cmd), "sgdisk -v %s 2>&1 | grep -o 'No problems found'", to->node);
	table_read_line(cmd, line, sizeof(line));
	assert_string_equal(line, "No problems found");
	entries_of(from, before);
	entries_of(to, after);
	assert_string_equal(before, after);
	snprintf(cmd, sizeof(cmd), "sgdisk -p %s 2>&1 | grep -ciE 'caution|warning|corrupt'",
		 to->node);
	table_read_line(cmd, line, sizeof(line));
	assert_string_equal(line, "0");
}

/* `kill`: LBAs (from the end when negative) of the image that are wiped before the move */
static void grow(uint32_t ss, const char *script, int kill, size_t parts)
{
	struct table_disk from, to;
	struct layout_move m;
	struct sv_err err = {0};
	uint8_t *head;
	struct layout *l = table_disk_layout(&from, ss, script);
	if (!l || !table_disk_make(&to, DISK_SIZE + GROWTH, ss))
		return;
	assert_int_equal(l->n, parts);
	layout_destroy(l);
	struct blk_dev *image = table_disk_load(&from);
	if (kill)
		memset(blk_mem_data(image) + (kill < 0 ? from.size : 0) + (int64_t)kill * ss, 0,
		       ss);
	assert_int_equal(move(image, to.size, &head, &m, &err), 0);
	write_target(&to, image, head, &m);
	judge(&from, &to);
	struct blk_dev *moved = table_disk_load(&to);
	l = layout_of(moved);
	assert_string_equal(l->doubt, "");
	assert_false(l->primary_gpt_dead || l->backup_gpt_dead);
	assert_int_equal(l->n, parts);
	layout_destroy(l);
	blk_close(moved);
	blk_close(image);
	free(m.tail);
	free(head);
	table_disk_remove(&from);
	table_disk_remove(&to);
}

static void larger_disk(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		grow(ss, GPT_SCRIPT, 0, 4);
		grow(ss, GPT_SCRIPT, 1, 4);  /* dead primary header */
		grow(ss, GPT_SCRIPT, 2, 4);  /* dead primary array */
		grow(ss, GPT_SCRIPT, -1, 4); /* dead backup */
	}
	grow(512, "sgdisk -S 256 -n 1:4096:8191 $d", 0, 1);
	grow(512, GPT_SCRIPT " -A 2:set:60 -A 1:set:2", 0, 4);
	/* the array elsewhere than at LBA 2 */
	grow(512, "sgdisk -j 200 -n 1:4096:8191 $d", 0, 1);
}

/* a hybrid MBR is kept byte for byte */
static void hybrid(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout_move m;
	struct sv_err err = {0};
	uint8_t *head;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT " && sgdisk -h 1:2 $d");
	layout_destroy(l);
	struct blk_dev *image = table_disk_load(&f);
	assert_int_equal(move(image, DISK_SIZE + GROWTH, &head, &m, &err), 0);
	assert_true(m.tail_len > 0);
	assert_memory_equal(head, blk_mem_data(image), 512);
	assert_memory_not_equal(head, blk_mem_data(image), 1024);
	free(m.tail);
	free(head);
	blk_close(image);
	table_disk_remove(&f);
}

/* what cannot be moved is refused, what is no GPT is left alone */
static void not_moved(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout_move m;
	struct sv_err err = {0};
	uint8_t *head;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT " -n 8:100000:0");
	layout_destroy(l);
	struct blk_dev *image = table_disk_load(&f);
	uint8_t *d = blk_mem_data(image);

	/* a smaller disk whose end lies in the last partition */
	assert_int_equal(move(image, DISK_SIZE - SV_MIB, &head, &m, &err), SV_E_DATA);
	assert_memory_equal(head, d, SV_MIB);
	assert_null(m.tail);
	free(head);

	/* two different copies */
	d[1024 + 56] ^= 1;
	table_seal_array(d + 512, d + 1024);
	assert_int_equal(move(image, DISK_SIZE + GROWTH, &head, &m, &err), SV_E_DATA);
	free(head);

	/* both dead */
	d[512 + 60] ^= 1;
	d[DISK_SIZE - 512 + 60] ^= 1;
	assert_int_equal(move(image, DISK_SIZE + GROWTH, &head, &m, &err), SV_E_DATA);
	assert_memory_equal(head, d, SV_MIB);
	free(head);

	/* no GPT */
	memset(d, 0, 512);
	assert_int_equal(move(image, DISK_SIZE + GROWTH, &head, &m, &err), 0);
	assert_int_equal(m.tail_len, 0);
	assert_memory_equal(head, d, SV_MIB);
	free(head);
	blk_close(image);
	table_disk_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(larger_disk),
		cmocka_unit_test(hybrid),
		cmocka_unit_test(not_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
