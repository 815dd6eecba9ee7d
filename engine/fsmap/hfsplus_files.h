/* hfsplus_files.h - what the parts of the search for owners in HFS+ share; private to hfsplus_*.c
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_HFSPLUS_FILES_H
#define SV_FSMAP_HFSPLUS_FILES_H

#include "engine/fsmap/hfsplus_tree.h"
#include "engine/fsmap/names.h"

/* TN1150, "Catalog File", "Hard Links", "Attributes File"; folders with several names: xnu's
 * hfs_format.h. */
enum {
	/* a record of the catalog: behind its length, the folder, and the name there */
	HFSPLUS_C_PARENT = 2,
	HFSPLUS_C_NAME = 6,
	HFSPLUS_C_NAME_TEXT = 8,
	HFSPLUS_C_KEY_MIN = 6,

	/* what belongs to it */
	HFSPLUS_C_KIND = 0,
	HFSPLUS_C_FLAGS = 2,
	HFSPLUS_C_ID = 8,
	HFSPLUS_C_LINK = 44, /* which inode it is a name of */
	HFSPLUS_C_TYPE = 48, /* and the creator */
	HFSPLUS_C_FOLDER_SIZE = 88,
	HFSPLUS_C_DATA = 88,
	HFSPLUS_C_RESOURCES = 168,
	HFSPLUS_C_FILE_SIZE = 248,
	HFSPLUS_C_THREAD_PARENT = 4,
	HFSPLUS_C_THREAD_NAME = 8,
	HFSPLUS_C_THREAD_SIZE = 10,

	HFSPLUS_C_FOLDER = 1,
	HFSPLUS_C_FILE = 2,
	HFSPLUS_C_FOLDER_THREAD = 3,
	HFSPLUS_C_FILE_THREAD = 4,

	HFSPLUS_FLAG_THREAD = 2,
	HFSPLUS_FLAG_ATTRIBUTES = 4,

	HFSPLUS_ROOT_PARENT = 1,
	HFSPLUS_ROOT = 2,

	/* a fork */
	HFSPLUS_F_LEN = 0,
	HFSPLUS_F_BLOCKS = 12,
	HFSPLUS_F_RUNS = 16,
	HFSPLUS_RUN_SIZE = 8,
	HFSPLUS_RUNS_SIZE = HFSPLUS_RUNS * HFSPLUS_RUN_SIZE,

	HFSPLUS_FORK_DATA = 0,
	HFSPLUS_FORK_RESOURCES = 0xff,
};

/* ---- hfsplus_nodes.c ---- */

/* A tree as far as it was rescued. */
struct hfsplus_nodes {
	struct hfsplus_tree tree;
	struct owners *o;
	uint8_t *map;	  /* a bit for each node that is in use; NULL: nothing is known of it */
	uint8_t *buf;	  /* of the pass */
	uint8_t *node;	  /* of a search in between */
	uint64_t records; /* seen in the last pass */
	/* Keys never go down in a leaf by this. */
	uint64_t (*order)(const uint8_t *record, uint32_t key);
	uint32_t first_lost; /* leaf of which something is lost; 0 = none */
	bool hit;	     /* some of its bytes are lost */
	bool lost, damaged;  /* records cannot be read, or make no sense */
};

/* Without a map the tree cannot be read. 0 or SV_E_NOMEM, like all of these. */
/* What follows stands for a key, as far as 64 bits can. */
uint64_t hfsplus_order_extents(const uint8_t *record, uint32_t key);
uint64_t hfsplus_order_attributes(const uint8_t *record, uint32_t key);
uint64_t hfsplus_order_catalog(const uint8_t *record, uint32_t key);
int hfsplus_nodes_open(struct hfsplus_nodes *n, struct hfsplus *h, struct owners *o,
		       enum hfsplus_file which, const char *what);
void hfsplus_nodes_close(struct hfsplus_nodes *n);
/* Call `each` with every record that can be read, node by node, whatever leads there. */
int hfsplus_nodes_walk(struct hfsplus_nodes *n, hfsplus_record_fn *each, void *arg);
/* > 0: the record's key is behind that one. */
typedef int hfsplus_compare_fn(const void *key, const uint8_t *record);
/* The leaf where a key belongs, by the index. What the index does not tell any more is said of the
 * first leaf that is lost; 0: there is none. */
int hfsplus_nodes_seek(struct hfsplus_nodes *n, hfsplus_compare_fn *compare, const void *key,
		       uint32_t *leaf);
/* What is lost of a leaf is lost for that file; *hit: something is. */
int hfsplus_nodes_lose(struct hfsplus_nodes *n, uint32_t leaf, const struct owners_file *file,
		       uint64_t start, uint64_t span, bool *hit);

/* ---- the search ---- */

/* Numbers of files, in any order. */
struct hfsplus_ids {
	uint32_t *v;
	size_t n, cap;
};
int hfsplus_ids_add(struct hfsplus_ids *ids, uint32_t id);
void hfsplus_ids_sort(struct hfsplus_ids *ids);
bool hfsplus_ids_hold(const struct hfsplus_ids *ids, uint32_t id);

/* A run of a fork that the extents file has. */
struct hfsplus_piece {
	uint32_t id;
	uint32_t first; /* block of the fork */
	uint32_t start, count;
	uint8_t fork;
	bool used; /* a file has claimed it */
};

struct hfsplus_finder {
	struct hfsplus *h;
	struct owners *o;
	struct hfsplus_nodes catalog, extents, attributes;
	struct names_dirs dirs;
	bool trusted; /* what the allocation file calls free is */
	/* Of all forks that have more than eight runs; where nothing of the extents file is lost
	 * only what was hit. By number, fork and block. */
	struct hfsplus_piece *pieces;
	size_t n_pieces, cap_pieces;
	uint64_t missing, more; /* blocks that files have there, and that are there */
	/* Only where the catalog, or the attributes file is hit. */
	struct hfsplus_ids records, threads, attributed;
	struct sv_extents claimed;
	uint64_t claims;			 /* bytes, some perhaps several times */
	uint32_t private_files, private_folders; /* hold what has several names; 0 = none */
};

/* ---- hfsplus_claim.c ---- */

/* These blocks hold bytes of a file from `pos` on, of `size`. What the rest of the volume
 * contradicts is left, with a caution. */
int hfsplus_claim(struct hfsplus_finder *f, const struct owners_file *file,
		  const struct hfsplus_run *run, uint64_t pos, uint64_t size);
/* Two files want the same bytes. */
void hfsplus_claims_judge(struct hfsplus_finder *f);
/* A fork of a record of the catalog. */
int hfsplus_claim_fork(struct hfsplus_finder *f, uint32_t id, uint8_t fork, const uint8_t *raw);
/* What of the extents file no file asked for, where its record may be lost. */
int hfsplus_claim_left(struct hfsplus_finder *f);
int hfsplus_pieces_read(struct hfsplus_finder *f);

/* ---- hfsplus_records.c ---- */

/* All files and attributes, and what of them is lost. */
int hfsplus_records_read(struct hfsplus_finder *f);
/* The name of a record of the catalog; or of a thread, in its data. */
struct hfsplus_name {
	uint32_t parent;
	const uint8_t *text; /* UTF-16BE */
	uint32_t chars;
};
bool hfsplus_name_of(const uint8_t *record, uint32_t key, struct hfsplus_name *name);
bool hfsplus_thread_name(const uint8_t *data, uint32_t len, struct hfsplus_name *name);

/* ---- hfsplus_lost.c ---- */

/* Files whose threads are there, but not their records. */
int hfsplus_lost_find(struct hfsplus_finder *f);
/* Its attributes stood in what is lost. */
int hfsplus_lost_attributes(struct hfsplus_finder *f, uint32_t id);
/* Where these blocks of a fork lie stood in what is lost. */
int hfsplus_lost_map(struct hfsplus_finder *f, const struct hfsplus_piece *hole,
		     const struct owners_file *file, uint64_t size);

/* ---- hfsplus_names.c ---- */

/* Give the files that were hit their names. */
int hfsplus_names_find(struct hfsplus_finder *f);

#endif
