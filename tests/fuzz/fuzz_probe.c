/* fuzz_probe.c - hostile volumes of any kind: probed, then mapped by whichever reader that gives */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_fsmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_map(&fuzz_ops, NULL, NULL, data, size);
}
