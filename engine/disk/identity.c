/* identity.c - who a disk is: model, serial, WWN, transport, port, geometry */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk_int.h"
#include "engine/util/bytes.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512 /* sysfs counts in these, whatever the disk has */

/* SCSI page 0x80, unit serial number: SPC-5 section 7.7.19. */
static bool serial_of_page80(const char *dir, char *out, size_t cap)
{
	uint8_t page[256];
	size_t n = sysfs_bytes(dir, "device/vpd_pg80", page, sizeof(page));
	if (n < 5 || page[1] != 0x80)
		return false;
	size_t len = SV_MIN(SV_MIN(get_be16(page + 2), n - 4), cap - 1);
	memcpy(out, page + 4, len);
	out[len] = '\0';
	sysfs_trim(out);
	return *out;
}

/* SCSI page 0x83, NAA or EUI-64 name of the unit itself: SPC-5 section 7.7.6. */
static bool wwn_of_page83(const char *dir, char *out, size_t cap)
{
	uint8_t page[1024];
	size_t n = sysfs_bytes(dir, "device/vpd_pg83", page, sizeof(page));
	if (n < 8 || page[1] != 0x83)
		return false;
	size_t end = SV_MIN(n, 4 + (size_t)get_be16(page + 2));
	for (size_t at = 4; at + 4 <= end; at += 4 + page[at + 3]) {
		size_t len = page[at + 3];
		unsigned int type = page[at + 1] & 0x0f, association = page[at + 1] >> 4 & 3;
		if (at + 4 + len > end || association || (type != 3 && type != 2) || len < 8 ||
		    2 * len + 3 > cap)
			continue;
		snprintf(out, cap, "0x");
		sv_hex(out + 2, page + at + 4, len);
		return true;
	}
	return false;
}

/* The USB device's own serial, for bridges and sticks that pass none through. */
static bool serial_of_usb(const char *dir, char *out, size_t cap)
{
	char path[2 * SYSFS_PATH], probe[2 * SYSFS_PATH];
	snprintf(path, sizeof(path), "%s/device", dir);
	char *real = realpath(path, NULL), *slash;
	bool ok = false;
	while (real && !ok && (slash = strrchr(real, '/')) && slash != real) {
		snprintf(probe, sizeof(probe), "%s/idVendor", real);
		if (!access(probe, F_OK)) {
			ok = sysfs_text(real, "serial", out, cap);
			break;
		}
		*slash = '\0';
	}
	free(real);
	return ok;
}

static void load_serial(const char *dir, struct disk *d)
{
	static const char *const attrs[] = {"serial", "device/serial"};
	for (size_t i = 0; i < SV_ARRAY(attrs); i++)
		if (sysfs_text(dir, attrs[i], d->serial, sizeof(d->serial)))
			return;
	if (serial_of_page80(dir, d->serial, sizeof(d->serial)) ||
	    serial_of_usb(dir, d->serial, sizeof(d->serial)))
		return;
	sysfs_text(dir, "device/cid", d->serial, sizeof(d->serial));
}

static void load_wwn(const char *dir, struct disk *d)
{
	static const char *const attrs[] = {"wwid", "device/wwid"};
	char text[80];
	if (wwn_of_page83(dir, d->wwn, sizeof(d->wwn)))
		return;
	for (size_t i = 0; i < SV_ARRAY(attrs) && !*d->wwn; i++) {
		/* "t10." is vendor, model and serial in one: no name of its own */
		if (!sysfs_text(dir, attrs[i], text, sizeof(text)) || !strncmp(text, "t10.", 4))
			continue;
		if (!strncmp(text, "naa.", 4))
			snprintf(d->wwn, sizeof(d->wwn), "0x%.70s", text + 4);
		else
			snprintf(d->wwn, sizeof(d->wwn), "%s", text);
	}
}

static void load_model(const char *dir, struct disk *d)
{
	char vendor[40], model[80];
	sysfs_text(dir, "device/vendor", vendor, sizeof(vendor));
	if (!sysfs_text(dir, "device/model", model, sizeof(model)))
		sysfs_text(dir, "device/name", model, sizeof(model));
	/* libata puts "ATA" there; virtio and PCI a number */
	if (!*model || !strcmp(vendor, "ATA") || !strncmp(vendor, "0x", 2))
		vendor[0] = '\0';
	snprintf(d->model, sizeof(d->model), "%s%s%.39s", vendor, *vendor ? " " : "", model);
	if (strlen(model) >= 40 && !*vendor)
		snprintf(d->model, sizeof(d->model), "%s", model);
}

static const struct {
	const char *part, *prefix, *name;
} transports[] = {
	{"/usb", NULL, "usb"},	   {"/nvme", "nvme", "nvme"},	{"/ata", NULL, "sata"},
	{"/mmc", "mmcblk", "mmc"}, {"/virtio", "vd", "virtio"}, {NULL, "loop", "loop"},
	{"/host", "sd", "scsi"},
};

static void load_transport(const char *link, struct disk *d)
{
	for (size_t i = 0; i < SV_ARRAY(transports); i++)
		if (transports[i].part && strstr(link, transports[i].part)) {
			snprintf(d->transport, sizeof(d->transport), "%s", transports[i].name);
			return;
		}
	for (size_t i = 0; i < SV_ARRAY(transports); i++)
		if (transports[i].prefix &&
		    !strncmp(d->kname, transports[i].prefix, strlen(transports[i].prefix)))
			snprintf(d->transport, sizeof(d->transport), "%s", transports[i].name);
}

static bool all_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

/* Is this step of the bus path one that tells ports apart? Numbers of hosts and targets change. */
static const char *port_word(const char *s)
{
	if (strlen(s) == 12 && s[4] == ':' && s[7] == ':' && s[10] == '.')
		return "pci ";
	if (!strncmp(s, "ata", 3) && all_of(s + 3, "0123456789"))
		return "";
	if (isdigit((unsigned char)*s) && strchr(s, '-') && all_of(s, "0123456789-."))
		return "usb ";
	if (!strncmp(s, "mmc", 3) && all_of(s + 3, "0123456789"))
		return "";
	if (isdigit((unsigned char)*s) && strlen(s) >= 7 && all_of(s, "0123456789:"))
		return "scsi ";
	return NULL;
}

/* "../devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host6/..." -> "pci 0000:00:14.0 usb 1-4" */
static void load_port(const char *link, struct disk *d)
{
	char copy[SYSFS_PATH], pci[40] = "", bus[64] = "", *save = NULL;
	snprintf(copy, sizeof(copy), "%s", link);
	for (char *s = strtok_r(copy, "/", &save); s; s = strtok_r(NULL, "/", &save)) {
		const char *word = port_word(s);
		if (!word)
			continue;
		if (!strcmp(word, "pci "))
			snprintf(pci, sizeof(pci), "%s%s", word, s);
		else if (strcmp(word, "scsi ") || !*bus) /* a USB or ATA port says it all */
			snprintf(bus, sizeof(bus), "%s%.50s", word, s);
	}
	snprintf(d->port, sizeof(d->port), "%s%s%s", pci, *pci && *bus ? " " : "", bus);
}

static void load_link(const char *dir, struct disk *d)
{
	char link[SYSFS_PATH];
	ssize_t n = readlink(dir, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	load_transport(link, d);
	load_port(link, d);
}

static void load_whole(const char *dir, struct disk *d)
{
	load_model(dir, d);
	load_serial(dir, d);
	load_wwn(dir, d);
	load_link(dir, d);
	d->sector_size = (uint32_t)sysfs_number(dir, "queue/logical_block_size", SECTOR);
	d->physical_sector_size =
		(uint32_t)sysfs_number(dir, "queue/physical_block_size", d->sector_size);
	d->rotational = sysfs_number(dir, "queue/rotational", 0) == 1;
	d->removable = sysfs_number(dir, "removable", 0) == 1;
	d->diskseq = sysfs_number(dir, "diskseq", 0);
}

bool disk_load(const char *root, const char *kname, struct disk *d)
{
	char dir[SYSFS_PATH], whole[SYSFS_PATH];
	memset(d, 0, sizeof(*d));
	if (!sysfs_dir(root, kname, dir))
		return false;
	snprintf(d->kname, sizeof(d->kname), "%s", kname);
	sysfs_node(kname, d->path, sizeof(d->path));
	sysfs_parent(root, kname, d->parent);
	if (*d->parent && !sysfs_dir(root, d->parent, whole))
		return false;
	load_whole(*d->parent ? whole : dir, d);
	if (*d->parent && !*d->transport) /* told by the name of the disk alone */
		load_transport("", d);
	uint64_t sectors = sysfs_number(dir, "size", 0);
	d->size = sectors > UINT64_MAX / SECTOR ? 0 : sectors * SECTOR;
	d->start = sysfs_number(dir, "start", 0) * SECTOR;
	d->partition = (int)sysfs_number(dir, "partition", 0);
	d->read_only = sysfs_number(dir, "ro", 0) == 1;
	return true;
}
