/* sgdisk.c - preloaded: block devices that answer ATA commands the way a test has prepared */
/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In the folder $SGDISK what /dev/sdx says: "sdx.identify" and "sdx.dco" are sectors of 512 bytes,
 * "sdx.discovery" an answer of TCG, "sdx.native" and "sdx.ama" addresses in figures. What is not
 * there is refused. A disk without "sdx.identify" takes no commands. Whatever else is sent might
 * change a disk: it is a line of "forbidden".
 */
#include <dlfcn.h>
#include <errno.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static FILE *answer_of(const char *disk, const char *what)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s.%s", getenv("SGDISK"), disk, what);
	return fopen(path, "re");
}

/* The name of the device; "" when it takes no commands. */
static void disk_of(int fd, char name[256])
{
	char link[64], path[1024];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = getenv("SGDISK") ? readlink(link, path, sizeof(path) - 1) : 0;
	path[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(path, '/');
	snprintf(name, 256, "%s", slash ? slash + 1 : "");
	FILE *in = *name ? answer_of(name, "identify") : NULL;
	if (in)
		fclose(in);
	else
		name[0] = '\0';
}

static int refuse(struct sg_io_hdr *h)
{
	static const uint8_t illegal[8] = {0x72, 5, 0x20};
	memcpy(h->sbp, illegal, sizeof(illegal));
	h->sb_len_wr = sizeof(illegal);
	h->status = 2;
	return 0;
}

static int give_file(struct sg_io_hdr *h, const char *disk, const char *what)
{
	FILE *in = answer_of(disk, what);
	if (!in)
		return refuse(h);
	size_t n = fread(h->dxferp, 1, h->dxfer_len, in);
	fclose(in);
	memset((char *)h->dxferp + n, 0, h->dxfer_len - n);
	return 0;
}

static int give_address(struct sg_io_hdr *h, const char *disk, const char *what)
{
	uint8_t sense[22] = {0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 1}, *d = sense + 8;
	unsigned long long lba = 0;
	FILE *in = answer_of(disk, what);
	int n = in ? fscanf(in, "%llu", &lba) : 0;
	if (in)
		fclose(in);
	if (n != 1)
		return refuse(h);
	for (int i = 0; i < 3; i++) {
		d[7 + 2 * i] = (uint8_t)(lba >> 8 * i);
		d[6 + 2 * i] = (uint8_t)(lba >> (24 + 8 * i));
	}
	d[13] = 0x50;
	memcpy(h->sbp, sense, sizeof(sense));
	h->sb_len_wr = sizeof(sense);
	h->status = 2;
	return 0;
}

static int forbid(struct sg_io_hdr *h)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/forbidden", getenv("SGDISK"));
	FILE *out = fopen(path, "ae");
	if (out) {
		fprintf(out, "%02x %02x\n", h->cmdp[0], h->cmd_len > 14 ? h->cmdp[14] : 0);
		fclose(out);
	}
	return refuse(h);
}

static int command(struct sg_io_hdr *h, const char *disk)
{
	h->status = h->host_status = h->driver_status = 0;
	h->resid = 0;
	h->sb_len_wr = 0;
	if (h->cmdp[0] == 0xa2)
		return give_file(h, disk, "discovery");
	if (h->cmdp[0] != 0x85)
		return forbid(h);
	switch (h->cmdp[14]) {
	case 0xec:
		return give_file(h, disk, "identify");
	case 0x27:
		return give_address(h, disk, "native");
	case 0x78:
		return h->cmdp[4] ? forbid(h) : give_address(h, disk, "ama");
	case 0xb1:
		return h->cmdp[4] == 0xc2 ? give_file(h, disk, "dco") : forbid(h);
	case 0x5c:
		return refuse(h);
	default:
		return forbid(h);
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
	char disk[256];
	va_list ap;
	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	if (request != SG_IO)
		return real(fd, request, arg);
	disk_of(fd, disk);
	return *disk ? command(arg, disk) : real(fd, request, arg);
}
