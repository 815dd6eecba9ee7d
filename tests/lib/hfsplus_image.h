/* hfsplus_image.h - small HFS+ volumes for tests, and changes of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_HFSPLUS_IMAGE_H
#define TESTS_HFSPLUS_IMAGE_H

#include "tests/lib/noise.h"

/* All functions end the running test when something does not work. They run in the project's
 * folder. */

/* dir/tree: files and folders. */
void hfsplus_image_tree(const char *dir);

/* dir/img with these options of hfsplus-make.py. */
void hfsplus_image_make(const char *dir, const char *options, uint64_t size);

/* The same, into memory. An allocation file in pieces has enough of them for the extents file. */
void hfsplus_image_load(struct noise *n, const char *dir, const char *options);

#endif
