/* index.h - disk.idx: written record by record, read as a whole; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_INDEX_H
#define SV_IMAGE_INDEX_H

#include "engine/image/frames.h"
#include "engine/image/image.h"
#include "engine/io/store.h"

/* The head record, decoded. */
struct index_head {
	uint32_t version;
	uint8_t set_uuid[16];
	uint64_t digest_seed;
	struct geometry geometry;
	uint32_t sector_size;
	char codec[17];
	int level;
	struct sv_digest source_digest;
	uint64_t volume_size;
	uint32_t volume_digits;
};

struct index_foot {
	uint64_t frames, stream_len, runs_at, table_at, n_runs;
	uint64_t bytes[5]; /* data, zero, free, bad, absent */
	uint32_t edges;	   /* edges_crc() */
};

/* ---- writing: one thread; records are held back until told to write ---- */

struct index_writer;

/* Start NAME_INDEX anew (keep 0), or continue it behind its first `keep` bytes. Raw errors. */
int index_writer_create(int dirfd, uint64_t keep, const struct store_faults *faults,
			struct index_writer **writer_ret, struct sv_err *err);
void index_writer_destroy(struct index_writer *w);

/* Queue records. SV_E_NOMEM. */
int index_put_head(struct index_writer *w, const struct index_head *head);
int index_put_identity(struct index_writer *w, const char *json);
int index_put_frame(struct index_writer *w, const struct image_frame *frame, uint64_t offset,
		    uint32_t payload);
/* These write as they go. Raw errors. */
int index_put_runs(struct index_writer *w, uint32_t type, const struct sv_runs *runs,
		   struct sv_err *err);
int index_put_table(struct index_writer *w, const struct frame_table *t, const struct geometry *g,
		    struct sv_err *err);
int index_put_foot(struct index_writer *w, const struct index_foot *foot);

/* Offset in the file of the next record. */
uint64_t index_writer_position(const struct index_writer *w);
/* Bytes queued. */
size_t index_writer_queued(const struct index_writer *w);
/* Forget what is queued past file offset `position`, the start of a record. */
void index_writer_forget(struct index_writer *w, uint64_t position);
/* Write what is queued and fsync. */
int index_writer_sync(struct index_writer *w, struct sv_err *err);

/* ---- reading ---- */

/* Called for every sound record, in order; not 0 ends the scan with that code. */
typedef int (*index_record_fn)(void *arg, uint32_t type, const uint8_t *payload, size_t len,
			       uint64_t at);

/* Scan [from, size) of an index. *damage_at: where the first damage begins (size when there is
 * none); damage is stepped over, or ends the scan quietly when `stop_at_damage`. */
int index_scan(codec_read_fn read, void *arg, uint64_t from, uint64_t size, bool stop_at_damage,
	       index_record_fn record, void *record_arg, uint64_t *damage_at);

/* What an index says; zero-initialised = nothing. */
struct index {
	bool has_head, has_foot;
	bool headless; /* the head is the spare one */
	struct index_head head;
	struct index_foot foot;
	char *identity; /* JSON text, NULL when lost */
	size_t identity_len;
	struct sv_runs
		runs; /* merged map; rebuilt from frames and plan where its records are lost */
	bool runs_rebuilt;
	bool runs_guessed;	   /* some outcomes are lost: READ of the plan counts as data */
	struct frame_table frames; /* geometry_frames() entries, or none without a head */
	uint64_t damage_at;	   /* file size when sound */
	bool damaged;
	bool digests_whole; /* every frame has its record */
};

/*
 * Read an index. 0 even when it is damaged, as far as anything can be made of it. `spare` (may be
 * NULL) serves where the head record is lost. SV_E_FORMAT: a newer version. SV_E_DATA: not even a
 * head. SV_E_NOMEM, or what read failed with.
 */
int index_load(codec_read_fn read, void *arg, uint64_t size, const struct index_head *spare,
	       struct index *ix);
void index_clear(struct index *ix);

/* Head of an index and its identity JSON alone (malloc'ed, may be NULL), for lists. */
int index_load_identity(codec_read_fn read, void *arg, uint64_t size, struct index_head *head,
			char **json, size_t *json_len);

/* How far a save got: *done bytes have an outcome, of *total that its plan reads. Errors of `read`,
 * SV_E_NOMEM; damage ends the count. */
int index_load_progress(codec_read_fn read, void *arg, uint64_t size, uint64_t *done,
			uint64_t *total);

bool index_parse_head(const uint8_t *payload, size_t len, struct index_head *head);

/* A frame record, checked: numbers, lengths, runs that cover the frame, as many digests as the runs
 * ask for. Points into the payload. */
struct index_frame {
	uint64_t number, offset;
	uint32_t stored_len, payload, checksum, n_runs, n_digests;
	const uint8_t *runs, *digests;
};
bool index_parse_frame(const uint8_t *payload, size_t len, const struct geometry *g,
		       struct index_frame *f);

/* A list of runs, checked: inside the disk, kinds known. */
struct index_runs {
	uint64_t start;
	uint32_t n;
	const uint8_t *words;
};
bool index_parse_runs(const uint8_t *payload, size_t len, const struct geometry *g,
		      struct index_runs *r);

/* Digests are read from the file record by record. Any thread. */
struct index_digests;
int index_digests_create(int fd, const struct geometry *g, struct index_digests **ret);
void index_digests_destroy(struct index_digests *d);
/* The digest of a granule by the record at `at` of frame `number`. 0 with *has, or SV_E_DATA,
 * SV_E_IO, SV_E_NOMEM. */
int index_digest(struct index_digests *d, uint64_t number, uint64_t at, uint64_t granule,
		 struct sv_digest *digest, bool *has);

/* A codec_read_fn over a descriptor: arg points to an int. */
int index_pread(void *arg, void *buf, size_t len, uint64_t off);

/* How many granules of a frame that begins at `start` hold data or bad bytes. */
uint64_t index_granules(const struct sv_run *runs, size_t n);

#endif
