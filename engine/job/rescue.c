/* rescue.c - the copy of a failing disk: what can be read, in the order of the passes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_S	  20u
#define SECOND_NS 1000000000ull
#define EDGE	  SV_MIB /* where tables stand, at both ends of a disk */

struct rescue_state {
	struct sv_rescue_params params;
};

static void rescue_destroy(void *p)
{
	struct rescue_state *s = p;
	free((char *)s->params.root);
	free((char *)s->params.source);
	free((char *)s->params.target);
	free((char *)s->params.mapfile);
	free((char *)s->params.domain_file);
	free((char *)s->params.confirm_erase);
	free(s);
}

/* ---- who is who ---- */

static void disk_end(const struct disk *disk, struct book_end *end)
{
	*end = (struct book_end){.size = disk->size, .is_device = true};
	snprintf(end->name, sizeof(end->name), "%s", disk->path);
	snprintf(end->model, sizeof(end->model), "%s", disk->model);
	snprintf(end->serial, sizeof(end->serial), "%s", disk->serial);
	snprintf(end->wwn, sizeof(end->wwn), "%s", disk->wwn);
}

/* The one name of a file, also of one that is not there yet; the caller frees. */
static char *one_name(const char *path)
{
	char *real = realpath(path, NULL), *made = NULL;
	if (real)
		return real;
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	real = dir ? realpath(dir, NULL) : NULL;
	if (asprintf(&made, "%s/%s", real ? real : "", slash ? slash + 1 : path) < 0)
		made = NULL;
	free(real);
	free(dir);
	return made;
}

static int file_end(const char *path, uint64_t size, struct book_end *end, struct sv_err *err)
{
	char *name = one_name(path);
	if (!name)
		return sv_fail_nomem(err);
	*end = (struct book_end){.size = size};
	snprintf(end->name, sizeof(end->name), "%s", name);
	free(name);
	return 0;
}

static int find_ends(struct rescue_run *run, struct book_end *source, struct book_end *target,
		     struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct disk disk;
	uint64_t size = run->source.dev->size;
	int rc = 0;
	if (run->source.is_device)
		disk_end(&run->source.disk, source);
	else
		rc = file_end(p->source, size, source, err);
	if (rc || !disk_is_device_spec(p->target))
		return rc ? rc : file_end(p->target, size, target, err);
	rc = disk_find(p->root, p->target, &disk, err);
	if (!rc)
		disk_end(&disk, target);
	return rc;
}

static int check_mapfile(const struct rescue_run *run, const struct book_end *source,
			 const struct book_end *target, struct sv_err *err)
{
	const char *path = run->params->mapfile;
	char *name = one_name(path);
	int rc = 0;
	if (!name)
		rc = sv_fail_nomem(err);
	else if (!strcmp(name, source->name) || !strcmp(name, target->name))
		rc = sv_fail(err, SV_E_REFUSED, 0, path,
			     "%s cannot be the mapfile and the %s at once", path,
			     strcmp(name, source->name) ? "target" : "source");
	free(name);
	return rc;
}

/* ---- the target ---- */

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

/* A file that belongs to this map needs no confirmation again, and grows to the source's size. */
static int check_target(struct rescue_run *run, struct sv_err *err)
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
	bool exists = stat(run->params->target, &st) == 0 || disk_is_device_spec(t->target);
	int rc = check_copy_there(run, exists, err);
	if (rc)
		return rc;
	if (exists && !disk_is_device_spec(t->target) && S_ISREG(st.st_mode)) {
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
	uint64_t size = run->source.dev->size;
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

/* No old table may point at what comes. */
static int blank_edges(struct rescue_run *run, struct sv_err *err)
{
	uint64_t size = run->target.dev->size, edge = SV_MIN(EDGE, size);
	if (rmap_total(run->book.map, RMAP_DONE) || run->target.create)
		return 0;
	int rc = rescue_zero(run, 0, edge, err);
	if (!rc)
		rc = rescue_zero(run, size - edge, edge, err);
	return rc;
}

/* ---- saving ---- */

static const char *phase_text(const struct rescue_run *run)
{
	static const char *const texts[] = {
		[PASSES_FORWARD] = "Copying non-tried blocks... Pass 1 (forwards)",
		[PASSES_EDGES] = "Copying non-tried blocks... Pass 2 (backwards)",
		[PASSES_PROBE] = "Copying non-tried blocks... Pass 3 (forwards)",
		[PASSES_SWEEP] = "Copying non-tried blocks... Pass 5 (forwards)",
		[PASSES_TRIM] = "Trimming failed blocks... (forwards)",
		[PASSES_SCRAPE] = "Scraping failed blocks... (forwards)",
		[PASSES_RETRY] = "Retrying bad sectors...",
		[PASSES_END] = "Finished",
	};
	return texts[run->passes ? passes_stage(run->passes) : PASSES_FORWARD];
}

/* Where another tool would go on: it looks at the blocks, as we do. */
static struct mapfile_head head_of(const struct rescue_run *run)
{
	struct mapfile_head head = {0, '?', 1};
	enum passes_stage stage = run->passes ? passes_stage(run->passes) : PASSES_FORWARD;
	head.status = "????*/-+"[stage];
	if (stage == PASSES_SWEEP)
		head.pass = 5;
	if (stage == PASSES_RETRY)
		head.pass = (int)SV_MIN(passes_retry(run->passes), (uint32_t)INT32_MAX);
	return head;
}

/* What the map calls read is on the medium before the map says so. The kernel tells of a lost write
 * once: after that no map is saved. */
static int save(struct rescue_run *run, struct sv_err *err)
{
	struct mapfile_head head = head_of(run);
	uint64_t now = sv_now_ns();
	if (run->flush_failed)
		return SV_E_TARGET;
	run->flush_failed = run->target.dev && blk_flush(run->target.dev, err);
	if (run->flush_failed)
		return sv_err_recode(err, SV_E_TARGET);
	run->book.seconds += (now - run->began_ns) / SECOND_NS;
	run->began_ns = now - (now - run->began_ns) % SECOND_NS;
	if (run->passes)
		run->book.slow_bytes = passes_slow_bytes(run->passes);
	int rc = book_save(&run->book, &head, phase_text(run), err);
	run->saved_ns = sv_now_ns();
	return rc;
}

static bool save_is_due(const struct rescue_run *run)
{
	uint32_t every = run->params->save_every_s ? run->params->save_every_s : SAVE_S;
	return every == SV_RESCUE_SAVE_ALWAYS || sv_now_ns() - run->saved_ns >= every * SECOND_NS;
}

/* ---- the passes ---- */

static void show(struct rescue_run *run)
{
	static const char *const names[] = {
		[PASSES_FORWARD] = "copy", [PASSES_EDGES] = "edges",  [PASSES_PROBE] = "probe",
		[PASSES_SWEEP] = "sweep",  [PASSES_TRIM] = "trim",    [PASSES_SCRAPE] = "scrape",
		[PASSES_RETRY] = "retry",  [PASSES_END] = "finished",
	};
	const struct rmap *map = run->book.map;
	struct sv_rescue_state now = {
		.pass = run->passes ? names[passes_stage(run->passes)] : "metadata",
		.rescued = rmap_total(map, RMAP_DONE),
		.untried = rmap_total(map, RMAP_UNTRIED),
		.failed = rmap_total(map, RMAP_UNTRIMMED) + rmap_total(map, RMAP_UNSCRAPED),
		.bad = rmap_total(map, RMAP_BAD),
		.slow = run->passes ? passes_slow_bytes(run->passes) : 0,
		.reads = run->book.reads,
		.failed_reads = run->book.failed_reads,
	};
	pthread_mutex_lock(&run->job->lock);
	run->job->progress.bytes_done = run->done;
	run->job->progress.bad_bytes = now.failed + now.bad;
	run->job->progress.rescue = now;
	pthread_mutex_unlock(&run->job->lock);
}

static unsigned int stages_of(unsigned int passes)
{
	return (passes & SV_PASS_COPY ? PASSES_DO_COPY : 0) |
	       (passes & SV_PASS_TRIM ? PASSES_DO(PASSES_TRIM) : 0) |
	       (passes & SV_PASS_SCRAPE ? PASSES_DO(PASSES_SCRAPE) : 0) |
	       (passes & SV_PASS_RETRY ? PASSES_DO(PASSES_RETRY) : 0);
}

/* One read and what follows from it; false: the run ends. */
static bool step(struct rescue_run *run, int *rc, struct sv_err *err)
{
	struct passes_read read;
	uint64_t us;
	if (!passes_next(run->passes, &read, rc) || *rc)
		return false;
	enum attempt how = rescue_attempt(run, read.off, read.len, &us);
	if (how == ATTEMPT_END)
		return false;
	uint32_t good = how == ATTEMPT_GOOD ? read.len : 0;
	*rc = passes_result(run->passes, &read, good, us);
	run->done += good;
	if (*rc || (!good && !rescue_still_there(run)))
		return false;
	show(run);
	if (save_is_due(run))
		*rc = save(run, err);
	return !*rc;
}

static int run_passes(struct rescue_run *run, struct sv_err *err)
{
	struct passes_params params = {
		.unit = run->unit,
		.retries = run->params->retries,
		.stages = stages_of(run->params->passes),
		.areas = run->areas,
		.n_areas = run->n_areas,
	};
	int rc = passes_create(&params, run->book.map, &run->passes);
	job_phase(run->job, SV_PHASE_COPY, run->total);
	show(run);
	while (!rc && !atomic_load(&run->job->stop) && step(run, &rc, err))
		;
	if (!rc && run->rc) {
		rc = run->rc;
		*err = run->err;
	}
	return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
}

/* ---- the end ---- */

/* What of the areas was not read, one range after the other. */
static bool next_missing(const struct rescue_run *run, uint64_t *pos, struct sv_extent *missing)
{
	const struct sv_extents *last = &run->areas[run->n_areas - 1];
	struct rmap_block b;
	unsigned int mask = ~RMAP_MASK(RMAP_DONE);
	for (; rmap_next(run->book.map, *pos, mask, &b); *pos = b.start + b.len) {
		uint64_t start = SV_MAX(b.start, *pos);
		size_t i = sv_extents_seek(last, start);
		if (i == last->n)
			return false;
		start = SV_MAX(start, last->v[i].start);
		uint64_t end = SV_MIN(b.start + b.len, last->v[i].start + last->v[i].len);
		if (start >= end)
			continue;
		*missing = (struct sv_extent){start, end - start};
		*pos = end;
		return true;
	}
	return false;
}

/* What a target had there before must not pass for the source's. */
static int blank_missing(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extent m;
	uint64_t pos = 0;
	int rc = 0;
	if (run->book.made)
		return 0;
	while (!rc && next_missing(run, &pos, &m))
		rc = rescue_zero(run, m.start, m.len, err);
	return rc;
}

static int verdict(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extents all = {0};
	struct sv_extent m;
	uint64_t pos = 0;
	char text[160];
	int rc = 0;
	while (!rc && next_missing(run, &pos, &m))
		rc = sv_extents_add(&all, m.start, m.len);
	for (size_t i = 0; !rc && i < all.n; i++) {
		snprintf(text, sizeof(text), "bytes %llu to %llu were not read",
			 (unsigned long long)all.v[i].start,
			 (unsigned long long)(all.v[i].start + all.v[i].len - 1));
		job_event(run->job, &(struct sv_event){.kind = SV_EVENT_BAD,
						       .sentence = text,
						       .object = run->source.dev->name,
						       .start = all.v[i].start,
						       .len = all.v[i].len});
	}
	uint64_t bytes = sv_extents_total(&all);
	size_t n = all.n;
	sv_extents_clear(&all);
	if (rc)
		return sv_fail_nomem(err);
	if (!bytes)
		return 0;
	return sv_fail(err, SV_E_UNREADABLE, 0, run->source.dev->name,
		       "%llu bytes of %s in %zu areas were not read; on the copy they are zeros",
		       (unsigned long long)bytes, run->source.dev->name, n);
}

static int finish(struct rescue_run *run, struct sv_err *err)
{
	job_phase(run->job, SV_PHASE_FINISH, 0);
	int rc = blank_missing(run, err);
	if (!rc)
		rc = save(run, err);
	if (!rc && run->target.is_device)
		disk_reread_table(run->target.base);
	return rc ? rc : verdict(run, err);
}

/* Stopped or failed: the map keeps what there is. The first failure is the story. */
static int keep(struct rescue_run *run, int rc, struct sv_err *err)
{
	struct sv_err why = {0};
	int saved = save(run, &why);
	if (!rc && saved) {
		*err = why;
		return saved;
	}
	if (rc)
		return rc;
	return sv_fail(err, SV_E_STOPPED, 0, run->book.path,
		       "stopped; the same command goes on from there");
}

static int copy(struct rescue_run *run, struct sv_err *err)
{
	int rc = blank_edges(run, err);
	if (!rc)
		rc = rescue_areas(run, err);
	if (!rc)
		rc = run_passes(run, err);
	if (!rc && passes_stage(run->passes) == PASSES_END)
		return finish(run, err);
	return keep(run, rc, err);
}

/* ---- the beginning ---- */

static void say_start(struct rescue_run *run)
{
	uint64_t done = rmap_total(run->book.map, RMAP_DONE);
	job_event(run->job, &(struct sv_event){.kind = SV_EVENT_START,
					       .sentence = "the rescue begins",
					       .object = run->params->source,
					       .resumed_from = done,
					       .resumed = !run->book.fresh});
	source_say_unguarded(run->job, &run->source);
	if (book_is_volatile(&run->book))
		job_say(run->job, SV_EVENT_WARNING,
			"%s lies in memory: after a power cut nobody knows what was rescued",
			run->book.path);
}

/* A physical sector fails as one. */
static uint32_t unit_of(const struct source *source)
{
	uint32_t unit = source->dev->sector_size;
	if (source->is_device && sv_is_pow2(source->disk.physical_sector_size) &&
	    source->disk.physical_sector_size <= PASSES_CLUSTER)
		unit = SV_MAX(unit, source->disk.physical_sector_size);
	return unit;
}

static int prepare(struct rescue_run *run, struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct sv_map_params map = {
		.root = p->root, .source = p->source, .sector_size = p->sector_size};
	struct book_end source, target;
	int rc = source_open(&map, p->mapfile, &run->source, err);
	if (!rc && run->source.dev->size == 0)
		rc = sv_fail(err, SV_E_SOURCE, 0, p->source, "%s has no bytes", p->source);
	if (!rc)
		rc = find_ends(run, &source, &target, err);
	if (!rc)
		rc = check_mapfile(run, &source, &target, err);
	if (rc)
		return rc;
	run->unit = unit_of(&run->source);
	rc = book_open(p->mapfile, &source, &target, run->source.dev->sector_size, run->unit,
		       &run->book, err);
	return rc ? rc : check_target(run, err);
}

/* The books are open before anything is written, so that no copy is ever without a map. */
static int write_copy(struct rescue_run *run, struct sv_err *err)
{
	bool fresh = run->book.fresh;
	/* a file in which nothing was rescued yet may be anybody's */
	run->book.made = run->target.create || (run->book.has_side && run->book.made &&
						rmap_total(run->book.map, RMAP_DONE));
	run->buf = aligned_alloc(4096, PASSES_CLUSTER);
	if (!run->buf)
		return sv_fail_nomem(err);
	run->began_ns = sv_now_ns();
	if (run->source.is_device)
		run->manners = disk_manners_set(run->params->root, &run->source.disk);
	int rc = save(run, err);
	bool opened = false;
	if (!rc)
		rc = grow_file(run, err);
	if (!rc)
		rc = target_open(&run->target_params, &run->target, err);
	if (!rc)
		rc = lock_target(run, err);
	opened = !rc;
	if (!rc)
		blk_file_buffered(run->target.base);
	if (!rc)
		rc = copy(run, err);
	if (!opened && fresh)
		book_remove(&run->book);
	return rc;
}

static void release(struct rescue_run *run)
{
	target_close(&run->target, false);
	disk_manners_release(run->manners);
	source_close(&run->source);
	passes_destroy(run->passes);
	book_close(&run->book);
	for (size_t i = 0; i < RESCUE_AREAS; i++)
		sv_extents_clear(&run->areas[i]);
	sv_extents_clear(&run->touched);
	free(run->buf);
}

static int rescue_run(struct sv_job *job, void *p, struct sv_err *err)
{
	struct rescue_state *s = p;
	struct rescue_run *run = calloc(1, sizeof(*run));
	if (!run)
		return sv_fail_nomem(err);
	run->job = job;
	run->params = &s->params;
	int rc = prepare(run, err);
	if (!rc) {
		say_start(run);
		if (!s->params.dry_run)
			rc = write_copy(run, err);
	}
	release(run);
	free(run);
	return rc;
}

static const struct job_ops rescue_ops = {.run = rescue_run, .destroy = rescue_destroy};

static bool copy_strings(struct sv_rescue_params *dst, const struct sv_rescue_params *src)
{
	return job_copy_string((char **)&dst->root, src->root ? src->root : "") &&
	       job_copy_string((char **)&dst->source, src->source) &&
	       job_copy_string((char **)&dst->target, src->target) &&
	       job_copy_string((char **)&dst->mapfile, src->mapfile) &&
	       job_copy_string((char **)&dst->domain_file, src->domain_file) &&
	       job_copy_string((char **)&dst->confirm_erase, src->confirm_erase);
}

int sv_job_create_rescue(const struct sv_rescue_params *params, sv_event_fn fn, void *arg,
			 struct sv_job **job_ret, struct sv_err *err)
{
	if (!params->source || !params->target || !params->mapfile)
		return sv_fail(err, SV_E_USAGE, 0, "rescue",
			       "a source, a target and a mapfile are needed");
	struct rescue_state *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->params = *params;
	s->params.root = s->params.source = s->params.target = NULL;
	s->params.mapfile = s->params.domain_file = s->params.confirm_erase = NULL;
	if (!copy_strings(&s->params, params)) {
		rescue_destroy(s);
		return sv_fail_nomem(err);
	}
	return job_create(&rescue_ops, s, fn, arg, job_ret, err);
}
