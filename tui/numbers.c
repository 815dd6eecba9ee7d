/* numbers.c - numbers for what comes and goes in a list: the same name keeps its number */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/numbers.h"

#include <stdlib.h>
#include <string.h>

int numbers_find(const struct numbers *numbers, const char *name)
{
	for (size_t i = 0; i < numbers->n; i++)
		if (!strcmp(numbers->v[i], name))
			return (int)i;
	return -1;
}

int numbers_give(struct numbers *numbers, const char *name)
{
	int number = numbers_find(numbers, name);
	if (number >= 0)
		return number;
	char *copy = numbers->n < NUMBERS_MAX ? strdup(name) : NULL;
	if (!copy)
		return -1;
	numbers->v[numbers->n] = copy;
	return (int)numbers->n++;
}

void numbers_clear(struct numbers *numbers)
{
	for (size_t i = 0; i < numbers->n; i++)
		free(numbers->v[i]);
	numbers->n = 0;
}
