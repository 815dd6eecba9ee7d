/* scratch.h - places for unit tests: a directory, a loop device, a tiny filesystem */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Make an empty directory under $TMPDIR or /tmp and write its path; false when that fails. */
bool scratch_make(char path[64]);
/* Remove it with everything inside. */
void scratch_remove(const char *path);

/* dir/name into `out`. */
const char *scratch_path(char *out, size_t size, const char *dir, const char *name);

/*
 * A loop device of `size` bytes with that sector size, over a file that has no name any more. It
 * goes away with the returned descriptor, even when the test dies. -1 with a printed reason when
 * there is no right or no support for it.
 */
int scratch_loop(const char *dir, uint64_t size, uint32_t sector_size, char path[32]);

/*
 * Mount a tmpfs of `bytes` on a directory, seen by this process only: it goes with it. false with a
 * printed reason.
 */
bool scratch_tmpfs(const char *dir, uint64_t bytes);

#endif
