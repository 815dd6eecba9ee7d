/* xfs_image.h - small XFS volumes for tests, made without a mount, and what xfs_db says of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_XFS_IMAGE_H
#define TESTS_XFS_IMAGE_H

#include "engine/fsmap/fsmap.h"

/* All functions end the running test when something does not work. */

/* dir/name with these options of mkfs.xfs. With `files` it gets a folder of so many files of up to
 * 9 KB. */
void xfs_image_make(const char *dir, const char *name, const char *options, const char *size,
		    unsigned int files);

/* Every second file of it goes; xfs_repair makes the trees anew, so the free space is in pieces. */
void xfs_image_fragment(const char *dir, const char *name);

/* What must be used: everything but the free space of xfs_db, and both ends. */
void xfs_image_used(const char *dir, const char *name, struct sv_extents *used);

/* Seal the sector at `data` with a CRC at `at`. */
void xfs_image_seal(uint8_t *data, size_t len, size_t at);

#endif
