/* hidden.c - what a disk keeps back, asked by way of the kernel */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/hidden.h"

#include "engine/disk/sysfs.h"
#include "engine/util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TIMEOUT_MS 5000u

static int send_scsi(void *arg, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len,
		     struct scsi_answer *answer)
{
	return scsi_send(*(const int *)arg, cdb, cdb_len, buf, len, TIMEOUT_MS, answer);
}

static int send_nvme(void *arg, uint8_t opcode, uint32_t cdw10, uint32_t cdw11, void *buf,
		     uint32_t len)
{
	struct nvme_admin_cmd cmd = {
		.opcode = opcode,
		.addr = (uint64_t)(uintptr_t)buf,
		.data_len = len,
		.cdw10 = cdw10,
		.cdw11 = cdw11,
		.timeout_ms = TIMEOUT_MS,
	};
	int status = ioctl(*(const int *)arg, NVME_IOCTL_ADMIN_CMD, &cmd);
	return status < 0 ? errno : status ? EIO : 0;
}

/* A SATA disk behind a SAS controller: the kernel calls its vendor so. */
static bool says_ata(const char *root, const struct disk *disk)
{
	char dir[SYSFS_PATH], vendor[16];
	return !strncmp(disk->kname, "sd", 2) && sysfs_dir(root, disk->kname, dir) &&
	       sysfs_text(dir, "device/vendor", vendor, sizeof(vendor)) && !strcmp(vendor, "ATA");
}

typedef void (*ask_fn)(const struct hidden_port *port, struct hidden *hidden);

/* How to ask; NULL: not at all. */
static ask_fn way_to_ask(const char *root, const struct disk *disk, const char *protocol)
{
	bool sd = !strncmp(disk->kname, "sd", 2);
	if (disk->partition || !strcmp(disk->transport, "virtio"))
		return NULL;
	if (!strncmp(disk->kname, "nvme", 4))
		return hidden_ask_nvme;
	if (sd && (!strcmp(protocol, "ATA") || !strcmp(disk->transport, "sata")))
		return hidden_ask_ata;
	if (sd && !strcmp(protocol, "SCSI") && !strcmp(disk->transport, "scsi"))
		return hidden_ask_scsi;
	return says_ata(root, disk) ? hidden_ask_ata : NULL;
}

void hidden_read(const char *root, const struct disk *disk, const char *protocol,
		 struct hidden *hidden)
{
	char path[SYSFS_PATH];
	root = root ? root : "";
	ask_fn ask = way_to_ask(root, disk, protocol);
	memset(hidden, 0, sizeof(*hidden));
	if (!ask)
		return;
	snprintf(path, sizeof(path), "%s%s", root, disk->path);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	const struct hidden_port port = {
		.scsi = send_scsi, .nvme = send_nvme, .arg = &fd, .size = disk->size};
	ask(&port, hidden);
	close(fd);
}

static void say_size(char *out, uint64_t bytes, const char *what)
{
	char size[SV_SIZE_TEXT];
	size_t len = strlen(out);
	if (bytes && len < HIDDEN_TEXT)
		snprintf(out + len, HIDDEN_TEXT - len, "%s%s behind its end are hidden (%s)",
			 len ? ", " : "", sv_text_size(size, bytes), what);
}

static void say_lock(char *out, bool locked, const char *what)
{
	size_t len = strlen(out);
	if (locked && len < HIDDEN_TEXT)
		snprintf(out + len, HIDDEN_TEXT - len, "%s%s", len ? ", " : "", what);
}

bool hidden_text(const struct hidden *h, char out[HIDDEN_TEXT])
{
	*out = '\0';
	say_size(out, h->hpa, "HPA");
	say_size(out, h->ama, "AMA");
	say_size(out, h->dco, "DCO");
	say_lock(out, h->locked, "it is locked by a password");
	say_lock(out, h->opal_locked, "it is locked (Opal)");
	say_lock(out, h->opal_shadow, "what it shows is not its content (Opal shadow MBR)");
	return *out;
}
