/* fuzz_xzindex.c - hostile .xz streams: the index, the walk over headers, blocks */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: a byte of flags, then the stream. With FLAG_SEAL the checksums of the footer and of the
 * index it points to are put right.
 */
#include "engine/util/crc.h"
#include "tests/fuzz/fuzz_stream.h"

#define FLAG_SEAL 1

/* Footer of the .xz file format, section 2.1.2: CRC32, backward size / 4 - 1, flags, "YZ". */
static void seal(uint8_t *p, size_t size)
{
	if (size < 12)
		return;
	uint8_t *footer = p + size - 12;
	uint64_t index = ((uint64_t)get_le32(footer + 4) + 1) * 4;
	footer[8] = 0;
	footer[9] = 4; /* CRC64 */
	memcpy(footer + 10, "YZ", 2);
	put_le32(footer, sv_crc32(footer + 4, 6));
	if (index <= size - 12)
		put_le32(footer - 4, sv_crc32(footer - index, (size_t)index - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_stream s = {.codec = codec_find("xz"), .size = size - 1};
	if (!size)
		return 0;
	uint8_t *copy = malloc(size);
	must(copy);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & FLAG_SEAL)
		seal(copy, size - 1);
	s.data = copy;
	fuzz_stream_all(&s);
	free(copy);
	return 0;
}
