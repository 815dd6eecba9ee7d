/* test_bitlk.c - BitLocker: metadata made by hand, what is refused and why, damage */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/fsmap/bitlk.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

#define SIZE  (2 * SV_MIB)
#define MOVED (1 * SV_MIB + 576 * SV_KIB)
#define LEN   240 /* of the metadata that the checksum covers */

static const uint64_t places[BITLK_COPIES] = {SV_MIB, SV_MIB + 128 * SV_KIB, SV_MIB + 256 * SV_KIB};

static void seal(uint8_t *area)
{
	put_le32(area + LEN + 4, sv_crc32(area, LEN));
}

static size_t entry(uint8_t *p, size_t len, uint16_t type, uint16_t value)
{
	put_le16(p, (uint16_t)len);
	put_le16(p + 2, type);
	put_le16(p + 4, value);
	return len;
}

static void make_area(uint8_t *area)
{
	uint8_t *p = area + 112;
	memcpy(area, "-FVE-FS-", 8);
	put_le16(area + 8, LEN / 16);
	put_le16(area + 10, 2);
	put_le16(area + 12, 4);
	put_le16(area + 14, 4);
	put_le64(area + 16, SIZE);
	for (int i = 0; i < BITLK_COPIES; i++)
		put_le64(area + 32 + 8 * i, places[i]);
	put_le64(area + 56, MOVED);
	put_le16(area + 100, 0x8004);
	p += entry(p, 48, 2, 8);
	put_le16(area + 112 + 34, 0x2000); /* a passphrase */
	put_le64(p + 8, MOVED);
	put_le64(p + 16, 8192);
	p += entry(p, 24, 0xf, 0xf);
	put_le32(area + 64, (uint32_t)(p - area - 64));
	seal(area);
}

static uint8_t *make_volume(void)
{
	static const uint8_t guid[16] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
					 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};
	uint8_t *v = calloc(1, SIZE);
	assert_non_null(v);
	memcpy(v, "\xeb\x58\x90-FVE-FS-", 11);
	put_le16(v + 11, 512);
	memcpy(v + 160, guid, sizeof(guid));
	for (int i = 0; i < BITLK_COPIES; i++) {
		put_le64(v + 176 + 8 * i, places[i]);
		make_area(v + places[i]);
	}
	return v;
}

/* The map, which must be whole, for a reason that has `why` in it. */
static void expect(const uint8_t *volume, const char *why)
{
	struct blk_dev *mem = NULL;
	struct fsmap *map = NULL;
	assert_int_equal(blk_mem_create(volume, SIZE, 512, &mem), 0);
	assert_int_equal(fsmap_read_as(mem, &fsmap_bitlk_ops, "BitLocker", &map, NULL), 0);
	assert_int_equal(map->state, FSMAP_WHOLE);
	if (!strstr(map->reason, why))
		fail_msg("\"%s\" instead of \"%s\"", map->reason, why);
	fsmap_destroy(map);
	blk_close(mem);
}

static void test_locked(void **state)
{
	(void)state;
	uint8_t *v = make_volume();
	expect(v, "BitLocker, locked: stored whole");
	free(v);
}

/* One value of all copies changed, or of the boot sector. */
static const struct change {
	bool boot;
	size_t at;
	uint64_t value;
	size_t len;
	const char *why;
} changes[] = {
	{true, 3, 0, 1, "boot sector is damaged"},
	{true, 1, 0x52, 1, "Windows Vista"},
	{true, 11, 1024, 2, "damaged"},
	{true, 160, 0, 1, "unknown kind"},
	{true, 176, SIZE - 512, 8, "damaged"},
	{true, 176, SV_MIB + 1, 8, "damaged"},
	{false, 0, 0, 1, "damaged"},
	{false, 8, 1, 2, "damaged"},
	{false, 8, 4096, 2, "damaged"},
	{false, 10, 1, 2, "damaged"},
	{false, 12, 2, 2, "being encrypted or decrypted"},
	{false, 14, 1, 2, "being encrypted or decrypted"},
	{false, 16, SIZE + 512, 8, "larger than its volume"},
	{false, 16, 0, 8, "damaged"},
	{false, 16, SIZE / 2, 8, "damaged"},
	{false, 32, 512, 8, "damaged"},
	{false, 56, MOVED + 512, 8, "damaged"},
	{false, 64, LEN, 4, "damaged"},
	{false, 64, 40, 4, "damaged"},
	{false, 100, 0x8006, 2, "unknown cipher (0x8006)"},
	{false, 112, 4, 2, "damaged"},
	{false, 112, 200, 2, "damaged"},
	{false, 112 + 34, 0, 2, "BitLocker, suspended"},
	{false, 160 + 2, 5, 2, "damaged"},	     /* nothing has moved */
	{false, 160 + 8, MOVED + 512, 8, "damaged"}, /* not where the header says */
	{false, 160 + 16, 0, 8, "damaged"},
	{false, 160 + 16, 511, 8, "damaged"},
	{false, 160 + 16, SIZE, 8, "damaged"},
	{false, 160 + 16, SV_MIB + 512, 8, "damaged"}, /* over a copy of the metadata */
};

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(changes); i++) {
		const struct change *c = &changes[i];
		uint8_t *v = make_volume(), value[8];
		put_le64(value, c->value);
		if (c->boot)
			memcpy(v + c->at, value, c->len);
		for (int k = 0; k < BITLK_COPIES && !c->boot; k++) {
			memcpy(v + places[k] + c->at, value, c->len);
			seal(v + places[k]);
		}
		expect(v, c->why);
		free(v);
	}
}

static void test_copies(void **state)
{
	(void)state;
	uint8_t *v = make_volume();
	v[places[1] + 150] ^= 1;
	expect(v, "damaged"); /* its checksum */
	seal(v + places[1]);
	expect(v, "differ");
	free(v);
}

/* What is kept for itself may not lie over each other. */
static void test_overlaps(void **state)
{
	(void)state;
	uint8_t *v = make_volume();
	for (int i = 0; i < BITLK_COPIES; i++) {
		put_le64(v + places[i] + 56, places[2]);
		put_le64(v + places[i] + 160 + 8, places[2]);
		seal(v + places[i]);
	}
	expect(v, "damaged");
	free(v);
}

/* A lost copy is no doubt; all of them are. */
static void test_unreadable(void **state)
{
	(void)state;
	uint8_t *v = make_volume();
	for (int lost = 1; lost <= BITLK_COPIES; lost++) {
		struct blk_dev *mem = NULL, *dev = NULL;
		struct sv_extents gone = {0};
		struct fsmap *map = NULL;
		for (int i = 0; i < lost; i++)
			assert_int_equal(sv_extents_add(&gone, places[i], 512), 0);
		assert_int_equal(blk_mem_create(v, SIZE, 512, &mem), 0);
		assert_int_equal(blk_holes_create(mem, &gone, false, &dev), 0);
		assert_int_equal(fsmap_read_as(dev, &fsmap_bitlk_ops, "BitLocker", &map, NULL), 0);
		assert_int_equal(map->state, FSMAP_WHOLE);
		assert_string_equal(map->reason, lost < BITLK_COPIES
							 ? "BitLocker, locked: stored whole"
							 : "its BitLocker metadata cannot be read");
		fsmap_destroy(map);
		blk_close(dev);
		blk_close(mem);
		sv_extents_clear(&gone);
	}
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locked),	   cmocka_unit_test(test_changes),
		cmocka_unit_test(test_copies),	   cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
