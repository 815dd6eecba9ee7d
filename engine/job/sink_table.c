/* sink_table.c - the first and last MiB of a target: emptied before, written after everything else
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/sink.h"

#include "engine/disk/layout.h"

#include <stdlib.h>
#include <string.h>

static int hold(struct held *held, uint64_t start, uint64_t end)
{
	held->start = start;
	held->len = (size_t)(end - start);
	held->buf = calloc(1, held->len + 1);
	return held->buf ? 0 : SV_E_NOMEM;
}

/* Do something with the parts of [a, b) of the stream that are not absent. */
static int write_present(struct sink *sink, uint64_t a, uint64_t b, const struct held *from,
			 struct sv_err *err)
{
	const struct sv_runs *runs = sink->runs;
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, a); !rc && a < b && i < runs->n; i++) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, b);
		if (runs->v[i].kind != SV_RUN_ABSENT)
			rc = sink_write_at(sink, a - sink->start, (size_t)(to - a),
					   from ? from->buf + (a - from->start) : NULL, err);
		a = to;
	}
	return rc;
}

int sink_begin(struct sink *sink, struct sv_err *err)
{
	uint64_t end = sink->start + sink->len;
	uint64_t head_end = sink->start + SV_MIN(SV_MIB, sink->len);
	uint64_t tail_start = SV_MAX(head_end, end - SV_MIN(SV_MIB, sink->len));
	sink->zeros = aligned_alloc(4096, SINK_ZEROS);
	if (!sink->zeros || hold(&sink->held[0], sink->start, head_end) ||
	    hold(&sink->held[1], tail_start, end))
		return sv_fail_nomem(err);
	memset(sink->zeros, 0, SINK_ZEROS);
	int rc = write_present(sink, sink->start, head_end, NULL, err);
	if (!rc)
		rc = write_present(sink, tail_start, end, NULL, err);
	if (!rc && !sink->part && sink->target.size > sink->len) {
		/* a larger disk: its own last MiB may hold the backup of an old table */
		uint64_t from =
			SV_MAX(sink->len, sink->target.size - SV_MIN(SV_MIB, sink->target.size));
		rc = sink_write_at(sink, from, (size_t)(sink->target.size - from), NULL, err);
	}
	return rc ? rc : blk_flush(sink->target.dev, err);
}

/* Take the stream's own backup GPT out of the tail: on a larger disk it would stand in the middle.
 */
static void blank_old_backup(struct held *held, const struct sv_extent *old)
{
	uint64_t from = SV_MAX(old->start, held->start);
	uint64_t to = SV_MIN(old->start + old->len, held->start + held->len);
	if (from < to)
		memset(held->buf + (from - held->start), 0, (size_t)(to - from));
}

static int move_table(struct sink *sink, struct layout_move *move, struct sv_err *err)
{
	if (sink->part || sink->target.size == sink->len)
		return 0;
	struct sv_err why = {0};
	int rc = layout_move_gpt(sink->held[0].buf, sink->held[0].len, sink->held[1].buf,
				 sink->held[1].len, sink->len, sink->target.size,
				 sink->target.sector_size, move, &why);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc)
		job_say(sink->job, SV_EVENT_WARNING,
			"the backup of the partition table stays where it was: %s", why.text);
	else if (move->tail_len)
		blank_old_backup(&sink->held[1], &move->old_backup);
	return 0;
}

static int read_back_piece(struct sink *sink, uint64_t off, const uint8_t *want, size_t len,
			   struct sv_err *err)
{
	uint8_t *got = aligned_alloc(4096, sv_round_up(len + 1, 4096));
	if (!got)
		return sv_fail_nomem(err);
	int rc = blk_pread(sink->target.dev, got, len, off, err);
	if (!rc && memcmp(got, want, len))
		rc = sv_fail(err, SV_E_DIFFERS, 0, sink->target.path,
			     "%s does not give back the partition table that was written to it",
			     sink->target.path);
	free(got);
	return rc;
}

static int read_back_held(struct sink *sink, const struct held *held,
			  const struct layout_move *move, struct sv_err *err)
{
	const struct sv_runs *runs = sink->runs;
	uint64_t a = held->start, end = a + held->len;
	/* a moved backup may begin inside the stream's last MiB; it is read back as itself */
	if (move->tail_len && move->tail_off + sink->start < end)
		end = SV_MAX(a, move->tail_off + sink->start);
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, a); !rc && a < end && i < runs->n; i++) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		if (runs->v[i].kind != SV_RUN_ABSENT)
			rc = read_back_piece(sink, a - sink->start, held->buf + (a - held->start),
					     (size_t)(to - a), err);
		a = to;
	}
	return rc;
}

static int read_back_table(struct sink *sink, const struct layout_move *move, struct sv_err *err)
{
	int rc = 0;
	blk_file_drop_cache(sink->target.base);
	for (int i = 0; !rc && i < 2; i++)
		rc = read_back_held(sink, &sink->held[i], move, err);
	if (!rc && move->tail_len)
		rc = read_back_piece(sink, move->tail_off, move->tail, move->tail_len, err);
	return rc;
}

/* Both ends of the disk, the first sector last: it makes the rest visible. */
static int write_table(struct sink *sink, const struct layout_move *move, struct sv_err *err)
{
	const struct held *head = &sink->held[0], *tail = &sink->held[1];
	int rc = write_present(sink, tail->start, tail->start + tail->len, tail, err);
	if (!rc && move->tail_len)
		rc = sink_write_at(sink, move->tail_off, move->tail_len, move->tail, err);
	if (!rc)
		rc = blk_flush(sink->target.dev, err);
	uint64_t first = head->start + SV_MIN(sink->target.sector_size, head->len);
	if (!rc)
		rc = write_present(sink, first, head->start + head->len, head, err);
	if (!rc)
		rc = blk_flush(sink->target.dev, err);
	if (!rc)
		rc = write_present(sink, head->start, first, head, err);
	if (!rc)
		rc = blk_flush(sink->target.dev, err);
	if (!rc && sink->verify)
		rc = read_back_table(sink, move, err);
	return rc;
}

/* What failed must not look complete: the table goes again, the first sector first. What fails in
 * here was told already. */
static void take_back(struct sink *sink, const struct layout_move *move)
{
	const struct held *head = &sink->held[0], *tail = &sink->held[1];
	(void)write_present(sink, head->start, head->start + head->len, NULL, NULL);
	(void)write_present(sink, tail->start, tail->start + tail->len, NULL, NULL);
	if (move->tail_len)
		(void)sink_write_at(sink, move->tail_off, move->tail_len, NULL, NULL);
	(void)blk_flush(sink->target.dev, NULL);
}

int sink_end(struct sink *sink, struct sv_err *err)
{
	struct layout_move move = {0};
	job_phase(sink->job, SV_PHASE_FINISH, 0);
	int rc = move_table(sink, &move, err);
	if (!rc) {
		rc = write_table(sink, &move, err);
		if (rc)
			take_back(sink, &move);
	}
	free(move.tail);
	if (!rc && sink->target.is_device && !sink->target.window_len &&
	    !disk_reread_table(sink->target.base))
		job_say(sink->job, SV_EVENT_NOTE,
			"the kernel did not read the new table of %s yet: unplug it or restart",
			sink->target.path);
	return rc;
}
