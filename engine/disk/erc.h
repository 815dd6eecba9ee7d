/* erc.h - how long a SATA disk tries to read a sector before it gives up: SCT Error Recovery
 * Control */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_ERC_H
#define SV_DISK_ERC_H

#include "engine/disk/disk.h"

/*
 * By way of smartctl. Lost when the disk loses power. Source: smartctl(8), -l scterc; ACS-3, SCT
 * Error Recovery Control.
 */
struct erc {
	unsigned int read, write; /* tenths of a second; 0 = as long as the disk likes */
};

/* false: the disk has none, or does not say. May take seconds. */
bool erc_get(const char *root, const struct disk *disk, struct erc *erc);
bool erc_set(const char *root, const struct disk *disk, const struct erc *erc);

#endif
