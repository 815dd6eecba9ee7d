/* restore_table.c - the first and last MiB of a restore: emptied before, written after everything
 * else */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/restore.h"

#include "engine/disk/layout.h"

#include <stdlib.h>
#include <string.h>

int restore_write(struct restore_run *run, uint64_t off, size_t len, const uint8_t *raw,
		  struct sv_err *err)
{
	if (raw)
		return blk_pwrite(run->target.dev, raw, len, off, err);
	int rc = 0;
	while (!rc && len) {
		size_t piece = SV_MIN(len, RESTORE_ZEROS);
		rc = blk_pwrite(run->target.dev, run->zeros, piece, off, err);
		off += piece;
		len -= piece;
	}
	return rc;
}

int restore_damage(struct restore_run *run, const struct walk_frame *frame, struct sv_err *err)
{
	uint64_t from = SV_MAX(frame->start, run->start);
	uint64_t to = SV_MIN(frame->start + frame->len, run->start + run->len);
	struct sv_event event = {.kind = SV_EVENT_DAMAGE,
				 .sentence = frame->damage,
				 .object = "frame",
				 .start = from,
				 .len = to - from};
	job_event(run->job, &event);
	run->image_damaged = true;
	if (frame->constant) /* its content is known from the run map */
		return 0;
	return sv_extents_add(&run->damaged, from, to - from) ? sv_fail_nomem(err) : 0;
}

static int hold(struct held *held, uint64_t start, uint64_t end)
{
	held->start = start;
	held->len = (size_t)(end - start);
	held->buf = calloc(1, held->len + 1);
	return held->buf ? 0 : SV_E_NOMEM;
}

/* Do something with the parts of [a, b) of the stream that are not absent. */
static int write_present(struct restore_run *run, uint64_t a, uint64_t b, const struct held *from,
			 struct sv_err *err)
{
	const struct sv_runs *runs = image_reader_runs(run->reader);
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, a); !rc && a < b && i < runs->n; i++) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, b);
		if (runs->v[i].kind != SV_RUN_ABSENT)
			rc = restore_write(run, a - run->start, (size_t)(to - a),
					   from ? from->buf + (a - from->start) : NULL, err);
		a = to;
	}
	return rc;
}

int restore_begin(struct restore_run *run, struct sv_err *err)
{
	uint64_t end = run->start + run->len;
	uint64_t head_end = run->start + SV_MIN(SV_MIB, run->len);
	uint64_t tail_start = SV_MAX(head_end, end - SV_MIN(SV_MIB, run->len));
	run->zeros = aligned_alloc(4096, RESTORE_ZEROS);
	if (!run->zeros || hold(&run->held[0], run->start, head_end) ||
	    hold(&run->held[1], tail_start, end))
		return sv_fail_nomem(err);
	memset(run->zeros, 0, RESTORE_ZEROS);
	int rc = write_present(run, run->start, head_end, NULL, err);
	if (!rc)
		rc = write_present(run, tail_start, end, NULL, err);
	if (!rc && !run->params->partition && run->target.size > run->len) {
		/* a larger disk: its own last MiB may hold the backup of an old table */
		uint64_t from =
			SV_MAX(run->len, run->target.size - SV_MIN(SV_MIB, run->target.size));
		rc = restore_write(run, from, (size_t)(run->target.size - from), NULL, err);
	}
	return rc ? rc : blk_flush(run->target.dev, err);
}

/* Take the image's own backup GPT out of the tail: on a larger disk it would stand in the middle.
 */
static void blank_old_backup(struct held *held, const struct sv_extent *old)
{
	uint64_t from = SV_MAX(old->start, held->start);
	uint64_t to = SV_MIN(old->start + old->len, held->start + held->len);
	if (from < to)
		memset(held->buf + (from - held->start), 0, (size_t)(to - from));
}

static int move_table(struct restore_run *run, struct layout_move *move, struct sv_err *err)
{
	if (run->params->partition || run->target.size == run->len)
		return 0;
	struct sv_err why = {0};
	int rc = layout_move_gpt(run->held[0].buf, run->held[0].len, run->held[1].buf,
				 run->held[1].len, run->len, run->target.size,
				 run->target.sector_size, move, &why);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc)
		job_say(run->job, SV_EVENT_WARNING,
			"the backup of the partition table stays where it was: %s", why.text);
	else if (move->tail_len)
		blank_old_backup(&run->held[1], &move->old_backup);
	return 0;
}

static int read_back_piece(struct restore_run *run, uint64_t off, const uint8_t *want, size_t len,
			   struct sv_err *err)
{
	uint8_t *got = aligned_alloc(4096, sv_round_up(len + 1, 4096));
	if (!got)
		return sv_fail_nomem(err);
	int rc = blk_pread(run->target.dev, got, len, off, err);
	if (!rc && memcmp(got, want, len))
		rc = sv_fail(err, SV_E_DIFFERS, 0, run->target.path,
			     "%s does not give back the partition table that was written to it",
			     run->target.path);
	free(got);
	return rc;
}

static int read_back_held(struct restore_run *run, const struct held *held,
			  const struct layout_move *move, struct sv_err *err)
{
	const struct sv_runs *runs = image_reader_runs(run->reader);
	uint64_t a = held->start, end = a + held->len;
	/* a moved backup may begin inside the image's last MiB; it is read back as itself */
	if (move->tail_len && move->tail_off + run->start < end)
		end = SV_MAX(a, move->tail_off + run->start);
	int rc = 0;
	for (size_t i = sv_runs_seek(runs, a); !rc && a < end && i < runs->n; i++) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		if (runs->v[i].kind != SV_RUN_ABSENT)
			rc = read_back_piece(run, a - run->start, held->buf + (a - held->start),
					     (size_t)(to - a), err);
		a = to;
	}
	return rc;
}

static int read_back_table(struct restore_run *run, const struct layout_move *move,
			   struct sv_err *err)
{
	int rc = 0;
	blk_file_drop_cache(run->target.base);
	for (int i = 0; !rc && i < 2; i++)
		rc = read_back_held(run, &run->held[i], move, err);
	if (!rc && move->tail_len)
		rc = read_back_piece(run, move->tail_off, move->tail, move->tail_len, err);
	return rc;
}

/* Both ends of the disk, the first sector last: it makes the rest visible. */
static int write_table(struct restore_run *run, const struct layout_move *move, struct sv_err *err)
{
	const struct held *head = &run->held[0], *tail = &run->held[1];
	int rc = write_present(run, tail->start, tail->start + tail->len, tail, err);
	if (!rc && move->tail_len)
		rc = restore_write(run, move->tail_off, move->tail_len, move->tail, err);
	if (!rc)
		rc = blk_flush(run->target.dev, err);
	uint64_t first = head->start + SV_MIN(run->target.sector_size, head->len);
	if (!rc)
		rc = write_present(run, first, head->start + head->len, head, err);
	if (!rc)
		rc = blk_flush(run->target.dev, err);
	if (!rc)
		rc = write_present(run, head->start, first, head, err);
	if (!rc)
		rc = blk_flush(run->target.dev, err);
	if (!rc && run->params->verify)
		rc = read_back_table(run, move, err);
	return rc;
}

/* What failed must not look restored: the table goes again, the first sector first. What fails in
 * here was told already. */
static void take_back(struct restore_run *run, const struct layout_move *move)
{
	const struct held *head = &run->held[0], *tail = &run->held[1];
	(void)write_present(run, head->start, head->start + head->len, NULL, NULL);
	(void)write_present(run, tail->start, tail->start + tail->len, NULL, NULL);
	if (move->tail_len)
		(void)restore_write(run, move->tail_off, move->tail_len, NULL, NULL);
	(void)blk_flush(run->target.dev, NULL);
}

int restore_end(struct restore_run *run, struct sv_err *err)
{
	struct layout_move move = {0};
	job_phase(run->job, SV_PHASE_FINISH, 0);
	int rc = move_table(run, &move, err);
	if (!rc) {
		rc = write_table(run, &move, err);
		if (rc)
			take_back(run, &move);
	}
	free(move.tail);
	if (!rc && run->target.is_device && !run->target.window_len &&
	    !disk_reread_table(run->target.base))
		job_say(run->job, SV_EVENT_NOTE,
			"the kernel did not read the new table of %s yet: unplug it or restart",
			run->target.path);
	return rc;
}

void restore_release(struct restore_run *run)
{
	free(run->held[0].buf);
	free(run->held[1].buf);
	free(run->zeros);
	sv_extents_clear(&run->damaged);
}
