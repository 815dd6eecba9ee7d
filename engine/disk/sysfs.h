/* sysfs.h - what the kernel says of block devices: attributes, nodes, what lies on what */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_SYSFS_H
#define SV_DISK_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Source: the kernel's Documentation/ABI/stable/sysfs-block and proc(5). `root` is a prefix as in
 * disk.h, never NULL here. Nothing is cached; any thread.
 */
#define SYSFS_PATH  1024
#define SYSFS_KNAME 64
#define SYSFS_DEPTH 8 /* of devices that lie on each other */

/* The directory of a device ("ROOT/sys/block/sda/sda1"); false when there is none. */
bool sysfs_dir(const char *root, const char *kname, char dir[SYSFS_PATH]);
/* Of a partition's directory: the kernel name of its disk; "" for a whole disk. */
void sysfs_parent(const char *root, const char *kname, char parent[SYSFS_KNAME]);

/* An attribute, trimmed, unprintable bytes as '_'. "" and false when it cannot be read. */
bool sysfs_text(const char *dir, const char *attr, char *out, size_t cap);
/* Its number; `missing` when it cannot be read. */
uint64_t sysfs_number(const char *dir, const char *attr, uint64_t missing);
/* Raw bytes; the number read, 0 when it cannot be read. */
size_t sysfs_bytes(const char *dir, const char *attr, void *out, size_t cap);
/* Blanks off both ends and unprintable bytes to '_', in place. */
void sysfs_trim(char *text);

/* Call back with every name in dir/sub in natural order, dots left out, until false is returned. */
typedef bool (*sysfs_each)(void *ctx, const char *name);
void sysfs_list(const char *dir, const char *sub, sysfs_each each, void *ctx);

/* The kernel name behind a node or a link to it ("/dev/disk/by-id/..."), with the root prefix put
 * before it; false when it is no block device. */
bool sysfs_of_node(const char *root, const char *path, char kname[SYSFS_KNAME]);
/* The kernel name of a device number. */
bool sysfs_of_devno(const char *root, unsigned int major, unsigned int minor,
		    char kname[SYSFS_KNAME]);
/* "/dev/..." of a kernel name. */
void sysfs_node(const char *kname, char *out, size_t cap);

/* The device on which a file's filesystem lies, as the mount table has it; "" when on none. */
void sysfs_of_file(const char *root, const char *path, char kname[SYSFS_KNAME]);
/* The block device that a loop device lies on; false when it lies on a file. */
bool sysfs_loop_below(const char *root, const char *kname, char below[SYSFS_KNAME]);
/* The file that a loop device of this machine is made of, whatever it is called by now; false when
 * it is no loop device. */
bool sysfs_loop_file(const char *kname, uint64_t *dev, uint64_t *inode);
/* Down through loop, device mapper and md (their first member) to a disk or partition, in place. */
void sysfs_lowest(const char *root, char kname[SYSFS_KNAME]);

#endif
