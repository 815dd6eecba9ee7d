/* sink.h - writing a disk to a target: its ends emptied first, then the data, the table last;
 * private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_SINK_H
#define SV_JOB_SINK_H

#include "engine/job/job.h"
#include "engine/job/target.h"

/* The first or last MiB of what is written, kept in memory until everything else is safe. Positions
 * of the stream. */
struct held {
	uint64_t start;
	size_t len;
	uint8_t *buf; /* zeros where nothing was put */
};

/*
 * A stream (an image's, a source's) on its way to a target. The owner fills in what stands above
 * `held`, opens the target and closes it; everything is the job thread's. "The stream" is the whole
 * disk, of which [start, start + len) goes to byte 0 of the target and behind.
 */
struct sink {
	struct sv_job *job;
	struct target target;
	const struct sv_runs *runs; /* of the stream; only what is absent matters here */
	uint64_t start, len;
	bool part; /* a partition of the stream: there is no table to move */
	enum sv_free_mode free_mode;
	bool verify;
	struct held held[2]; /* head, tail */
	uint8_t *zeros;	     /* SINK_ZEROS zero bytes */
};
#define SINK_ZEROS ((size_t)SV_MIB)

/* The steps in between that are the owner's. */
struct sink_steps {
	/* Puts everything with sink_put(). */
	int (*copy)(void *arg, struct sv_err *err);
	/* Reads back all but the held ends; only with `verify`. SV_E_SOURCE of the reading device
	 * is taken for the target's. */
	int (*check)(void *arg, struct sv_err *err);
};

/*
 * Empty the target's first and last MiB, so that no old table points at half-written data; copy;
 * flush; check; then both ends, the very first sector last; on a larger disk with the GPT moved.
 * The ends are read back too, and are zeros again when that fails, as far as they can be written.
 * Absent ranges are left alone. SV_E_TARGET, SV_E_DIFFERS, SV_E_STOPPED, SV_E_NOMEM, what a step
 * returned.
 */
int sink_write(struct sink *sink, const struct sink_steps *steps, void *arg, struct sv_err *err);

/* Mask (1u << kind) of what is written; of what is written or given back to the device. */
unsigned int sink_written(const struct sink *sink);
unsigned int sink_wanted(const struct sink *sink);

/*
 * From copy(): write [start, start + len) of the stream, of which `raw` holds the bytes (NULL = all
 * zeros) and `runs` tells the kinds. What belongs to an end is kept for later. SV_E_TARGET.
 */
int sink_put(struct sink *sink, const struct sv_runs *runs, uint64_t start, size_t len,
	     const uint8_t *raw, struct sv_err *err);

void sink_release(struct sink *sink);

/* ---- between sink.c and sink_table.c ---- */

/* `raw` (NULL = zeros) to byte `off` of the target. SV_E_IO and the like. */
int sink_write_at(struct sink *sink, uint64_t off, size_t len, const uint8_t *raw,
		  struct sv_err *err);
int sink_begin(struct sink *sink, struct sv_err *err);
int sink_end(struct sink *sink, struct sv_err *err);

#endif
