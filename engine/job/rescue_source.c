/* rescue_source.c - the disk that is rescued: read by a thread that may hang, with the kernel's
 * manners */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <stdlib.h>

/* How soon a stop is heard while a read lasts; who waits longer is told. */
#define TICK_MS	    100u
#define PATIENCE_NS 3000000000ull

int rescue_source_ready(struct rescue_run *run, struct sv_err *err)
{
	run->left = malloc(sizeof(*run->left));
	if (!run->left)
		return sv_fail_nomem(err);
	if (run->source.is_device)
		run->manners = disk_manners_set(run->params->root, &run->source.disk);
	return disk_reader_create(run->source.dev, run->source.is_device ? &run->source.disk : NULL,
				  PASSES_CLUSTER, &run->reader, err);
}

static void close_left(void *p)
{
	struct source *source = p;
	source_close(source);
	free(source);
}

void rescue_source_close(struct rescue_run *run)
{
	if (!run->left) {
		source_close(&run->source);
		return;
	}
	*run->left = run->source;
	run->source = (struct source){0};
	if (disk_reader_destroy(run->reader, close_left, run->left))
		disk_manners_release(run->manners);
	else
		disk_manners_leave(run->manners);
	run->manners = NULL;
	run->reader = NULL;
	run->left = NULL;
}

void rescue_waits(struct rescue_run *run, enum sv_rescue_wait what, uint64_t since_ns)
{
	bool over = what == SV_WAIT_NONE && run->waits == SV_WAIT_NONE;
	run->waits = what;
	run->waits_since_ns = since_ns;
	if (!over)
		rescue_show(run);
}

bool rescue_read(struct rescue_run *run, uint64_t off, uint32_t len, struct disk_read *read)
{
	uint64_t then = sv_now_ns();
	disk_reader_start(run->reader, off, len);
	while (!disk_reader_wait(run->reader, TICK_MS, read)) {
		if (atomic_load(&run->job->stop))
			return false;
		if (sv_now_ns() - then >= PATIENCE_NS)
			rescue_waits(run, SV_WAIT_ANSWER, then);
	}
	if (read->error)
		run->last_errno = read->error;
	rescue_waits(run, SV_WAIT_NONE, 0);
	return true;
}
