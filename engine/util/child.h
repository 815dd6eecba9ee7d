/* child.h - work for a child process: libraries with global state, hostile input, long computations
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_CHILD_H
#define SV_UTIL_CHILD_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The child of a threaded process calls malloc after fork(): glibc puts its allocator and stdio in
 * order for the child. Other locks (gettext's) could be held by a thread that does not exist there;
 * then the child sleeps for ever. So one that sleeps is ended and another one started: the work may
 * compute, and read and write its image, but not wait for anything.
 */
struct sv_child {
	int image;	 /* a descriptor it sees as SV_CHILD_IMAGE; it has no other */
	uint64_t memory; /* bytes it may take beyond what the process has now */
	int ms;		 /* it is ended after so long; a thread of it may not work longer either */
	/* In the child: fill the answer. It may call _exit(), which is no answer. */
	void (*work)(void *arg, void *answer);
	bool (*cancelled)(void *arg); /* asked now and then in the caller's thread; NULL = never */
	void *arg;		      /* of both */
};
#define SV_CHILD_IMAGE 3

/* Runs the child to its end. 0, also when it gave no answer: *answered tells, and then `answer` is
 * all zeros. SV_E_STOPPED when cancelled, SV_E_FAILED when there can be no process. Any thread. */
int sv_child_run(const struct sv_child *child, void *answer, size_t len, bool *answered,
		 struct sv_err *err);

#endif
