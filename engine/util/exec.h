/* exec.h - starting a helper program, and hearing what it says */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_EXEC_H
#define SV_UTIL_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Any thread; no shell is involved. What a program says is hostile. */

struct sv_program {
	pid_t pid;
	int in;	 /* send here: its stdin, a socket; -1 = /dev/null */
	int out; /* read here: what it says */
};

enum sv_spawn {
	SV_SPAWN_IN = 1,	/* it reads from us */
	SV_SPAWN_NO_STDERR = 2, /* stderr is thrown away; else it joins stdout */
};

/* Start argv[0] of the PATH in a session of its own, signals unblocked. 0 or an errno. The caller
 * closes `in` and `out` and waits for the pid. */
int sv_spawn(char *const argv[], unsigned int flags, struct sv_program *program);
/* What there is to read within `ms` is appended to the text, as far as it fits. true when the
 * program has closed its output. */
bool sv_gather(const struct sv_program *program, int ms, char *text, size_t cap);

/*
 * Run a program to its end, at most `ms` milliseconds; `text` receives its stdout, with a final
 * NUL, *len_ret its length. 0, or an errno: ENOENT (not installed), ETIMEDOUT, EFBIG (more than
 * fits). Who takes too long or says too much is killed with its children; one that a device holds
 * inside the kernel is left behind, for nobody can end it.
 */
int sv_run(char *const argv[], int ms, char *text, size_t cap, size_t *len_ret);
/* The same for a program that has to succeed: EPROTO when its exit status is not 0. */
int sv_do(char *const argv[], int ms, char *text, size_t cap, size_t *len_ret);

/* Is there such a program, in the PATH or in /usr/sbin, which a user's PATH may lack? */
bool sv_have_program(const char *name);

#endif
