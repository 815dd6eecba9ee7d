/* btrfs_files.h - what the parts of the search for owners in Btrfs share; private to btrfs_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_BTRFS_FILES_H
#define SV_FSMAP_BTRFS_FILES_H

#include "engine/fsmap/btrfs.h"
#include "engine/fsmap/owners.h"

/* Numbers of inodes are of one tree alone: an owner's id has the tree above them, 0 for the volume
 * itself. */
#define BTRFS_INODE_BITS  40
#define BTRFS_FIRST_INODE 256u /* the root folder of each tree */
#define BTRFS_LAST_FREE	  (0ull - 256)

/* A tree of files: the volume itself, a subvolume or a snapshot; or another tree. */
struct btrfs_root {
	uint64_t id;
	struct btrfs_ref ref;
	struct btrfs_ref log; /* what was fsync'ed after the last commit; logical 0: nothing */
};

/* A node of a tree of files of which no copy is left: nobody knows what stood between its keys. */
struct btrfs_gap {
	size_t tree; /* of s->roots */
	struct btrfs_span span;
};

/* The name that a folder has for an inode whose own items are in a gap. */
struct btrfs_entry {
	uint64_t id, parent; /* of owners */
	char *name;
};

/* A set of nodes; a bit for each, made where there are any. Zero-initialised = empty. */
struct btrfs_nodes {
	uint8_t **bits; /* per chunk */
	uint64_t room;	/* bytes that may still be taken */
};

/* What an INODE_ITEM says. */
struct btrfs_inode {
	size_t tree;
	uint64_t number;
	bool found, folder;
	bool nosum; /* no checksums: of two copies the wrong one may be taken */
	uint64_t size;
};

/* One search. Functions return 0 or SV_E_NOMEM, unless they say otherwise. */
struct btrfs_search {
	struct btrfs_fs *fs;
	struct owners *o;

	/* lost, as logical addresses: at least one copy; all copies on this device; the rest */
	struct sv_extents hurt, gone, half;
	/* content of which the other copy is whole */
	struct sv_extents spare;
	size_t spare_limit;

	struct btrfs_root *roots; /* ascending by id */
	size_t n_roots, roots_cap;
	struct btrfs_gap *gaps; /* ascending by tree and keys */
	size_t n_gaps, gaps_cap;
	struct btrfs_entry *entries; /* ascending by id once they are all known */
	size_t n_entries, entries_cap;

	uint64_t events;	  /* claims and gaps so far: more after a call, and it met some */
	struct btrfs_nodes clean; /* below these nothing was hit */
	struct btrfs_inode inode; /* the last that was asked for */

	bool all_chunks; /* the chunk tree is whole */
	bool all_files;	 /* what no file names is no file's */
	bool all_log;	 /* what the log has taken is known */
};

/* ---- btrfs_claim.c: owners of logical addresses ---- */

/* Lost areas as logical addresses. */
int btrfs_claim_open(struct btrfs_search *s);
void btrfs_claim_close(struct btrfs_search *s);
/* What of `places` lies in that stripe of the chunk, added to dst as logical addresses. */
int btrfs_claim_split(struct btrfs_search *s, const struct sv_extents *places,
		      const struct btrfs_chunk *c, unsigned int copy, struct sv_extents *dst);

/* Whether any copy of it is lost; whether some bytes are lost in all of them. */
bool btrfs_is_hurt(const struct btrfs_search *s, uint64_t logical, uint64_t len);
bool btrfs_is_gone(const struct btrfs_search *s, uint64_t logical, uint64_t len);

int btrfs_claim_meta(struct btrfs_search *s, uint64_t logical, uint64_t len, const char *what);
int btrfs_claim_unused(struct btrfs_search *s, uint64_t logical, uint64_t len);
/* Bytes of a file from `start` on; behind `size` they are slack. */
int btrfs_claim_content(struct btrfs_search *s, const struct owners_file *file, bool nosum,
			const struct sv_extent *logical, uint64_t start, uint64_t size);
/* Any byte of it, and [start, start + span) of the file is lost. */
int btrfs_claim_packed(struct btrfs_search *s, const struct owners_file *file,
		       const struct sv_extent *logical, uint64_t start, uint64_t span);
/* The node of a gap: with it that of the file. */
int btrfs_claim_node(struct btrfs_search *s, const struct owners_file *file, uint64_t logical,
		     uint64_t start, uint64_t span);
/* After all files: second copies. */
int btrfs_claim_spare(struct btrfs_search *s);

/* ---- btrfs_lookup.c ---- */

bool btrfs_is_file_tree(uint64_t id);
struct btrfs_root *btrfs_root_find(const struct btrfs_search *s, uint64_t id);
/* An owner's id; false when the numbers are larger than anything makes them. */
bool btrfs_id(const struct btrfs_search *s, size_t tree, uint64_t inode, uint64_t *id);
/* The other way; NULL when there is no such tree. */
struct btrfs_root *btrfs_id_split(const struct btrfs_search *s, uint64_t id, uint64_t *inode);

/* Items of a tree with keys from `first` on, before `end`, as far as they can be read. */
struct btrfs_range {
	struct btrfs_key first, end;
	btrfs_item_fn *item;
	void *arg;
};
int btrfs_range_visit(struct btrfs_search *s, const struct btrfs_ref *root,
		      const struct btrfs_range *range);

/* s->inode becomes that of the tree. */
int btrfs_inode_find(struct btrfs_search *s, size_t tree, uint64_t number);

bool btrfs_nodes_has(const struct btrfs_search *s, const struct btrfs_nodes *nodes,
		     uint64_t logical);
/* Without room for it, it is not kept. */
int btrfs_nodes_add(struct btrfs_search *s, struct btrfs_nodes *nodes, uint64_t logical);
void btrfs_nodes_clear(struct btrfs_search *s, struct btrfs_nodes *nodes);

/* ---- btrfs_content.c ---- */

/* One pass over the tree (and over its log): the content of files that was hit, and gaps. */
int btrfs_content_find(struct btrfs_search *s, size_t tree);

/* ---- btrfs_gaps.c ---- */

int btrfs_gaps_add(struct btrfs_search *s, size_t tree, const struct btrfs_span *span);
/* Which files stood in the gaps, as far as that can be told. */
int btrfs_gaps_find(struct btrfs_search *s);
/* Index of the first entry of that id; s->n_entries when there is none. */
size_t btrfs_entry_find(const struct btrfs_search *s, uint64_t id);

/* ---- btrfs_free.c ---- */

int btrfs_free_find(struct btrfs_search *s);

/* ---- btrfs_names.c ---- */

int btrfs_names_find(struct btrfs_search *s);

#endif
