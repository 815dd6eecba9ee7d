/* test_layout_damage.c - damaged, odd and hostile partition tables */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "tests/lib/table_disk.h"

#include <stdlib.h>
#include <string.h>

static void expect_doubt(struct blk_dev *mem, const char *table)
{
	struct layout *l = layout_of(mem);
	assert_string_not_equal(l->doubt, "");
	assert_string_equal(l->table, table);
	assert_int_equal(l->n, 0);
	assert_true(sv_extents_contain(&l->always, 0, l->size));
	layout_destroy(l);
}

static void expect_parts(struct blk_dev *mem, size_t n, bool primary_dead, bool backup_dead)
{
	struct layout *l = layout_of(mem);
	assert_string_equal(l->doubt, "");
	assert_string_equal(l->table, "gpt");
	assert_int_equal(l->n, n);
	assert_int_equal(l->primary_gpt_dead, primary_dead);
	assert_int_equal(l->backup_gpt_dead, backup_dead);
	check_always(l);
	layout_destroy(l);
}

static void dead_copies(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, ss, GPT_SCRIPT);
		if (!l)
			return;
		layout_destroy(l);
		struct blk_dev *mem = table_disk_load(&f);
		uint8_t *d = blk_mem_data(mem), *last = d + f.size - ss;
		d[ss + 60] ^= 1; /* a header checksum */
		expect_parts(mem, 4, true, false);
		memset(d + ss, 0, ss); /* a header gone */
		expect_parts(mem, 4, true, false);
		last[60] ^= 1;
		expect_doubt(mem, "unknown");
		last[60] ^= 1;
		memset(d, 0, ss); /* no protective MBR, no primary: not a GPT to anyone */
		l = layout_of(mem);
		assert_string_equal(l->table, "none");
		layout_destroy(l);
		blk_close(mem);

		mem = table_disk_load(&f);
		d = blk_mem_data(mem), last = d + f.size - ss;
		d[2 * ss + 40] ^= 1; /* an entry: the array's checksum */
		expect_parts(mem, 4, true, false);
		d[2 * ss + 40] ^= 1;
		last[60] ^= 1;
		expect_parts(mem, 4, false, true);
		memset(last, 0, ss);
		expect_parts(mem, 4, false, true);
		d[510] = 0; /* a GPT but no MBR */
		expect_doubt(mem, "unknown");
		blk_close(mem);
		table_disk_remove(&f);
	}
}

/* the disk grew behind the table, or the table is of a larger disk */
static void other_size(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = table_disk_load(&f), *big, *small;
	assert_int_equal(blk_mem_create(NULL, DISK_SIZE + 3 * SV_MIB, 512, &big), 0);
	memcpy(blk_mem_data(big), blk_mem_data(mem), DISK_SIZE);
	expect_parts(big, 4, false, true);
	assert_int_equal(blk_mem_create(blk_mem_data(mem), DISK_SIZE - SV_MIB, 512, &small), 0);
	expect_doubt(small, "gpt");
	blk_close(small);
	blk_close(big);
	blk_close(mem);
	table_disk_remove(&f);
}

static void copies_differ(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = table_disk_load(&f);
	uint8_t *d = blk_mem_data(mem);
	d[1024 + 56] ^= 1; /* one letter of one name */
	table_seal_array(d + 512, d + 1024);
	expect_doubt(mem, "gpt");
	blk_close(mem);
	table_disk_remove(&f);
}

/* 256 entries; entries of 256 bytes with 64 of them */
static void odd_arrays(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512,
					     "sgdisk -S 256 $d && sgdisk -n 200:4096:8191 -c "
					     "200:far $d");
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 1);
	assert_int_equal(l->v[0].number, 200);
	layout_destroy(l);
	table_disk_remove(&f);

	l = table_disk_layout(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = table_disk_load(&f);
	uint8_t *d = blk_mem_data(mem), *hdr[2] = {d + 512, d + f.size - 512};
	for (int i = 0; i < 2; i++) {
		uint8_t *array = d + get_le64(hdr[i] + 72) * 512;
		for (int k = 63; k >= 0; k--) {
			memmove(array + 256 * k, array + 128 * k, 128);
			memset(array + 256 * k + 128, 0, 128);
		}
		put_le32(hdr[i] + 80, 64);
		put_le32(hdr[i] + 84, 256);
		table_seal_array(hdr[i], array);
	}
	l = layout_of(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 4);
	assert_int_equal(layout_find(l, 2)->start, 4096 * 512);
	layout_destroy(l);
	blk_close(mem);
	table_disk_remove(&f);
}

/* entries that a sealed table must not have */
static void bad_entries(void **state)
{
	(void)state;
	static const uint64_t cases[][2] = {
		{5000, 9000},	  /* over partition 2 */
		{9000, 8000},	  /* backwards */
		{20, 40},	  /* over the table */
		{100000, 200000}, /* past the end */
		{UINT64_MAX - 5, UINT64_MAX},
		{9000, UINT64_MAX / 2},
	};
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct blk_dev *mem = table_disk_load(&f);
		uint8_t *d = blk_mem_data(mem), *hdr[2] = {d + 512, d + f.size - 512};
		for (int k = 0; k < 2; k++) {
			uint8_t *array = d + get_le64(hdr[k] + 72) * 512;
			memset(array + 10 * 128, 7, 32);
			put_le64(array + 10 * 128 + 32, cases[i][0]);
			put_le64(array + 10 * 128 + 40, cases[i][1]);
			table_seal_array(hdr[k], array);
		}
		expect_doubt(mem, "gpt");
		blk_close(mem);
	}
	table_disk_remove(&f);
}

static uint8_t *put_entry(uint8_t *sector, int slot, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = sector + 446 + 16 * slot;
	memset(e, 0, 16);
	e[4] = type;
	put_le32(e + 8, start);
	put_le32(e + 12, count);
	sector[510] = 0x55, sector[511] = 0xaa;
	return e;
}

static void bent_ebr(void **state)
{
	(void)state;
	struct blk_dev *mem;
	assert_int_equal(blk_mem_create(NULL, DISK_SIZE, 512, &mem), 0);
	uint8_t *d = blk_mem_data(mem), *ext = d + 2048 * 512, *second = ext + 4096 * 512;
	put_entry(d, 0, 5, 2048, 40000);
	put_entry(ext, 0, 0x83, 64, 1000);
	put_entry(ext, 1, 5, 4096, 2000);
	put_entry(second, 0, 0x83, 64, 1000);
	struct layout *l = layout_of(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 3);
	assert_int_equal(layout_find(l, 6)->start, (2048 + 4096 + 64) * 512);
	layout_destroy(l);

	put_entry(second, 1, 5, 0, 2000); /* back to the first */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 4096, 2000); /* to itself */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 39999, 2000); /* to where no table is */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 50000, 2000); /* out of the extended partition */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, UINT32_MAX, UINT32_MAX);
	expect_doubt(mem, "msdos");
	memset(second, 0, 512);
	put_entry(second, 0, 0x83, 64, 1000);
	put_entry(ext, 0, 0x83, 64, 5000); /* over the second table and its partition */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 4040); /* over the second table alone */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 60000); /* past the end */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 1000);
	put_entry(d, 1, 0x83, 30000, 40000); /* a primary over the extended one */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x05, 50000, 1000); /* a second extended one */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x83, 50000, 1000000); /* past the disk */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x83, 50000, 1000);
	l = layout_of(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 4);
	layout_destroy(l);
	blk_close(mem);
}

/* a table that cannot be read from the medium */
static void unreadable(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = table_disk_load(&f), *bad;
	struct blk_fault_rule lba1 = {
		.ops = BLK_FAULT_READ, .start = 512, .len = 512, .sys_errno = 5};
	assert_int_equal(blk_fault_create(mem, &bad), 0);
	assert_int_equal(blk_fault_add(bad, &lba1), 0);
	expect_parts(bad, 4, true, false);
	blk_close(bad);
	struct blk_fault_rule lba0 = {.ops = BLK_FAULT_READ, .len = 512, .sys_errno = 5};
	assert_int_equal(blk_fault_create(mem, &bad), 0);
	assert_int_equal(blk_fault_add(bad, &lba0), 0);
	struct sv_err err = {0};
	l = NULL;
	assert_int_equal(layout_read(bad, &l, &err), SV_E_IO);
	assert_null(l);
	blk_close(bad);
	blk_close(mem);
	table_disk_remove(&f);
}

static uint64_t rng = 88172645463325252ULL;
static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 16) % n;
}

static struct layout *read_checked(struct blk_dev *mem)
{
	struct layout *l = layout_of(mem);
	uint64_t inside = 0;
	for (size_t p = 0; p < l->n; p++) {
		assert_true(sv_range_ok(l->v[p].start, l->v[p].size, l->size));
		inside += l->v[p].extended ? 0 : l->v[p].size;
	}
	assert_true(inside + sv_extents_total(&l->always) >= l->size);
	return l;
}

/* the own parsers without libparted's child, which takes most of the time */
static void parse_alone(struct blk_dev *mem)
{
	struct layout *l = calloc(1, sizeof(*l));
	struct layout_pieces pieces = {0};
	l->size = mem->size;
	l->sector_size = mem->sector_size;
	assert_int_equal(gpt_read(mem, l, &pieces), 0);
	assert_int_equal(msdos_read(mem, blk_mem_data(mem), l, &pieces), 0);
	assert_true(l->n <= 16384 + 260);
	layout_pieces_clear(&pieces);
	layout_destroy(l);
}

/* random changes of table sectors, the checksums put right half of the time */
static void mutate(struct blk_dev *mem, int rounds)
{
	uint8_t *d = blk_mem_data(mem), *keep = malloc(2 * SV_MIB);
	memcpy(keep, d, 2 * SV_MIB);
	for (int i = 0; i < rounds; i++) {
		static const uint32_t ends[] = {446, 512, 512, 1024};
		for (uint32_t k = 0, n = 1 + rnd(6); k < n; k++) {
			uint32_t where = rnd(4), at = ends[where] + rnd(where == 0 ? 66 : 160);
			if (where == 2)
				at = (uint32_t)(2048 * 512) + 446 + rnd(66);
			d[at] = rnd(3) ? (uint8_t)rnd(256) : d[at] ^ (uint8_t)(1 << rnd(8));
		}
		if (rnd(2)) {
			uint32_t len = get_le32(d + 512 + 12);
			if (len >= 92 && len <= 512 && get_le32(d + 512 + 84) == 128 &&
			    get_le32(d + 512 + 80) <= 1024)
				table_seal_array(d + 512, d + 1024);
			else if (len >= 92 && len <= 512)
				table_seal(d + 512);
		}
		if (i % 50)
			parse_alone(mem);
		else
			layout_destroy(read_checked(mem));
		memcpy(d, keep, SV_MIB + SV_KIB);
		memcpy(d + 2048 * 512, keep + 2048 * 512, 512);
	}
	free(keep);
}

static void mutations(void **state)
{
	(void)state;
	struct table_disk f;
	static const char *const scripts[] = {
		GPT_SCRIPT,
		"printf 'label: dos\\n2048,81920,E\\n90000,1000,L\\n\\n\\n,5000\\n,5000\\n,5000\\n'"
		" | sfdisk $d",
	};
	for (size_t i = 0; i < SV_ARRAY(scripts); i++) {
		struct layout *l = table_disk_layout(&f, 512, scripts[i]);
		layout_destroy(l);
		struct blk_dev *mem = table_disk_load(&f);
		mutate(mem, 4000);
		blk_close(mem);
		table_disk_remove(&f);
	}
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dead_copies),	 cmocka_unit_test(other_size),
		cmocka_unit_test(copies_differ), cmocka_unit_test(odd_arrays),
		cmocka_unit_test(bad_entries),	 cmocka_unit_test(bent_ebr),
		cmocka_unit_test(unreadable),	 cmocka_unit_test(mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
