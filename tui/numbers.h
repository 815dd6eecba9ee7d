/* numbers.h - numbers for what comes and goes in a list: the same name keeps its number */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_NUMBERS_H
#define TUI_NUMBERS_H

#include <stddef.h>

/* Below this all numbers are. */
#define NUMBERS_MAX 400

/*
 * What is chosen on a page is known to it by a number. Where a thread finds one thing after the
 * other, a place in the list is no such number: it is another thing's when the user answers.
 * Zero-initialised = empty. One thread, or under a lock of the owner's.
 */
struct numbers {
	char *v[NUMBERS_MAX];
	size_t n;
};

/* The number of a name, -1 when it has none. */
int numbers_find(const struct numbers *numbers, const char *name);
/* The number of a name, a new one if it has none; -1 when there are too many or no memory is left.
 */
int numbers_give(struct numbers *numbers, const char *name);
void numbers_clear(struct numbers *numbers);

#endif
