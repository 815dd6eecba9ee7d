/* apfs_tree.h - trees and object maps of APFS; private to engine/fsmap/apfs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_APFS_TREE_H
#define SV_FSMAP_APFS_TREE_H

#include "engine/fsmap/apfs.h"

/*
 * Apple File System Reference, "B-Trees" and "Object Maps". A virtual object has a number, and an
 * object map knows its block at each transaction that somebody may still look at. A node is
 * believed when its checksum, number, type, kind, level and all places and keys in it are right.
 * Functions return 0 or SV_E_NOMEM.
 */

#define APFS_NOWHERE UINT64_MAX
#define APFS_LEVELS  16

/* Of an object map: object, 0, transaction. Of other trees: the number, the kind of the record, and
 * of extents of files the place, of names their hash. */
struct apfs_key {
	uint64_t id;
	uint8_t type;
	uint64_t number;
};
/* Less than, equal to, or greater than 0. */
int apfs_key_compare(const struct apfs_key *a, const struct apfs_key *b);

enum apfs_record_type {
	APFS_SNAP_METADATA = 1,
	APFS_INODE = 3,
	APFS_XATTR = 4,
	APFS_SIBLING = 5,
	APFS_STREAM = 6,
	APFS_FILE_EXTENT = 8,
	APFS_ENTRY = 9,
	APFS_TYPES = 16,
};

struct apfs_record {
	struct apfs_key key;
	const uint8_t *raw; /* the key as it is on disk */
	uint32_t raw_len;
	const uint8_t *value;
	uint32_t len;
};

struct apfs_omap;
struct apfs_tree {
	struct apfs *a;
	const char *what;
	uint16_t subtype;		/* enum apfs_type */
	uint8_t fixed_key, fixed_value; /* bytes of each; 0: records have a size of their own */
	bool hashed;			/* names come with a hash of them */
	const struct apfs_omap *map;	/* of virtual nodes; NULL: a node's number is its block */
	uint64_t root;			/* its number */
	uint64_t newest;		/* transaction: no node is newer */
};

/* A node, and the keys that may be in it and below: from `first` on, before `end`. */
struct apfs_span {
	uint64_t oid, block; /* APFS_NOWHERE: the object map does not tell */
	int level;	     /* below 0: not known, it is the root */
	struct apfs_key first, end;
};

/* How a tree is gone through. Whatever a function returns but 0 ends it. */
struct apfs_visit {
	/* A node comes next. *skip: it and what is below is left out. May be NULL. */
	int (*enter)(void *arg, const struct apfs_span *span, bool *skip);
	int (*record)(void *arg, const struct apfs_record *record);
	/* It cannot be read (`damaged`: it makes no sense): nothing is known of its keys. May be
	 * NULL. */
	int (*lost)(void *arg, const struct apfs_span *span, bool damaged);
	void *arg;
	struct apfs_key first, end; /* only records from `first` on, before `end`; both 0: all */
};
int apfs_tree_visit(const struct apfs_tree *t, const struct apfs_visit *v);

/* ---- apfs_omap.c ---- */

struct apfs_place {
	uint64_t oid, block;
};
/* Where objects are, as of one transaction. Zero-initialised = empty. */
struct apfs_omap {
	struct apfs_place *v; /* ascending by number */
	size_t n, cap;
	uint64_t transaction;
	bool encrypted; /* some objects are */
	bool full;	/* more than can be kept */
	/* What is done with its own blocks, and with what of it is lost; may be NULL. */
	int (*enter)(void *arg, const struct apfs_span *span, bool *skip);
	int (*lost)(void *arg, const struct apfs_span *span, bool damaged);
	void *arg;
};
/* Fill it from the map at that block, as of m->transaction; what it held is gone. */
int apfs_omap_load(struct apfs *a, struct apfs_omap *m, uint64_t block);
/* APFS_NOWHERE: not known. */
uint64_t apfs_omap_find(const struct apfs_omap *m, uint64_t oid);
void apfs_omap_clear(struct apfs_omap *m);

#endif
