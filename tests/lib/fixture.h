/* fixture.h - real filesystems for the tests of map readers, and what other tools say of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "engine/fsmap/fsmap.h"
#include "engine/io/blk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Run a shell command line in a folder, under LC_ALL=C, and return its exit status (-1 when it was
 * killed). Standard output and error go to *out (NUL-terminated, to be freed) unless out is NULL.
 */
int fixture_run(const char *dir, char **out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, but the test fails with the command's output unless it returns 0. */
void fixture_must(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first number after `label` in a tool's output; the test fails when it is not there. */
uint64_t fixture_number(const char *output, const char *label);

/* An image file as a memory device (a copy: mutations do not reach the file), or as a file. */
struct blk_dev *fixture_load(const char *dir, const char *name, uint32_t sector_size);
struct blk_dev *fixture_open(const char *dir, const char *name, uint32_t sector_size);

/* A sparse file of zeros. */
void fixture_empty(const char *dir, const char *name, uint64_t size);

/*
 * fsmap_read(), and every promise of fsmap.h that holds for any content: a normal list inside the
 * volume, first and last MiB used, whole is really whole, a reason unless exact.
 */
struct fsmap *fixture_map(struct blk_dev *vol);
/* The map of dir/name, which must be exact, of that type and block size. `what` names it. */
struct fsmap *fixture_exact(const char *dir, const char *name, const char *type, uint32_t block,
			    const char *what);
void fixture_check_map(const struct fsmap *map);

/* Make the file `copy`: the used ranges of `name`, as they are there, and 0xa5 elsewhere. */
void fixture_copy_used(const struct fsmap *map, const char *dir, const char *name,
		       const char *copy);

/* The map of dir/name is what the type's own tools say (tests/lib/oracle.py in the folder `top`):
 * all but what they call free, and both ends. */
void fixture_same_as_oracle(const struct fsmap *map, const char *dir, const char *name,
			    const char *top);

/*
 * What sleuthkit takes for allocated: one bit per unit of *unit bytes, LSB first, to be freed.
 * `type` is blkls' name (fat32, ntfs, ext4).
 */
uint8_t *fixture_blkls(const char *dir, const char *name, const char *type, uint64_t *units,
		       uint32_t *unit);

/* One bit per `unit` bytes of the map: 1 when any byte of it is used. To be freed. */
uint8_t *fixture_bitmap(const struct fsmap *map, uint32_t unit, uint64_t units);

#endif
