/* rescue_target.c - what a rescue copies to */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define EDGE SV_MIB /* where tables stand, at both ends of a disk */

/* A map that tells of a copy which is not there would leave holes in a new one. */
static int check_copy_there(const struct rescue_run *run, bool exists, struct sv_err *err)
{
	const struct book *b = &run->book;
	if (exists || !rmap_total(b->map, RMAP_DONE))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, run->params->target,
		       "%s tells of %llu bytes that were rescued, but %s is not there", b->path,
		       (unsigned long long)rmap_total(b->map, RMAP_DONE), run->params->target);
}

int rescue_check_target(struct rescue_run *run, struct sv_err *err)
{
	struct target_params *t = &run->target_params;
	char id[32] = "";
	struct stat st;
	*t = (struct target_params){
		.root = run->params->root,
		.target = run->params->target,
		.confirm_erase = run->params->confirm_erase,
		.needed = run->source.dev->size,
		.needed_sector = run->source.dev->sector_size,
		.sector_size = run->source.is_device ? 0 : run->source.dev->sector_size,
		.source_name = run->params->source,
		.source = &run->source,
	};
	bool is_device = run->book.side.target.is_device;
	bool exists = is_device || stat(t->target, &st) == 0;
	if (!exists && errno != ENOENT && errno != ENOTDIR)
		return sv_fail(err, SV_E_TARGET, errno, t->target, "cannot look at %s", t->target);
	int rc = check_copy_there(run, exists, err);
	if (rc)
		return rc;
	if (exists && !is_device && S_ISREG(st.st_mode)) {
		snprintf(id, sizeof(id), "%llu", (unsigned long long)st.st_size);
		if (run->book.has_side)
			t->confirm_erase = id;
		t->needed = SV_MIN(t->needed, (uint64_t)st.st_size);
	}
	rc = target_check(t, &run->target, err);
	t->confirm_erase = NULL;
	return rc;
}

static int grow_file(struct rescue_run *run, struct sv_err *err)
{
	struct target *t = &run->target;
	uint64_t size = run->book.side.source.size;
	if (t->is_device || t->create || t->size >= size)
		return 0;
	if (truncate(t->path, (off_t)size) < 0)
		return sv_fail(err, SV_E_TARGET, errno, t->path, "cannot make %s %llu bytes long",
			       t->path, (unsigned long long)size);
	return 0;
}

static int lock_target(struct rescue_run *run, struct sv_err *err)
{
	int fd = blk_file_fd(run->target.base);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	return sv_fail(err, SV_E_LOCKED, 0, run->target.path, "%s is being written by another run",
		       run->target.path);
}

int rescue_open_target(struct rescue_run *run, struct sv_err *err)
{
	int rc = grow_file(run, err);
	if (!rc)
		rc = target_open(&run->target_params, &run->target, err);
	if (!rc)
		target_say_hidden(run->job, &run->target_params, &run->target);
	if (!rc)
		rc = lock_target(run, err);
	if (!rc)
		blk_file_buffered(run->target.base);
	return rc;
}

int rescue_zero(struct rescue_run *run, uint64_t start, uint64_t len, struct sv_err *err)
{
	uint64_t end = start + len;
	static const uint8_t zeros[PASSES_CLUSTER];
	for (uint64_t pos = start; pos < end;) {
		size_t n = (size_t)SV_MIN(end - pos, PASSES_CLUSTER - pos % PASSES_CLUSTER);
		int rc = blk_pwrite(run->target.dev, zeros, n, pos, err);
		if (rc)
			return sv_err_recode(err, SV_E_TARGET);
		pos += n;
	}
	return 0;
}

int rescue_blank_edges(struct rescue_run *run, struct sv_err *err)
{
	uint64_t size = run->target.dev->size, edge = SV_MIN(EDGE, size);
	if (rmap_total(run->book.map, RMAP_DONE) || run->target.create)
		return 0;
	int rc = rescue_zero(run, 0, edge, err);
	if (!rc)
		rc = rescue_zero(run, size - edge, edge, err);
	return rc;
}
