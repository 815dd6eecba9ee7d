/* test_segments.c - volumes in segments: each byte where dm-linear and dm-striped have it, ranges
 * mapped back, what is refused */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/blk.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define DISK   (64u * 1024)
#define STRIPE 512u

/* Each byte of a disk tells where it is. */
static struct blk_dev *make_disk(unsigned int number)
{
	struct blk_dev *dev;
	assert_int_equal(blk_mem_create(NULL, DISK, number == 2 ? 4096 : 512, &dev), 0);
	for (uint32_t i = 0; i < DISK; i++)
		blk_mem_data(dev)[i] = (uint8_t)(i * 167 + i / 256 * 13 + number * 91);
	return dev;
}

struct fixture {
	struct blk_dev *disks[3];
	struct blk_column a[1], b[3], c[2];
	struct blk_segment v[3];
};

static void make(struct fixture *f)
{
	for (unsigned int i = 0; i < 3; i++)
		f->disks[i] = make_disk(i);
	f->a[0] = (struct blk_column){f->disks[1], 700};
	f->b[0] = (struct blk_column){f->disks[0], 1024};
	f->b[1] = (struct blk_column){f->disks[1], 8192};
	f->b[2] = (struct blk_column){f->disks[0], 30000};
	f->c[0] = (struct blk_column){f->disks[2], 0};
	f->c[1] = (struct blk_column){f->disks[1], DISK - 8192};
	f->v[0] = (struct blk_segment){.len = 1000, .columns = f->a, .n = 1};
	f->v[1] = (struct blk_segment){
		.len = 3 * 8 * STRIPE, .stripe = STRIPE, .columns = f->b, .n = 3};
	f->v[2] = (struct blk_segment){.len = 2 * 8192, .stripe = 4096, .columns = f->c, .n = 2};
}

static void clear(struct fixture *f)
{
	for (size_t i = 0; i < 3; i++)
		blk_close(f->disks[i]);
}

/* Where a byte of a segment is: one by one, as the table of dm-striped says. */
static const struct blk_column *place_of(const struct blk_segment *s, uint64_t x, uint64_t *at)
{
	uint64_t stripe = s->n == 1 ? s->len : s->stripe, number = 0;
	for (; x >= stripe; x -= stripe)
		number++;
	const struct blk_column *c = &s->columns[number % s->n];
	*at = c->start + number / s->n * stripe + x;
	return c;
}

static void test_bytes(void **state)
{
	(void)state;
	struct fixture f;
	struct blk_dev *dev;
	make(&f);
	assert_int_equal(blk_segments_create(f.v, 3, "x", &dev, NULL), 0);
	assert_int_equal(dev->size, 1000 + 12288 + 16384);
	assert_int_equal(dev->sector_size, 4096);
	assert_false(dev->writable);
	uint8_t *all = malloc(dev->size), *want = malloc(dev->size);
	assert_true(all && want);
	uint64_t at, n = 0;
	for (size_t i = 0; i < 3; i++)
		for (uint64_t x = 0; x < f.v[i].len; x++) {
			const struct blk_column *c = place_of(&f.v[i], x, &at);
			want[n++] = blk_mem_data(c->below)[at];
		}
	assert_int_equal(blk_pread(dev, all, dev->size, 0, NULL), 0);
	assert_memory_equal(all, want, dev->size);
	for (uint64_t off = 0; off < dev->size; off += 331) {
		size_t len = (size_t)SV_MIN(dev->size - off, off % 2000 + 1);
		assert_int_equal(blk_pread(dev, all, len, off, NULL), 0);
		assert_memory_equal(all, want + off, len);
	}
	free(all);
	free(want);
	blk_close(dev);
	clear(&f);
}

/* Byte by byte what blk_segment_on() says in one range. */
static void test_on(void **state)
{
	(void)state;
	struct fixture f;
	make(&f);
	for (uint64_t start = 0; start < f.v[1].len; start += 97) {
		uint64_t len = SV_MIN(f.v[1].len - start, 1 + start * 7 % 4001);
		for (size_t k = 0; k < 3; k++) {
			struct blk_piece piece;
			uint64_t n = 0, first = UINT64_MAX, at;
			for (uint64_t x = start; x < start + len; x++)
				if (place_of(&f.v[1], x, &at) == &f.b[k]) {
					first = SV_MIN(first, at);
					n++;
				}
			assert_int_equal(blk_segment_on(&f.v[1], start, len, k, &piece), n > 0);
			assert_int_equal(piece.len, n);
			if (n)
				assert_int_equal(piece.start, first);
		}
	}
	struct blk_piece piece;
	assert_true(blk_segment_on(&f.v[0], 10, 20, 0, &piece));
	assert_true(piece.start == 710 && piece.len == 20);
	clear(&f);
}

static void test_refused(void **state)
{
	(void)state;
	struct fixture f;
	make(&f);
	const struct blk_segment bad[] = {
		{.len = 0, .columns = f.a, .n = 1},
		{.len = 1000, .columns = f.a, .n = 0},
		{.len = DISK - 699, .columns = f.a, .n = 1},
		{.len = 2 * 8192, .stripe = 0, .columns = f.c, .n = 2},
		{.len = 2 * 8192 + 1, .stripe = 1, .columns = f.c, .n = 2},
		{.len = 2 * 8192, .stripe = 3000, .columns = f.c, .n = 2},
		{.len = 2 * 16384, .stripe = 4096, .columns = f.c, .n = 2},
		{.len = UINT64_MAX - 1, .stripe = 1, .columns = f.c, .n = 2},
	};
	for (size_t i = 0; i < SV_ARRAY(bad); i++) {
		struct blk_dev *dev = NULL;
		assert_int_equal(blk_segments_create(&bad[i], 1, "x", &dev, NULL), SV_E_RANGE);
		assert_null(dev);
	}
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_on),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
