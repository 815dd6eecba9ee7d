/* ntfs_log.h - what the files that read an NTFS log share; private to ntfs_log*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_NTFS_LOG_H
#define SV_FSMAP_NTFS_LOG_H

#include "engine/fsmap/ntfs.h"

/*
 * $LogFile holds two restart pages, then copies of the last pages that were written (two of them up
 * to version 1.1, 32 from 2.0 on), then pages of records that are written round and round. A record
 * is known by its LSN: how often the log went round before, and the record's place in the file in
 * units of eight bytes. It begins at such a place, with its head on one page; its data may go on on
 * the next ones.
 *
 * Sources: kernel fs/ntfs3/fslog.c (RESTART_HDR, RESTART_AREA, CLIENT_REC, RECORD_PAGE_HDR,
 * LFS_RECORD_HDR, LOG_REC_HDR, do_action()), the linux-ntfs documentation of $LogFile, and what
 * dfir_ntfs (LogFile.py) found in logs of Windows 7 and 10. All little endian.
 *
 * Why the union is enough. What a replay leaves in $Bitmap is what stands there now, changed by the
 * set-bits and clear-bits operations of the records from the oldest needed one on. So what will be
 * in use is in use now, or in the range of one of them, redone or undone. All of them are taken, of
 * whichever age, and in either direction. A record that changes $Bitmap in another way, or that
 * cannot be understood, makes the volume whole. What is redone to clusters that were freed
 * meanwhile must find them as they were, so every cluster that a record names is used, too; and
 * what run lists in records name, although set-bits operations of their own stand before them.
 */

#define NTFS_LOG_TAILS 32 /* copies of pages, at most */

/* One record. */
struct ntfs_log_record {
	uint64_t lsn;
	uint64_t end;	/* the byte of the log behind it, on its last page */
	bool wrapped;	/* it went past the end of the log */
	uint32_t type;	/* 1 = of NTFS, 2 = its checkpoint */
	uint16_t flags; /* NTFS_LOG_NO_REDO, NTFS_LOG_NO_UNDO */
	size_t len;	/* bytes at l->data */
};
#define NTFS_LOG_RECORD	 1
#define NTFS_LOG_RESTART 2
#define NTFS_LOG_NO_REDO 2
#define NTFS_LOG_NO_UNDO 4

/* A page with its fixups undone. */
struct ntfs_log_page {
	uint8_t *buf;  /* owned by the log */
	uint64_t home; /* where it belongs, bytes from the start */
	bool good, tail;
};

/* Zero-initialised but for `v` and `stream.what`; released with ntfs_log_clear(). */
struct ntfs_log {
	struct ntfs_vol *v;
	struct ntfs_stream stream;
	struct ntfs_window window;
	unsigned int major;
	uint32_t page;		  /* bytes */
	uint64_t size;		  /* that are in use, restart pages included */
	uint64_t first;		  /* where records begin */
	uint32_t head;		  /* bytes before the data of a record */
	uint32_t data_off;	  /* of the records on a page */
	unsigned int place_bits;  /* low bits of an LSN: the place */
	uint64_t oldest, current; /* LSNs: needed still; the last one when the area was written */
	struct ntfs_log_page here, tails[NTFS_LOG_TAILS];
	size_t n_tails;
	uint8_t *data; /* of the record that was read last */
	size_t data_cap;
	uint64_t budget; /* bytes of records that may still be read: they may claim to overlap */
	uint64_t last;	 /* LSN: the last one of those without a gap */
	uint64_t torn;	 /* LSN: the one behind it, when its end is not there; 0 = none */
};

/* ntfs_log_pages.c: places, pages, records */
uint64_t ntfs_log_place(const struct ntfs_log *l, uint64_t lsn);
uint64_t ntfs_log_lsn(const struct ntfs_log *l, uint64_t place, uint64_t round);
uint64_t ntfs_log_round(const struct ntfs_log *l, uint64_t lsn);
/* The page behind; *round goes up where that is the first one again. */
uint64_t ntfs_log_next_page(const struct ntfs_log *l, uint64_t off, uint64_t *round);
/* Room for pages, and the copies of the last ones. */
int ntfs_log_pages_load(struct ntfs_log *l);
/* Copy `i` of the page that belongs to `off`: 0 is the one that stands there. *page NULL: no more;
 * else it may not be good. */
int ntfs_log_page(struct ntfs_log *l, uint64_t off, size_t i, const struct ntfs_log_page **page);
/* The LSN of the record whose head is at that byte of a page; 0 when there is none. */
uint64_t ntfs_log_head(const struct ntfs_log *l, const struct ntfs_log_page *page, uint32_t off);
/* The record with that LSN into *rec and l->data. *found false: it is not there, or does not go on
 * where it should; `torn` tells which. */
int ntfs_log_record(struct ntfs_log *l, uint64_t lsn, struct ntfs_log_record *rec, bool *found,
		    bool *torn);
void ntfs_log_clear(struct ntfs_log *l);

/* ntfs_log_walk.c: all records; those that a replay needs must be there without a gap. */
int ntfs_log_walk(struct ntfs_log *l);

/* ntfs_log_ops.c: what the record in l->data names is used. With `strict`, what cannot be
 * understood is a doubt; else it is passed over. */
int ntfs_log_take(struct ntfs_log *l, const struct ntfs_log_record *rec, bool strict);

#endif
