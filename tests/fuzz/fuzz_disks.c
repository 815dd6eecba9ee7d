/* fuzz_disks.c - hostile answers of devices and kernel: attributes in sysfs, mounts, swap */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Input: pieces of a byte that chooses a file, a byte of length, and its content. Files that are
 * not chosen have a usual content.
 */
#include "tests/fuzz/fuzz_files.h"

#include "engine/disk/disk.h"
#include "engine/disk/usage.h"
#include "engine/util/bytes.h"

#define SDA  "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host6/6:0:0:0/block/sda/"
#define SCSI "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host6/6:0:0:0/"
#define LOOP "sys/devices/virtual/block/loop0/"
#define DM   "sys/devices/virtual/block/dm-0/"

static const struct {
	const char *path, *usual;
} files[] = {
	{SCSI "vendor", "ACME"},
	{SCSI "model", "Disk"},
	{SCSI "name", ""},
	{SCSI "vpd_pg80", ""},
	{SCSI "vpd_pg83", ""},
	{SCSI "serial", ""},
	{SCSI "wwid", ""},
	{SCSI "cid", ""},
	{"sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/serial", ""},
	{"sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/idVendor", "1234"},
	{SDA "serial", ""},
	{SDA "wwid", ""},
	{SDA "size", "204800"},
	{SDA "ro", "0"},
	{SDA "removable", "0"},
	{SDA "diskseq", "3"},
	{SDA "dev", "8:0"},
	{SDA "queue/logical_block_size", "512"},
	{SDA "queue/physical_block_size", "4096"},
	{SDA "queue/rotational", "0"},
	{SDA "sda1/partition", "1"},
	{SDA "sda1/start", "2048"},
	{SDA "sda1/size", "4096"},
	{SDA "sda1/dev", "8:1"},
	{LOOP "loop/backing_file", "/dev/sda1"},
	{LOOP "size", "4096"},
	{LOOP "dev", "7:0"},
	{DM "dm/name", "vg-lv"},
	{DM "dev", "253:0"},
	{DM "size", "4096"},
	{DM "slaves/sda", ""},
	{SDA "sda1/holders/dm-0", ""},
	{"sys/fs/btrfs/1234/devices/sda1", ""},
	{"proc/self/mountinfo", ""},
	{"proc/swaps", ""},
	{"dev/sda", ""},
	{"dev/sda1", ""},
	{"dev/loop0", ""},
	{"dev/dm-0", ""},
};

static const char *const links[][2] = {
	{"sys/block/sda", "../../" SDA},
	{"sys/block/loop0", "../../" LOOP},
	{"sys/block/dm-0", "../../" DM},
	{SDA "device", "../.."},
	{"sys/dev/block/8:0", "../../../" SDA},
	{"sys/dev/block/8:1", "../../../" SDA "sda1"},
	{"dev/mapper", "."},
};

static void make_parents(const char *path)
{
	char copy[400];
	scratch_path(copy, sizeof(copy), fuzz_top, path);
	for (char *p = copy + strlen(fuzz_top) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		must(!mkdir(copy, 0755) || errno == EEXIST);
	}
}

static int make_tree(void)
{
	int top = open(fuzz_top_make(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(top >= 0);
	for (size_t i = 0; i < SV_ARRAY(files); i++) {
		make_parents(files[i].path);
		fuzz_put(top, files[i].path, files[i].usual, strlen(files[i].usual));
	}
	for (size_t i = 0; i < SV_ARRAY(links); i++) {
		char to[300];
		size_t len = strlen(links[i][1]);
		snprintf(to, sizeof(to), "%.*s", (int)(len - (links[i][1][len - 1] == '/')),
			 links[i][1]);
		make_parents(links[i][0]);
		must(!symlinkat(to, top, links[i][0]));
	}
	return top;
}

static void check_disk(const struct disk *d)
{
	char id[128], kname[64] = "";
	must(memchr(d->serial, 0, sizeof(d->serial)) && memchr(d->model, 0, sizeof(d->model)) &&
	     memchr(d->wwn, 0, sizeof(d->wwn)) && memchr(d->port, 0, sizeof(d->port)));
	for (const char *s = d->serial; *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
	disk_confirm_id(d, id, sizeof(id));
	must(disk_confirm_matches(d, id));
	snprintf(kname, sizeof(kname), "%s", d->kname);
	sysfs_lowest(fuzz_top, kname);
}

static void ask(void)
{
	static const char *const specs[] = {"/dev/sda1", "/dev/dm-0"};
	struct disk_list list = {0};
	struct disk d;
	char spec[100];
	(void)disk_scan(fuzz_top, &list, NULL);
	for (size_t i = 0; i < list.n; i++)
		check_disk(&list.v[i]);
	if (list.n) {
		snprintf(spec, sizeof(spec), "serial=%s", list.v[list.n - 1].serial);
		(void)disk_find(fuzz_top, spec, &d, NULL);
	}
	disk_list_clear(&list);
	for (size_t i = 0; i < SV_ARRAY(specs); i++)
		if (!disk_find(fuzz_top, specs[i], &d, NULL))
			check_disk(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int top = -1;
	bool changed[SV_ARRAY(files)] = {false};
	if (top < 0)
		top = make_tree();
	for (size_t at = 0; at + 2 <= size;) {
		size_t n = data[at] % SV_ARRAY(files);
		size_t len = SV_MIN((size_t)data[at + 1], size - at - 2);
		fuzz_put(top, files[n].path, data + at + 2, len);
		changed[n] = true;
		at += 2 + len;
	}
	ask();
	for (size_t i = 0; i < SV_ARRAY(files); i++)
		if (changed[i])
			fuzz_put(top, files[i].path, files[i].usual, strlen(files[i].usual));
	return 0;
}
