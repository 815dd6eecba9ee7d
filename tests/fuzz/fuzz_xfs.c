/* fuzz_xfs.c - hostile XFS volumes, clean and not */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_xfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & XFS_SEAL;
	return fuzz_map(sealed ? &fuzz_xfs_ops : &fuzz_ops, &fsmap_xfs_ops, "xfs", data, size);
}
