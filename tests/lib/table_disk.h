/* table_disk.h - disks with partition tables for unit tests, made by the usual tools */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_TABLE_DISK_H
#define TESTS_TABLE_DISK_H

#include "engine/disk/layout.h"

#define DISK_SIZE (64ULL * 1024 * 1024)

/* One disk in a file, as a loop device when its sectors are not of 512 bytes. */
struct table_disk {
	char file[64], node[64];
	uint64_t size;
	uint32_t ss;
};

/* Run a shell command; its first line of output. */
int table_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void table_read_line(const char *cmd, char *out, size_t cap);

/* An empty disk; false with a printed reason when such a disk cannot be made here. */
bool table_disk_make(struct table_disk *f, uint64_t size, uint32_t ss);
void table_disk_remove(struct table_disk *f);
/* Its bytes in memory, with what a tool wrote to the loop device. */
struct blk_dev *table_disk_load(struct table_disk *f);

/* The layout of a device, which must be there. */
struct layout *layout_of(struct blk_dev *mem);
/* Make a disk of DISK_SIZE, run the shell script on "$d", and read its layout; NULL when it cannot
 * be made. */
struct layout *table_disk_layout(struct table_disk *f, uint32_t ss, const char *script);
/* What is outside of partitions must be in `always`, what is inside only in the last MiB. */
void check_always(const struct layout *l);

/* Put the checksum of a changed GPT header right, or those of header and array. */
void table_seal(uint8_t *sector);
void table_seal_array(uint8_t *sector, const uint8_t *array);

#define GPT_SCRIPT                                                                                 \
	"sgdisk -a 1 -n 3:256:511 -t 3:ef02 -n 1:2048:4095 -t 1:ef00 -c 1:'EFI Süd €' "         \
	"-n 2:4096:8191 -n 7:8300:9000 -t 7:0c01 -c 7:'a very long name of thirty-six unit' $d"

#endif
