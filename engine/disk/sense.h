/* sense.h - what a disk says of a command that failed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_SENSE_H
#define SV_DISK_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the answer to a SCSI command. Source: SPC-4 section 4.5, sense data in fixed and in descriptor
 * format; the disk's words are hostile. */
struct sense {
	uint8_t key, asc, ascq; /* all 0: it said nothing, or nothing with sense */
	bool has_info;
	uint64_t info; /* of a read: the first block that failed */
};

/* Any length, any content. */
void sense_parse(const uint8_t *data, size_t len, struct sense *sense);

/* What a read of one command came to, as an errno; 0 = all is there. */
#define SENSE_REPEAT	  (-1) /* it says something else first: ask again */
#define SENSE_UNSUPPORTED (-2) /* no such command */
int sense_errno(const struct sense *sense);
/* Likewise of an NVMe status, as the kernel hands it out: NVM Express base specification 1.4,
 * section 4.6.1. */
int nvme_status_errno(unsigned int status);

#endif
