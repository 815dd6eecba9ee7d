/* rmap.c - what is known of every byte of a disk that is rescued */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/rmap.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* A block ends where the next one starts. */
struct entry {
	uint64_t start;
	enum rmap_status status;
};

/* Entries [0, gap) and [gap + room, gap + room + after) of v; between them is room for more. */
struct rmap {
	uint64_t size;
	uint64_t total[RMAP_STATUSES];
	size_t runs[RMAP_STATUSES];
	struct entry *v;
	size_t gap, room, after;
};

int rmap_create(uint64_t size, struct rmap **map_ret)
{
	enum { FIRST_ROOM = 64 };
	struct rmap *map = calloc(1, sizeof(*map));
	if (!map)
		return SV_E_NOMEM;
	map->v = reallocarray(NULL, FIRST_ROOM, sizeof(*map->v));
	if (!map->v) {
		free(map);
		return SV_E_NOMEM;
	}
	map->size = size;
	map->v[0] = (struct entry){0, RMAP_UNTRIED};
	map->gap = 1;
	map->room = FIRST_ROOM - 1;
	map->total[RMAP_UNTRIED] = size;
	map->runs[RMAP_UNTRIED] = 1;
	*map_ret = map;
	return 0;
}

void rmap_destroy(struct rmap *map)
{
	if (!map)
		return;
	free(map->v);
	free(map);
}

uint64_t rmap_size(const struct rmap *map)
{
	return map->size;
}

size_t rmap_count(const struct rmap *map)
{
	return map->gap + map->after;
}

uint64_t rmap_total(const struct rmap *map, enum rmap_status status)
{
	return map->total[status];
}

size_t rmap_runs(const struct rmap *map, enum rmap_status status)
{
	return map->runs[status];
}

static struct entry *entry_of(const struct rmap *map, size_t i)
{
	return &map->v[i < map->gap ? i : i + map->room];
}

struct rmap_block rmap_block(const struct rmap *map, size_t i)
{
	const struct entry *e = entry_of(map, i);
	uint64_t end = i + 1 < rmap_count(map) ? entry_of(map, i + 1)->start : map->size;
	return (struct rmap_block){e->start, end - e->start, e->status};
}

/* The block that holds pos. */
static size_t find(const struct rmap *map, uint64_t pos)
{
	size_t low = 0, high = rmap_count(map);
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (entry_of(map, mid)->start <= pos)
			low = mid;
		else
			high = mid;
	}
	return low;
}

struct rmap_block rmap_at(const struct rmap *map, uint64_t pos)
{
	return rmap_block(map, find(map, pos));
}

bool rmap_next(const struct rmap *map, uint64_t pos, unsigned int mask, struct rmap_block *block)
{
	size_t n = rmap_count(map);
	if (pos >= map->size)
		return false;
	for (size_t i = find(map, pos); i < n; i++)
		if (mask & RMAP_MASK(entry_of(map, i)->status)) {
			*block = rmap_block(map, i);
			return true;
		}
	return false;
}

bool rmap_prev(const struct rmap *map, uint64_t pos, unsigned int mask, struct rmap_block *block)
{
	if (pos == 0)
		return false;
	for (size_t i = find(map, SV_MIN(pos, map->size) - 1) + 1; i-- > 0;)
		if (mask & RMAP_MASK(entry_of(map, i)->status)) {
			*block = rmap_block(map, i);
			return true;
		}
	return false;
}

static int make_room(struct rmap *map, size_t n)
{
	if (map->room >= n)
		return 0;
	size_t cap = map->gap + map->room + map->after, more = cap;
	struct entry *v = reallocarray(map->v, cap + more, sizeof(*v));
	if (!v)
		return SV_E_NOMEM;
	memmove(v + map->gap + map->room + more, v + map->gap + map->room, map->after * sizeof(*v));
	map->v = v;
	map->room += more;
	return 0;
}

static void move_gap(struct rmap *map, size_t to)
{
	size_t n = to > map->gap ? to - map->gap : map->gap - to;
	struct entry *left = map->v + SV_MIN(to, map->gap);
	if (to > map->gap) {
		memmove(left, left + map->room, n * sizeof(*left));
		map->after -= n;
	} else {
		memmove(left + map->room, left, n * sizeof(*left));
		map->after += n;
	}
	map->gap = to;
}

static void append(struct rmap *map, uint64_t start, enum rmap_status status)
{
	map->v[map->gap++] = (struct entry){start, status};
	map->room--;
	map->runs[status]++;
}

static void count(struct rmap *map, size_t first, size_t last, uint64_t start, uint64_t end,
		  enum rmap_status status)
{
	for (size_t i = first; i <= last; i++) {
		struct rmap_block b = rmap_block(map, i);
		map->total[b.status] -= SV_MIN(b.start + b.len, end) - SV_MAX(b.start, start);
		map->runs[b.status]--;
	}
	map->total[status] += end - start;
}

int rmap_set(struct rmap *map, uint64_t start, uint64_t len, enum rmap_status status)
{
	if (!sv_range_ok(start, len, map->size))
		return SV_E_RANGE;
	if (len == 0)
		return 0;
	uint64_t end = start + len;
	size_t first = find(map, start), last = find(map, end - 1);
	struct rmap_block head = rmap_block(map, first), tail = rmap_block(map, last);
	if (first == last && head.status == status)
		return 0;
	int rc = make_room(map, 3);
	if (rc)
		return rc;
	count(map, first, last, start, end, status);
	/* what stays of the first block, or a neighbour of the same status, takes the range in */
	bool joined = head.start < start ? head.status == status
					 : first > 0 && entry_of(map, first - 1)->status == status;
	move_gap(map, first);
	map->room += last - first + 1;
	map->after -= last - first + 1;
	if (head.start < start)
		append(map, head.start, head.status);
	if (!joined)
		append(map, start, status);
	if (tail.start + tail.len > end) {
		if (tail.status != status)
			append(map, end, tail.status);
	} else if (map->after && map->v[map->gap + map->room].status == status) {
		map->after--;
		map->room++;
		map->runs[status]--;
	}
	return 0;
}
