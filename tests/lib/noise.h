/* noise.h - a filesystem image in memory, damaged byte by byte: its map must never lose anything */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_NOISE_H
#define TESTS_NOISE_H

#include "engine/fsmap/reader.h"

/* An image, what its intact map has as used, and what the reader reads of it. */
struct noise {
	const struct fsmap_ops *ops;
	const char *type;
	struct blk_dev *mem;
	uint8_t *data;
	struct sv_extents used, touched;
};

/* The map of a device in memory, and added to `touched` what the reader reads for it. Asserts. */
struct fsmap *noise_watch(struct blk_dev *mem, const struct fsmap_ops *ops, const char *type,
			  struct sv_extents *touched);

/* Load dir/name and read its map, which must not be whole. All functions end the running test when
 * something does not work. */
void noise_load(struct noise *n, const char *dir, const char *name, const struct fsmap_ops *ops,
		const char *type);
void noise_free(struct noise *n);

/* The map of the image as it is now. */
struct fsmap *noise_map(const struct noise *n);

/* The map is whole, and its reason has this in it. */
void noise_expect_whole(const struct noise *n, const char *reason);

/* A number to be put somewhere, and why the volume is then whole. */
struct noise_change {
	size_t off, len; /* at most 8 bytes */
	uint64_t value;
	const char *reason;
};

/* Each of the changes at `base`, one at a time, makes the volume whole. The numbers are big endian
 * or not; `seal` (may be NULL) puts a checksum there right. */
void noise_refused(const struct noise *n, uint8_t *base, const struct noise_change *bad,
		   size_t count, bool big, void (*seal)(uint8_t *base));

/* Change 1 to `most` bytes of what is read, by one bit each, `rounds` times; nothing may be lost.
 */
void noise_run(struct noise *n, int rounds, unsigned int most, uint64_t seed);

/* Every range that is read is unreadable once, and the volume ends early: always whole. */
void noise_unreadable(const struct noise *n);
void noise_truncated(const struct noise *n, uint64_t step);

/* A small repeatable generator. */
uint64_t noise_random(uint64_t *state);

#endif
