/* fuzz_ntfs.c - hostile NTFS volumes, looked at without and with --ntfs-union */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

static enum fsmap_state look(const uint8_t *data, size_t size, bool ntfs_union)
{
	const struct fsmap_how how = {.ntfs_union = ntfs_union};
	struct fsmap *map = NULL;
	struct fuzz_volume vol = fuzz_volume(data, size);
	struct blk_dev *dev = fuzz_open(&vol, data);
	must(!fsmap_read_with(dev, &fsmap_ntfs_ops, "ntfs", &how, &map, NULL));
	fuzz_check_map(map);
	enum fsmap_state state = map->state;
	fsmap_destroy(map);
	blk_close(dev);
	return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return -1;
	enum fsmap_state without = look(data, size, false), with = look(data, size, true);
	must(without != FSMAP_UNION);
	must((without == FSMAP_EXACT) == (with == FSMAP_EXACT));
	return 0;
}
