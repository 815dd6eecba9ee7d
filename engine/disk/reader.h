/* reader.h - reads of a failing disk, on a thread of their own: one that hangs holds nobody up */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_READER_H
#define SV_DISK_READER_H

#include "engine/disk/disk.h"

/*
 * A thread inside a read of a disk that does not answer can be neither woken nor ended; only the
 * disk, or the kernel's patience, ends it. So the reads are a thread's that nobody needs to wait
 * for: while one is under way, device and buffer are its own, for as long as it lasts.
 * One caller, one read at a time.
 */
struct disk_reader;

/* How a read went. */
struct disk_read {
	int error;    /* an errno; 0 = all of it is in the buffer */
	uint64_t bad; /* the first byte that failed, by the disk's own word; UINT64_MAX: it said
			 none */
	uint64_t us;  /* how long it took */
	struct sv_err why;
};

/*
 * `dev` stays the caller's, but must live until disk_reader_destroy() says so. cap: of the largest
 * read, in bytes. disk: what dev is, NULL = a file. Of a disk that takes them, reads are commands
 * of their own (passthrough.h), after the first good one has brought the same as the kernel's way.
 * SV_E_NOMEM, SV_E_FAILED (no thread).
 */
int disk_reader_create(struct blk_dev *dev, const struct disk *disk, size_t cap,
		       struct disk_reader **reader_ret, struct sv_err *err);

/* Begin to read [off, off + len), len <= cap; the one before must have ended. */
void disk_reader_start(struct disk_reader *reader, uint64_t off, uint32_t len);
/* Wait for its end, at most so many milliseconds; false: it is still under way. */
bool disk_reader_wait(struct disk_reader *reader, unsigned int ms, struct disk_read *read_ret);
/* What was read; the caller's from the end of a read until the next one. */
uint8_t *disk_reader_data(struct disk_reader *reader);

/*
 * Ends it; NULL is fine. last(arg) is called when nothing of it touches the device any more: now,
 * and true is returned; or, as long as a read hangs, on the reader's thread when that comes back
 * (which may be never), and false.
 */
bool disk_reader_destroy(struct disk_reader *reader, void (*last)(void *arg), void *arg);

#endif
