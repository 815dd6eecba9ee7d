/* ntfs_image.h - NTFS images for tests: made and filled by ntfs-3g's tools, taken apart by hand */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_NTFS_IMAGE_H
#define TESTS_NTFS_IMAGE_H

#include "engine/fsmap/fsmap.h"
#include "engine/io/blk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The running test fails when something here does not work, unless it says otherwise. */

/* A new image of that geometry. */
void ntfs_make(const char *dir, const char *name, uint64_t size, uint32_t cluster, uint32_t sector);

/* Mount the image with ntfs-3g and run a bash script in its root folder; its errors do not matter
 * (a full volume is wanted now and then). false when FUSE cannot be used here, with a printed
 * reason. */
bool ntfs_fill(const char *dir, const char *name, const char *script);

/* Scripts for ntfs_fill(). */
extern const char ntfs_script_files[];	/* folders, files of all sizes, sparse, streams, links */
extern const char ntfs_script_pieces[]; /* full; one file in so many pieces that it has an
					   attribute list */
extern const char ntfs_script_mft[];	/* full; the $MFT itself in so many pieces */

/* $Bitmap as ntfscat has it: one bit per cluster, LSB first; to be freed. *clusters as ntfsinfo
 * has it. */
uint8_t *ntfs_oracle(const char *dir, const char *name, uint32_t *cluster, uint64_t *clusters);

/* An image in memory that can be taken apart; the device is the caller's. */
struct ntfs_image {
	struct blk_dev *dev;
	uint8_t *data;
	uint32_t cluster, record;
	uint64_t clusters, mft, mirror; /* the last two in bytes from the start */
};
struct ntfs_image ntfs_image_of(struct blk_dev *dev);

/* Record `number` of the first piece of $MFT. Open: fixups undone; close: done again. */
uint8_t *ntfs_image_open(struct ntfs_image *img, uint32_t number);
void ntfs_image_close(struct ntfs_image *img, uint32_t number);
/* The same for any structure with fixups. */
void ntfs_fixup_undo(uint8_t *p, uint32_t len);
void ntfs_fixup_do(uint8_t *p, uint32_t len);

/* An attribute of an open record; `name` "" = without a name. */
uint8_t *ntfs_image_attr(struct ntfs_image *img, uint8_t *rec, uint32_t type, const char *name);
/* The first cluster of a non-resident attribute of a closed record. */
uint64_t ntfs_image_lcn(struct ntfs_image *img, uint32_t number, uint32_t type, const char *name);
/* A byte of $Bitmap, and its bit for a cluster. */
uint8_t *ntfs_image_bitmap(struct ntfs_image *img, uint64_t cluster);

#endif
