/* hfsplus.h - what the files of the HFS+ map reader share; private to engine/fsmap/hfsplus*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_HFSPLUS_H
#define SV_FSMAP_HFSPLUS_H

#include "engine/fsmap/reader.h"

/*
 * On-disk structures: Apple Technical Note TN1150; Linux fs/hfsplus/hfsplus_raw.h; for the journal
 * xnu bsd/vfs/vfs_journal.[ch]. Big endian, but for a journal written by a little-endian machine.
 * Offsets are bytes of the HFS+ volume, which may lie inside of an HFS one (the wrapper); a block
 * is an allocation block. Functions return 0, FSMAP_IS_WHOLE or SV_E_NOMEM like every reader. One
 * thread.
 */

/* Blocks that follow each other; in a fork, runs stand in the order of its bytes. */
struct hfsplus_run {
	uint32_t start, count;
};

#define HFSPLUS_RUNS 8u /* that a header or a record of the extents file has room for */

/* The bytes of one of the volume's own files. */
struct hfsplus_fork {
	uint64_t len;
	uint32_t blocks; /* it has, by its header */
	uint32_t have;	 /* of them in `runs` */
	struct hfsplus_run *runs;
	size_t n;
};

/* The volume's own files, by their numbers on disk. */
enum hfsplus_file {
	HFSPLUS_EXTENTS = 3,
	HFSPLUS_CATALOG,
	HFSPLUS_BAD, /* blocks that are not to be used; no header has them */
	HFSPLUS_ALLOCATION,
	HFSPLUS_STARTUP,
	HFSPLUS_ATTRIBUTES,
	HFSPLUS_FORKS,
};

/* A piece of the allocation file that the journal has. */
struct hfsplus_copy {
	uint64_t at, len; /* bytes of the file */
	uint64_t pos;	  /* in the journal */
};

struct hfsplus_journal {
	uint64_t start, size;  /* bytes */
	uint32_t header, list; /* bytes: of its header, of the head of each list of blocks */
	uint64_t begin, end;   /* what is not replayed, from the journal's start */
	bool little;	       /* endian */
	uint8_t *head;	       /* scratch, `list` bytes */
	struct hfsplus_copy *copies;
	size_t n, cap;
};

/* A volume being read. */
struct hfsplus {
	struct fsmap_reader *r;
	uint64_t start, size; /* bytes: its place in the volume that is read */
	uint8_t header[512];
	uint32_t block_size, blocks, free_blocks;
	bool unmounted, journaled;
	bool by_journal; /* the last system that mounted it writes the journal */
	bool clean;	 /* nothing is to be replayed, nothing was under way */
	bool doubtful;	 /* it is marked as damaged or in use */
	/* Where owners are searched for: the header is the other one; where that is, 0 = lost. */
	bool by_other;
	uint64_t other_at;
	struct hfsplus_fork forks[HFSPLUS_FORKS];
	struct hfsplus_journal journal;
	struct sv_extents own; /* in blocks: what the allocation file must have as used */
};

/* Offsets in the header. */
enum {
	HFSPLUS_H_JOURNAL_BLOCK = 12,
	HFSPLUS_H_BLOCK_SIZE = 40,
	HFSPLUS_H_BLOCKS = 44,
	HFSPLUS_H_ALLOCATION = 112,
	HFSPLUS_H_EXTENTS = 192,
	HFSPLUS_FORK_SIZE = 80,

	HFSPLUS_HEADER_AT = 1024, /* and the other one so far before the end */
};

/* Offsets in a record of the extents file: a key, then runs. */
enum {
	HFSPLUS_X_KEY = 10, /* bytes, behind this number */
	HFSPLUS_X_FORK = 2,
	HFSPLUS_X_FILE = 4,
	HFSPLUS_X_START = 8,
	HFSPLUS_X_RUNS = 12,

	HFSPLUS_FIRST_OF_USERS = 16, /* files before it are the volume's own */
};

/* fsmap_read_meta() of bytes of the HFS+ volume. */
int hfsplus_read(struct hfsplus *h, void *buf, size_t len, uint64_t off, const char *what);

/* The allocation file must have the blocks that hold these bytes. */
int hfsplus_must_use(struct hfsplus *h, uint64_t off, uint64_t len);

void hfsplus_clear(struct hfsplus *h);

/* ---- hfsplus_header.c ---- */

/* Find and judge the header and the other one; the forks in it. */
int hfsplus_header_read(struct hfsplus *h);
/* The same where a part of it may be lost: either header will do, also with forks that make no
 * sense, and what they say of its state is not judged. */
int hfsplus_header_find(struct hfsplus *h);

/* ---- hfsplus_fork.c ---- */

/* Take a fork out of the header. */
int hfsplus_fork_take(struct hfsplus *h, enum hfsplus_file which, const uint8_t *raw);
/* Append the runs of a record, as they stand on disk. */
int hfsplus_fork_append(struct hfsplus *h, struct hfsplus_fork *fork, const uint8_t *raw);
/* Read bytes of a fork. */
int hfsplus_fork_read(struct hfsplus *h, const struct hfsplus_fork *fork, uint8_t *buf, size_t len,
		      uint64_t pos, const char *what);

/* The byte of the HFS+ volume where that of a fork lies, and how many follow it there: 0 = nowhere.
 */
uint64_t hfsplus_fork_place(const struct hfsplus *h, const struct hfsplus_fork *fork, uint64_t pos,
			    uint64_t *at);

/* ---- hfsplus_extents.c ---- */

/* Complete the forks by what the extents file has of them. */
int hfsplus_extents_read(struct hfsplus *h);

/* ---- hfsplus_claims.c ---- */

/* The allocation file must have the blocks of all files. */
int hfsplus_claims_read(struct hfsplus *h);

/* ---- hfsplus_journal.c ---- */

/* Read the journal's header: is anything to be replayed? Sets h->clean. */
int hfsplus_journal_read(struct hfsplus *h);
/* Find the copies of the allocation file. */
int hfsplus_journal_follow(struct hfsplus *h);
/* Bytes of the journal, so far ahead of that place in its ring. */
int hfsplus_journal_bytes(struct hfsplus *h, void *buf, size_t len, uint64_t pos, uint64_t ahead);

/* ---- hfsplus_bitmap.c ---- */

/* The allocation file has all of h->own; that is empty afterwards. */
int hfsplus_bitmap_check(struct hfsplus *h);
/* The same, and mark what the allocation file calls free, and no copy of it calls used. */
int hfsplus_bitmap_map(struct hfsplus *h);
/* Bytes of it, as a replay would leave them, lowest bit first; `copy` is scratch of the same size.
 */
int hfsplus_bitmap_bits(struct hfsplus *h, uint8_t *bits, uint8_t *copy, size_t len, uint64_t at);
/* As far as it can be read, has it all of h->own, and as many free blocks as the header says? 0 or
 * SV_E_NOMEM. */
int hfsplus_bitmap_judge(struct hfsplus *h, bool *good);

/* ---- hfsplus_files.c ---- */

/* Who owns the lost bytes; see `files` in reader.h. */
int hfsplus_files_find(struct fsmap_reader *r, struct owners *o);

#endif
