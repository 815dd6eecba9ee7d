/* btrfs_place.c - Btrfs: from logical addresses to places on this device and back, on every profile
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs.h"

#include "engine/util/bytes.h"

/* Kernel fs/btrfs/volumes.h, BTRFS_STRIPE_LEN: the unit in which a chunk is divided. */
#define UNIT ((uint64_t)64 * SV_KIB)

/*
 * Which share of a row of units this device's stripe has; c->shares and more: parity. Kernel
 * fs/btrfs/volumes.c, map_blocks_raid0(), map_blocks_raid10(), map_blocks_raid56_read().
 */
static uint64_t share_of(const struct btrfs_chunk *c, unsigned int copy, uint64_t row)
{
	if (c->type & (BTRFS_RAID5 | BTRFS_RAID6))
		return (c->index[copy] + c->stripes - row % c->stripes) % c->stripes;
	if (c->type & BTRFS_RAID10)
		return c->index[copy] / c->sub;
	return c->index[copy];
}

bool btrfs_place(const struct btrfs_chunk *c, unsigned int copy, uint64_t logical, uint64_t *at,
		 uint64_t *run)
{
	uint64_t off = logical - c->start, unit = off / UNIT, within = off % UNIT;
	if (c->identity) {
		*at = c->place[copy] + off;
		*run = c->len - off;
		return true;
	}
	uint64_t row = unit / c->shares, in_stripe = row * UNIT + within;
	*at = c->place[copy] + in_stripe;
	*run = SV_MIN(UNIT - within, c->len - off);
	return share_of(c, copy, row) == unit % c->shares && in_stripe < c->stripe_len;
}

bool btrfs_logical(const struct btrfs_chunk *c, unsigned int copy, uint64_t off, uint64_t *logical,
		   uint64_t *run)
{
	if (c->identity) {
		*logical = c->start + off;
		*run = c->len - off;
		return true;
	}
	uint64_t row = off / UNIT, within = off % UNIT, share = share_of(c, copy, row);
	uint64_t in_chunk = (row * c->shares + share) * UNIT + within;
	*run = SV_MIN(UNIT - within, c->stripe_len - off);
	*logical = c->start + in_chunk;
	return share < c->shares && in_chunk < c->len;
}
