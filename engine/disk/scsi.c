/* scsi.c - one SCSI command, sent as it is */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/scsi.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>

int scsi_send(int fd, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len, unsigned int ms,
	      struct scsi_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	struct sg_io_hdr h = {
		.interface_id = 'S',
		.dxfer_direction = len ? SG_DXFER_FROM_DEV : SG_DXFER_NONE,
		.cmd_len = (unsigned char)cdb_len,
		.mx_sb_len = SCSI_SENSE,
		.dxfer_len = len,
		.dxferp = buf,
		.cmdp = (unsigned char *)cdb,
		.sbp = answer->sense,
		.timeout = ms,
	};
	if (ioctl(fd, SG_IO, &h) < 0)
		return errno;
	answer->host = h.host_status;
	answer->status = h.status;
	answer->missing = h.resid > 0 ? (uint32_t)h.resid : 0;
	answer->sense_len = SV_MIN(h.sb_len_wr, SCSI_SENSE);
	return 0;
}
