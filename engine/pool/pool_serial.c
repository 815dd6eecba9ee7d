/* pool_serial.c - the serial twin of the worker pool */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/pool/pool.h"

#include <stddef.h>

static int step(const struct pool_ops *ops, void *arg, void *worker, void *item,
		const atomic_int *stop, struct sv_err *err)
{
	if (stop && atomic_load_explicit(stop, memory_order_relaxed))
		return sv_fail_stopped(err, "");
	int rc = ops->produce(arg, item, err);
	if (!rc)
		rc = ops->work(arg, worker, item, err);
	if (!rc)
		rc = ops->consume(arg, item, err);
	return rc;
}

int pool_run_serial(const struct pool_ops *ops, void *arg, const atomic_int *stop,
		    struct sv_err *err)
{
	int rc = SV_E_NOMEM;
	void *worker = ops->worker_create(arg);
	void *item = ops->item_create(arg);
	if (worker && item)
		do
			rc = step(ops, arg, worker, item, stop, err);
		while (rc == 0);
	else
		sv_fail_nomem(err);
	if (item)
		ops->item_destroy(item);
	if (worker)
		ops->worker_destroy(arg, worker);
	return rc == POOL_END ? 0 : rc;
}
