/* f2fs_files.h - what the parts of the search for owners in F2FS share; private to f2fs_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_F2FS_FILES_H
#define SV_FSMAP_F2FS_FILES_H

#include "engine/fsmap/f2fs.h"
#include "engine/fsmap/names.h"

/*
 * Kernel f2fs_fs.h, struct f2fs_node: an inode, a direct node (addresses of blocks) or an indirect
 * one (numbers of nodes), then a footer. Nodes are found by their number in a table (NAT); which
 * node has a block is what the summary of its segment says (SSA).
 */
enum {
	F2FS_I_MODE = 0,
	F2FS_I_ADVISE = 2,
	F2FS_I_INLINE = 3,
	F2FS_I_LINKS = 12,
	F2FS_I_SIZE = 16,
	F2FS_I_GENERATION = 68,
	F2FS_I_XATTR = 76, /* the node of attributes that have no room here */
	F2FS_I_FLAGS = 80,
	F2FS_I_PARENT = 84,
	F2FS_I_EXTRA_SIZE = 360,
	F2FS_I_XATTR_SIZE = 362, /* of those inside, in addresses */
	F2FS_I_CHECKSUM = 368,
	F2FS_I_CLUSTER = 393, /* log2, in blocks */
	F2FS_I_NODES = 4052,  /* five nodes: two direct, two indirect, one doubly so */
	F2FS_ADDRESSES = 360, /* of an inode */
	F2FS_ADDRESSES_MAX = 923,

	F2FS_NODE_ID = 4072,
	F2FS_NODE_INODE = 4076,
	F2FS_NODE_FLAGS = 4080, /* its place in the file, above three bits */
	F2FS_PER_NODE = 1018,	/* addresses or numbers */

	F2FS_ADVISE_LOST_PARENT = 0x02,
	F2FS_ADVISE_ENCRYPTED = 0x04,
	F2FS_ADVISE_VERITY = 0x40,
	F2FS_INLINE_XATTR = 0x01,
	F2FS_INLINE_DATA = 0x02,
	F2FS_INLINE_ENTRIES = 0x04,
	F2FS_INLINE_EXTRA = 0x20,
	F2FS_FLAG_COMPRESSED = 0x04,

	F2FS_MODE_TYPE = 0xf000,
	F2FS_MODE_FILE = 0x8000,
	F2FS_MODE_DIR = 0x4000,
	F2FS_MODE_LINK = 0xa000,

	F2FS_FEATURE_INODE_CHECKSUM = 0x20,
	F2FS_FEATURE_XATTR_SIZES = 0x40,
};
#define F2FS_COMPRESSED 0xfffffffeu /* in place of an address: a compressed cluster begins */

/* A node in memory. */
struct f2fs_node {
	bool ok;
	uint32_t id, inode, place; /* of the file */
	uint8_t raw[F2FS_BLOCK];
};

/* How an inode lays out its file. */
struct f2fs_shape {
	uint32_t first;	  /* of its addresses that is one */
	uint32_t n;	  /* of addresses in it */
	uint32_t per;	  /* of addresses in a direct node */
	uint32_t cluster; /* blocks that are compressed as one; 1: it is not */
	uint32_t inlined; /* bytes that have room in place of the addresses */
	uint64_t size;
};

struct f2fs_finder {
	struct f2fs f;
	struct owners *o;
	uint64_t budget; /* nodes of lists and folders that may still be read */
	uint8_t nat_journal[F2FS_NAT_JOURNAL * F2FS_NAT_CHANGE];
	unsigned int n_nat_journal;
	uint64_t nat_cached; /* block of the table in `nat` */
	uint8_t nat[F2FS_BLOCK];
	struct f2fs_node node, inode, above; /* at hand */
	uint64_t cluster_inode, cluster;     /* compressed, and listed as lost */
	struct sv_extents unresolved;	     /* what the summaries do not lead to */
};

/* ---- f2fs_find.c ---- */

/* Find a checkpoint. FSMAP_IS_WHOLE when there is none; SV_E_NOMEM. */
int f2fs_cp_find(struct f2fs *f, struct owners *o);

/* ---- f2fs_nat.c ---- */

struct f2fs_entry {
	uint32_t inode, block; /* block 0: no such node */
};
/* Read the newest entries, which the checkpoint holds itself. 0, SV_E_NOMEM. */
int f2fs_nat_open(struct f2fs_finder *f);
/* FSMAP_IS_WHOLE: lost. SV_E_NOMEM. */
int f2fs_nat_find(struct f2fs_finder *f, uint32_t id, struct f2fs_entry *entry);
/* Every node that there is. What `visit` returns but 0 ends it. 0, SV_E_NOMEM. */
typedef int f2fs_nat_visit(struct f2fs_finder *f, uint32_t id, const struct f2fs_entry *entry,
			   void *arg);
int f2fs_nat_walk(struct f2fs_finder *f, f2fs_nat_visit *visit, void *arg);

/* ---- f2fs_node.c ---- */

/* A node by its number, or where the table has it. FSMAP_IS_WHOLE: lost, not there, or damaged,
 * which is said. SV_E_NOMEM. */
int f2fs_node_load(struct f2fs_finder *f, uint32_t id, struct f2fs_node *node);
int f2fs_node_read(struct f2fs_finder *f, uint32_t id, const struct f2fs_entry *entry,
		   struct f2fs_node *node);
/* The same for an inode that still has a name. */
int f2fs_inode_load(struct f2fs_finder *f, uint32_t id, struct f2fs_node *node);
bool f2fs_is_inode(const struct f2fs_node *node);
uint16_t f2fs_type(const struct f2fs_node *inode);
/* false: it says nothing sensible. */
bool f2fs_inode_shape(const struct f2fs *f, const uint8_t *raw, struct f2fs_shape *shape);

/* ---- f2fs_tree.c ---- */

/* Whether a node at that place of a file has addresses, and the block of the file with which what
 * is below it begins. */
bool f2fs_is_direct(uint32_t place);
uint64_t f2fs_first_block(uint32_t place, const struct f2fs_shape *shape);
/* How many blocks of the file are below it. */
uint64_t f2fs_blocks_below(uint32_t place, const struct f2fs_shape *shape);
/* Whether the inode leads to that node at its place: false where it leads to another one, true also
 * where what is between them is lost. 0, SV_E_NOMEM. */
int f2fs_is_below(struct f2fs_finder *f, const struct f2fs_node *inode,
		  const struct f2fs_node *node, bool *below);

/* 0, SV_E_NOMEM, or 1 = enough. */
struct f2fs_tree_visit {
	void *arg;
	/* A node of the file, before it is read. */
	int (*node)(void *arg, uint32_t id, uint32_t place);
	/* An address in a direct node or the inode; NULL: direct nodes are not read. */
	int (*block)(void *arg, uint64_t index, uint32_t address);
};
/* Go through the nodes of an inode (in memory) as far as they can be read. 0, SV_E_NOMEM. */
int f2fs_tree_walk(struct f2fs_finder *f, const struct f2fs_node *inode,
		   const struct f2fs_tree_visit *visit);

/* ---- f2fs_sum.c ---- */

/* What the summary of a segment says of a block. */
struct f2fs_summary {
	bool of_node;	   /* the block is the node `id` itself */
	uint32_t id, slot; /* else the address of that number in it */
};
/* FSMAP_IS_WHOLE: it is lost. SV_E_NOMEM. */
int f2fs_sum_find(struct f2fs_finder *f, uint64_t block, struct f2fs_summary *sum);

/* ---- f2fs_claim.c ---- */

/* What became of a block that was lost. */
enum f2fs_verdict {
	F2FS_CLAIMED,
	F2FS_HIDDEN,  /* what would tell is lost or damaged itself */
	F2FS_REFUSED, /* it is somebody else's */
};
/* It is the one that address number `slot` of node `id` leads to? 0, SV_E_NOMEM. */
int f2fs_claim_block(struct f2fs_finder *f, uint32_t id, uint32_t slot, uint64_t block,
		     enum f2fs_verdict *verdict);
/* It is node `id`, by the table? 0, SV_E_NOMEM. */
int f2fs_claim_node(struct f2fs_finder *f, uint32_t id, uint64_t block, enum f2fs_verdict *verdict);

/* ---- f2fs_files.c ---- */

/* Who owns the lost bytes of the volume (struct fsmap_ops). */
int f2fs_files_find(struct fsmap_reader *r, struct owners *o);

/* ---- f2fs_dir.c ---- */

struct f2fs_dir {
	struct f2fs_finder *f;
	void *arg;
	/* An entry, but "." and ".."; `name` is NULL where it is encrypted. 0 or SV_E_NOMEM. */
	int (*entry)(void *arg, uint32_t inode, const char *name, size_t len, bool folder);

	/* private */
	bool encrypted;
	struct f2fs_node inode;
	uint8_t block[F2FS_BLOCK];
};
/* Read a folder as far as it can be read. 0, SV_E_NOMEM. */
int f2fs_dir_read(struct f2fs_dir *d, uint32_t id);

/* ---- f2fs_names.c ---- */

/* Give the files that were hit their names. 0, SV_E_NOMEM. */
int f2fs_names_find(struct f2fs_finder *f);

#endif
