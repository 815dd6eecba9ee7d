/* found.c - what holds for every search for the owners of lost bytes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/found.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

void found_promises(const struct fsmap_files *f, const struct sv_extents *lost)
{
	size_t losses = 0;
	assert_int_equal(f->in_files + f->metadata + f->free + f->unknown, sv_extents_total(lost));
	for (size_t i = 0; i < f->n_files; i++)
		losses += f->files[i].n;
	assert_int_equal(losses, f->n_losses);
	for (size_t i = 0; i < f->n_losses; i++)
		assert_true(sv_extents_contain(lost, f->losses[i].at, f->losses[i].at_len));
}
