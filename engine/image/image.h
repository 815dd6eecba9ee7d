/* image.h - an image on a store: one writer, one reader (specified in docs/image-format.md) */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_IMAGE_H
#define SV_IMAGE_IMAGE_H

#include "engine/codec/codec.h"
#include "engine/io/blk.h"
#include "engine/io/store.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"
#include "engine/util/hash.h"

#define IMAGE_GRANULE 65536u /* bytes under one XXH3-128 digest */

/* One partition, as the manifest tells it. */
struct image_part {
	int number;
	uint64_t start, size;
	char type[40], name[128];
	char fs[32], label[256], uuid[64];
	char state[8]; /* exact, union, whole; "absent" when not selected */
	char reason[240];
	uint64_t used;
	/* read with the help of what was opened, and of other disks: how many; -1 = not told */
	int unlocked, joined;
};

/* What an image says about its disk: the manifest as plain data. Owned by whoever filled it;
 * strings are inside. */
struct image_info {
	uint8_t set_uuid[16];
	uint64_t digest_seed;
	uint64_t size; /* of the disk: the stream's length */
	uint32_t sector_size;
	char codec[16];
	int level;
	uint32_t frame_size;
	char source[160], model[80], serial[80], wwn[80], transport[16];
	char table[16];
	bool primary_gpt_dead;
	char note[1024];
	char created[40], finished[40]; /* RFC 3339, informative */
	char tool[32];			/* "salvor 0.1.0" */
	struct image_part *parts;	/* free() by image_info_clear */
	size_t n_parts;
	/* set when finished: */
	uint64_t bytes_data, bytes_zero, bytes_free, bytes_bad, bytes_absent, bytes_stored;
	char verdict[16]; /* "complete", "bad-areas"; "" in an unfinished image */
	bool verified;
};
void image_info_clear(struct image_info *info);

/* ---- writer ---- */

struct image_writer;

/*
 * Asked when an image is about to be continued, before anything of it is touched: the writer
 * answers image_writer_info(), image_writer_resumed_from() and image_writer_old_digest() only. Not
 * 0 ends the resume with that code.
 */
typedef int (*image_resume_fn)(void *arg, const struct image_writer *w, struct sv_err *err);

struct image_create {
	const char *path;	/* the final directory; the work happens in PATH.part */
	struct image_info info; /* identity part filled; the writer makes set_uuid and digest_seed
				   and copies what it keeps */
	const struct sv_runs *plan;	/* read, free, absent over [0, size) */
	uint64_t volume_size;		/* 0 = one file, unless the store is FAT */
	bool resume;			/* continue PATH.part where there is one */
	struct sv_digest source_digest; /* digest of the metadata the map readers touched: resume
					   compares it */
	image_resume_fn check;		/* may be NULL */
	void *check_arg;
	const char *report_head;	   /* lines for report.txt, may be NULL */
	const struct store_faults *faults; /* NULL in production; borrowed */
};

/* One finished frame, in order. All pointers are the caller's and only read during the call. */
struct image_frame {
	uint64_t number;
	const void *stored;
	size_t stored_len;
	uint32_t checksum; /* low 32 bits of XXH64 of the raw frame */
	const struct sv_run
		*runs; /* kinds within the frame, absolute offsets; covers the frame exactly */
	size_t n_runs;
	const struct sv_digest *digests; /* of the granules in this frame that hold any data or bad
					    byte, ascending */
	size_t n_digests;
};

/*
 * Opens or resumes PATH.part and locks it. SV_E_REFUSED: PATH exists, PATH.part exists without
 * resume, or the source is not that of PATH.part. SV_E_LOCKED. SV_E_STORE, SV_E_STORE_FULL. `info`
 * as the writer completed it (uuid, seed) is in image_writer_info().
 */
int image_writer_create(const struct image_create *create, struct image_writer **writer_ret,
			struct sv_err *err);
const struct image_info *image_writer_info(const struct image_writer *w);
/* Bytes of the source already landed when resumed: a multiple of the frame size; 0 when fresh. */
uint64_t image_writer_resumed_from(const struct image_writer *w);
/* Bytes of the source that a later resume will find. */
uint64_t image_writer_safe(const struct image_writer *w);
/* The digest of a finished granule of a resumed image, for the re-read of random samples; false
 * when it holds no data. */
bool image_writer_old_digest(const struct image_writer *w, uint64_t granule,
			     struct sv_digest *digest);

/* Append the next frame. Syncs stream and journal by itself every 64 MiB of input or 5 s. */
int image_writer_append(struct image_writer *w, const struct image_frame *frame,
			struct sv_err *err);

/* Seek table, merged run map, footer; everything synced. After it the reader can open PATH.part. */
int image_writer_finish_stream(struct image_writer *w, struct sv_err *err);

/* Manifest with the verdict, README.txt, report.txt (with `report_tail`), SHA256SUMS, fsync each,
 * rename to PATH, syncfs. */
int image_writer_commit(struct image_writer *w, bool verified, const char *report_tail,
			struct sv_err *err);

/* Make what has landed safe for a later resume (after an error or a stop). */
int image_writer_suspend(struct image_writer *w, struct sv_err *err);
/* NULL fine. Leaves PATH.part as it is (a later resume), unless nothing landed at all: then it is
 * removed. */
void image_writer_destroy(struct image_writer *w);

/* ---- reader: one for restore, verify, browse, export ---- */

struct image_reader;

/* An error that says nothing about the image: it must end the job, not count as damage. */
static inline bool image_cannot_tell(int rc)
{
	return rc == SV_E_NOMEM || rc == SV_E_STORE;
}

enum image_open_flags {
	IMAGE_OPEN_PART = 1, /* path is a PATH.part with a finished stream and no manifest yet */
	IMAGE_OPEN_SALVAGE =
		2 /* missing or damaged side files are replaced by walking the frames */
};

/*
 * Opens an image directory, or a lone stream file / its first volume. Every structure is hostile
 * until checked. SV_E_NOT_FOUND, SV_E_FORMAT (newer, intact), SV_E_DIFFERS (damaged), SV_E_STORE
 * (cannot be read, or the store has gone). A lost or damaged disk.idx or manifest is noted in
 * image_reader_damage() and worked around as far as the rest allows.
 */
int image_reader_open(const char *path, unsigned int flags, struct image_reader **reader_ret,
		      struct sv_err *err);
void image_reader_close(struct image_reader *r);
const struct image_info *image_reader_info(const struct image_reader *r);
const struct sv_runs *
image_reader_runs(const struct image_reader *r); /* data, zero, free, bad, absent over [0, size) */
uint64_t image_reader_frames(const struct image_reader *r);
/* Raw position and length of frame n. */
void image_reader_frame_range(const struct image_reader *r, uint64_t n, uint64_t *start,
			      uint64_t *len);
/* true when frame n holds only zero/free/absent/bad ranges: need not be decoded to restore. */
bool image_reader_frame_constant(const struct image_reader *r, uint64_t n);
/* Stored bytes of a frame: largest of all (for buffers), and reading them. SV_E_DIFFERS, SV_E_IO
 * for this place, SV_E_STORE when the whole store has gone. Any thread. */
size_t image_reader_max_stored(const struct image_reader *r);
int image_reader_read_stored(struct image_reader *r, uint64_t n, void *buf, size_t cap, size_t *len,
			     struct sv_err *err);
/* The same through a window of one thread, for frames that are read one after the other. */
struct volumes_window;
struct volumes_window *
image_reader_window(struct image_reader *r); /* NULL = out of memory;
					      * the caller's, for volumes_window_destroy() */
int image_reader_next_stored(struct image_reader *r, struct volumes_window *window, uint64_t n,
			     void *buf, size_t cap, size_t *len, struct sv_err *err);
/* Decode stored bytes with a codec context of the caller's thread and check the seek table's
 * checksum. SV_E_DIFFERS. */
int image_reader_decode(struct image_reader *r, struct codec_ctx *ctx, uint64_t n,
			const void *stored, size_t stored_len, void *raw, struct sv_err *err);
const struct codec_ops *image_reader_codec(const struct image_reader *r);
/* Digest of granule g (64 KiB at g * 64 KiB); false when there is none (no data in it, or the index
 * is lost). Any thread; may read disk.idx. */
bool image_reader_digest(struct image_reader *r, uint64_t g, struct sv_digest *digest);
bool image_reader_has_digests(const struct image_reader *r);
/* true when a record of disk.idx turned out damaged since opening: no longer has_digests. */
bool image_reader_digests_lost(const struct image_reader *r);
/* 0, or with a sentence why digests can no longer be asked for at all: image_cannot_tell(). What
 * was compared with digests since opening is worth nothing then. Any thread. */
int image_reader_failed(const struct image_reader *r, struct sv_err *err);
/* Sentences about damage found while opening, in order; NULL after the last. */
const char *image_reader_damage(const struct image_reader *r, size_t i);

/* The image as a read-only disk (free, bad and absent read as zeros); caches some frames. Any one
 * thread at a time. */
int image_blk_create(struct image_reader *r, struct blk_dev **dev_ret, struct sv_err *err);

/*
 * Check every stored file by its SHA-256 against the manifest, and SHA256SUMS byte for byte with
 * what it would be. Calls `found` for each difference (file, first byte, length; len 0 = whole file
 * or unknown), goes on to the end. `progress(arg, bytes)` may be NULL and returns false to stop
 * (SV_E_STOPPED). 0 = all the same, SV_E_DIFFERS otherwise; what image_cannot_tell().
 */
typedef void (*image_found_fn)(void *arg, const char *file, uint64_t start, uint64_t len,
			       const char *sentence);
enum image_check_what {
	IMAGE_CHECK_ALL,
	IMAGE_CHECK_SIDE_FILES, /* all but the stream, which is checked by decoding it */
};
int image_check_files(struct image_reader *r, enum image_check_what what, image_found_fn found,
		      bool (*progress)(void *arg, uint64_t bytes), void *arg, struct sv_err *err);

/*
 * What an unfinished image (PATH.part) was begun with: its identity, and the size of volumes asked
 * for. info to be cleared. SV_E_NOT_FOUND: nothing there that could be continued. SV_E_NOMEM.
 */
int image_begun(const char *part, struct image_info *info, uint64_t *volume_size);
/* With an encrypted volume opened: going on takes its key. */
bool image_begun_unlocked(const struct image_info *info);

/* Images in a store directory (and unfinished *.part). */
struct image_list_entry {
	char name[256];
	bool unfinished;
	bool readable;
	struct image_info info; /* when readable */
	/* of an unfinished one: bytes of the disk that are dealt with, of those to be read; to_read
	 * 0 = not known */
	uint64_t done, to_read;
};
int image_list(const char *store, struct image_list_entry **list_ret, size_t *n_ret,
	       struct sv_err *err);
/* Only the *.part; finished images are not looked at. */
int image_list_unfinished(const char *store, struct image_list_entry **list_ret, size_t *n_ret,
			  struct sv_err *err);
void image_list_free(struct image_list_entry *list, size_t n);

#endif
