/* fuzz.h - what all fuzz targets share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Parse one input; a defect ends the process. -1: the input is not worth keeping. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input. */
static inline void must(bool ok)
{
	if (!ok)
		abort();
}

/* A read of [off, off + len) into buf gets what of a piece that stands at `at` lies in it. */
static inline void fuzz_lay(uint8_t *buf, size_t len, uint64_t off, const uint8_t *piece, size_t n,
			    uint64_t at)
{
	uint64_t start = at > off ? at : off, end = at + n < off + len ? at + n : off + len;
	if (start < end)
		memcpy(buf + (start - off), piece + (start - at), (size_t)(end - start));
}

#endif
