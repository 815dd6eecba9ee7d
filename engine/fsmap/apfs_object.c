/* apfs_object.c - APFS: blocks and objects, and the checksum of these */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs.h"

#include "engine/util/bytes.h"

#define CHECKSUM_SIZE 8u
#define MODULUS	      0xffffffffu

/* Fletcher's, over words of 32 bits; sums of 1024 words still fit. */
static uint64_t checksum(const uint8_t *p, size_t len)
{
	uint64_t one = 0, two = 0, low;
	for (size_t i = 0; i < len; i += 4) {
		one += get_le32(p + i);
		two += one;
		if (i % 4096 == 4092) {
			one %= MODULUS;
			two %= MODULUS;
		}
	}
	one %= MODULUS;
	two %= MODULUS;
	low = MODULUS - (one + two) % MODULUS;
	return (MODULUS - (one + low) % MODULUS) << 32 | low;
}

bool apfs_is_object(const uint8_t *object, size_t len, enum apfs_type type)
{
	return (get_le32(object + APFS_O_TYPE) & 0xffff) == type &&
	       checksum(object + CHECKSUM_SIZE, len - CHECKSUM_SIZE) == get_le64(object);
}

int apfs_read(struct apfs *a, void *buf, uint64_t block, const char *what)
{
	if (block >= a->blocks)
		return fsmap_whole(a->r, "%s would lie outside of the container", what);
	return fsmap_read_meta(a->r, buf, a->block_size, block * a->block_size, what);
}

int apfs_read_maybe(struct apfs *a, void *buf, uint64_t block, const char *what, bool *ok)
{
	if (block >= a->blocks)
		return fsmap_whole(a->r, "%s would lie outside of the container", what);
	return fsmap_read_maybe(a->r, buf, a->block_size, block * a->block_size, what, ok);
}

int apfs_read_object(struct apfs *a, uint8_t *buf, uint64_t block, enum apfs_type type,
		     const char *what)
{
	int ret = apfs_read(a, buf, block, what);
	if (!ret && !apfs_is_object(buf, a->block_size, type))
		ret = fsmap_whole(a->r, "%s is damaged", what);
	return ret;
}

int apfs_mark_used(struct apfs *a, uint64_t block, uint64_t count)
{
	if (!sv_range_ok(block, count, a->blocks))
		return fsmap_whole(a->r, "an area of it would lie outside of the container");
	return fsmap_mark_used(a->r, block * a->block_size, count * a->block_size);
}
