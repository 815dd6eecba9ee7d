/* faultalloc.c - a preloaded library that makes the n-th allocation of a program fail */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * FAULTALLOC        N[:COUNT]: allocations N to N + COUNT - 1 fail (from 1 on, in main(); COUNT 0 =
 * all from there, default 1). Counted are malloc, calloc, realloc, reallocarray, aligned_alloc and
 * posix_memalign of the program and its libraries, whatever strdup and others call included; a
 * child goes on counting on its own. FAULTALLOC_LOG    a file that gets the number of allocations
 * when the program ends.
 */
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
static uint64_t first, count;

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

static bool fail_now(void)
{
	if (!in_main)
		return false;
	uint64_t n = atomic_fetch_add(&seen, 1) + 1;
	if (!first || n < first || n - first >= count)
		return false;
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
			count = strtoull(end + 1, NULL, 10);
		if (!count)
			count = UINT64_MAX;
	}
	unsetenv("LD_PRELOAD"); /* what the program starts is none of our business */
	ready = true;
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

__attribute__((destructor)) static void tell(void)
{
	char text[32];
	const char *name = getenv("FAULTALLOC_LOG");
	int fd = name ? open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
	if (fd < 0)
		return;
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)seen);
	if (write(fd, text, (size_t)len) != len)
		abort();
	close(fd);
}

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
	return fail_now() ? NULL : real_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	if (early_now())
		return early_alloc(n * len);
	return fail_now() ? NULL : real_calloc(n, len);
}

void *realloc(void *p, size_t len)
{
	if (!early_now() && !is_early(p))
		return fail_now() ? NULL : real_realloc(p, len);
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
	return fail_now() ? NULL : real_aligned_alloc(align, len);
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
