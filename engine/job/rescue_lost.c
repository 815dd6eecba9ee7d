/* rescue_lost.c - the disk is gone: waiting for it, knowing it again, opening it anew */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define TICK_NS	  100000000ll
/* A disk that is there, but does not answer, is asked again after a time that grows. */
#define PAUSE_FIRST_NS (SECOND_NS / 4)
#define PAUSE_LAST_NS  (60 * SECOND_NS)

struct hunt {
	uint64_t seen;	  /* its diskseq at the last look; UINT64_MAX: it was not there */
	uint64_t next_ns; /* when it may be asked again */
	uint64_t pause_ns;
};

/* Where it is now; false: nowhere. A file is where it was. */
static bool find(const struct rescue_run *run, struct disk *now)
{
	if (run->book.side.source.is_device)
		return disk_find_again(run->params->root, &run->disk, now);
	*now = (struct disk){0};
	return access(run->book.side.source.name, F_OK) == 0;
}

bool rescue_known_place(const struct rescue_run *run, unsigned int i, uint64_t *off)
{
	struct rmap_block block;
	*off = run->last_good;
	if (i == 0)
		return run->any_good;
	uint64_t size = run->book.side.source.size;
	uint64_t pos = size / (RESCUE_PLACES - 1) * (i - 1);
	if (!rmap_next(run->book.map, pos, RMAP_MASK(RMAP_DONE), &block))
		return false;
	*off = sv_round_down(SV_MAX(block.start, pos), run->unit);
	return true;
}

/* What was read there is there still. Another content: the run ends. */
static bool same_at(struct rescue_run *run, uint64_t off)
{
	struct disk_read read;
	struct sv_err why = {0};
	uint32_t len = (uint32_t)SV_MIN(run->unit, run->book.side.source.size - off);
	uint8_t *copy = malloc(len);
	bool same = copy && blk_pread(run->target.dev, copy, len, off, &why) == 0 &&
		    rescue_read(run, off, len, &read) && !read.error;
	if (same && memcmp(copy, disk_reader_data(run->reader), len)) {
		sv_fail(&why, SV_E_REFUSED, 0, run->source.dev->name,
			"%s came back with other bytes at offset %llu than were read there before: "
			"is it another disk?",
			run->source.dev->name, (unsigned long long)off);
		rescue_end(run, SV_E_REFUSED, &why);
		same = false;
	}
	free(copy);
	return same;
}

static bool is_the_same(struct rescue_run *run)
{
	const struct blk_dev *dev = run->source.dev;
	bool asked = false, same = false;
	uint64_t off;
	if (dev->size != run->book.side.source.size ||
	    dev->sector_size != run->book.side.sector_size)
		return false;
	for (unsigned int i = 0; i < RESCUE_PLACES; i++) {
		if (!rescue_known_place(run, i, &off))
			continue;
		asked = true;
		same |= same_at(run, off);
		if (run->rc || atomic_load(&run->job->stop))
			return false;
	}
	return same || !asked;
}

static bool open_again(struct rescue_run *run, const struct disk *now)
{
	bool is_device = run->book.side.source.is_device;
	struct sv_map_params map = {.root = run->params->root,
				    .source = is_device ? now->path : run->book.side.source.name,
				    .sector_size = run->book.side.sector_size};
	struct sv_err why = {0};
	if (is_device)
		disk_wake(run->params->root, now);
	int rc = source_open(&map, run->params->mapfile, &run->source, &why);
	if (!rc)
		rc = rescue_source_ready(run, &why);
	if (!rc && is_the_same(run))
		return true;
	rescue_source_close(run);
	return false;
}

/* One look. */
static bool is_back(struct rescue_run *run, struct hunt *h)
{
	struct disk now;
	if (!find(run, &now)) {
		h->seen = UINT64_MAX;
		return false;
	}
	if (now.diskseq != h->seen)
		*h = (struct hunt){.seen = now.diskseq, .pause_ns = PAUSE_FIRST_NS};
	if (sv_now_ns() < h->next_ns)
		return false;
	if (open_again(run, &now))
		return true;
	h->next_ns = sv_now_ns() + h->pause_ns;
	h->pause_ns = SV_MIN(2 * h->pause_ns, PAUSE_LAST_NS);
	return false;
}

static bool hunt(struct rescue_run *run, const struct sv_err *why)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	struct hunt h = {.seen = UINT64_MAX};
	uint64_t began = sv_now_ns(), limit = run->params->wait_s * SECOND_NS;
	while (!atomic_load(&run->job->stop) && !run->rc) {
		if (is_back(run, &h))
			return true;
		if (limit && sv_now_ns() - began >= limit)
			rescue_end(run, SV_E_SOURCE, why);
		rescue_waits(run, SV_WAIT_DISK, began);
		nanosleep(&tick, NULL);
	}
	return false;
}

bool rescue_wait_for_disk(struct rescue_run *run, const struct sv_err *why)
{
	struct sv_err err = {0};
	if (run->params->wait_s == SV_RESCUE_WAIT_NOT) {
		rescue_end(run, SV_E_SOURCE, why);
		return false;
	}
	int rc = rescue_save(run, &err);
	if (rc) {
		rescue_end(run, rc, &err);
		return false;
	}
	rescue_source_close(run);
	job_say(run->job, SV_EVENT_WARNING,
		"%s; the disk is gone: plug it in again, or power-cycle it; the rescue waits for "
		"it",
		why->text);
	bool back = hunt(run, why);
	rescue_waits(run, SV_WAIT_NONE, 0);
	if (back)
		job_say(run->job, SV_EVENT_NOTE, "the disk is back as %s", run->source.dev->name);
	return back;
}
