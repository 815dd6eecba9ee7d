/* check_device.c - reading back a device: is it what it should be? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/check.h"

#include "engine/job/gather.h"

#include <stdio.h>
#include <stdlib.h>

/* The producer owns next; the rest is constant. */
struct device_check {
	struct sv_job *job;
	const struct check_device *what;
	struct gather gather;
	uint64_t next;
	uint64_t different, unreadable; /* the consumer's: bytes */
};

/* A piece knows who made it, for its destructor gets nothing else. */
struct item {
	struct check_piece piece;
	const struct check_ref *ref;
};

static void item_destroy(void *p)
{
	struct item *item = p;
	if (item->piece.own)
		item->ref->destroy(item->piece.own);
	free(item->piece.dev);
	sv_extents_clear(&item->piece.lost);
	sv_extents_clear(&item->piece.diff);
	free(item);
}

static void *item_create(void *arg)
{
	const struct device_check *c = arg;
	const struct check_ref *ref = c->what->ref;
	struct item *item = calloc(1, sizeof(*item));
	if (!item)
		return NULL;
	item->ref = ref;
	item->piece.dev = aligned_alloc(4096, c->what->piece);
	if (ref->create)
		item->piece.own = ref->create(c->what->arg);
	if (item->piece.dev && (!ref->create || item->piece.own))
		return item;
	item_destroy(item);
	return NULL;
}

static void *no_worker_create(void *arg)
{
	return arg;
}

static void no_worker_destroy(void *arg, void *worker)
{
	(void)arg;
	(void)worker;
}

static bool is_compared(const struct device_check *c, uint64_t start, uint64_t end)
{
	return sv_runs_touch(c->what->runs, c->what->kinds, start, end);
}

/* Where the piece that starts at `pos` ends. */
static uint64_t piece_end(const struct check_device *what, uint64_t pos)
{
	return SV_MIN(pos - pos % what->piece + what->piece, what->start + what->len);
}

static int piece_produce(void *arg, void *p, struct sv_err *err)
{
	struct device_check *c = arg;
	const struct check_device *what = c->what;
	struct check_piece *piece = &((struct item *)p)->piece;
	uint64_t end = what->start + what->len;
	while (c->next < end && !is_compared(c, c->next, piece_end(what, c->next)))
		c->next = piece_end(what, c->next);
	if (c->next >= end)
		return POOL_END;
	piece->start = c->next;
	c->next = piece_end(what, c->next);
	piece->len = (size_t)(c->next - piece->start);
	sv_extents_clear(&piece->lost);
	int rc = gather_read(&c->gather, piece->start, piece->len, piece->dev, &piece->lost, err);
	if (!rc && what->ref->fetch)
		rc = what->ref->fetch(what->arg, piece, err);
	return rc;
}

static int piece_work(void *arg, void *worker, void *p, struct sv_err *err)
{
	const struct device_check *c = arg;
	struct check_piece *piece = &((struct item *)p)->piece;
	(void)worker;
	sv_extents_clear(&piece->diff);
	sv_extents_normalise(&piece->lost);
	int rc = c->what->ref->compare(c->what->arg, piece);
	sv_extents_normalise(&piece->diff);
	return rc == SV_E_NOMEM ? sv_fail_nomem(err) : rc;
}

static uint64_t say_all(const struct device_check *c, const struct sv_extents *list,
			const char *sentence)
{
	for (size_t i = 0; i < list->n; i++)
		c->what->ref->say(c->what->arg, list->v[i].start, list->v[i].len, sentence);
	return sv_extents_total(list);
}

static int piece_consume(void *arg, void *p, struct sv_err *err)
{
	struct device_check *c = arg;
	const struct check_piece *piece = &((const struct item *)p)->piece;
	char differs[80];
	(void)err;
	snprintf(differs, sizeof(differs), "the device differs from %s", c->what->ref->name);
	c->different += say_all(c, &piece->diff, differs);
	c->unreadable += say_all(c, &piece->lost, "the device cannot be read");
	job_advance(c->job, piece->len, 0);
	return 0;
}

static const struct pool_ops device_ops = {
	.item_create = item_create,
	.item_destroy = item_destroy,
	.worker_create = no_worker_create,
	.worker_destroy = no_worker_destroy,
	.produce = piece_produce,
	.work = piece_work,
	.consume = piece_consume,
};

static uint64_t bytes_to_compare(const struct device_check *c)
{
	const struct check_device *what = c->what;
	uint64_t sum = 0, next;
	for (uint64_t pos = what->start; pos < what->start + what->len; pos = next) {
		next = piece_end(what, pos);
		sum += is_compared(c, pos, next) ? next - pos : 0;
	}
	return sum;
}

int check_device(struct sv_job *job, const struct check_device *what, unsigned int threads,
		 struct sv_err *err)
{
	struct device_check c = {.job = job, .what = what, .next = what->start};
	const char *name = what->dev->name;
	c.gather = (struct gather){.dev = what->dev,
				   .runs = what->runs,
				   .kinds = what->kinds,
				   .stream_off = what->start,
				   .dev_off = what->dev_off};
	job_phase(job, SV_PHASE_VERIFY, bytes_to_compare(&c));
	int rc = job_pipeline(job, &device_ops, &c, threads, err);
	if (!rc && c.different)
		rc = sv_fail(err, SV_E_DIFFERS, 0, name,
			     "%s differs from %s in areas of %llu bytes", name, what->ref->name,
			     (unsigned long long)c.different);
	else if (!rc && c.unreadable)
		rc = sv_fail(err, SV_E_SOURCE, 0, name, "%llu bytes of %s cannot be read",
			     (unsigned long long)c.unreadable, name);
	return rc;
}
