/* hfsplus_journal.c - HFS+: the journal: is it empty, and what has it of the allocation file? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * TN1150, "Journal"; xnu's vfs_journal.c, replay_journal(). The journal's header is followed by a
 * ring of transactions: lists of blocks, each in front of the blocks themselves. A replay goes from
 * `begin` to `end`, and on from there as long as more lists are good that the header did not know
 * of yet. Copies are only added to what is used, so it does no harm to take too many of them.
 */
enum {
	/* the block that says where the journal is */
	I_FLAGS = 0,
	I_START = 36,
	I_SIZE = 44,
	I_LEN = 52,
	IN_VOLUME = 1,
	ON_OTHER_DEVICE = 2,
	TO_BE_MADE = 4,

	/* the journal's header */
	J_MAGIC = 0,
	J_ENDIAN = 4,
	J_BEGIN = 8,
	J_END = 16,
	J_SIZE = 24,
	J_LIST = 32,
	J_CHECKSUM = 36,
	J_HEADER = 40,
	J_CHECKED = 44,
	MAGIC = 0x4a4e4c78, /* "JNLx" */
	ENDIAN = 0x12345678,

	/* the head of a list, then an entry that is no block, then one for each block */
	L_MOST = 0,
	L_COUNT = 2,
	L_USED = 4,
	L_CHECKSUM = 8,
	L_CHECKED = 32,
	L_ENTRIES = 16,
	ENTRY_SIZE = 16,
	E_SIZE = 8,

	MIN_HEADER = 512,
	MAX_HEADER = 65536,
	MAX_LIST = 1 << 20,
	MAX_COPIES = 1 << 16,
};
#define NO_BLOCK (~0ull) /* one that is not to be written any more */

static uint16_t get16(const struct hfsplus_journal *j, const uint8_t *p)
{
	return j->little ? get_le16(p) : get_be16(p);
}

static uint32_t get32(const struct hfsplus_journal *j, const uint8_t *p)
{
	return j->little ? get_le32(p) : get_be32(p);
}

static uint64_t get64(const struct hfsplus_journal *j, const uint8_t *p)
{
	return j->little ? get_le64(p) : get_be64(p);
}

/* calc_checksum(), as if the checksum itself were zero. */
static bool is_sealed(const struct hfsplus_journal *j, const uint8_t *p, size_t len, size_t at)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++)
		sum = sum << 8 ^ (sum + (i >= at && i < at + 4 ? 0 : p[i]));
	return ~sum == get32(j, p + at);
}

static int damaged(struct hfsplus *h)
{
	return fsmap_whole(h->r, "its journal is damaged");
}

static int judge_header(struct hfsplus *h, const uint8_t *header)
{
	struct hfsplus_journal *j = &h->journal;
	j->little = get_le32(header + J_ENDIAN) == ENDIAN;
	j->begin = get64(j, header + J_BEGIN);
	j->end = get64(j, header + J_END);
	j->list = get32(j, header + J_LIST);
	j->header = get32(j, header + J_HEADER);
	if (get32(j, header + J_MAGIC) != MAGIC || get32(j, header + J_ENDIAN) != ENDIAN ||
	    !is_sealed(j, header, J_CHECKED, J_CHECKSUM) || get64(j, header + J_SIZE) != j->size)
		return damaged(h);
	if (j->header < MIN_HEADER || j->header > MAX_HEADER || !sv_is_pow2(j->header) ||
	    j->size <= j->header || j->list < L_CHECKED || j->list > MAX_LIST ||
	    j->list > j->size - j->header)
		return damaged(h);
	if (j->begin < j->header || j->begin > j->size || j->end < j->header || j->end > j->size)
		return damaged(h);
	/* the end of the ring is its start */
	j->begin = j->begin == j->size ? j->header : j->begin;
	j->end = j->end == j->size ? j->header : j->end;
	return 0;
}

static int read_header(struct hfsplus *h)
{
	struct hfsplus_journal *j = &h->journal;
	uint8_t header[MIN_HEADER];
	if (!sv_range_ok(j->start, j->size, h->size) || j->size < sizeof(header))
		return fsmap_whole(h->r, "its journal would lie outside of the volume");
	int ret = hfsplus_must_use(h, j->start, j->size);
	if (!ret)
		ret = hfsplus_read(h, header, sizeof(header), j->start, "the journal");
	if (!ret)
		ret = judge_header(h, header);
	if (!ret)
		h->clean = h->unmounted && j->begin == j->end;
	return ret;
}

int hfsplus_journal_read(struct hfsplus *h)
{
	uint8_t info[I_LEN];
	uint64_t at = (uint64_t)get_be32(h->header + HFSPLUS_H_JOURNAL_BLOCK) * h->block_size;
	int ret = hfsplus_must_use(h, at, sizeof(info));
	if (!ret)
		ret = hfsplus_read(h, info, sizeof(info), at, "what tells of the journal");
	if (ret)
		return ret;
	uint32_t flags = get_be32(info + I_FLAGS);
	if (flags & ON_OTHER_DEVICE)
		return fsmap_whole(h->r, "its journal is on another device");
	if (flags & ~(uint32_t)(IN_VOLUME | TO_BE_MADE) || !(flags & IN_VOLUME))
		return fsmap_whole(h->r, "its journal is in a place unknown to this map");
	h->journal.start = get_be64(info + I_START);
	h->journal.size = get_be64(info + I_SIZE);
	if (!(flags & TO_BE_MADE))
		return read_header(h);
	return h->unmounted ? 0
			    : fsmap_whole(h->r, "it was not unmounted, and its journal was "
						"never made");
}

/* ---- what is to be replayed ---- */

/* So far in the ring from there. */
static uint64_t forward(const struct hfsplus_journal *j, uint64_t pos, uint64_t len)
{
	return j->header + (pos - j->header + len) % (j->size - j->header);
}

int hfsplus_journal_bytes(struct hfsplus *h, void *buf, size_t len, uint64_t pos, uint64_t ahead)
{
	struct hfsplus_journal *j = &h->journal;
	uint8_t *p = buf;
	int ret = 0;
	pos = forward(j, pos, ahead);
	while (!ret && len) {
		size_t n = (size_t)SV_MIN(len, j->size - pos);
		ret = hfsplus_read(h, p, n, j->start + pos, "the journal");
		p += n;
		len -= n;
		pos = forward(j, pos, n);
	}
	return ret;
}

static int add_copy(struct hfsplus *h, uint64_t at, uint64_t len, uint64_t pos)
{
	struct hfsplus_journal *j = &h->journal;
	if (j->n == MAX_COPIES)
		return fsmap_whole(h->r, "its journal has too much of its allocation file");
	if (j->n == j->cap) {
		size_t cap = SV_MAX(64, 2 * j->cap);
		struct hfsplus_copy *copies = realloc(j->copies, cap * sizeof(*copies));
		if (!copies)
			return SV_E_NOMEM;
		j->copies = copies;
		j->cap = cap;
	}
	j->copies[j->n++] = (struct hfsplus_copy){at, len, pos};
	return 0;
}

/* The part of the volume's bytes [home, end) that is the allocation file's. */
static int take_bitmap(struct hfsplus *h, uint64_t home, uint64_t end, uint64_t pos)
{
	const struct hfsplus_fork *f = &h->forks[HFSPLUS_ALLOCATION];
	uint64_t at = 0;
	int ret = 0;
	for (size_t i = 0; !ret && i < f->n; i++) {
		uint64_t first = (uint64_t)f->runs[i].start * h->block_size;
		uint64_t bytes = (uint64_t)f->runs[i].count * h->block_size;
		uint64_t low = SV_MAX(home, first), high = SV_MIN(end, first + bytes);
		if (low < high)
			ret = add_copy(h, at + low - first, high - low,
				       forward(&h->journal, pos, low - home));
		at += bytes;
	}
	return ret;
}

/* A header that is to be written: the allocation file must be where it is now. */
static int judge_copy_of_header(struct hfsplus *h, uint64_t home, uint64_t end, uint64_t pos)
{
	uint8_t copy[sizeof(h->header)];
	if (home >= HFSPLUS_HEADER_AT + sizeof(copy) || end <= HFSPLUS_HEADER_AT)
		return 0;
	if (home > HFSPLUS_HEADER_AT || end < HFSPLUS_HEADER_AT + sizeof(copy))
		return damaged(h);
	int ret = hfsplus_journal_bytes(h, copy, sizeof(copy), pos, HFSPLUS_HEADER_AT - home);
	if (ret)
		return ret;
	if (memcmp(copy + HFSPLUS_H_BLOCK_SIZE, h->header + HFSPLUS_H_BLOCK_SIZE, 8) != 0 ||
	    memcmp(copy + HFSPLUS_H_ALLOCATION, h->header + HFSPLUS_H_ALLOCATION,
		   HFSPLUS_FORK_SIZE) != 0)
		return fsmap_whole(h->r, "its size was being changed");
	return 0;
}

static int take_block(struct hfsplus *h, const uint8_t *entry, uint64_t pos)
{
	struct hfsplus_journal *j = &h->journal;
	uint64_t number = get64(j, entry), home, end;
	if (number == NO_BLOCK)
		return 0;
	if (!sv_mul_ok(number, j->header, &home) ||
	    !sv_add_ok(home, get32(j, entry + E_SIZE), &end))
		return damaged(h);
	int ret = judge_copy_of_header(h, home, end, pos);
	return ret ? ret : take_bitmap(h, home, end, pos);
}

/* How much of the ring the list and its blocks take; 0: it is none. `room`: what it may take. */
static uint64_t judge_list(const struct hfsplus_journal *j, uint64_t room)
{
	uint64_t used = get32(j, j->head + L_USED), sum = j->list;
	uint32_t count = get16(j, j->head + L_COUNT);
	if (!is_sealed(j, j->head, L_CHECKED, L_CHECKSUM) || count == 0 ||
	    count > get16(j, j->head + L_MOST) || L_ENTRIES + count * ENTRY_SIZE > j->list)
		return 0;
	for (uint32_t i = 1; i < count; i++)
		sum += get32(j, j->head + L_ENTRIES + i * ENTRY_SIZE + E_SIZE);
	return sum <= used && used <= room ? used : 0;
}

static int take_list(struct hfsplus *h, uint64_t pos)
{
	struct hfsplus_journal *j = &h->journal;
	uint32_t count = get16(j, j->head + L_COUNT);
	int ret = 0;
	pos = forward(j, pos, j->list);
	for (uint32_t i = 1; !ret && i < count; i++) {
		const uint8_t *entry = j->head + L_ENTRIES + i * ENTRY_SIZE;
		ret = take_block(h, entry, pos);
		pos = forward(j, pos, get32(j, entry + E_SIZE));
	}
	return ret;
}

int hfsplus_journal_follow(struct hfsplus *h)
{
	struct hfsplus_journal *j = &h->journal;
	uint64_t ring = j->size - j->header, done = 0;
	uint64_t known = (j->end + ring - j->begin) % ring;
	j->head = malloc(j->list);
	if (!j->head)
		return SV_E_NOMEM;
	while (known && done + j->list <= ring) {
		int ret = hfsplus_journal_bytes(h, j->head, j->list, j->begin, done);
		uint64_t used = ret ? 0 : judge_list(j, ring - done);
		if (!ret && !used)
			break;
		if (!ret && done < known && done + used > known)
			ret = damaged(h);
		if (!ret)
			ret = take_list(h, forward(j, j->begin, done));
		if (ret)
			return ret;
		done += used;
	}
	return done < known ? damaged(h) : 0;
}
