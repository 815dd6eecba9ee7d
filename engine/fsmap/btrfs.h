/* btrfs.h - what the files of the Btrfs map reader share; private to engine/fsmap/btrfs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_BTRFS_H
#define SV_FSMAP_BTRFS_H

#include "engine/fsmap/reader.h"

#include "engine/util/hash.h"

/*
 * On-disk structures: kernel include/uapi/linux/btrfs_tree.h and fs/btrfs/fs.h, all little endian.
 * "Logical" is an address in the filesystem's own space, which chunks map to places ("physical":
 * bytes of this volume). Functions return 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every reader. One
 * thread.
 *
 * Trees are copied on write, so what the superblock points to is consistent whenever power is lost:
 * there is nothing like a dirty bitmap. Only the log of fsync'ed files is not in the extent tree.
 */

#define BTRFS_SUPER_OFFSET (64 * SV_KIB) /* of the superblock the kernel mounts by */
#define BTRFS_SUPER_SIZE   4096u
#define BTRFS_HEADER	   101u /* bytes of a node before its items or pointers */
#define BTRFS_LEVELS	   8u
#define BTRFS_COPIES	   2u	      /* of a chunk on one device (DUP) */
#define BTRFS_CHUNKS_MAX   (1u << 18) /* a chunk has 1 MiB at least, 1 GiB as a rule */
#define BTRFS_LOG_TREE	   (0ull - 6) /* object id of the trees of logs */
#define BTRFS_SUPERS	   3u	      /* places of the superblock */

/* Object ids of root items. */
enum btrfs_tree {
	BTRFS_ROOT_TREE = 1,
	BTRFS_EXTENT_TREE = 2,
	BTRFS_CHUNK_TREE = 3,
	BTRFS_DEVICE_TREE = 4,
	BTRFS_FS_TREE = 5, /* the files of the volume itself; subvolumes come from 256 on */
	BTRFS_CSUM_TREE = 7,
	BTRFS_GROUP_TREE = 11,
};

enum btrfs_key_type {
	BTRFS_INODE_ITEM = 1,
	BTRFS_INODE_REF = 12,
	BTRFS_INODE_EXTREF = 13,
	BTRFS_XATTR_ITEM = 24,
	BTRFS_DIR_ITEM = 84,
	BTRFS_DIR_INDEX = 96,
	BTRFS_EXTENT_DATA = 108,
	BTRFS_ROOT_ITEM = 132,
	BTRFS_ROOT_BACKREF = 144,
	BTRFS_EXTENT_ITEM = 168,
	BTRFS_METADATA_ITEM = 169,
	BTRFS_BLOCK_GROUP_ITEM = 192,
	BTRFS_DEV_EXTENT = 204,
	BTRFS_DEV_ITEM = 216,
	BTRFS_CHUNK_ITEM = 228,
};

enum btrfs_chunk_type {
	BTRFS_SYSTEM = 0x2,
	BTRFS_USES = 0x7, /* data, system, metadata */
	BTRFS_RAID0 = 0x8,
	BTRFS_RAID1 = 0x10,
	BTRFS_DUP = 0x20,
	BTRFS_RAID10 = 0x40,
	BTRFS_RAID5 = 0x80,
	BTRFS_RAID6 = 0x100,
	BTRFS_RAID1C3 = 0x200,
	BTRFS_RAID1C4 = 0x400,
	BTRFS_PROFILES = 0x7f8,
};

struct btrfs_key {
	uint64_t objectid;
	uint8_t type;
	uint64_t offset;
};

/* A pointer to a node, with what it must be. */
struct btrfs_ref {
	uint64_t logical, generation;
	uint8_t level;
};

/* A node, and the keys that may be in it and below: from `first` on, before `end`. */
struct btrfs_span {
	struct btrfs_ref ref;
	struct btrfs_key first, end;
};

/* EXTENT_DATA: struct btrfs_file_extent_item. */
enum {
	BTRFS_FILE_RAM_LEN = 8,
	BTRFS_FILE_COMPRESSION = 16, /* and encryption, and other encodings: le16 */
	BTRFS_FILE_TYPE = 20,
	BTRFS_FILE_DISK_BYTENR = 21, /* 0: a hole */
	BTRFS_FILE_DISK_LEN = 29,
	BTRFS_FILE_OFFSET = 37, /* in what the extent unpacks to */
	BTRFS_FILE_NUM_BYTES = 45,
	BTRFS_FILE_LEN = 53,

	BTRFS_FILE_INLINE = 0,
	BTRFS_FILE_PREALLOC = 2,
};

/* Logical bytes [start, start + len), and where this device has them. */
struct btrfs_chunk {
	uint64_t start, len, type;
	uint64_t place[BTRFS_COPIES]; /* physical, of each stripe on this device */
	uint16_t index[BTRFS_COPIES]; /* and its number among all stripes */
	uint16_t stripes, sub;	      /* stripes; those of RAID10 with the same bytes */
	uint16_t shares;	      /* between how many its bytes are divided */
	uint64_t stripe_len;	      /* bytes of each stripe */
	unsigned int copies;	      /* stripes on this device */
	bool foreign;		      /* it has stripes on other devices */
	bool identity;		      /* each stripe is all of the chunk, byte for byte */
	uint64_t used;		      /* bytes of extents found in it */
	uint64_t group_used;	      /* bytes its block group says are used */
	bool has_group;
};

/* Ascending by start, disjoint, after btrfs_chunks_load(). */
struct btrfs_chunks {
	struct btrfs_chunk *v;
	size_t n, cap;
};

/* One filesystem being read. Set by btrfs_super_read(), constant afterwards but for chunks and
 * what is counted. */
struct btrfs_fs {
	struct fsmap_reader *r;
	uint8_t sb[BTRFS_SUPER_SIZE];
	uint16_t csum_type;
	struct sv_sha256 *sha; /* where csum_type wants it */
	uint32_t sector_size, node_size;
	uint64_t generation;
	uint64_t bytes_used;
	uint64_t devid, dev_size;		     /* of this device; dev_size <= volume */
	uint64_t dev_used;			     /* bytes of its stripes, by its own account */
	const uint8_t *node_fsid;		     /* 16 bytes that every node carries */
	const uint8_t *dev_uuid;		     /* 16 bytes */
	uint64_t devices;			     /* number of devices */
	bool alone;				     /* all of the filesystem is on this device */
	bool group_tree;			     /* block groups have a tree of their own */
	struct btrfs_ref root, chunk_root, log_root; /* log_root.logical 0: no log */
	struct btrfs_ref extent_root, device_root, group_root;
	struct btrfs_chunks chunks;
	uint64_t node_budget;	   /* nodes that may still be read before it is a loop */
	bool in_log;		   /* nodes being read belong to the log: mark them used */
	bool stitch;		   /* a node may be put together from sectors of its copies */
	struct btrfs_cache *cache; /* NULL: every node is read from the volume */
};

/* ---- btrfs.c ---- */

/* NULL: out of memory. */
struct btrfs_fs *btrfs_open(struct fsmap_reader *r);
void btrfs_close(struct btrfs_fs *fs);

/* ---- btrfs_super.c ---- */

/*
 * Read and judge the superblock. The kernel mounts by the first copy only, so a map must be made of
 * that one: if it is damaged, or if another copy is newer, nobody can tell which of the two states
 * will be used, and the volume is whole.
 */
int btrfs_super_read(struct btrfs_fs *fs);

/* The superblock, from the newest copy where the first is lost. */
int btrfs_super_search(struct btrfs_fs *fs);

/* Where copy i is on this device; 0: there is none. */
uint64_t btrfs_super_at(const struct btrfs_fs *fs, size_t i);

/* Every copy of the superblock is used. */
int btrfs_super_mark(struct btrfs_fs *fs);

/* true when the checksum at the start of a block is that of the rest. */
bool btrfs_csum_ok(struct btrfs_fs *fs, const uint8_t *block, size_t len);

/* ---- btrfs_tree.c ---- */

void btrfs_key_get(struct btrfs_key *key, const uint8_t *disk);
/* Less than, equal to, or greater than 0. */
int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b);

/* Keep the last nodes that were read in fs->cache (free it). 0 or SV_E_NOMEM. */
int btrfs_cache_open(struct btrfs_fs *fs);

/* Read a node from whichever of its copies is whole; `node` holds fs->node_size bytes. */
int btrfs_node_read(struct btrfs_fs *fs, const struct btrfs_ref *ref, const char *what,
		    uint8_t *node);

/* Is this block a node of the filesystem, written for this address? */
bool btrfs_node_is_ours(struct btrfs_fs *fs, const uint8_t *node, uint64_t logical);

/* Called for each item; what it returns ends the walk unless 0. */
typedef int btrfs_item_fn(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
			  uint32_t len, void *arg);

/* How a tree is gone through. Whatever a function returns but 0 ends it. */
struct btrfs_visit {
	const char *what;
	btrfs_item_fn *item;
	/* A node comes next. *skip: it and what is below is left out. NULL: none is. */
	int (*enter)(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip);
	/* It was gone through, and what is below; or was lost. NULL: nothing to do. */
	int (*leave)(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg);
	/* It cannot be read or makes no sense: nothing is known of its keys. NULL: whole. */
	int (*lost)(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg);
	void *arg;
};

/* All items of a tree, keys strictly ascending; so no node is met twice. */
int btrfs_tree_visit(struct btrfs_fs *fs, const struct btrfs_ref *root,
		     const struct btrfs_visit *v);
int btrfs_tree_walk(struct btrfs_fs *fs, const struct btrfs_ref *root, const char *what,
		    btrfs_item_fn *item, void *arg);

/* Take a ROOT_ITEM apart. *alive is false for a tree that is being deleted. */
int btrfs_root_item(struct btrfs_fs *fs, const uint8_t *data, uint32_t len, struct btrfs_ref *ref,
		    bool *alive);

/* ---- btrfs_chunk.c ---- */

/* The chunks of the superblock, then those of the chunk tree. Sets fs->alone. */
int btrfs_chunks_load(struct btrfs_fs *fs);
void btrfs_chunks_clear(struct btrfs_fs *fs);

/* The same, as far as the chunk tree can be read: *all is false where some of it is lost. */
int btrfs_chunks_search(struct btrfs_fs *fs, bool *all);

/* The chunk that holds all of [logical, logical + len); NULL when none does. */
struct btrfs_chunk *btrfs_chunk_find(const struct btrfs_fs *fs, uint64_t logical, uint64_t len);

/* ---- btrfs_place.c ---- */

/*
 * Whether the chunk's stripe number `copy` on this device has the byte at `logical`; *at = where,
 * *run = how many bytes from there on are of the same answer.
 */
bool btrfs_place(const struct btrfs_chunk *c, unsigned int copy, uint64_t logical, uint64_t *at,
		 uint64_t *run);

/* The other way: what is `off` bytes into that stripe. false: parity. */
bool btrfs_logical(const struct btrfs_chunk *c, unsigned int copy, uint64_t off, uint64_t *logical,
		   uint64_t *run);

/* ---- btrfs_device.c ---- */

struct sv_extents;
/* dst (empty) = all stripes on this device. Whole: they overlap, or are not all. */
int btrfs_device_stripes(struct btrfs_fs *fs, struct sv_extents *dst);

/* What lies in no stripe is free; stripes of system chunks are used. */
int btrfs_device_map(struct btrfs_fs *fs);

/* The device tree must have the same stripes as the chunk tree. */
int btrfs_device_check(struct btrfs_fs *fs);

/* The state on this device may be older than that on the others: whole when its system chunks hold
 * a node that is newer than the superblock. */
int btrfs_device_check_newest(struct btrfs_fs *fs);

/* ---- btrfs_extent.c ---- */

/* What lies in no extent is free; the log's own extents are used. */
int btrfs_extents_map(struct btrfs_fs *fs);

/* ---- btrfs_files.c ---- */

struct owners;
int btrfs_files_find(struct fsmap_reader *r, struct owners *o);

#endif
