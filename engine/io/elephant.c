/* elephant.c - undoing the Elephant diffuser */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/elephant.h"

#include "engine/util/bytes.h"

/* Rotations of a and b, and how often each goes around. */
static const unsigned int a_rotations[4] = {9, 0, 13, 0}, b_rotations[4] = {0, 10, 0, 25};
#define A_CYCLES 5
#define B_CYCLES 3

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return n ? x << n | x >> (32 - n) : x;
}

static uint32_t word(const uint8_t *sector, size_t i)
{
	return get_le32(sector + 4 * i);
}

/* Word i gets what its neighbours `near` and `far` words on (modulo n) make. */
static void stir(uint8_t *sector, size_t n, size_t near, size_t far, const unsigned int *rotations)
{
	for (size_t i = 0; i < n; i++)
		put_le32(sector + 4 * i,
			 word(sector, i) + (word(sector, (i + near) % n) ^
					    rotate(word(sector, (i + far) % n), rotations[i % 4])));
}

void elephant_undo(uint8_t *sector, size_t len, const uint8_t key[ELEPHANT_KEY])
{
	size_t n = len / 4;
	for (int cycle = 0; cycle < B_CYCLES; cycle++)
		stir(sector, n, 2, 5, b_rotations);
	for (int cycle = 0; cycle < A_CYCLES; cycle++)
		stir(sector, n, n - 2, n - 5, a_rotations);
	for (size_t i = 0; i < len; i++)
		sector[i] ^= key[i % ELEPHANT_KEY];
}
