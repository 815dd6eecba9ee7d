/* reader_priv.h - one reading of one volume, for the core of the map readers alone */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_READER_PRIV_H
#define SV_FSMAP_READER_PRIV_H

#include "engine/fsmap/reader.h"

/* What a volume inside of others gets from them. */
struct fsmap_around {
	unsigned int depth; /* volumes around this one */
	struct fsmap_how how;
};

struct fsmap_reader {
	struct blk_dev *vol;
	struct fsmap *map;
	struct sv_extents free; /* proven free */
	struct sv_extents used; /* used whatever is in `free` */
	struct sv_extents meta; /* read by fsmap_read_meta(): must turn out used */
	bool whole;
	bool searching; /* for owners: no map comes of it, `meta` is not kept */
	struct fsmap_around around;
};

/* digest = H(digest before, offset, length, H(bytes)): covers every read and their order. */
void fsmap_digest_add(struct fsmap *map, const void *buf, size_t len, uint64_t off);

/* fsmap_read(), inside of others. */
int fsmap_read_at(struct blk_dev *vol, const struct fsmap_around *around, struct fsmap **map_ret,
		  struct sv_err *err);

#endif
