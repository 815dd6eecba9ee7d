/* place.h - where a call comes from, the same number in every run, and the note that a rule struck
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PLACE_H
#define PLACE_H

#include <execinfo.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACE_DEPTH 64

/*
 * The return addresses from here to main() or to the start of the thread, in one number that is
 * never 0. Only their last twelve bits count: these are the same wherever a library was loaded.
 */
static inline uint64_t place_here(void)
{
	void *frames[PLACE_DEPTH];
	uint64_t hash = 0xcbf29ce484222325;
	int n = backtrace(frames, PLACE_DEPTH);
	for (int i = 0; i < n; i++)
		hash = (hash ^ ((uintptr_t)frames[i] & 0xfff)) * 0x100000001b3;
	return hash | 1;
}

/* FAULT_STRUCK: a file that is made when the first rule strikes. */
static const char *struck_name;

/* While the environment is there; and the unwinder is loaded when it is used first, which allocates
 * and opens files. */
static inline void place_prepare(void)
{
	void *frame;
	backtrace(&frame, 1);
	struck_name = getenv("FAULT_STRUCK");
}

/* System calls, because those of the library are wrapped. */
static inline void note_struck(void)
{
	long fd = -1;
	if (struck_name)
		fd = syscall(SYS_openat, AT_FDCWD, struck_name, O_WRONLY | O_CREAT, 0666);
	if (fd >= 0)
		syscall(SYS_close, fd);
}

#endif
