/* newfs.h - a new, empty filesystem, made by its own tool in memory; private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_NEWFS_H
#define SV_JOB_NEWFS_H

#include "engine/disk/layout.h"
#include "engine/salvor.h"

/*
 * The tool (mkfs.exfat, mke2fs) is given a sparse file in memory and never sees a disk: what it
 * wrote there is put on the disk by the job, through the descriptor that was checked, and read
 * back. Zero-initialised = nothing.
 */
struct newfs {
	struct blk_dev *dev;	/* the volume, in memory */
	struct sv_extents used; /* bytes of it that must be written, all else being free */
	int fd;
};

/* How the partition's entry names it. */
enum layout_type newfs_type(enum sv_format_fs fs);
/* SV_E_FAILED when the tool is not there or fails, SV_E_NOMEM. newfs_clear() in any case. */
int newfs_make(enum sv_format_fs fs, uint64_t size, uint32_t sector_size, struct newfs *volume,
	       struct sv_err *err);
void newfs_clear(struct newfs *volume);

#endif
