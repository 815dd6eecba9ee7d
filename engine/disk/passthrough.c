/* passthrough.c - a read as one command of its own: once, with a limit, and in the disk's own words
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/passthrough.h"

#include "engine/disk/scsi.h"
#include "engine/disk/sense.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

/* An SSD gets as long as the kernel gives it: behind that limit its controller is reset. */
#define SCSI_MS	 10000u
#define NVME_MS	 30000u
#define ATTEMPTS 4 /* of a disk that has other news first */

#define READ_10	  0x28
#define READ_16	  0x88
#define NVME_READ 0x02

static bool takes_scsi(const struct disk *disk)
{
	return !strcmp(disk->transport, "sata") || !strcmp(disk->transport, "usb") ||
	       !strcmp(disk->transport, "scsi") || !strncmp(disk->kname, "sd", 2);
}

void passthrough_init(struct passthrough *pass, const struct disk *disk, int fd)
{
	*pass = (struct passthrough){
		.fd = fd, .block = disk->sector_size, .start = disk->start, .timeout_ms = SCSI_MS};
	if (fd < 0 || !sv_is_pow2(disk->sector_size) || disk->start % disk->sector_size)
		return;
	if (!strncmp(disk->kname, "nvme", 4)) {
		int nsid = ioctl(fd, NVME_IOCTL_ID);
		pass->nsid = nsid > 0 ? (uint32_t)nsid : 0;
		pass->timeout_ms = NVME_MS;
		pass->kind = nsid > 0 ? PASS_NVME : PASS_NONE;
	} else if (takes_scsi(disk)) {
		pass->kind = PASS_SCSI;
	}
}

/* What the kernel itself answers: no such call here, or something about the device. */
static int call_errno(int e)
{
	return e == ENOTTY || e == EINVAL || e == EPERM || e == EACCES || e == ENOSYS ||
			       e == EOPNOTSUPP
		       ? PASS_UNSUPPORTED
		       : e;
}

/* ---- SCSI ---- */

static void put_be(uint8_t *p, size_t bytes, uint64_t v)
{
	for (size_t i = bytes; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static uint8_t make_cdb(uint8_t cdb[16], uint64_t lba, uint32_t blocks)
{
	memset(cdb, 0, 16);
	/* old USB bridges know the short one only */
	if (lba + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = READ_10;
		put_be(cdb + 2, 4, lba);
		put_be(cdb + 7, 2, blocks);
		return 10;
	}
	cdb[0] = READ_16;
	put_be(cdb + 2, 8, lba);
	put_be(cdb + 10, 4, blocks);
	return 16;
}

static int judge(const struct scsi_answer *a, struct sense *sense)
{
	sense_parse(a->sense, a->sense_len, sense);
	if (a->host == SCSI_HOST_NO_CONNECT)
		return ENODEV;
	if (a->host == SCSI_HOST_TIME_OUT)
		return ETIMEDOUT;
	if (a->host != SCSI_HOST_OK)
		return EIO;
	if (a->status == SCSI_CHECK)
		return sense_errno(sense);
	return a->status == SCSI_GOOD && !a->missing ? 0 : EIO;
}

static int scsi_read(const struct passthrough *pass, void *buf, uint32_t len, uint64_t lba,
		     struct sense *sense)
{
	uint8_t cdb[16];
	struct scsi_answer answer;
	size_t cdb_len = make_cdb(cdb, lba, len / pass->block);
	int e = scsi_send(pass->fd, cdb, cdb_len, buf, len, pass->timeout_ms, &answer);
	return e ? call_errno(e) : judge(&answer, sense);
}

/* ---- NVMe ---- */

static int nvme_read(const struct passthrough *pass, void *buf, uint32_t len, uint64_t lba)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = NVME_READ,
		.nsid = pass->nsid,
		.addr = (uint64_t)(uintptr_t)buf,
		.data_len = len,
		.cdw10 = (uint32_t)lba,
		.cdw11 = (uint32_t)(lba >> 32),
		.cdw12 = len / pass->block - 1,
		.timeout_ms = pass->timeout_ms,
	};
	int status = ioctl(pass->fd, NVME_IOCTL_IO_CMD, &cmd);
	if (status < 0)
		return call_errno(errno);
	int e = nvme_status_errno((unsigned int)status);
	return e == SENSE_UNSUPPORTED ? PASS_UNSUPPORTED : e;
}

int passthrough_read(const struct passthrough *pass, void *buf, uint32_t len, uint64_t off,
		     uint64_t *bad)
{
	struct sense sense = {0};
	uint64_t lba = (pass->start + off) / pass->block;
	*bad = UINT64_MAX;
	if (off % pass->block || len % pass->block || pass->kind == PASS_NONE)
		return PASS_UNSUPPORTED;
	if (pass->kind == PASS_NVME)
		return nvme_read(pass, buf, len, lba);
	int e = SENSE_REPEAT;
	for (int i = 0; i < ATTEMPTS && e == SENSE_REPEAT; i++)
		e = scsi_read(pass, buf, len, lba, &sense);
	if (e == SENSE_REPEAT)
		e = EIO;
	/* only of the medium it tells where */
	if (e == ENODATA && sense.has_info && sense.info >= lba &&
	    sense.info - lba < len / pass->block)
		*bad = off + (sense.info - lba) * pass->block;
	return e == SENSE_UNSUPPORTED ? PASS_UNSUPPORTED : e;
}
