/* fuzz_apfs.c - hostile APFS containers */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_apfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & APFS_SEAL;
	return fuzz_map(sealed ? &fuzz_apfs_ops : &fuzz_ops, &fsmap_apfs_ops, "apfs", data, size);
}
