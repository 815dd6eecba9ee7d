/* volumes.h - one long stream in one file or in numbered files of a directory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_VOLUMES_H
#define SV_IO_VOLUMES_H

#include "engine/io/store.h"
#include "engine/util/err.h"
#include "engine/util/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * BASE.000 BASE.001 ... whose concatenation is the stream; BASE alone when one file sufficed. The
 * directory descriptor stays the caller's and must outlive the object; it may be renamed meanwhile.
 */

/* Digits of the volume numbers for a stream of at most `bytes`; at least 3. volume_size 0: 3. */
unsigned int volumes_digits(uint64_t bytes, uint64_t volume_size);

#define VOLUME_NAME_MAX 256 /* with the final NUL */

/* One file of a stream. */
struct volume_info {
	char name[VOLUME_NAME_MAX];
	uint64_t start;	  /* of its first byte in the stream */
	uint64_t size;	  /* its part of the stream */
	uint64_t present; /* bytes the file has: fewer or more than its part when it is damaged */
	bool missing;
};

/* ---- writer: append only; one thread at a time ---- */

struct volumes_writer;

struct volumes_create {
	int dirfd;
	const char *base_name;		   /* "disk.img.zst"; copied */
	uint64_t volume_size;		   /* bytes; 0 = as long as the store takes */
	unsigned int digits;		   /* volumes_digits() */
	const struct store_faults *faults; /* NULL in production; borrowed */
};

/* Start BASE.000. SV_E_REFUSED when BASE or BASE.000 exists. */
int volumes_writer_create(const struct volumes_create *create, struct volumes_writer **writer_ret,
			  struct sv_err *err);

/*
 * Continue a stream at `position`, with the parameters it was created with: what lies behind is cut
 * off, a finished BASE becomes BASE.000 again. SV_E_DATA when the volumes hold less than that, or
 * one is missing.
 */
int volumes_writer_resume(const struct volumes_create *create, uint64_t position,
			  struct volumes_writer **writer_ret, struct sv_err *err);

/*
 * Append bytes, over as many volumes as it takes. They are buffered: nothing is safe before
 * volumes_writer_sync(). A volume the store lets grow no further (EFBIG) is closed and the next one
 * opened.
 *
 * A failure to write (SV_E_NOSPC, SV_E_IO; here or in sync) leaves the stream at the end of an
 * append: volumes_writer_position() then tells how far whole appends reached the store, which may
 * be before some that had returned 0. The writer stays usable: sync makes what is left safe. Only
 * when cutting back or an fsync failed, every further call but destroy fails too.
 */
int volumes_writer_append(struct volumes_writer *w, const void *buf, size_t len,
			  struct sv_err *err);

/* Bytes appended so far. */
uint64_t volumes_writer_position(const struct volumes_writer *w);

/* Everything appended is on stable storage when this returns 0. */
int volumes_writer_sync(struct volumes_writer *w, struct sv_err *err);

/* Up to where the stream is known to be on stable storage: the position of the last good sync. */
uint64_t volumes_writer_synced(const struct volumes_writer *w);

/* true when the directory itself could not be synced (EINVAL, ENOTSUP): worth a line in a report.
 */
bool volumes_writer_dir_sync_missing(const struct volumes_writer *w);

/* Sync, close, and name a single volume BASE. Afterwards only the questions below and destroy. */
int volumes_writer_finish(struct volumes_writer *w, struct sv_err *err);

/* The files of the stream. Digests of a finished stream: mostly known from appending; what was
 * written before a resume or cut back is read again here. */
size_t volumes_writer_count(const struct volumes_writer *w);
void volumes_writer_info(const struct volumes_writer *w, size_t i, struct volume_info *info);
int volumes_writer_sha256(struct volumes_writer *w, size_t i, uint8_t digest[SV_SHA256_LEN],
			  struct sv_err *err);

/* NULL is fine. Files stay as they are; what was not synced may be lost. */
void volumes_writer_destroy(struct volumes_writer *w);

/* ---- reader: any number of threads ---- */

struct volumes_reader;

enum volumes_reader_flags {
	VOLUMES_READ_ONCE = 1, /* do not leave what is read in the page cache */
};

/* BASE when there is one, else the numbered files. SV_E_NOT_FOUND when there is neither, SV_E_DATA
 * naming a volume that is missing in the middle. */
int volumes_reader_open(int dirfd, const char *base_name, unsigned int flags,
			struct volumes_reader **reader_ret, struct sv_err *err);

/* What other files tell of a stream's files; zero = not known. */
struct volumes_known {
	size_t n;	       /* how many there are */
	const uint64_t *sizes; /* of these n, in order; NULL = not known */
	uint64_t total;	       /* bytes of the stream */
	uint64_t volume_size;  /* of every volume but the last */
};

/*
 * The same for a stream that may be damaged: volumes that are missing or too short leave a hole of
 * their size, whose bytes cannot be read (SV_E_DATA, naming the file), and all others keep their
 * place. What is not known is put together from the files that are there; SV_E_DATA when that does
 * not suffice.
 */
int volumes_reader_open_known(int dirfd, const char *base_name, const struct volumes_known *known,
			      struct volumes_reader **reader_ret, struct sv_err *err);

/* true, and its name, when a numbered file lies there that is no part of the stream. */
bool volumes_reader_stray(const struct volumes_reader *r, char name[VOLUME_NAME_MAX]);

uint64_t volumes_reader_size(const struct volumes_reader *r);

/* Bytes of the stream that its files hold, and the first of them at or behind `off`; the size of
 * the stream when there is none. */
uint64_t volumes_reader_present(const struct volumes_reader *r);
uint64_t volumes_reader_next(const struct volumes_reader *r, uint64_t off);

size_t volumes_reader_count(const struct volumes_reader *r);
void volumes_reader_info(const struct volumes_reader *r, size_t i, struct volume_info *info);

/* Read all of [off, off + len): SV_E_RANGE past the end, SV_E_IO, SV_E_DATA when a file is missing
 * or too short. */
int volumes_reader_pread(struct volumes_reader *r, void *buf, size_t len, uint64_t off,
			 struct sv_err *err);

/*
 * Reading mostly forwards, in pieces of any size: through a buffer of our own that is filled by
 * large direct reads. Where such a read fails only the bytes asked for are read, so that one bad
 * place takes no neighbours along. One thread; the reader must outlive it.
 */
struct volumes_window;
struct volumes_window *volumes_window_create(struct volumes_reader *r); /* NULL = out of memory */
int volumes_window_pread(struct volumes_window *w, void *buf, size_t len, uint64_t off,
			 struct sv_err *err);
void volumes_window_destroy(struct volumes_window *w);

/* Make the next reads come from the medium (of what is synced). */
void volumes_reader_drop_cache(struct volumes_reader *r);

/* NULL is fine. */
void volumes_reader_destroy(struct volumes_reader *r);

#endif
