/* reader_priv.h - the parts of the reader; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_READER_PRIV_H
#define SV_IMAGE_READER_PRIV_H

#include "engine/image/frames.h"
#include "engine/image/index.h"
#include "engine/image/manifest.h"
#include "engine/io/volumes.h"

#include <stdatomic.h>

/* Constant after opening, but for digests_lost and failed. */
struct image_reader {
	char *path; /* as given, for sentences */
	int dirfd;
	unsigned int flags;
	bool lone;	   /* a stream file without its directory */
	char base[256];	   /* name of the stream */
	bool has_manifest; /* manifest.json is whole */
	struct manifest m;
	struct geometry geometry;
	const struct codec_ops *codec;
	struct volumes_reader *stream;
	struct frame_table frames;
	struct sv_runs runs;
	size_t max_stored;
	int index_fd;
	struct index_digests *digests; /* NULL: lost */
	atomic_bool digests_lost;      /* a record was found damaged later */
	atomic_int failed;	       /* why digests cannot be read at all: image_cannot_tell() */
	char **damage;
	size_t n_damage;
};

/* Note damage found while opening. SV_E_NOMEM. */
int reader_say(struct image_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* After something could not be read: SV_E_STORE, instead of the old story in err, when the whole
 * store has gone; else rc as it is. */
int reader_store_gone(const struct image_reader *r, int rc, struct sv_err *err);

/* A codec_read_fn over the stored stream; arg is the volumes_reader. */
int reader_pread(void *arg, void *buf, size_t len, uint64_t off);

/* The manifest of a directory. SV_E_NOT_FOUND, SV_E_DATA (damaged), SV_E_FORMAT (newer and, by
 * SHA256SUMS, intact), SV_E_IO, and what image_cannot_tell(), with a sentence. */
int reader_load_manifest(int dirfd, struct manifest *m, struct sv_err *err);

/* The line of SHA256SUMS about a file. false when there is none. */
bool reader_sum_of(const char *sums, const char *name, uint8_t sha256[SV_SHA256_LEN]);

/* What an index says about its disk where there is no manifest. SV_E_DATA, SV_E_NOMEM. */
int reader_info_of_index(const struct index_head *head, const char *json, size_t json_len,
			 struct manifest *m);

/*
 * The codec and the files of the stream (reader_stream.c): by manifest and index where there are
 * any, else by names and content; then also info. What is missing of the files is noted, and is a
 * hole in the stream.
 */
int reader_open_stream(struct image_reader *r, const struct index *ix, struct sv_err *err);

/* The frames by whatever tells of them: index (may have none), the stream's own table, a walk. */
int reader_find_frames(struct image_reader *r, struct index *ix, struct sv_err *err);

/* Info and geometry of a stream that has lost its side files. */
int reader_identify_stream(struct image_reader *r, struct sv_err *err);

/* The codec by the stream's first bytes; SV_E_DATA when it is none of ours. */
int reader_guess_codec(struct volumes_reader *stream, const struct codec_ops **codec,
		       struct sv_err *err);

#endif
