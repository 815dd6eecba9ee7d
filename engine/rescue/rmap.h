/* rmap.h - what is known of every byte of a disk that is rescued */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_RESCUE_RMAP_H
#define SV_RESCUE_RMAP_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* States of GNU ddrescue, from the first to the last a byte can have; of two, the smaller knows
 * less. */
enum rmap_status {
	RMAP_UNTRIED,	/* ? not read yet */
	RMAP_UNTRIMMED, /* * a read over it failed, its edges are not known */
	RMAP_UNSCRAPED, /* / between two bad edges, not read sector by sector */
	RMAP_BAD,	/* - read alone, and failed */
	RMAP_DONE,	/* + read */
};
#define RMAP_STATUSES 5
#define RMAP_MASK(s)  (1u << (s))

/* A run of bytes of one status; neighbours differ. */
struct rmap_block {
	uint64_t start, len;
	enum rmap_status status;
};

/*
 * All bytes [0, size) as blocks in order. Changes close to the one before are cheap (an array with
 * a gap at the place of work), wherever they are they cost O(log n) and a move. One thread at a
 * time.
 */
struct rmap;

/* Everything untried. SV_E_NOMEM. size > 0. */
int rmap_create(uint64_t size, struct rmap **map_ret);
void rmap_destroy(struct rmap *map);

uint64_t rmap_size(const struct rmap *map);
size_t rmap_count(const struct rmap *map);
/* Block i of rmap_count(). */
struct rmap_block rmap_block(const struct rmap *map, size_t i);
/* Bytes of a status; O(1). */
uint64_t rmap_total(const struct rmap *map, enum rmap_status status);
/* Blocks of a status; O(1). */
size_t rmap_runs(const struct rmap *map, enum rmap_status status);

/* [start, start + len) gets a status. SV_E_RANGE, SV_E_NOMEM: then nothing changed. */
int rmap_set(struct rmap *map, uint64_t start, uint64_t len, enum rmap_status status);

/* The block that holds pos < size. */
struct rmap_block rmap_at(const struct rmap *map, uint64_t pos);
/* The first block with a status of the mask that ends behind pos; the last one that starts before
 * pos. false when there is none. */
bool rmap_next(const struct rmap *map, uint64_t pos, unsigned int mask, struct rmap_block *block);
bool rmap_prev(const struct rmap *map, uint64_t pos, unsigned int mask, struct rmap_block *block);

#endif
