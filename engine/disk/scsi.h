/* scsi.h - one SCSI command, sent as it is */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_SCSI_H
#define SV_DISK_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Source: <scsi/sg.h>, linux/include/scsi/scsi_status.h. */
enum scsi_host { SCSI_HOST_OK = 0, SCSI_HOST_NO_CONNECT = 1, SCSI_HOST_TIME_OUT = 3 };
enum scsi_status { SCSI_GOOD = 0, SCSI_CHECK = 2 };
#define SCSI_SENSE 96

struct scsi_answer {
	unsigned int host, status;
	uint32_t missing; /* bytes of the buffer that were not filled */
	uint8_t sense[SCSI_SENSE];
	size_t sense_len;
};

/* A command that reads `len` bytes from the disk, or, with 0, has no data. The kernel repeats
 * nothing. 0 when it was sent, else the errno of the call. */
int scsi_send(int fd, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len, unsigned int ms,
	      struct scsi_answer *answer);

#endif
