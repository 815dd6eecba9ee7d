/* sink.c - writing a disk to a target: the order of the steps, and the data between the ends */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/sink.h"

#include <stdlib.h>
#include <string.h>

unsigned int sink_written(const struct sink *sink)
{
	unsigned int kinds = 1u << SV_RUN_DATA;
	if (sink->target.create) /* a new file is all zeros */
		return kinds;
	kinds |= 1u << SV_RUN_ZERO | 1u << SV_RUN_BAD;
	if (sink->free_mode == SV_FREE_ZERO)
		kinds |= 1u << SV_RUN_FREE;
	return kinds;
}

unsigned int sink_wanted(const struct sink *sink)
{
	return sink_written(sink) | (sink->free_mode == SV_FREE_DISCARD ? 1u << SV_RUN_FREE : 0);
}

int sink_write_at(struct sink *sink, uint64_t off, size_t len, const uint8_t *raw,
		  struct sv_err *err)
{
	if (raw)
		return blk_pwrite(sink->target.dev, raw, len, off, err);
	int rc = 0;
	while (!rc && len) {
		size_t piece = SV_MIN(len, SINK_ZEROS);
		rc = blk_pwrite(sink->target.dev, sink->zeros, piece, off, err);
		off += piece;
		len -= piece;
	}
	return rc;
}

/* Write [a, b) of the stream, which stands at `raw` (NULL = zeros); what belongs to head or tail is
 * kept for the end. */
static int put(struct sink *sink, uint64_t a, uint64_t b, const uint8_t *raw, struct sv_err *err)
{
	for (int i = 0; i < 2; i++) {
		struct held *held = &sink->held[i];
		uint64_t from = SV_MAX(a, held->start), to = SV_MIN(b, held->start + held->len);
		if (from >= to)
			continue;
		if (raw)
			memcpy(held->buf + (from - held->start), raw + (from - a),
			       (size_t)(to - from));
		int rc = a < from ? put(sink, a, from, raw, err) : 0;
		if (!rc && to < b)
			rc = put(sink, to, b, raw ? raw + (to - a) : NULL, err);
		return rc;
	}
	return sink_write_at(sink, a - sink->start, (size_t)(b - a), raw, err);
}

/* What fails on a target is the target's fault. */
static int of_target(int rc, struct sv_err *err)
{
	if (rc == SV_E_IO || rc == SV_E_NOSPC)
		return sv_err_recode(err, SV_E_TARGET);
	return rc;
}

int sink_put(struct sink *sink, const struct sv_runs *runs, uint64_t start, size_t len,
	     const uint8_t *raw, struct sv_err *err)
{
	unsigned int kinds = sink_written(sink);
	uint64_t end = SV_MIN(start + len, sink->start + sink->len);
	uint64_t pos = SV_MAX(start, sink->start);
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, pos); !rc && pos < end && i < runs->n;) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		bool write = kinds & 1u << runs->v[i].kind;
		bool discard = runs->v[i].kind == SV_RUN_FREE && sink->free_mode == SV_FREE_DISCARD;
		/* neighbours that are written too go out in one piece */
		for (i++; write && i < runs->n && to < end && kinds & 1u << runs->v[i].kind; i++)
			to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		if (write)
			rc = put(sink, pos, to, raw ? raw + (pos - start) : NULL, err);
		else if (discard)
			rc = blk_discard(sink->target.dev, pos - sink->start, to - pos, err);
		pos = to;
	}
	return of_target(rc, err);
}

static int check(struct sink *sink, const struct sink_steps *steps, void *arg, struct sv_err *err)
{
	if (!sink->verify)
		return 0;
	blk_file_drop_cache(sink->target.base);
	int rc = steps->check(arg, err);
	return rc == SV_E_SOURCE ? sv_err_recode(err, SV_E_TARGET) : rc;
}

int sink_write(struct sink *sink, const struct sink_steps *steps, void *arg, struct sv_err *err)
{
	int rc = of_target(sink_begin(sink, err), err);
	if (!rc)
		rc = steps->copy(arg, err);
	if (!rc) {
		job_phase(sink->job, SV_PHASE_FLUSH, 0);
		rc = of_target(blk_flush(sink->target.dev, err), err);
	}
	if (!rc)
		rc = of_target(check(sink, steps, arg, err), err);
	if (!rc && atomic_load(&sink->job->stop))
		rc = sv_fail_stopped(err, "");
	if (!rc)
		rc = of_target(sink_end(sink, err), err);
	return rc;
}

void sink_release(struct sink *sink)
{
	free(sink->held[0].buf);
	free(sink->held[1].buf);
	free(sink->zeros);
}
