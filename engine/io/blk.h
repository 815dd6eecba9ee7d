/* blk.h - block devices of the engine: one interface, backends that stack */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_BLK_H
#define SV_IO_BLK_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blk_dev;

/*
 * A backend. Called only through blk_*(), which check arguments first. Offsets and lengths in
 * bytes, any alignment. pread and pwrite transfer everything or fail; after a failed read the
 * buffer's content is undefined. Optional members may be NULL: pwrite (read-only), discard (nothing
 * to do), flush (nothing to do).
 */
struct blk_ops {
	const char *name;
	int (*pread)(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err);
	int (*pwrite)(struct blk_dev *dev, const void *buf, size_t len, uint64_t off,
		      struct sv_err *err);
	int (*discard)(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err);
	int (*flush)(struct blk_dev *dev, struct sv_err *err);
	void (*close)(struct blk_dev *dev); /* frees dev itself */
};

/*
 * The common head of every backend's own struct. Fields are fixed after opening. One thread may
 * read while another writes elsewhere; the backends keep no shared state that forbids it, unless
 * their header says so.
 */
struct blk_dev {
	const struct blk_ops *ops;
	const char *name;     /* for sentences: "/dev/sdb", a path; lives as long as the device */
	uint64_t size;	      /* bytes */
	uint32_t sector_size; /* logical sector in bytes: 512, 4096 ... */
	bool writable;
};

/* Read or write all of [off, off + len). SV_E_RANGE outside the device, SV_E_READ_ONLY, SV_E_IO
 * (errno in err) or SV_E_NOSPC. */
int blk_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err);
int blk_pwrite(struct blk_dev *dev, const void *buf, size_t len, uint64_t off, struct sv_err *err);
/* Tell the device that a range's content no longer matters. Advice: content afterwards is
 * undefined. */
int blk_discard(struct blk_dev *dev, uint64_t off, uint64_t len, struct sv_err *err);
/* Everything written is on stable storage when this returns 0. */
int blk_flush(struct blk_dev *dev, struct sv_err *err);
/* NULL is fine. Does not flush. Devices below in a stack are not closed. */
void blk_close(struct blk_dev *dev);

/* ---- backends; each opens with 0 or an error, and *dev_ret is owned by the caller ---- */

enum blk_file_flags {
	BLK_FILE_WRITE = 1, /* open for writing */
	BLK_FILE_CREATE =
		2, /* create a regular file that must not exist, of `create_size` bytes, sparse */
	BLK_FILE_EXCL = 4,     /* O_EXCL on a block device: EBUSY when it is in use */
	BLK_FILE_BUFFERED = 8, /* never O_DIRECT */
};

/*
 * A block device or a regular file. Reads and writes whole aligned pieces with O_DIRECT where the
 * file allows it, the rest buffered; both see each other's data. sector_size: 0 = a device's own,
 * for a file 512. A partition or disk node is opened O_RDONLY unless BLK_FILE_WRITE. SV_E_NOT_FOUND
 * when it is not there, SV_E_REFUSED when it is neither a block device nor a regular file, SV_E_IO
 * otherwise (EBUSY in err).
 */
int blk_file_open(const char *path, unsigned int flags, uint32_t sector_size, uint64_t create_size,
		  struct blk_dev **dev_ret, struct sv_err *err);
/* The descriptor for ioctls, or -1 when dev is not such a device. Stays dev's. */
int blk_file_fd(const struct blk_dev *dev);
/* From now on through the page cache: a write returns before it is on the medium, blk_flush() waits
 * for that. For who writes small pieces and reads elsewhere meanwhile. */
void blk_file_buffered(struct blk_dev *dev);
/* Let what is in the page cache be written now, without waiting. */
void blk_file_start_writes(struct blk_dev *dev);
/* Throw the page cache of the whole device or file away after a flush, so that the next read comes
 * from the medium. */
void blk_file_drop_cache(struct blk_dev *dev);

/* Memory of `size` zero bytes, or a copy of `content` when not NULL; writable. */
int blk_mem_create(const void *content, uint64_t size, uint32_t sector_size,
		   struct blk_dev **dev_ret);
/* The bytes of a memory device. */
uint8_t *blk_mem_data(struct blk_dev *dev);

/* A part [start, start + size) of `below`, seen as a device of its own. `name` is copied. `below`
 * must outlive it. */
int blk_window_create(struct blk_dev *below, uint64_t start, uint64_t size, const char *name,
		      struct blk_dev **dev_ret, struct sv_err *err);

/* A range of a device, in bytes. */
struct blk_piece {
	uint64_t start, len;
};

/*
 * A volume in segments, one after the other, seen as a device of its own: a logical volume. A
 * segment lies in stripes of `stripe` bytes, in turn on its columns, as dm-striped has it: its byte
 * x is in stripe number x / stripe, which is on column (number % n), there the (number / n)-th. On
 * one column it is in one piece, whatever `stripe` is. Read-only. Segments, columns and the devices
 * below are not copied and must outlive it; its sectors are the largest of those. SV_E_RANGE for a
 * segment that is empty, not in whole stripes on each column, or does not lie in what is below.
 */
struct blk_column {
	struct blk_dev *below;
	uint64_t start;
};
struct blk_segment {
	uint64_t len, stripe;
	const struct blk_column *columns;
	size_t n;
};
int blk_segments_create(const struct blk_segment *segments, size_t n, const char *name,
			struct blk_dev **dev_ret, struct sv_err *err);
/* What of [start, start + len) of such a segment is on one of its columns: always one range, of the
 * device below. false when it is none. */
bool blk_segment_on(const struct blk_segment *segment, uint64_t start, uint64_t len, size_t column,
		    struct blk_piece *piece_ret);
/* The other way round: where in the segment byte `y` of a column is; *len: so many from there on
 * follow each other. */
uint64_t blk_segment_at(const struct blk_segment *segment, size_t column, uint64_t y,
			uint64_t *len_ret);

/*
 * What `below` decrypts to, read-only. Sectors are those of dm-crypt: each of `sector_size` bytes
 * is a message of its own, whose number (the n-th 512 bytes of it, plus `first`) makes its IV.
 * `cipher` as dm-crypt writes it: "aes-xts-plain64", "aes-cbc-essiv:sha256", with plain or plain64
 * for either, and BitLocker's "aes-cbc-eboiv" and "aes-cbc-elephant". SV_E_FORMAT for any other,
 * and for a key of another length; SV_E_RANGE for a size that is not in whole sectors. The key is
 * copied, kept out of swap areas where that is allowed, and wiped.
 */
#define BLK_CRYPT_KEY_MAX 64
struct blk_crypt_params {
	const char *cipher;
	const uint8_t *key;
	size_t key_len;
	uint32_t sector_size;
	uint64_t first;
	bool whole_sectors; /* numbers count sectors of sector_size (BitLocker), not of 512 bytes */
};
int blk_crypt_create(struct blk_dev *below, const struct blk_crypt_params *params, const char *name,
		     struct blk_dev **dev_ret, struct sv_err *err);
/* Whether a cipher is known, with a key of that length. */
bool blk_crypt_knows(const char *cipher, size_t key_len);

/* `below` without its write operations, whatever it allows itself. */
int blk_ro_create(struct blk_dev *below, struct blk_dev **dev_ret);

/*
 * `below`, read-only, without the bytes of `lost` (a normal list, the caller's, not copied): they
 * read as zeros, or a read that touches any of them fails with EIO. SV_E_NOMEM.
 */
struct sv_extents;
int blk_holes_create(struct blk_dev *below, const struct sv_extents *lost, bool zeros,
		     struct blk_dev **dev_ret);

/*
 * `below` with pieces laid over it in memory: reads see the pieces, writes become pieces (rounded
 * to `unit` bytes), `below` is never written. One thread at a time. Used for rebuilt tables and
 * journal copies.
 */
int blk_overlay_create(struct blk_dev *below, uint32_t unit, struct blk_dev **dev_ret);

/*
 * Faults for tests. Rules are looked at in order; the first that matches the operation and touches
 * the range, and whose `skip` operations have passed, fails it with `sys_errno` (before anything is
 * transferred, or after half of it for a short write). Counting is atomic; rules are added before
 * use.
 */
enum blk_fault_op {
	BLK_FAULT_READ = 1,
	BLK_FAULT_WRITE = 2,
	BLK_FAULT_FLUSH = 4,
	BLK_FAULT_DISCARD = 8,
};
struct blk_fault_rule {
	unsigned int ops;    /* mask of enum blk_fault_op */
	uint64_t start, len; /* range; len 0 = everywhere */
	uint64_t skip;	     /* let that many matching operations pass first */
	uint64_t count;	     /* fail that many, then pass again; 0 = for ever */
	int sys_errno;	     /* EIO, ENOSPC, ENXIO ... */
	bool half;	     /* a failing write writes its first half first */
	bool flip; /* do not fail: flip one bit of what is read or written at `start` (silent
		      corruption) */
};
int blk_fault_create(struct blk_dev *below, struct blk_dev **dev_ret);
int blk_fault_add(struct blk_dev *fault, const struct blk_fault_rule *rule);
/* How many operations of these kinds came so far. */
uint64_t blk_fault_seen(struct blk_dev *fault, unsigned int ops);

#endif
