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
	bool searching;	       /* no map comes of it, `meta` is not kept */
	struct owners *owners; /* searching for these; else NULL */
	struct fsmap_around around;
};

/* digest = H(digest before, offset, length, H(bytes)): covers every read and their order. */
void fsmap_digest_add(struct fsmap *map, const void *buf, size_t len, uint64_t off);

void fsmap_set_names(struct fsmap *map, const struct fsmap_probe *probe);

/* What is encrypted, in the order in which it is the volume inside, as segments of a device that
 * has what the volume has from `from` on. Zero-initialised = none. 0 or SV_E_NOMEM; clear it in
 * either case. */
struct fsmap_parts {
	struct blk_column *columns;
	struct blk_segment *v;
	size_t n;
};
int fsmap_parts_create(const struct fsmap_decrypted *how, struct blk_dev *below, uint64_t from,
		       struct fsmap_parts *parts);
void fsmap_parts_clear(struct fsmap_parts *parts);

/* What they decrypt to. Zero-initialised = nothing is open. */
struct fsmap_plain {
	struct blk_dev *below, *plain, *view;
	struct fsmap_parts parts; /* of `plain` */
	struct blk_dev *dev;	  /* the volume inside */
};
/* 0, SV_E_NOMEM, or SV_E_RANGE where `vol` is too small for it. Close it in either case. */
int fsmap_plain_open(struct blk_dev *vol, const struct fsmap_decrypted *how,
		     struct fsmap_plain *plain);
void fsmap_plain_close(struct fsmap_plain *plain);

/* fsmap_read_inner() and fsmap_read_decrypted(), in a search. */
int owners_segments(struct fsmap_reader *r, const char *name, const struct blk_segment *segments,
		    size_t n);
int owners_decrypted(struct fsmap_reader *r, const struct fsmap_decrypted *how);
/* The volume that is searched, with zeros where it was lost; the search's. */
struct blk_dev *owners_zeros(const struct owners *o);

/* fsmap_read(), inside of others. */
int fsmap_read_at(struct blk_dev *vol, const struct fsmap_around *around, struct fsmap **map_ret,
		  struct sv_err *err);

#endif
