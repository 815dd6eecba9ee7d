/* fuzz_mapfile.c - hostile mapfiles; what is read is whole, and survives being written and read */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "engine/rescue/mapfile.h"
#include "engine/util/bytes.h"

/* The first byte: of which source, with which sectors. */
static uint64_t source_size(uint8_t flags)
{
	static const uint64_t sizes[] = {0, 512, 5000, 1ull << 20, 1ull << 40, INT64_MAX};
	return sizes[flags % SV_ARRAY(sizes)];
}

static void check(const struct rmap *map, uint64_t size, uint32_t unit)
{
	uint64_t pos = 0;
	must(!size || rmap_size(map) == size);
	for (size_t i = 0; i < rmap_count(map); i++) {
		struct rmap_block b = rmap_block(map, i);
		must(b.start == pos && b.len > 0 && b.start % unit == 0);
		pos += b.len;
	}
	must(pos == rmap_size(map));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmap *map = NULL, *again = NULL;
	struct mapfile_head head, got;
	if (size < 1)
		return -1;
	uint64_t source = source_size(data[0] & 15);
	uint32_t unit = data[0] & 16 ? 4096 : data[0] & 32 ? 512 : 1;
	if (mapfile_parse("m", (const char *)data + 1, size - 1, source, unit, &map, &head, NULL))
		return 0;
	check(map, source, unit);
	struct mapfile_notes notes = {"a", "b", "c", "d"};
	size_t len = 0;
	char *text = mapfile_format(map, &head, &notes, &len);
	must(text);
	must(!mapfile_parse("m", text, len, rmap_size(map), unit, &again, &got, NULL));
	must(rmap_count(again) == rmap_count(map) && got.pos == head.pos && got.pass == head.pass);
	free(text);
	rmap_destroy(again);
	rmap_destroy(map);
	return 0;
}
