/* apfs_files.h - what the parts of the search for owners in APFS share; private to apfs_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_APFS_FILES_H
#define SV_FSMAP_APFS_FILES_H

#include "engine/fsmap/apfs_tree.h"
#include "engine/fsmap/owners.h"

/*
 * Numbers of inodes are of one volume alone, and of one moment: an owner's id has the view above
 * them, 0 for the first volume as it is. In volumes of a group those of the system have a mark far
 * up, which becomes APFS_MARKED.
 */
#define APFS_VIEW_BITS 40
#define APFS_MARKED    (1ull << 39)
#define APFS_MARK      (1ull << 59)
#define APFS_ROOT_DIR  2u

struct apfs_volume {
	uint64_t block;				     /* of its superblock */
	uint64_t omap, root;			     /* a block; the tree of its files */
	uint64_t extents, snapshots, sealed_extents; /* blocks; 0: none */
	uint64_t features, flags;
	uint32_t root_type;
	const char *untold; /* why it cannot be looked into; NULL: it can */
	char name[257];
};

/* A volume as it is, or as a snapshot has it. */
struct apfs_view {
	size_t volume;	      /* of s->volumes */
	uint64_t transaction; /* as of */
	uint64_t root;
	uint64_t extents; /* what was written for it: a block */
	char *snapshot;	  /* its name, owned; NULL: the volume as it is */
};

/* A node of a tree of files that is lost: nobody knows what stood between its keys. */
struct apfs_gap {
	size_t view;
	struct apfs_span span;
};

/* Content that was hit, or the note of where it is, until its owners are known. */
struct apfs_hit {
	uint64_t stream;
	enum files_kind kind; /* FILES_CONTENT, FILES_MAP */
	uint64_t start, len;  /* bytes of the stream */
	uint64_t at, at_len;  /* of the container */
	bool owned;
};

/* The name that a folder has for an inode that stood in a gap. */
struct apfs_entry {
	uint64_t id, parent; /* of owners */
	char *name;
};

/* What an inode's record says. */
struct apfs_inode {
	bool found, folder;
	uint64_t parent, stream, size;
	uint64_t shown;	 /* its size for people, which differs where it is compressed */
	char name[1024]; /* "" when it has none */
};
/* false: it makes no sense. */
bool apfs_inode_parse(const struct apfs_record *r, struct apfs_inode *inode);

/*
 * One search, or the proof of a map: that what the trees have is not called free. Functions return
 * 0 or SV_E_NOMEM, in a proof FSMAP_IS_WHOLE as well, unless they say otherwise.
 */
struct apfs_search {
	struct apfs a;
	struct owners *o;     /* NULL: a proof */
	struct apfs_omap map; /* of the view that is looked into */
	size_t current;	      /* which that is; SIZE_MAX: none */

	struct apfs_volume *volumes;
	size_t n_volumes;
	struct apfs_view *views; /* volumes as they are, in their order; then snapshots */
	size_t n_views, views_cap;
	struct apfs_gap *gaps; /* ascending by view and keys */
	size_t n_gaps, gaps_cap;
	struct apfs_hit *hits; /* of this view */
	size_t n_hits, hits_cap;
	struct apfs_entry *entries; /* ascending by id once they are all known */
	size_t n_entries, entries_cap;

	const struct sv_extents *wanted; /* what is looked for: all that is lost; for snapshots what
					    is nobody's so far */
	struct sv_extents used;		 /* bytes: what trees have of what is lost, and around it */
	struct sv_extents seen; /* leaves that were looked into, as they are in the volume */
};

/* ---- apfs_files.c ---- */

bool apfs_wants(const struct apfs_search *s, uint64_t block, uint64_t count);
/* Whether any of these blocks are lost; in a proof all are asked for. */
bool apfs_is_asked(const struct apfs_search *s, uint64_t block, uint64_t count);
/* They are in use: must not be called free. */
int apfs_use(struct apfs_search *s, uint64_t block, uint64_t count);
/* A node is not what it should be: a word on it in a search. In a proof it is whole where the
 * node's checksum is wrong; what is right by that, but not understood, only proves nothing. */
int apfs_doubt(struct apfs_search *s, const struct apfs_span *span, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void apfs_search_clear(struct apfs_search *s);
/* These blocks are the filesystem's own. */
int apfs_claim(struct apfs_search *s, uint64_t block, uint64_t count, const char *what);

/* ---- apfs_proof.c ---- */

/* What was used so far is not marked free; then it is forgotten. */
int apfs_proof_check(struct apfs_search *s);

/* ---- apfs_volumes.c ---- */

/* Find volumes and snapshots. */
int apfs_volumes_find(struct apfs_search *s);
/* Trees of extents, and what they say is in use: not free, and of volumes that cannot be looked
 * into theirs. */
int apfs_volumes_rest(struct apfs_search *s);
/* s->map becomes that of the view. */
int apfs_view_open(struct apfs_search *s, size_t view);
struct apfs_tree apfs_view_tree(struct apfs_search *s);

/* ---- apfs_content.c ---- */

/* The content that was hit in the view that is open, and gaps of its tree. */
int apfs_content_find(struct apfs_search *s);

/* ---- apfs_gaps.c ---- */

int apfs_gaps_add(struct apfs_search *s, const struct apfs_span *span);
/* The gap of the view that is open in which that key would be; NULL: none. */
const struct apfs_gap *apfs_gap_of(const struct apfs_search *s, const struct apfs_key *key);
/* The node of a gap: with it that of the file. */
int apfs_gap_lose(struct apfs_search *s, const struct apfs_gap *g, const struct owners_file *file,
		  uint64_t start, uint64_t span);
/* Before the owners of content are looked for: of which streams a part of the list was in gaps. */
int apfs_gaps_streams(struct apfs_search *s);
/* A name in a folder; kept where it is of an inode in a gap. */
int apfs_gaps_name(struct apfs_search *s, const struct apfs_record *r);
/* After that: which files stood in the gaps of the view. */
int apfs_gaps_find(struct apfs_search *s);
int apfs_hit_add(struct apfs_search *s, const struct apfs_hit *hit);

/* ---- apfs_names.c ---- */

/* An owner's id; false when the number is larger than anything makes them. */
bool apfs_id(size_t view, uint64_t inode, uint64_t *id);
/* The other way: the view. */
size_t apfs_id_split(uint64_t id, uint64_t *inode);
/* The view that is open: its inode of that number. */
int apfs_inode_find(struct apfs_search *s, uint64_t number, struct apfs_inode *inode);
int apfs_names_find(struct apfs_search *s);

#endif
