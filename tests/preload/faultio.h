/* faultio.h - what the wrapped calls ask of the rules */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FAULTIO_H
#define FAULTIO_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thing that shall go wrong: a kind of operation on a file, at a place, the n-th time. */
struct rule {
	char path[512];
	char op, what;
	int err;
	uint64_t start, end, skip, count;
	uint64_t place; /* 0 = any */
};

/* The rule that strikes an operation on an open file, on a name in a directory, or on something
 * that has no file (`name` is a word then); NULL = let it happen. Any thread. */
const struct rule *strike_fd(int fd, char op, uint64_t off, size_t len);
const struct rule *strike_name(int dirfd, const char *name, char op);
const struct rule *strike_word(const char *name, char op);

/* The real function behind a wrapped one. */
void *next_call(const char *name);

/* The rule makes the call fail; errno is set. */
static inline bool fails(const struct rule *r)
{
	if (!r || r->what < '0' || r->what > '9')
		return false;
	errno = r->err;
	return true;
}

#endif
