/* f2fs_sit.c - F2FS: which blocks of each segment are valid */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs.h"

#include "engine/fsmap/owners.h"
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
	bool partly;	       /* not all of it can be read */
};

/* What was lost of these blocks may be in use. */
static int note_hit(struct f2fs *f, uint64_t block, uint64_t n)
{
	const struct sv_extents *lost = owners_lost(fsmap_owners(f->r));
	uint64_t pos = f2fs_offset(block);
	struct sv_extent piece;
	int ret = 0;
	while (!ret && sv_extents_next(lost, &pos, f2fs_offset(block + n), &piece))
		ret = sv_extents_add(f->hit, piece.start, piece.len);
	return ret;
}

static int note_segment(struct f2fs *f, uint64_t start, const uint8_t *bits)
{
	int ret = 0;
	for (unsigned int i = 0; !ret && i < F2FS_SEGMENT; i++)
		if (bits[i / 8] >> i % 8 & 1)
			ret = note_hit(f, start + i, 1);
	return ret;
}

static uint64_t start_of(const struct f2fs *f, uint32_t segment)
{
	return f->main.start + ((uint64_t)segment << F2FS_SEGMENT_SHIFT);
}

/* Nothing is known of a segment. */
static int skip_segment(struct sit_walk *w, uint32_t segment)
{
	w->partly = true;
	return note_hit(w->f, start_of(w->f, segment), F2FS_SEGMENT);
}

/* In a search only what was lost matters. */
static int mark_segment(struct f2fs *f, uint32_t segment, const uint8_t *bits)
{
	uint64_t start = start_of(f, segment);
	int ret = 0;
	if (f->hit &&
	    !owners_touch(fsmap_owners(f->r), f2fs_offset(start), f2fs_offset(F2FS_SEGMENT)))
		return 0;
	if (f->hit)
		ret = note_segment(f, start, bits);
	return ret ? ret
		   : fsmap_mark_bitmap(f->r, bits, 0, F2FS_SEGMENT, f2fs_offset(start), F2FS_BLOCK);
}

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
	if (found != count || kind >= KINDS) {
		int ret = fsmap_doubt(f->r, "its information about segment %" PRIu32 " is damaged",
				      segment);
		return ret ? ret : skip_segment(w, segment);
	}
	w->valid += count;
	if (kind >= FIRST_KIND_OF_NODES)
		w->nodes += count;
	return mark_segment(f, segment, bits);
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

static uint64_t block_at(const struct f2fs *f, uint64_t i)
{
	uint64_t copy = f2fs_blocks(&f->sit) / 2;
	bool second = f->sit_which[i / 8] >> (7 - i % 8) & 1;
	return f2fs_offset(f->sit.start + i + (second ? copy : 0));
}

/* Of a block that was lost in part some entries are left. */
static int read_entry(struct f2fs *f, uint32_t segment, uint8_t *block, bool *ok)
{
	size_t off = (size_t)(segment % ENTRIES) * F2FS_SIT_ENTRY;
	return fsmap_read_maybe(f->r, block + off, F2FS_SIT_ENTRY,
				block_at(f, segment / ENTRIES) + off, "the segment information",
				ok);
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

static int one_segment(struct sit_walk *w, uint32_t segment, uint8_t *block, bool ok)
{
	const uint8_t *entry = block + (size_t)(segment % ENTRIES) * F2FS_SIT_ENTRY;
	int ret = ok ? 0 : read_entry(w->f, segment, block, &ok);
	entry = newest(w, segment, ok ? entry : NULL);
	if (ret)
		return ret;
	return entry ? map_segment(w, segment, entry) : skip_segment(w, segment);
}

static int walk(struct sit_walk *w)
{
	uint8_t block[F2FS_BLOCK];
	bool ok = false;
	int ret = 0;
	for (uint32_t i = 0; !ret && i < w->f->main.segments; i++) {
		if (i % ENTRIES == 0)
			ret = fsmap_read_maybe(w->f->r, block, F2FS_BLOCK,
					       block_at(w->f, i / ENTRIES),
					       "the segment information", &ok);
		if (!ret)
			ret = one_segment(w, i, block, ok);
	}
	return ret || w->partly ? ret : check_sums(w);
}

static int map_all(struct f2fs *f)
{
	struct sit_walk w = {.f = f};
	if (!f->sit_which)
		return FSMAP_IS_WHOLE;
	if ((f->main.segments - 1) / ENTRIES >= f2fs_blocks(&f->sit) / 2)
		return fsmap_whole(f->r, "its segment information is too small for it");
	int ret = f2fs_cp_journal(f, w.journal, &w.n_journal);
	return ret ? ret : walk(&w);
}

int f2fs_sit_map(struct f2fs *f)
{
	int ret = map_all(f);
	if (ret <= 0 || !f->hit)
		return ret;
	owners_caution(fsmap_owners(f->r), "its segment information cannot be believed");
	f->doubt = true;
	sv_extents_clear(f->hit);
	return note_hit(f, f->main.start, f2fs_blocks(&f->main));
}
