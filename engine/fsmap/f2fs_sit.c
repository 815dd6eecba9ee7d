/* f2fs_sit.c - F2FS: which blocks of each segment are valid */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

/* Kernel f2fs_fs.h, struct f2fs_sit_entry: a count with the kind of the log above it, a bit for
 * each block (highest first), and a time. */
enum {
	SIT_COUNT = 0,
	SIT_VALID = 2,
	SIT_VALID_SIZE = F2FS_SEGMENT / 8,
	COUNT_MASK = 0x3ff,
	KIND_SHIFT = 10,
	FIRST_KIND_OF_NODES = 3,
	KINDS = 6,
	ENTRIES = F2FS_BLOCK / F2FS_SIT_ENTRY, /* in a block */
};

struct sit_walk {
	struct f2fs *f;
	uint8_t journal[F2FS_SIT_JOURNAL * F2FS_JOURNAL_ENTRY];
	unsigned int n_journal;
	uint64_t valid, nodes; /* blocks */
};

static int map_segment(struct sit_walk *w, uint32_t segment, const uint8_t *entry)
{
	struct f2fs *f = w->f;
	unsigned int count = get_le16(entry + SIT_COUNT) & COUNT_MASK, found = 0;
	unsigned int kind = get_le16(entry + SIT_COUNT) >> KIND_SHIFT;
	uint8_t bits[SIT_VALID_SIZE];
	for (size_t i = 0; i < sizeof(bits); i++) {
		bits[i] = sv_reverse_bits(entry[SIT_VALID + i]);
		found += (unsigned int)__builtin_popcount(bits[i]);
	}
	if (found != count || kind >= KINDS)
		return fsmap_whole(f->r, "its information about segment %" PRIu32 " is damaged",
				   segment);
	w->valid += count;
	if (kind >= FIRST_KIND_OF_NODES)
		w->nodes += count;
	uint64_t start = f->main.start + ((uint64_t)segment << F2FS_SEGMENT_SHIFT);
	return fsmap_mark_bitmap(f->r, bits, 0, F2FS_SEGMENT, f2fs_offset(start), F2FS_BLOCK);
}

/* The checkpoint's own entry is the newer one. */
static const uint8_t *newest(const struct sit_walk *w, uint32_t segment, const uint8_t *entry)
{
	for (unsigned int i = 0; i < w->n_journal; i++) {
		const uint8_t *j = w->journal + i * F2FS_JOURNAL_ENTRY;
		if (get_le32(j) == segment)
			entry = j + 4;
	}
	return entry;
}

static int read_block(struct f2fs *f, uint64_t i, uint8_t *block)
{
	uint64_t copy = f2fs_blocks(&f->sit) / 2;
	bool second = f->sit_which[i / 8] >> (7 - i % 8) & 1;
	return fsmap_read_meta(f->r, block, F2FS_BLOCK,
			       f2fs_offset(f->sit.start + i + (second ? copy : 0)),
			       "the segment information");
}

/* segment.c, build_sit_entries(). Blocks that are reserved only are in the checkpoint's number, but
 * in no segment. */
static int check_sums(const struct sit_walk *w)
{
	if (w->nodes != f2fs_cp_nodes(w->f) || w->valid > f2fs_cp_blocks(w->f))
		return fsmap_whole(w->f->r, "its segments and its checkpoint count different "
					    "numbers of blocks");
	return 0;
}

int f2fs_sit_map(struct f2fs *f)
{
	struct sit_walk w = {.f = f};
	uint8_t block[F2FS_BLOCK];
	uint32_t segments = f->main.segments;
	if ((segments - 1) / ENTRIES >= f2fs_blocks(&f->sit) / 2)
		return fsmap_whole(f->r, "its segment information is too small for it");
	int ret = f2fs_cp_journal(f, w.journal, &w.n_journal);
	for (uint32_t i = 0; !ret && i < segments; i++) {
		if (i % ENTRIES == 0)
			ret = read_block(f, i / ENTRIES, block);
		if (!ret)
			ret = map_segment(
				&w, i,
				newest(&w, i, block + (size_t)(i % ENTRIES) * F2FS_SIT_ENTRY));
	}
	return ret ? ret : check_sums(&w);
}
