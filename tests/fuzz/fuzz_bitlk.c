/* fuzz_bitlk.c - hostile BitLocker volumes: boot sector and metadata */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_owners.h"

#include "engine/fsmap/bitlk.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <string.h>

/* Input: the boot sector, then the metadata, which stand in three places of a volume of 64 MiB of
 * zeros. Their checksum is put right. */
#define SIZE   (64 * SV_MIB)
#define SECTOR 512u

static const uint64_t places[BITLK_COPIES] = {32 * SV_MIB, 40 * SV_MIB, 48 * SV_MIB};

struct volume {
	struct blk_dev dev;
	uint8_t boot[SECTOR], area[BITLK_AREA];
};

static int volume_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off,
			struct sv_err *err)
{
	const struct volume *v = (struct volume *)dev;
	(void)err;
	memset(buf, 0, len);
	fuzz_lay(buf, len, off, v->boot, SECTOR, 0);
	for (int i = 0; i < BITLK_COPIES; i++)
		fuzz_lay(buf, len, off, v->area, BITLK_AREA, places[i]);
	return 0;
}

static void volume_close(struct blk_dev *dev)
{
	(void)dev;
}

static const struct blk_ops volume_ops = {
	.name = "volume", .pread = volume_pread, .close = volume_close};

static void seal(uint8_t *area)
{
	size_t len = (size_t)get_le16(area + 8) * 16;
	if (len <= BITLK_AREA - 8)
		put_le32(area + len + 4, sv_crc32(area, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct volume v = {
		.dev = {.ops = &volume_ops, .name = "volume", .size = SIZE, .sector_size = 512}};
	struct fsmap *map = NULL;
	if (size < SECTOR)
		return -1;
	memcpy(v.boot, data, SECTOR);
	memcpy(v.area, data + SECTOR, SV_MIN(size - SECTOR, sizeof(v.area)));
	seal(v.area);
	must(!fsmap_read_as(&v.dev, &fsmap_bitlk_ops, "BitLocker", &map, NULL));
	must(map->state == FSMAP_WHOLE); /* nothing can be looked into without a key */
	fuzz_search_inside(&v.dev, &fsmap_bitlk_ops, &(struct fsmap_how){0});
	fsmap_destroy(map);
	return 0;
}
