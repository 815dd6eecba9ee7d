/* test_disk.c - disks and their use, in a made-up sysfs and on a real loop device */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/disk.h"
#include "engine/util/bytes.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

/* mkdir -p of everything before the last slash */
static void make_parents(const char *path)
{
	char copy[1024];
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			fail_msg("mkdir %s", copy);
		*p = '/';
	}
}

static void put_bytes(const char *path, const void *data, size_t len)
{
	char full[1024];
	snprintf(full, sizeof(full), "%s/%s", top, path);
	make_parents(full);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void put_link(const char *path, const char *to)
{
	char full[1024];
	snprintf(full, sizeof(full), "%s/%s", top, path);
	make_parents(full);
	assert_int_equal(symlink(to, full), 0);
}

static void attr(const char *dir, const char *name, const char *text)
{
	char path[800];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	put(path, text);
}

/* A disk at sys/devices/BUS/block/NAME with its node and its link in sys/block. */
static void add_disk(const char *bus, const char *name, const char *devno, const char *sectors,
		     char dir[256])
{
	char path[300], to[300];
	snprintf(dir, 256, "sys/devices/%s/block/%s", bus, name);
	attr(dir, "dev", devno);
	attr(dir, "size", sectors);
	attr(dir, "ro", "0\n");
	attr(dir, "removable", "0\n");
	attr(dir, "queue/logical_block_size", "512\n");
	attr(dir, "queue/physical_block_size", "4096\n");
	attr(dir, "queue/rotational", "1\n");
	snprintf(path, sizeof(path), "%s/device", dir);
	put_link(path, "../..");
	snprintf(path, sizeof(path), "sys/block/%s", name);
	snprintf(to, sizeof(to), "../devices/%s/block/%s", bus, name);
	put_link(path, to);
	snprintf(path, sizeof(path), "dev/%s", name);
	put(path, "");
}

static void add_part(const char *dir, const char *name, const char *number, const char *devno,
		     const char *start, const char *sectors)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	attr(path, "partition", number);
	attr(path, "dev", devno);
	attr(path, "start", start);
	attr(path, "size", sectors);
	attr(path, "ro", "0\n");
	snprintf(path, sizeof(path), "dev/%s", name);
	put(path, "");
}

#define SATA   "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0"
#define USB(n) "pci0000:00/0000:00:14.0/usb1/1-" n "/1-" n ":1.0/host6/target6:0:0/6:0:0:" n

static void build_sata(void)
{
	static const uint8_t pg80[] = "\0\x80\0\x14     WD-WCC4E1234567";
	static const uint8_t pg83[] = "\0\x83\0\x14"
				      "\x02\x00\0\4ABCD"
				      "\x01\x03\0\x08\x50\x01\x4e\xe2\x01\x02\x03\x04";
	char d[256];
	add_disk(SATA, "sda", "8:0\n", "1953525168\n", d);
	attr("sys/devices/" SATA, "vendor", "ATA     \n");
	attr("sys/devices/" SATA, "model", "WDC WD10EZEX-08W\n");
	put_bytes("sys/devices/" SATA "/vpd_pg80", pg80, 24);
	put_bytes("sys/devices/" SATA "/vpd_pg83", pg83, 24);
	attr(d, "diskseq", "7\n");
	add_part(d, "sda1", "1\n", "8:1\n", "2048\n", "1048576\n");
	add_part(d, "sda2", "2\n", "8:2\n", "1050624\n", "100000000\n");
	add_part(d, "sda3", "3\n", "8:3\n", "101050624\n", "2048\n");
	put_link("dev/disk/by-id/ata-WDC", "../../sda");
}

static void build_usb(void)
{
	char d[256];
	add_disk(USB("4"), "sdb", "8:16\n", "15728640\n", d);
	attr(d, "removable", "1\n");
	add_disk(USB("7"), "sdc", "8:32\n", "15728641\n", d);
	for (int i = 4; i <= 7; i += 3) {
		char dev[200];
		snprintf(dev, sizeof(dev), "sys/devices/pci0000:00/0000:00:14.0/usb1/1-%d", i);
		attr(dev, "idVendor", "abcd\n");
		attr(dev, "serial", "0123456789AB\n");
	}
	attr("sys/devices/" USB("4"), "vendor", "Generic \n");
	attr("sys/devices/" USB("4"), "model", "Flash\tDisk      \n");
}

static void build_rest(void)
{
	char d[256];
	add_disk("pci0000:00/0000:01:00.0/nvme/nvme0", "nvme0n1", "259:0\n", "1000215216\n", d);
	attr("sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0", "serial", "S4EWNX0R000000\n");
	attr("sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0", "model", "Samsung SSD 970\n");
	attr(d, "wwid", "eui.0025385000000000\n");
	attr(d, "queue/rotational", "0\n");
	attr(d, "queue/logical_block_size", "4096\n");
	add_part(d, "nvme0n1p1", "1\n", "259:1\n", "2048\n", "4096\n");
	attr("sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/block/nvme0n1/nvme0n1p1/holders/md0",
	     "x", "");
	add_disk("platform/mmc1/mmc1:0001", "mmcblk0", "179:0\n", "61071360\n", d);
	attr("sys/devices/platform/mmc1/mmc1:0001", "name", "SD32G\n");
	attr("sys/devices/platform/mmc1/mmc1:0001", "serial", "0x12345678\n");
	attr(d, "ro", "1\n");
	add_disk("platform/mmc1/mmc1:0001b0", "mmcblk0boot0", "179:8\n", "8192\n", d);
	add_disk("pci0000:00/0000:00:05.0/virtio2", "vda", "254:0\n", "2097152\n", d);
	attr(d, "serial", "my-disk\n");
	add_disk("pci0000:00/0000:00:06.0/virtio3", "vdb", "254:16\n", "2097152\n", d);
	add_disk("virtual/x", "sr0", "11:0\n", "2097151\n", d);
	add_disk("virtual/y", "zram0", "253:0\n", "2097151\n", d);
	add_disk("virtual/z", "sdz", "8:240\n", "0\n", d); /* an empty card reader */
	add_disk("virtual/l", "loop0", "7:0\n", "0\n", d);
	add_disk("virtual/m", "loop1", "7:1\n", "4096\n", d);
	attr(d, "loop/backing_file", "/dev/vdb\n");
	add_disk("virtual/n", "md0", "9:0\n", "4000\n", d);
	add_disk("pci0000:00/0000:00:07.0/virtio4", "sdaa", "65:160\n", "2097152\n", d);
	add_disk("pci0000:00/0000:00:08.0/virtio5", "vdc", "254:32\n", "2097152\n", d);
	add_disk("pci0000:00/0000:00:09.0/virtio6", "vdd", "254:48\n", "2097152\n", d);
	put("sys/fs/btrfs/1234-5678/devices/vdc", "");
	put("sys/fs/btrfs/1234-5678/devices/vdd", "");
	add_disk("virtual/o", "dm-0", "252:0\n", "2097152\n", d);
	attr(d, "dm/name", "vg-root\n");
	attr("sys/block/sdaa/holders/dm-0", "x", "");
}

static void build_proc(void)
{
	put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"
			  "/dev/sda3 partition 1024 0 -2\n/home/swap\\040file file 1 0 -3\n");
	put("proc/self/mountinfo",
	    "21 26 0:20 / /proc rw,relatime - proc proc rw\n"
	    "22 1 8:1 / /boot/my\\040efi rw,relatime shared:1 - vfat /dev/sda1 ro,fmask=0022\n"
	    "23 1 0:55 /sub /home ro,relatime - fuseblk /dev/sda2 rw,user_id=0\n"
	    "24 1 0:56 /sub /data ro,relatime master:1 - btrfs /dev/vdc rw,space_cache\n"
	    "25 1 252:0 / / rw,relatime - ext4 /dev/mapper/vg-root rw\n"
	    "26 1 8:32 / /run/salvor/medium ro - iso9660 /dev/sdc ro\n");
}

static int setup(void **state)
{
	(void)state;
	if (!scratch_make(top))
		return -1;
	build_sata();
	build_usb();
	build_rest();
	build_proc();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(top);
	return 0;
}

static const struct disk *named(const struct disk_list *list, const char *kname)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i].kname, kname))
			return &list->v[i];
	fail_msg("no %s in the list", kname);
	return NULL;
}

static void scan(void **state)
{
	(void)state;
	static const char *const order[] = {"loop1", "mmcblk0", "nvme0n1", "sda", "sdb", "sdc",
					    "sdaa",  "vda",	"vdb",	   "vdc", "vdd"};
	struct disk_list list;
	struct sv_err err = {0};
	assert_int_equal(disk_scan(top, &list, &err), 0);
	assert_int_equal(list.n, SV_ARRAY(order));
	for (size_t i = 0; i < list.n; i++)
		assert_string_equal(list.v[i].kname, order[i]);
	disk_list_clear(&list);
	assert_int_equal(disk_scan("/nowhere", &list, &err), SV_E_FAILED);
}

static void identity(void **state)
{
	(void)state;
	struct disk_list list;
	assert_int_equal(disk_scan(top, &list, NULL), 0);
	const struct disk *d = named(&list, "sda");
	assert_string_equal(d->path, "/dev/sda");
	assert_string_equal(d->model, "WDC WD10EZEX-08W");
	assert_string_equal(d->serial, "WD-WCC4E1234567");
	assert_string_equal(d->wwn, "0x50014ee201020304");
	assert_string_equal(d->transport, "sata");
	assert_string_equal(d->port, "pci 0000:00:1f.2 ata3");
	assert_int_equal(d->size, 1953525168ULL * 512);
	assert_int_equal(d->sector_size, 512);
	assert_int_equal(d->physical_sector_size, 4096);
	assert_int_equal(d->diskseq, 7);
	assert_true(d->rotational && !d->removable && !d->read_only && !d->partition);
	d = named(&list, "sdb");
	assert_string_equal(d->model, "Generic Flash_Disk");
	assert_string_equal(d->serial, "0123456789AB");
	assert_string_equal(d->transport, "usb");
	assert_string_equal(d->port, "pci 0000:00:14.0 usb 1-4");
	assert_true(d->duplicate_serial && d->removable && named(&list, "sdc")->duplicate_serial);
	assert_false(named(&list, "sda")->duplicate_serial);
	d = named(&list, "nvme0n1");
	assert_string_equal(d->serial, "S4EWNX0R000000");
	assert_string_equal(d->model, "Samsung SSD 970");
	assert_string_equal(d->wwn, "eui.0025385000000000");
	assert_string_equal(d->transport, "nvme");
	assert_int_equal(d->sector_size, 4096);
	assert_int_equal(d->size, 1000215216ULL * 512);
	d = named(&list, "mmcblk0");
	assert_string_equal(d->serial, "0x12345678");
	assert_string_equal(d->model, "SD32G");
	assert_string_equal(d->transport, "mmc");
	assert_true(d->read_only);
	d = named(&list, "vda");
	assert_string_equal(d->serial, "my-disk");
	assert_string_equal(d->transport, "virtio");
	d = named(&list, "loop1");
	assert_string_equal(d->serial, "");
	assert_string_equal(d->transport, "loop");
	disk_list_clear(&list);
}

static void use_of(const char *node, const char *text, bool live)
{
	struct disk d;
	struct sv_err err = {0};
	assert_int_equal(disk_find(top, node, &d, &err), 0);
	assert_string_equal(d.in_use, text);
	assert_int_equal(d.live, live);
}

static void in_use(void **state)
{
	(void)state;
	/* the mount point is read-only, the filesystem is not */
	use_of("/dev/sda", "mounted on /home (sda2)", true);
	use_of("/dev/sda1", "mounted on /boot/my efi (read-only)", false);
	use_of("/dev/sda2", "mounted on /home", true);
	use_of("/dev/sda3", "swap", true);
	use_of("/dev/sdb", "", false);
	use_of("/dev/nvme0n1", "held by md0 (nvme0n1p1)", true);
	use_of("/dev/nvme0n1p1", "held by md0", true);
	use_of("/dev/vdb", "held by loop1", true);
	use_of("/dev/vdc", "mounted on /data", true);
	use_of("/dev/vdd", "part of a mounted Btrfs", true);
	use_of("/dev/sdaa", "mounted on / (dm-0)", true);
	use_of("/dev/vda", "", false);
}

static void find(void **state)
{
	(void)state;
	struct disk d;
	struct sv_err err = {0};
	assert_int_equal(disk_find(top, "/dev/disk/by-id/ata-WDC", &d, NULL), 0);
	assert_string_equal(d.kname, "sda");
	assert_int_equal(disk_find(top, "/dev/sda2", &d, NULL), 0);
	assert_string_equal(d.parent, "sda");
	assert_string_equal(d.serial, "WD-WCC4E1234567");
	assert_int_equal(d.partition, 2);
	assert_int_equal(d.start, 1050624ULL * 512);
	assert_int_equal(d.size, 100000000ULL * 512);
	assert_int_equal(disk_find(top, "serial=my-disk", &d, NULL), 0);
	assert_string_equal(d.kname, "vda");
	assert_int_equal(disk_find(top, "wwn=0x50014EE201020304", &d, NULL), 0);
	assert_string_equal(d.kname, "sda");
	assert_int_equal(disk_find(top, "serial=0123456789AB", &d, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "usb 1-4"));
	assert_non_null(strstr(err.text, "usb 1-7"));
	static const char *const none[] = {"serial=",	  "serial=x", "wwn=", "/dev/nothing",
					   "/proc/swaps", "sda",      ""};
	for (size_t i = 0; i < SV_ARRAY(none); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(disk_find(top, none[i], &d, &err), SV_E_NOT_FOUND);
		assert_non_null(strstr(err.text, none[i]));
	}
	assert_true(disk_is_device_spec("serial=x") && disk_is_device_spec("wwn=x"));
	assert_false(disk_is_device_spec("/etc/passwd") || disk_is_device_spec("/dev/null"));
}

/* As it was, under another name: it is known again, and no other is taken for it. */
static void find_again(void **state)
{
	(void)state;
	struct disk was, now;
	assert_int_equal(disk_find(top, "/dev/sda", &was, NULL), 0);
	strcpy(was.kname, "sdq");
	strcpy(was.port, "usb 9-9");
	was.diskseq = 3;
	assert_true(disk_find_again(top, &was, &now));
	assert_string_equal(now.kname, "sda");
	assert_int_equal(now.diskseq, 7);
	was.size -= 512;
	assert_false(disk_find_again(top, &was, &now));
	assert_int_equal(disk_find(top, "/dev/sda2", &was, NULL), 0);
	strcpy(was.kname, "sdq2");
	strcpy(was.parent, "sdq");
	assert_true(disk_find_again(top, &was, &now));
	assert_string_equal(now.kname, "sda2");
	was.start += 512;
	assert_false(disk_find_again(top, &was, &now));
	/* two with the same number: the one at the same place */
	assert_int_equal(disk_find(top, "/dev/sdc", &was, NULL), 0);
	assert_true(was.duplicate_serial && disk_find_again(top, &was, &now));
	assert_string_equal(now.kname, "sdc");
	strcpy(was.port, "usb 1-8");
	assert_false(disk_find_again(top, &was, &now));
	/* without a number: likewise; and what has no place keeps its name */
	assert_int_equal(disk_find(top, "/dev/vdb", &was, NULL), 0);
	assert_true(!*was.serial && disk_find_again(top, &was, &now));
	assert_string_equal(now.kname, "vdb");
	strcpy(was.port, "pci 0000:00:11.0");
	assert_false(disk_find_again(top, &was, &now));
	assert_int_equal(disk_find(top, "/dev/dm-0", &was, NULL), 0);
	assert_true(disk_find_again(top, &was, &now));
	strcpy(was.kname, "dm-1");
	assert_false(disk_find_again(top, &was, &now));
}

static void confirm(void **state)
{
	(void)state;
	struct disk d;
	char id[128];
	assert_int_equal(disk_find(top, "/dev/sda", &d, NULL), 0);
	disk_confirm_id(&d, id, sizeof(id));
	assert_string_equal(id, "WD-WCC4E1234567");
	assert_true(disk_confirm_matches(&d, "WD-WCC4E1234567"));
	assert_false(disk_confirm_matches(&d, "WD-WCC4E123456") || disk_confirm_matches(&d, "") ||
		     disk_confirm_matches(&d, NULL));
	assert_int_equal(disk_find(top, "/dev/sdb", &d, NULL), 0);
	assert_true(disk_confirm_matches(&d, "0123456789AB@8053063680"));
	assert_false(disk_confirm_matches(&d, "0123456789AB"));
	assert_int_equal(disk_find(top, "/dev/vdb", &d, NULL), 0);
	assert_true(disk_confirm_matches(&d, "1073741824"));
}

static void same_and_holds(void **state)
{
	(void)state;
	struct disk sda, sda1, sda2, nvme, sdb;
	assert_int_equal(disk_find(top, "/dev/sda", &sda, NULL), 0);
	assert_int_equal(disk_find(top, "/dev/sda1", &sda1, NULL), 0);
	assert_int_equal(disk_find(top, "/dev/sda2", &sda2, NULL), 0);
	assert_int_equal(disk_find(top, "/dev/nvme0n1", &nvme, NULL), 0);
	assert_int_equal(disk_find(top, "/dev/sdb", &sdb, NULL), 0);
	assert_true(disk_same(&sda, &sda1) && disk_same(&sda1, &sda2) && disk_same(&sda, &sda));
	assert_false(disk_same(&sda, &nvme) || disk_same(&sda1, &sdb));
	assert_true(disk_holds(&sda, "sda") && disk_holds(&sda, "sda12"));
	assert_true(disk_holds(&sda1, "sda1") && disk_holds(&sda1, "sda"));
	assert_true(disk_holds(&nvme, "nvme0n1p1") && disk_holds(&nvme, "nvme0n1"));
	assert_false(disk_holds(&sda1, "sda2") || disk_holds(&sda1, "sda12"));
	assert_false(disk_holds(&sda, "sdaa") || disk_holds(&sda, "sdaa1") || disk_holds(&sda, ""));
	assert_false(disk_holds(&nvme, "nvme0n12") || disk_holds(&nvme, "nvme0n1p"
									"x"));
}

/* A target that no rule forbids fails at the last look: the node of a made-up disk is a plain file.
 */
#define LATER "not the disk any more"

static void target(const char *node, const char *why)
{
	struct disk d;
	struct disk_identity id;
	struct sv_err err = {0};
	assert_int_equal(disk_find(top, node, &d, NULL), 0);
	int rc = disk_check_target(top, &d, NULL, "", NULL, &id, &err);
	if (rc != SV_E_REFUSED || !strstr(err.text, why))
		fail_msg("%s: %d %s", node, rc, err.text);
}

/* the names of the disks that the scan calls the boot medium */
static void medium_is(const char *names)
{
	char got[256] = "";
	struct disk_list list;
	assert_int_equal(disk_scan(top, &list, NULL), 0);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].boot_medium)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
				 list.v[i].kname);
	disk_list_clear(&list);
	assert_string_equal(got, names);
}

static void boot_medium(void **state)
{
	(void)state;
	medium_is("sdc ");
	target("/dev/sdb", LATER);
	target("/dev/vda", LATER);
	target("/dev/sda", "in use: mounted on /home");
	target("/dev/sda1", "in use: mounted on /boot/my efi");
	target("/dev/sdc", "started from"); /* mounted there */
	put("run/salvor/boot-medium", "/dev/sdb\n");
	target("/dev/sdb", "started from");
	medium_is("sdb sdc ");
	target("/dev/vda", LATER);
	put("run/salvor/boot-medium", "sda2\n"); /* a partition of it: the whole disk */
	target("/dev/sdb", LATER);
	target("/dev/sda", "started from");
	target("/dev/sda1", "started from");
}

/* the loop device of the live system's squashfs: no disk, and neither source nor target */
static void live_system(void **state)
{
	(void)state;
	char d[256];
	struct disk_list list;
	struct disk loop = {0};
	struct sv_err err = {0};
	struct disk_identity id;
	add_disk("virtual/q", "loop7", "7:7\n", "140000\n", d);
	attr(d, "loop/backing_file", "/live.sqfs (deleted)\n");
	/* a file of that name on somebody's machine is no live system */
	assert_int_equal(disk_find(top, "/dev/loop7", &loop, &err), 0);
	put("run/salvor/live-system", "loop7\n");
	assert_int_equal(disk_scan(top, &list, &err), 0);
	named(&list, "loop1");
	for (size_t i = 0; i < list.n; i++)
		assert_string_not_equal(list.v[i].kname, "loop7");
	disk_list_clear(&list);
	struct disk again;
	assert_int_equal(disk_find(top, "/dev/loop7", &again, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "/dev/loop7 is this system itself"));
	/* known from before */
	memset(&err, 0, sizeof(err));
	assert_int_equal(disk_check_target(top, &loop, NULL, "", NULL, &id, &err), SV_E_REFUSED);
	assert_non_null(strstr(err.text, "in use: this system runs from it"));
}

/* a real loop device, its mount and a file on it */
static void real_loop(void **state)
{
	(void)state;
	char node[32], dir[64], mnt[80], file[100], cmd[160], kname[64];
	struct disk d;
	assert_true(scratch_make(dir));
	int fd = scratch_loop(dir, 8 * SV_MIB, 512, node);
	if (fd < 0) {
		scratch_remove(dir);
		skip();
	}
	assert_int_equal(disk_find("", node, &d, NULL), 0);
	assert_string_equal(d.in_use, "");
	assert_string_equal(d.transport, "loop");
	assert_int_equal(d.size, 8 * SV_MIB);
	assert_true(disk_is_device_spec(node));
	snprintf(cmd, sizeof(cmd), "mkfs.ext2 -q %s", node);
	assert_int_equal(system(cmd), 0);
	scratch_path(mnt, sizeof(mnt), dir, "mnt");
	assert_int_equal(mkdir(mnt, 0700), 0);
	assert_int_equal(mount(node, mnt, "ext2", 0, NULL), 0);
	int rc = disk_find("", node, &d, NULL);
	snprintf(file, sizeof(file), "%s/new", mnt);
	int rc_path = disk_of_path("", file, kname, NULL);
	char seen[240];
	memcpy(seen, d.in_use, sizeof(seen));
	bool live = d.live;
	assert_int_equal(mount(node, mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(disk_find("", node, &d, NULL), 0);
	assert_int_equal(umount(mnt), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(rc_path, 0);
	assert_true(live && !d.live && *d.in_use);
	assert_non_null(strstr(seen, mnt));
	/* a loop device over a file without a name ends the search there */
	assert_string_equal(kname, node + 5);
	close(fd);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan),	       cmocka_unit_test(identity),
		cmocka_unit_test(in_use),      cmocka_unit_test(find),
		cmocka_unit_test(confirm),     cmocka_unit_test(same_and_holds),
		cmocka_unit_test(boot_medium), cmocka_unit_test(live_system),
		cmocka_unit_test(real_loop),   cmocka_unit_test(find_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
