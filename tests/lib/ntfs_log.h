/* ntfs_log.h - logs of NTFS for tests, made by hand: no tool of Linux writes any */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_NTFS_LOG_H
#define TESTS_NTFS_LOG_H

#include "tests/lib/ntfs_image.h"

#define NTFS_LOG_PAGE 4096

/* A log that is being written; all of it before is gone (0xff). */
struct ntfs_log_maker {
	struct ntfs_image *img;
	uint8_t *log;
	uint64_t size;
	unsigned int major; /* 1: version 1.1, 2: 2.0 */
	uint64_t first;	    /* page of records */
	uint64_t pos;	    /* of the next record */
	uint64_t round;
	uint64_t oldest, last; /* LSNs; 0 = no record yet */
	uint64_t current;      /* what the restart pages tell; 0 = `last` */
};

/* What one record says. */
struct ntfs_log_change {
	uint16_t redo_op, undo_op;
	const void *redo, *undo;
	uint16_t redo_len, undo_len;
	uint64_t vcn;
	uint64_t lcns[4];
	uint16_t n_lcns;
	uint16_t record_off, attr_off, block;
	uint32_t pad; /* bytes more than it needs: for records over many pages */
};

/* The records begin on page `skip` of those for them. */
void ntfs_log_begin(struct ntfs_log_maker *m, struct ntfs_image *img, unsigned int major,
		    uint64_t skip);
/* Append a record; its LSN. */
uint64_t ntfs_log_put(struct ntfs_log_maker *m, const struct ntfs_log_change *change);
/* Go to the next page. */
void ntfs_log_turn(struct ntfs_log_maker *m);
/* Write the restart pages, and all fixups: nothing more can be appended. */
void ntfs_log_end(struct ntfs_log_maker *m);
/* Move the page that holds that LSN to the copy number `copy`; its place is filled with `fill`. */
void ntfs_log_to_copy(struct ntfs_log_maker *m, uint64_t lsn, unsigned int copy, uint8_t fill);
/* The page that holds it, and the record itself; the fixups stand. */
uint8_t *ntfs_log_page_of(struct ntfs_log_maker *m, uint64_t lsn);
uint8_t *ntfs_log_record_of(struct ntfs_log_maker *m, uint64_t lsn);

#endif
