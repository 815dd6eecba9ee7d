/* hfsplus_fork.c - HFS+: the runs of blocks that the volume's own files are made of */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/* TN1150, "Fork Data Structure": how long it is, a clump size, a number of blocks, then the first
 * runs. */
enum { FORK_LEN = 0, FORK_BLOCKS = 12, FORK_RUNS = 16, RUN_SIZE = 8 };

static int append_run(struct hfsplus *h, struct hfsplus_fork *fork, uint32_t start, uint32_t count)
{
	if (!sv_range_ok(start, count, h->blocks) || count > fork->blocks - fork->have)
		return fsmap_whole(h->r, "one of its own files would lie outside of the volume");
	fork->runs[fork->n++] = (struct hfsplus_run){start, count};
	fork->have += count;
	return sv_extents_add(&h->own, start, count);
}

int hfsplus_fork_append(struct hfsplus *h, struct hfsplus_fork *fork, const uint8_t *raw)
{
	struct hfsplus_run *runs;
	bool ended = false;
	int ret = 0;
	runs = realloc(fork->runs, (fork->n + HFSPLUS_RUNS) * sizeof(*runs));
	if (!runs)
		return SV_E_NOMEM;
	fork->runs = runs;
	for (size_t i = 0; !ret && i < HFSPLUS_RUNS; i++) {
		uint32_t start = get_be32(raw + i * RUN_SIZE);
		uint32_t count = get_be32(raw + i * RUN_SIZE + 4);
		if (count && ended)
			return fsmap_whole(h->r, "one of its own files has a gap");
		ended = !count;
		if (count)
			ret = append_run(h, fork, start, count);
	}
	return ret;
}

int hfsplus_fork_take(struct hfsplus *h, enum hfsplus_file which, const uint8_t *raw)
{
	struct hfsplus_fork *fork = &h->forks[which];
	fork->len = get_be64(raw + FORK_LEN);
	fork->blocks = get_be32(raw + FORK_BLOCKS);
	if (fork->blocks > h->blocks || fork->len > (uint64_t)fork->blocks * h->block_size)
		return fsmap_whole(h->r, "one of its own files is longer than its blocks");
	return hfsplus_fork_append(h, fork, raw + FORK_RUNS);
}

uint64_t hfsplus_fork_place(const struct hfsplus *h, const struct hfsplus_fork *fork, uint64_t pos,
			    uint64_t *at)
{
	for (size_t i = 0; i < fork->n; i++) {
		uint64_t bytes = (uint64_t)fork->runs[i].count * h->block_size;
		*at = (uint64_t)fork->runs[i].start * h->block_size + pos;
		if (pos < bytes)
			return bytes - pos;
		pos -= bytes;
	}
	return 0;
}

int hfsplus_fork_read(struct hfsplus *h, const struct hfsplus_fork *fork, uint8_t *buf, size_t len,
		      uint64_t pos, const char *what)
{
	if (!sv_range_ok(pos, len, fork->len))
		return fsmap_whole(h->r, "%s is too short", what);
	int ret = 0;
	for (size_t i = 0; !ret && len && i < fork->n; i++) {
		uint64_t bytes = (uint64_t)fork->runs[i].count * h->block_size;
		if (pos >= bytes) {
			pos -= bytes;
			continue;
		}
		size_t n = (size_t)SV_MIN(len, bytes - pos);
		uint64_t at = (uint64_t)fork->runs[i].start * h->block_size + pos;
		ret = hfsplus_read(h, buf, n, at, what);
		buf += n;
		len -= n;
		pos = 0;
	}
	if (!ret && len)
		ret = fsmap_whole(h->r, "%s is too short", what);
	return ret;
}
