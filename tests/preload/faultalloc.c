/* faultalloc.c - a preloaded library that makes the n-th allocation of a program fail */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * FAULTALLOC        N[:COUNT[:PLACE]]: allocations N to N + COUNT - 1 fail (from 1 on, in main();
 * COUNT 0 = all from there, default 1). Counted are malloc, calloc, realloc, reallocarray,
 * aligned_alloc and posix_memalign of the program and its libraries, whatever strdup and others
 * call included; a child goes on counting on its own. With a PLACE (of the log) only those from
 * there are counted; once they fail for good, so do all others. FAULTALLOC_LOG    a file that gets
 * a line with the place of each allocation. FAULT_STRUCK see place.h
 */
#include "place.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dlsym() may allocate before the real functions are known. */
static char early[16384] __attribute__((aligned(64)));
static size_t early_used;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static void (*real_free)(void *);
static bool ready, starting, in_main;
static atomic_uint_fast64_t seen;
static atomic_bool struck;
static uint64_t first, count, only_place;
static const char *log_name;
/* what the unwinder allocates is none of the program's */
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

static bool is_early(const void *p)
{
	return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static void *early_alloc(size_t len)
{
	void *p = early + early_used;
	early_used += (len + 63) / 64 * 64;
	return early_used <= sizeof(early) ? p : NULL;
}

/* The first twelve bits are the caller's, so that most places need no unwinding to be told apart.
 */
static uint64_t place_of(const void *caller)
{
	inside = true;
	uint64_t place = (uint64_t)((uintptr_t)caller & 0xfff) << 52 | place_here() >> 12;
	inside = false;
	return place;
}

static void log_place(uint64_t place)
{
	char line[20];
	int n = snprintf(line, sizeof(line), "%llx\n", (unsigned long long)place);
	long fd = syscall(SYS_openat, AT_FDCWD, log_name, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || syscall(SYS_write, fd, line, (size_t)n) != n)
		abort();
	syscall(SYS_close, fd);
}

static bool is_struck(uint64_t place)
{
	if (count == UINT64_MAX && atomic_load(&struck))
		return true;
	if (only_place && place != only_place)
		return false;
	uint64_t n = atomic_fetch_add(&seen, 1) + 1;
	return n >= first && n - first < count;
}

static bool fail_now(const void *caller)
{
	if (!in_main || inside)
		return false;
	bool may_be = only_place && only_place >> 52 == ((uintptr_t)caller & 0xfff);
	uint64_t place = log_name || may_be ? place_of(caller) : 0;
	if (log_name)
		log_place(place);
	if (!first || !is_struck(place))
		return false;
	if (!atomic_exchange(&struck, true))
		note_struck();
	errno = ENOMEM;
	return true;
}

/* At the first allocation, which a library's own start may make. */
static void start(void)
{
	starting = true;
	const char *spec = getenv("FAULTALLOC");
	real_malloc = dlsym(RTLD_NEXT, "malloc");
	real_calloc = dlsym(RTLD_NEXT, "calloc");
	real_realloc = dlsym(RTLD_NEXT, "realloc");
	real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
	real_free = dlsym(RTLD_NEXT, "free");
	count = 1;
	if (spec) {
		char *end;
		first = strtoull(spec, &end, 10);
		if (*end == ':')
			count = strtoull(end + 1, &end, 10);
		if (*end == ':')
			only_place = strtoull(end + 1, NULL, 16);
		if (!count)
			count = UINT64_MAX;
	}
	unsetenv("LD_PRELOAD"); /* what the program starts is none of our business */
	log_name = getenv("FAULTALLOC_LOG");
	ready = true;
	inside = true;
	place_prepare();
	inside = false;
}

/* What libraries allocate before main() is not counted. */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	__typeof__(__libc_start_main) *real = dlsym(RTLD_NEXT, "__libc_start_main");
	in_main = true;
	return real(main, argc, argv, init, fini, rtld_fini, stack_end);
}

#define CALLER __builtin_return_address(0)

static bool early_now(void)
{
	if (!ready && !starting)
		start();
	return !ready;
}

void *malloc(size_t len)
{
	if (early_now())
		return early_alloc(len);
	return fail_now(CALLER) ? NULL : real_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	if (early_now())
		return early_alloc(n * len);
	return fail_now(CALLER) ? NULL : real_calloc(n, len);
}

void *realloc(void *p, size_t len)
{
	if (!early_now() && !is_early(p))
		return fail_now(CALLER) ? NULL : real_realloc(p, len);
	void *q = malloc(len);
	size_t most = p ? (size_t)(early + sizeof(early) - (char *)p) : 0;
	if (q && p)
		memcpy(q, p, len < most ? len : most);
	return q;
}

void *reallocarray(void *p, size_t n, size_t len)
{
	size_t total;
	if (!__builtin_mul_overflow(n, len, &total))
		return realloc(p, total);
	errno = ENOMEM;
	return NULL;
}

void *aligned_alloc(size_t align, size_t len)
{
	if (early_now())
		return NULL;
	return fail_now(CALLER) ? NULL : real_aligned_alloc(align, len);
}

int posix_memalign(void **p, size_t align, size_t len)
{
	*p = aligned_alloc(align, len);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p && !is_early(p))
		real_free(p);
}
