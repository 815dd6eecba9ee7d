/* fuzz_btrfs.c - hostile Btrfs volumes, with and without a log */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_btrfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool seal = size > 2 && data[2] & BTRFS_SEAL;
	return fuzz_map(seal ? &fuzz_btrfs_ops : &fuzz_ops, &fsmap_btrfs_ops, "btrfs", data, size);
}
