/* volumes_priv.h - what the files of the stream reader and writer share (inside engine/io only) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_VOLUMES_PRIV_H
#define SV_IO_VOLUMES_PRIV_H

#include "engine/io/dio.h"
#include "engine/io/volumes.h"

#include <pthread.h>

#define VOLUME_DIGITS_MAX 9
#define VOLUME_BASE_MAX	  (VOLUME_NAME_MAX - 2 - VOLUME_DIGITS_MAX)

/* BASE.NNN; the base is at most VOLUME_BASE_MAX characters. */
void volume_name(char out[VOLUME_NAME_MAX], const char *base, unsigned int digits, size_t number);

/* ---- reader ---- */

/* A file of the stream that is read. */
struct volume_file {
	uint64_t start, size; /* what it is of the stream */
	uint64_t present;     /* bytes the file has: fewer or more when it is damaged */
	bool missing;
	struct dio io;	    /* closed or open under the lock; stays open while there are users */
	unsigned int users; /* reads going on; under the lock */
};

/* Constant after opening, but for what is under the lock. */
struct volumes_reader {
	int dirfd;
	char base[VOLUME_NAME_MAX];
	unsigned int digits; /* 0 = one file named `base` */
	bool read_once;
	struct volume_file *f;
	size_t n;
	uint64_t size;
	char stray[VOLUME_NAME_MAX]; /* a volume that is no part of the stream; "" = none */
	pthread_mutex_t lock;
	size_t n_open, hand; /* hand: where the search for one to close goes on; under the lock */
};

void volumes_file_name(const struct volumes_reader *r, size_t i, char name[VOLUME_NAME_MAX]);
/* Which files there are (volumes_find.c): fills f, n, size, digits and stray. `known` NULL: none
 * may be missing. */
int volumes_find(struct volumes_reader *r, const struct volumes_known *known, struct sv_err *err);

/* ---- writer ---- */

#define VOLUMES_BUF_SIZE (4u << 20)
#define NOT_HASHED	 UINT64_MAX

struct volume {
	uint64_t start; /* in the stream */
	uint64_t size;	/* bytes written to the file */
	bool digest_known;
	uint8_t digest[SV_SHA256_LEN];
};

/*
 * The last volume is the one that grows. Its bytes from buf_off on are in `buf`: the first `clean`
 * of them are in the file already, the others are not. While transfers are direct buf_off is
 * aligned, so that the block at the end can be written again when it has grown.
 */
struct volumes_writer {
	int dirfd;
	char base[VOLUME_NAME_MAX];
	uint64_t limit; /* bytes per volume; UINT64_MAX = none */
	unsigned int digits;
	size_t max_volumes;
	const struct store_faults *faults;

	struct volume *v;
	size_t n, cap;
	struct dio io; /* of the last volume; closed between two volumes */

	uint8_t *buf;
	size_t len, clean;
	uint64_t buf_off;

	struct sv_sha256 *sha; /* of the last volume's first `hashed` bytes */
	uint64_t hashed;       /* NOT_HASHED: the digest must be made by reading */

	uint64_t *ends; /* ends of appends that are not wholly in files, ascending */
	size_t n_ends, cap_ends;
	uint64_t safe_end; /* end of the last append that is */

	uint64_t position, synced;
	/* buffered bytes handed to write-back but not waited for */
	uint64_t behind_off, behind_len;
	bool dir_changed, dir_sync_missing, broken, finished;
};

/* volumes_out.c: files, buffer and cutting back. Errors leave the repair to the caller, who calls
 * volumes_roll_back(). */
void volumes_name_of(const struct volumes_writer *w, size_t i, char name[VOLUME_NAME_MAX]);
/* Room for one more in v. SV_E_NOMEM. */
int volumes_reserve(struct volumes_writer *w);
/* Open the volume after the last; what the buffer holds that is not clean is its beginning. */
int volumes_open_next(struct volumes_writer *w, struct sv_err *err);
/* fsync of the last volume; a failure breaks the writer. */
int volumes_sync_last(struct volumes_writer *w, struct sv_err *err);
int volumes_close_last(struct volumes_writer *w, struct sv_err *err);
/* Write the buffer out; without `tail` up to the last whole block. */
int volumes_write_out(struct volumes_writer *w, bool tail, struct sv_err *err);
/* Make the stream end at `target`, which lies inside it. */
int volumes_cut_to(struct volumes_writer *w, uint64_t target, struct sv_err *err);
/* After a failed write: back to the end of the last append that is wholly in the files. */
void volumes_roll_back(struct volumes_writer *w);

#endif
