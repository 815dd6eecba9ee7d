/* fuzz_exfat.c - hostile exFAT volumes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_exfat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool sealed = size > 2 && data[2] & EXFAT_SEAL;
	return fuzz_map(sealed ? &fuzz_exfat_ops : &fuzz_ops, &fsmap_exfat_ops, "exfat", data,
			size);
}
