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

/* A big endian number to be put somewhere, and why the volume is then whole. */
struct hfsplus_change {
	size_t off, len;
	uint32_t value;
	const char *reason;
};

/* Each of the changes at `base`, one at a time, makes the volume whole. */
void hfsplus_image_refused(const struct noise *n, uint8_t *base, const struct hfsplus_change *bad,
			   size_t count);

#endif
