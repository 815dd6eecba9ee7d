/* simdisk.c - a model of a failing disk, in virtual time */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/simdisk.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

#define SECTOR 512ull

void simdisk_init(struct simdisk *disk, uint64_t size)
{
	*disk = (struct simdisk){.size = size,
				 .us_per_byte = 1 / 150.0,
				 .slow_us_per_byte = 50,
				 .seek_us = 12000,
				 .fail_us = 2500000,
				 .hang_us = 60000000};
}

void simdisk_ready(struct simdisk *disk)
{
	sv_extents_normalise(&disk->bad);
	sv_extents_normalise(&disk->slow);
	sv_extents_normalise(&disk->hung);
}

void simdisk_clear(struct simdisk *disk)
{
	sv_extents_clear(&disk->bad);
	sv_extents_clear(&disk->slow);
	sv_extents_clear(&disk->hung);
}

static bool touches(const struct sv_extents *list, uint64_t off, uint64_t len)
{
	size_t i = sv_extents_seek(list, off);
	return i < list->n && list->v[i].start < off + len;
}

/* What the read has touched of what is bad becomes larger. */
static void grow(struct simdisk *disk, uint64_t off, uint64_t len)
{
	struct sv_extent *v = disk->bad.v;
	for (size_t i = sv_extents_seek(&disk->bad, off); i < disk->bad.n && v[i].start < off + len;
	     i++) {
		uint64_t end = SV_MIN(v[i].start + v[i].len + disk->grow, disk->size);
		if (v[i].len >= disk->grown_max)
			continue;
		v[i].start -= SV_MIN(disk->grow, v[i].start);
		v[i].len = end - v[i].start;
	}
	sv_extents_normalise(&disk->bad);
}

bool simdisk_read(struct simdisk *disk, uint64_t off, uint32_t len, uint64_t *us)
{
	bool seek = off != disk->head, bad = touches(&disk->bad, off, len);
	double took = seek ? disk->seek_us : 0;
	if (bad)
		took += touches(&disk->hung, off, len) ? disk->hang_us : disk->fail_us;
	else
		took += len * (touches(&disk->slow, off, len) ? disk->slow_us_per_byte
							      : disk->us_per_byte);
	disk->head = bad ? UINT64_MAX : off + len;
	disk->reads++;
	disk->seeks += seek;
	disk->failed += bad;
	disk->now_us += took;
	if (bad && disk->grow)
		grow(disk, off, len);
	*us = (uint64_t)took;
	return !bad;
}

static double chance(unsigned int *seed)
{
	return rand_r(seed) / ((double)RAND_MAX + 1);
}

static uint64_t any_sector(struct simdisk *disk, unsigned int *seed)
{
	return (uint64_t)(chance(seed) * (double)(disk->size / SECTOR)) * SECTOR;
}

static void bad(struct simdisk *disk, uint64_t start, uint64_t len)
{
	if (sv_extents_add(&disk->bad, start, SV_MIN(len, disk->size - start)))
		abort();
}

void simdisk_isolated(struct simdisk *disk, unsigned int *seed, unsigned int n)
{
	while (n--)
		bad(disk, any_sector(disk, seed), SECTOR);
}

void simdisk_scratch(struct simdisk *disk, unsigned int *seed, uint64_t start, uint64_t len,
		     double share)
{
	for (uint64_t pos = start; pos < start + len; pos += SECTOR)
		if (chance(seed) < share)
			bad(disk, pos, SECTOR);
}

void simdisk_runs(struct simdisk *disk, unsigned int *seed, unsigned int n, unsigned int sectors)
{
	while (n--)
		bad(disk, any_sector(disk, seed), sectors * SECTOR);
}

void simdisk_head(struct simdisk *disk, unsigned int *seed, unsigned int heads, uint64_t zone_len,
		  bool slow)
{
	uint64_t pos = 0;
	for (unsigned int zone = 0; pos < disk->size; zone++) {
		uint64_t len = (uint64_t)((double)zone_len * (0.8 + 0.4 * chance(seed)));
		len = SV_MIN(sv_round_down(len, SECTOR), disk->size - pos);
		if (zone % heads == heads - 1 &&
		    sv_extents_add(slow ? &disk->slow : &disk->bad, pos, len))
			abort();
		pos += len;
	}
}

void simdisk_hangs(struct simdisk *disk, unsigned int *seed, unsigned int n)
{
	while (n--) {
		uint64_t at = any_sector(disk, seed);
		bad(disk, at, SECTOR);
		if (sv_extents_add(&disk->hung, at, SECTOR))
			abort();
	}
}
