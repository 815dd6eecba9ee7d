/* fuzz_f2fs.c - hostile F2FS volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_f2fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & F2FS_SEAL;
	return fuzz_map(sealed ? &fuzz_f2fs_ops : &fuzz_ops, &fsmap_f2fs_ops, "f2fs", data, size);
}
