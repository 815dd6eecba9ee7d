/* lvm.h - what the files of the LVM2 reader share; private to engine/fsmap/lvm*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_LVM_H
#define SV_FSMAP_LVM_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: lvm2, lib/format_text/layout.h and lib/label/label.h, little endian; the
 * metadata is text, man page lvm.conf(5) has its grammar. Functions return 0, FSMAP_IS_WHOLE or
 * SV_E_NOMEM like every reader. One thread.
 */

#define LVM_UUID_LEN   32 /* without the dashes it has in the text */
#define LVM_UUID_TEXT  40
#define LVM_OTHERS_MAX 64 /* disks of one group that are looked at */
#define LVM_TEXT_MAX   (4u * 1024 * 1024)
#define LVM_SECTOR     512u /* whatever the disk's sectors are */

/* ---- lvm_text.c: the text as a tree ---- */

enum lvm_kind { LVM_SECTION, LVM_LIST, LVM_STRING, LVM_NUMBER };

/* `next` and `child` are indices, 0 = none (the root is nobody's). Names and values are in the
 * text.
 */
struct lvm_node {
	enum lvm_kind kind;
	const char *name; /* not ended by NUL; items of a list have none */
	uint32_t name_len;
	uint32_t value_len;
	const char *value; /* of a string, without quotes, escapes as they stand */
	uint64_t number;
	uint32_t child, next;
};

/* Node 0 is the section around everything. The text is the caller's and must outlive the tree;
 * release the nodes with lvm_text_clear(). */
struct lvm_text {
	const char *text;
	size_t len;
	struct lvm_node *v;
	size_t n, cap;
};

/* Build the tree. 0, SV_E_DATA for anything that is not such a text, SV_E_NOMEM. */
int lvm_text_parse(struct lvm_text *t, const char *text, size_t len);
void lvm_text_clear(struct lvm_text *t);
/* Whether two sections (or entries of them) say the same in the same order. */
bool lvm_same(const struct lvm_text *ta, const struct lvm_node *a, const struct lvm_text *tb,
	      const struct lvm_node *b);

/* Children in order; NULL at the end. */
const struct lvm_node *lvm_first(const struct lvm_text *t, const struct lvm_node *parent);
const struct lvm_node *lvm_next(const struct lvm_text *t, const struct lvm_node *node);

/* The child of that name and kind; NULL when there is none, or more than one. */
const struct lvm_node *lvm_child(const struct lvm_text *t, const struct lvm_node *parent,
				 const char *name, enum lvm_kind kind);
bool lvm_number(const struct lvm_text *t, const struct lvm_node *parent, const char *name,
		uint64_t *value);

/* A string's value, or a node's name, compared. */
bool lvm_value_is(const struct lvm_node *node, const char *text, size_t len);
bool lvm_named(const struct lvm_node *node, const char *name);

/* How often the string stands as a value anywhere below `node`. */
size_t lvm_mentions(const struct lvm_text *t, const struct lvm_node *node, const char *text,
		    size_t len);

/* ---- lvm_label.c: from the label to the text ---- */

struct lvm_pv {
	struct fsmap_reader *r;
	bool unlabelled; /* its label, and with it the uuid, is lost; in a search only */
	char uuid[LVM_UUID_LEN];
	char *text; /* the metadata, owned; release with free() */
	size_t len;
};

/* Find the label and read the metadata; all copies on this volume must be the same. */
int lvm_label_read(struct lvm_pv *pv);

/* ---- lvm_map.c: what is given to logical volumes ---- */

/* A physical volume of the group, as its text describes it. Bytes unless it says otherwise. */
struct lvm_place {
	const char *name; /* "pv0": what segments call it; of the text */
	size_t name_len;
	char uuid[LVM_UUID_TEXT];
	struct blk_dev *dev;
	char why[200];		/* it cannot be looked at; "" when it can */
	uint64_t first;		/* where its extents begin */
	uint64_t extents;	/* how many */
	struct sv_extents used; /* extents that logical volumes have */
	uint64_t used_sum;
};

struct lvm_group {
	struct fsmap_reader *r;
	const struct lvm_text *t;
	const struct lvm_node *vg, *volumes; /* volumes: NULL when there are none */
	uint64_t extent;
	struct lvm_place here;
	struct lvm_place *others; /* those that were looked for */
	size_t n_others;
};

/* What belongs to no logical volume is free, and what is free inside of those that are linear or
 * striped, as far as it is here. */
int lvm_map(struct lvm_pv *pv, const struct lvm_text *text);
int lvm_malformed(const struct lvm_group *g);
/* Whether a UUID of the text is that of a label. */
bool lvm_is_uuid(const char *text, size_t len, const char *uuid);
/* Where the extents of place->dev are; `why` when it does not fit. */
int lvm_place_read(struct lvm_group *g, const struct lvm_node *pv, struct lvm_place *place);
/* Which of them logical volumes have: checks all segments that name the place. */
int lvm_place_take(struct lvm_group *g, struct lvm_place *place);
/* Add to place->used what a logical volume has of it. */
int lvm_take_volume(struct lvm_group *g, struct lvm_place *place, const struct lvm_node *lv);

/* ---- lvm_others.c ---- */

/* The place that a segment names. NULL when that is none, or one too many; one with `why` cannot be
 * read. The group owns it. */
int lvm_place_find(struct lvm_group *g, const struct lvm_node *name, struct lvm_place **place_ret);
/* For people: which other volumes were read. */
void lvm_places_tell(const struct lvm_group *g);
void lvm_places_clear(struct lvm_group *g);

/* ---- lvm_inside.c: what is free in logical volumes ---- */

int lvm_look_into_all(struct lvm_group *g);

#endif
