/* gather.c - reading the ranges of some kinds from a device, the rest as zeros */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/gather.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

/* Reading over a small hole costs less than a second request. */
#define GAP_MAX 65536u
/* Around an unreadable place, try pieces of this size before single sectors. */
#define CAREFUL_SIZE 65536u

static bool wanted(const struct gather *g, size_t i)
{
	return g->kinds & 1u << g->runs->v[i].kind;
}

static uint64_t dev_pos(const struct gather *g, uint64_t pos)
{
	return pos - g->stream_off + g->dev_off;
}

/* A device that is gone answers every read with one of these: no bad sector, the end of the job. */
bool gather_device_lost(int sys_errno)
{
	return sys_errno == ENODEV || sys_errno == ENXIO || sys_errno == ENOMEDIUM ||
	       sys_errno == EBADF;
}

/* Read what can be read of a range in pieces of `step`; failing pieces go one level down, at last
 * into `bad`. */
static int read_careful(const struct gather *g, uint64_t start, size_t len, uint8_t *buf,
			size_t step, struct sv_extents *bad, struct sv_err *err)
{
	struct blk_dev *dev = g->dev;
	for (size_t done = 0; done < len;) {
		uint64_t pos = dev_pos(g, start + done);
		/* pieces end at multiples of the step on the device, so that single sectors are hit
		 * exactly */
		size_t piece = SV_MIN(len - done, (size_t)(step - pos % step));
		struct sv_err why = {0};
		int rc = blk_pread(dev, buf + done, piece, pos, &why);
		if (rc && gather_device_lost(why.sys_errno))
			return sv_fail(err, SV_E_SOURCE, why.sys_errno, dev->name,
				       "%s does not answer any more", dev->name);
		if (rc && step > dev->sector_size) {
			rc = read_careful(g, start + done, piece, buf + done, dev->sector_size, bad,
					  err);
			if (rc)
				return rc;
		} else if (rc && !bad) {
			return sv_fail(err, SV_E_SOURCE, why.sys_errno, dev->name,
				       "cannot read %zu bytes at byte %llu of %s", piece,
				       (unsigned long long)pos, dev->name);
		} else if (rc) {
			memset(buf + done, 0, piece);
			if (sv_extents_add(bad, start + done, piece))
				return SV_E_NOMEM;
		}
		done += piece;
	}
	return 0;
}

/* Read one group of wanted runs, from run `first`, [from, to), with small holes between them that
 * become zeros. */
static int read_group(const struct gather *g, size_t first, uint64_t from, uint64_t to,
		      uint8_t *buf, struct sv_extents *bad, struct sv_err *err)
{
	const struct sv_runs *runs = g->runs;
	int failed = blk_pread(g->dev, buf, (size_t)(to - from), dev_pos(g, from), NULL);
	for (size_t i = first; i < runs->n && runs->v[i].start < to; i++) {
		uint64_t a = SV_MAX(runs->v[i].start, from);
		uint64_t b = SV_MIN(runs->v[i].start + runs->v[i].len, to);
		int rc = 0;
		if (!wanted(g, i))
			memset(buf + (a - from), 0, (size_t)(b - a));
		else if (failed)
			rc = read_careful(g, a, (size_t)(b - a), buf + (a - from), CAREFUL_SIZE,
					  bad, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The end of the group that starts in run i: wanted runs of any kind, and unwanted ones small
 * enough to read over. */
static uint64_t group_end(const struct gather *g, size_t i, uint64_t end)
{
	const struct sv_runs *runs = g->runs;
	uint64_t to = runs->v[i].start + runs->v[i].len;
	for (size_t k = i + 1; k < runs->n && runs->v[k].start < end; k++) {
		uint64_t run_end = runs->v[k].start + runs->v[k].len;
		if (wanted(g, k))
			to = run_end;
		else if (runs->v[k].len > GAP_MAX)
			break;
	}
	return SV_MIN(to, end);
}

int gather_read(const struct gather *what, uint64_t start, size_t len, uint8_t *buf,
		struct sv_extents *bad, struct sv_err *err)
{
	const struct sv_runs *runs = what->runs;
	uint64_t end = start + len, pos = start;
	for (size_t i = sv_runs_seek(runs, start); i < runs->n && pos < end;
	     i = sv_runs_seek(runs, pos)) {
		uint64_t to = SV_MIN(runs->v[i].start + runs->v[i].len, end);
		int rc = 0;
		if (wanted(what, i)) {
			to = group_end(what, i, end);
			rc = read_group(what, i, pos, to, buf + (pos - start), bad, err);
		} else {
			memset(buf + (pos - start), 0, (size_t)(to - pos));
		}
		if (rc)
			return rc;
		pos = to;
	}
	return 0;
}
