/* sysfs.c - what the kernel says of block devices: attributes, nodes, what lies on what */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/sysfs.h"
#include "engine/disk/usage.h"
#include "engine/util/bytes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void sysfs_trim(char *text)
{
	size_t len = strlen(text), lead = 0;
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	while (lead < len && isspace((unsigned char)text[lead]))
		lead++;
	memmove(text, text + lead, len - lead);
	text[len - lead] = '\0';
	for (; *text; text++)
		if (*text < 0x20 || *text == 0x7f)
			*text = '_';
}

size_t sysfs_bytes(const char *dir, const char *attr, void *out, size_t cap)
{
	char path[2 * SYSFS_PATH];
	snprintf(path, sizeof(path), "%s/%s", dir, attr);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, out, cap);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

bool sysfs_text(const char *dir, const char *attr, char *out, size_t cap)
{
	size_t n = sysfs_bytes(dir, attr, out, cap - 1);
	out[n] = '\0';
	sysfs_trim(out);
	return *out;
}

uint64_t sysfs_number(const char *dir, const char *attr, uint64_t missing)
{
	char text[32], *end;
	if (!sysfs_text(dir, attr, text, sizeof(text)))
		return missing;
	uint64_t v = strtoull(text, &end, 10);
	return *end ? missing : v;
}

static int not_dot(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

void sysfs_list(const char *dir, const char *sub, sysfs_each each, void *ctx)
{
	char path[2 * SYSFS_PATH];
	struct dirent **names = NULL;
	bool go_on = true;
	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	int n = scandir(path, &names, not_dot, versionsort);
	for (int i = 0; i < n; i++) {
		go_on = go_on && each(ctx, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

struct dir_search {
	const char *root, *kname;
	char *dir, *parent;
};

/* Is it a partition of this disk? */
static bool look_below(void *ctx, const char *disk)
{
	struct dir_search *s = ctx;
	char path[SYSFS_PATH];
	snprintf(path, sizeof(path), "%s/sys/block/%s/%s/partition", s->root, disk, s->kname);
	if (access(path, F_OK))
		return true;
	snprintf(s->dir, SYSFS_PATH, "%s/sys/block/%s/%s", s->root, disk, s->kname);
	snprintf(s->parent, SYSFS_KNAME, "%.63s", disk);
	return false;
}

static bool find_dir(const char *root, const char *kname, char dir[SYSFS_PATH],
		     char parent[SYSFS_KNAME])
{
	struct dir_search search = {.root = root, .kname = kname, .dir = dir, .parent = parent};
	char top[SYSFS_PATH];
	dir[0] = parent[0] = '\0';
	if (!*kname || *kname == '.' || strchr(kname, '/') || strlen(kname) >= SYSFS_KNAME)
		return false;
	snprintf(dir, SYSFS_PATH, "%s/sys/block/%s", root, kname);
	if (!access(dir, F_OK))
		return true;
	dir[0] = '\0';
	snprintf(top, sizeof(top), "%s/sys", root);
	sysfs_list(top, "block", look_below, &search);
	return *dir;
}

bool sysfs_dir(const char *root, const char *kname, char dir[SYSFS_PATH])
{
	char parent[SYSFS_KNAME];
	return find_dir(root, kname, dir, parent);
}

void sysfs_parent(const char *root, const char *kname, char parent[SYSFS_KNAME])
{
	char dir[SYSFS_PATH];
	find_dir(root, kname, dir, parent);
}

void sysfs_node(const char *kname, char *out, size_t cap)
{
	snprintf(out, cap, "/dev/%s", kname);
	/* sysfs writes a node in a folder as "cciss!c0d0" */
	for (char *p = out; (p = strchr(p, '!'));)
		*p = '/';
}

/* "sda" of ".../sda", when that is a block device here */
static bool take_name(const char *root, const char *name, char kname[SYSFS_KNAME])
{
	char dir[SYSFS_PATH];
	if (strlen(name) >= SYSFS_KNAME)
		return false;
	snprintf(kname, SYSFS_KNAME, "%s", name);
	if (sysfs_dir(root, kname, dir))
		return true;
	kname[0] = '\0';
	return false;
}

bool sysfs_of_devno(const char *root, unsigned int major, unsigned int minor,
		    char kname[SYSFS_KNAME])
{
	char path[SYSFS_PATH], *real;
	kname[0] = '\0';
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", root, major, minor);
	real = realpath(path, NULL);
	if (!real)
		return false;
	bool ok = take_name(root, strrchr(real, '/') + 1, kname);
	free(real);
	return ok;
}

bool sysfs_of_node(const char *root, const char *path, char kname[SYSFS_KNAME])
{
	char full[SYSFS_PATH], dev[SYSFS_PATH];
	struct stat st;
	bool ok = false;
	kname[0] = '\0';
	if (*path != '/')
		return false;
	snprintf(full, sizeof(full), "%s%s", root, path);
	snprintf(dev, sizeof(dev), "%s/dev", root);
	if (!stat(full, &st) && S_ISBLK(st.st_mode))
		return sysfs_of_devno(root, major(st.st_rdev), minor(st.st_rdev), kname);
	if (!*root) /* a real machine has real nodes */
		return false;
	char *real = realpath(full, NULL);
	int e = real ? 0 : errno; /* on its way it asks for links where there are none */
	char *real_dev = realpath(dev, NULL);
	size_t len = real_dev ? strlen(real_dev) : 0;
	if (real && len && !strncmp(real, real_dev, len) && real[len] == '/') {
		for (char *p = real + len + 1; (p = strchr(p, '/'));)
			*p = '!';
		ok = take_name(root, real + len + 1, kname);
	}
	free(real);
	free(real_dev);
	errno = e;
	return ok;
}

void sysfs_of_file(const char *root, const char *path, char kname[SYSFS_KNAME])
{
	struct statx st;
	kname[0] = '\0';
	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_MNT_ID, &st))
		return;
	if (sysfs_of_devno(root, st.stx_dev_major, st.stx_dev_minor, kname))
		return;
	/* Btrfs, fuse and others have numbers of their own: their mount names a device */
	struct usage *usage = usage_create(root);
	const struct usage_mount *m = NULL;
	if (usage && st.stx_mask & STATX_MNT_ID)
		m = usage_mount_of_id(usage, st.stx_mnt_id);
	if (m)
		snprintf(kname, SYSFS_KNAME, "%s", m->source);
	usage_destroy(usage);
}

static bool first_name(void *ctx, const char *name)
{
	snprintf(ctx, SYSFS_KNAME, "%.63s", name);
	return false;
}

static bool loop_status(const char *kname, struct loop_info64 *info)
{
	char node[SYSFS_KNAME + 8];
	sysfs_node(kname, node, sizeof(node));
	int fd = strncmp(kname, "loop", 4) ? -1 : open(node, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, info);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool sysfs_loop_file(const char *kname, uint64_t *dev, uint64_t *inode)
{
	struct loop_info64 info;
	if (!loop_status(kname, &info) || info.lo_rdevice)
		return false;
	*dev = info.lo_device;
	*inode = info.lo_inode;
	return true;
}

/* A path of another mount namespace means nothing here; the device itself knows. */
static bool ask_loop(const char *kname, char below[SYSFS_KNAME])
{
	struct loop_info64 info;
	return loop_status(kname, &info) && info.lo_rdevice &&
	       sysfs_of_devno("", major(info.lo_rdevice), minor(info.lo_rdevice), below);
}

bool sysfs_loop_below(const char *root, const char *kname, char below[SYSFS_KNAME])
{
	char dir[SYSFS_PATH], file[SYSFS_PATH];
	below[0] = '\0';
	if (strncmp(kname, "loop", 4) || !sysfs_dir(root, kname, dir) ||
	    !sysfs_text(dir, "loop/backing_file", file, sizeof(file)))
		return false;
	return sysfs_of_node(root, file, below) || (!*root && ask_loop(kname, below));
}

void sysfs_lowest(const char *root, char kname[SYSFS_KNAME])
{
	char dir[SYSFS_PATH], file[SYSFS_PATH], path[2 * SYSFS_PATH], below[SYSFS_KNAME];
	for (int depth = 0; depth < SYSFS_DEPTH && sysfs_dir(root, kname, dir); depth++) {
		below[0] = '\0';
		sysfs_list(dir, "slaves", first_name, below);
		if (!*below && !sysfs_loop_below(root, kname, below) &&
		    sysfs_text(dir, "loop/backing_file", file, sizeof(file))) {
			snprintf(path, sizeof(path), "%s%s", root, file);
			sysfs_of_file(root, path, below);
		}
		if (!*below) {
			/* a partition of a loop device lies where the loop does */
			sysfs_parent(root, kname, below);
			if (strncmp(below, "loop", 4) && strncmp(below, "md", 2))
				return;
		}
		snprintf(kname, SYSFS_KNAME, "%s", below);
	}
}
