/* fuzz_seektable.c - hostile .zst streams: the seek table, the walk over headers, frames */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_stream s = {.codec = codec_find("zstd"), .data = data, .size = size};
	fuzz_stream_all(&s);
	return 0;
}
