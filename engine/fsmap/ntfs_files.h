/* ntfs_files.h - what the parts of the search for owners in NTFS share; private to ntfs_*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_NTFS_FILES_H
#define SV_FSMAP_NTFS_FILES_H

#include "engine/fsmap/ntfs.h"
#include "engine/fsmap/owners.h"

/* Records below are the filesystem's own, but for the root folder. */
#define NTFS_FIRST_FILE	   24
#define NTFS_REF_NUMBER(x) ((x)&0xffffffffffffULL)

/* A $FILE_NAME: kernel fs/ntfs3/ntfs.h, struct ATTR_FILE_NAME. */
#define NTFS_NAME_LEN	0x40
#define NTFS_NAME_SPACE 0x41
#define NTFS_NAME_TEXT	0x42
#define NTFS_SPACE_DOS	2 /* only the short twin of another name */

/* The folders met in the pass over $MFT; only kept when records are lost. */
struct ntfs_dirs {
	uint64_t *v;
	size_t n, cap;
};

struct ntfs_namer {
	struct ntfs_vol *v;
	struct owners *o;
	const struct ntfs_dirs *dirs;
	uint8_t *rec, *ext; /* records */
	struct owners_links links;
	struct folders folders;
};

/* ---- ntfs_names.c ---- */

/* Give the files that were hit their names. 0, SV_E_NOMEM. */
int ntfs_names_find(struct ntfs_vol *v, struct owners *o, const struct ntfs_dirs *dirs);

/* `name`: a $FILE_NAME of `len` bytes; of file number i in that folder. */
int ntfs_names_add(struct ntfs_namer *n, size_t file, uint64_t parent, const uint8_t *name,
		   size_t len);

/* ---- ntfs_index.c ---- */

/* Files whose own record is lost still stand in the index of their folder. 0, SV_E_NOMEM. */
int ntfs_index_search(struct ntfs_namer *n);

/* A stream of a record as far as its attributes can be read; not one over an attribute list. */
int ntfs_stream_of(struct ntfs_vol *v, const uint8_t *rec, uint32_t type, const char *name,
		   struct ntfs_stream *s);

#endif
