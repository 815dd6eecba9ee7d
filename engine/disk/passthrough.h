/* passthrough.h - a read as one command of its own: once, with a limit, and in the disk's own words
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_PASSTHROUGH_H
#define SV_DISK_PASSTHROUGH_H

#include "engine/disk/disk.h"

/*
 * READ(10) and READ(16) of SCSI, SATA and USB disks by SG_IO, Read of NVMe by NVME_IOCTL_IO_CMD.
 * The kernel repeats none of them, whatever its settings, and tells why they failed. Source:
 * SBC-3 sections 5.11 and 5.13, <scsi/sg.h>, <linux/nvme_ioctl.h>. One thread at a time.
 */
enum pass_kind { PASS_NONE, PASS_SCSI, PASS_NVME };

struct passthrough {
	enum pass_kind kind;
	int fd;		/* not its own */
	uint32_t nsid;	/* of NVMe */
	uint32_t block; /* bytes of a logical block */
	uint64_t start; /* of a partition on its disk: commands count from the disk's start */
	unsigned int timeout_ms;
};

#define PASS_UNSUPPORTED (-2)

/* kind is PASS_NONE when the device takes no such commands, or need not be asked. */
void passthrough_init(struct passthrough *pass, const struct disk *disk, int fd);

/*
 * Read whole blocks. 0, an errno (ENODATA and its like: the medium; ENODEV, ENXIO, ENOMEDIUM: the
 * disk is gone), or PASS_UNSUPPORTED. *bad: the first byte that failed, if the disk names one in
 * the range; else UINT64_MAX.
 */
int passthrough_read(const struct passthrough *pass, void *buf, uint32_t len, uint64_t off,
		     uint64_t *bad);

#endif
