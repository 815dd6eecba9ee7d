/* pool.h - ordered worker pool with bounded memory, and its serial twin */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_POOL_POOL_H
#define SV_POOL_POOL_H

#include "engine/util/err.h"

#include <stdatomic.h>

/*
 * One pipeline: produce -> work -> consume. Items are a fixed set, made once and used again and
 * again.
 *
 *   produce  fills the next item, on the producer thread (it owns the source). Returns 0, POOL_END
 * when there is no more, or an error. work     transforms an item, on one of N worker threads (each
 * with its own context); does no input or output. consume  gets the items in the order they were
 * produced, on the calling thread (it owns the target).
 *
 * Requirements: consume sees the same items in the same order with the same content for every
 * number of threads, and in the serial twin. An error of work or consume ends the run at once,
 * however full the ring is; one of produce, once everything that was produced before is consumed,
 * so that what could be read is kept, whoever was faster. No wait is left without a look at them.
 */
#define POOL_END 1

struct pool_ops {
	void *(*item_create)(void *arg); /* NULL = out of memory */
	void (*item_destroy)(void *item);
	void *(*worker_create)(void *arg); /* NULL = out of memory */
	void (*worker_destroy)(void *arg, void *worker);
	int (*produce)(void *arg, void *item, struct sv_err *err);
	int (*work)(void *arg, void *worker, void *item, struct sv_err *err);
	int (*consume)(void *arg, void *item, struct sv_err *err);
};

/*
 * Run to the end. `threads` workers (at least 1) and 2 * threads + 2 items. `stop` may be NULL;
 * when it becomes non-zero the run ends with SV_E_STOPPED after the item in hand. Returns 0 or the
 * first error, whose story is in err: in the order of the items, as far as produce is concerned.
 */
int pool_run(const struct pool_ops *ops, void *arg, unsigned int threads, const atomic_int *stop,
	     struct sv_err *err);

/* The same on the calling thread alone, one item at a time: the reference for the tests and the
 * debugger's friend. */
int pool_run_serial(const struct pool_ops *ops, void *arg, const atomic_int *stop,
		    struct sv_err *err);

#endif
