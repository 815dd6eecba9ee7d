/* fuzz_fat.c - hostile FAT volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_reader(&fsmap_fat_ops, "vfat", data, size);
}
