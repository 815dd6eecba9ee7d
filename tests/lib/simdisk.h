/* simdisk.h - a model of a failing disk, in virtual time */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_SIMDISK_H
#define TESTS_LIB_SIMDISK_H

#include "engine/util/extent.h"

/* Zero-initialise, give it a size and what is wrong with it, then simdisk_ready(). */
struct simdisk {
	uint64_t size;
	struct sv_extents bad;	/* reads that touch it fail, whole */
	struct sv_extents slow; /* reads that touch it take slow_us_per_byte */
	struct sv_extents hung; /* parts of bad that fail after hang_us */
	double us_per_byte, slow_us_per_byte, seek_us, fail_us, hang_us;
	uint64_t grow, grown_max; /* bytes that a bad range gains at both ends with each failed
				     read, up to a length; 0 = none */
	uint64_t head;		  /* behind the last read */
	/* what it saw */
	double now_us;
	uint64_t reads, failed, seeks;
};

/* 150 MB/s, 12 ms per seek, 2.5 s per failed read, slow areas 20 kB/s. */
void simdisk_init(struct simdisk *disk, uint64_t size);
void simdisk_ready(struct simdisk *disk);
void simdisk_clear(struct simdisk *disk);

/* false: failed. us: how long it took. */
bool simdisk_read(struct simdisk *disk, uint64_t off, uint32_t len, uint64_t *us);

/* Things that are wrong, by a seed: n sectors; a share of the sectors of a range; n runs of
 * sectors; every n-th zone of about zone_len bytes (bad or slow). */
void simdisk_isolated(struct simdisk *disk, unsigned int *seed, unsigned int n);
void simdisk_scratch(struct simdisk *disk, unsigned int *seed, uint64_t start, uint64_t len,
		     double share);
void simdisk_runs(struct simdisk *disk, unsigned int *seed, unsigned int n, unsigned int sectors);
void simdisk_head(struct simdisk *disk, unsigned int *seed, unsigned int heads, uint64_t zone_len,
		  bool slow);
/* n sectors at which it does not answer for hang_us. */
void simdisk_hangs(struct simdisk *disk, unsigned int *seed, unsigned int n);

#endif
