/* fuzz_ntfs.c - hostile NTFS volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_reader(&fsmap_ntfs_ops, "ntfs", data, size);
}
