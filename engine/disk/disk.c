/* disk.c - the disks of this machine: scanning, finding, naming them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk.h"
#include "engine/disk/disk_int.h"
#include "engine/util/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- loading ---- */

struct part_list {
	sysfs_each each;
	void *ctx;
	const char *dir;
};

static bool if_partition(void *ctx, const char *name)
{
	struct part_list *l = ctx;
	char path[2 * SYSFS_PATH];
	snprintf(path, sizeof(path), "%s/%s/partition", l->dir, name);
	return access(path, F_OK) || l->each(l->ctx, name);
}

void disk_each_partition(const char *root, const char *kname, sysfs_each each, void *ctx)
{
	char dir[SYSFS_PATH];
	struct part_list l = {.each = each, .ctx = ctx, .dir = dir};
	if (sysfs_dir(root, kname, dir))
		sysfs_list(dir, "", if_partition, &l);
}

struct use_walk {
	const struct usage *usage;
	const char *subject;
	struct use *use;
};

static bool use_of_partition(void *ctx, const char *name)
{
	struct use_walk *w = ctx;
	usage_of(w->usage, name, w->subject, w->use);
	return true;
}

static bool is_live_system(const char *root, const char *kname)
{
	char live[SYSFS_KNAME];
	disk_recorded(root, "live-system", live);
	return *live && !strcmp(live, kname);
}

void disk_load_use(const char *root, const struct usage *usage, struct disk *disk)
{
	struct use use = {0};
	struct use_walk walk = {.usage = usage, .subject = disk->kname, .use = &use};
	usage_of(usage, disk->kname, disk->kname, &use);
	if (disk->partition)
		usage_of(usage, disk->parent, disk->kname, &use);
	else
		disk_each_partition(root, disk->kname, use_of_partition, &walk);
	memcpy(disk->in_use, use.text, sizeof(disk->in_use));
	disk->live = use.live;
	if (is_live_system(root, disk->kname))
		snprintf(disk->in_use, sizeof(disk->in_use), "this system runs from it");
}

int disk_refresh(const char *root, const char *kname, struct disk *disk, struct sv_err *err)
{
	struct usage *usage = usage_create(root);
	int rc = 0;
	if (!usage)
		return sv_fail_nomem(err);
	errno = 0;
	if (disk_load(root, kname, disk))
		disk_load_use(root, usage, disk);
	else
		rc = errno == ENOMEM
			     ? sv_fail_nomem(err)
			     : sv_fail(err, SV_E_NOT_FOUND, 0, kname, "the disk %s is gone", kname);
	usage_destroy(usage);
	return rc;
}

/* ---- scanning ---- */

struct scan {
	const char *root;
	const struct usage *usage;
	struct disk_list *list;
	bool nomem;
};

static bool is_disk_name(const char *name)
{
	static const char *const not [] = {"ram", "zram", "dm-", "md", "sr", "fd", "mtdblock"};
	for (size_t i = 0; i < SV_ARRAY(not ); i++)
		if (!strncmp(name, not [i], strlen(not [i])))
			return false;
	/* boot areas and the replay-protected block of an eMMC */
	if (!strncmp(name, "mmcblk", 6))
		return name[6 + strspn(name + 6, "0123456789")] == '\0';
	return true;
}

static bool scan_one(void *ctx, const char *name)
{
	struct scan *s = ctx;
	struct disk disk;
	if (!is_disk_name(name) || is_live_system(s->root, name) ||
	    !disk_load(s->root, name, &disk) || !disk.size)
		return true;
	disk_load_use(s->root, s->usage, &disk);
	disk.boot_medium = disk_is_boot_medium(s->root, &disk);
	struct disk *v = realloc(s->list->v, (s->list->n + 1) * sizeof(*v));
	if (!v) {
		s->nomem = true;
		return false;
	}
	s->list->v = v;
	v[s->list->n++] = disk;
	return true;
}

/* sdb before sdaa, nvme2n1 before nvme10n1 */
static int by_name(const void *a, const void *b)
{
	const char *p = ((const struct disk *)a)->kname, *q = ((const struct disk *)b)->kname;
	size_t lp = strcspn(p, "0123456789"), lq = strcspn(q, "0123456789");
	if (!strncmp(p, q, 2) && lp != lq)
		return lp < lq ? -1 : 1;
	return strverscmp(p, q);
}

static void mark_duplicates(struct disk_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < list->n; k++)
			if (i != k && *list->v[i].serial &&
			    !strcmp(list->v[i].serial, list->v[k].serial))
				list->v[i].duplicate_serial = true;
}

int disk_scan(const char *root, struct disk_list *list, struct sv_err *err)
{
	char sys[SYSFS_PATH], block[SYSFS_PATH + 8];
	struct scan scan = {.root = root ? root : "", .list = list};
	memset(list, 0, sizeof(*list));
	snprintf(sys, sizeof(sys), "%s/sys", scan.root);
	snprintf(block, sizeof(block), "%s/block", sys);
	if (access(block, R_OK | X_OK))
		return sv_fail(err, SV_E_FAILED, errno, block,
			       "cannot read the list of disks in %s", block);
	struct usage *usage = usage_create(scan.root);
	if (!usage)
		return sv_fail_nomem(err);
	scan.usage = usage;
	sysfs_list(sys, "block", scan_one, &scan);
	usage_destroy(usage);
	if (scan.nomem) {
		disk_list_clear(list);
		return sv_fail_nomem(err);
	}
	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_name);
	mark_duplicates(list);
	return 0;
}

void disk_list_clear(struct disk_list *list)
{
	free(list->v);
	memset(list, 0, sizeof(*list));
}

/* ---- finding ---- */

/* What is not there is one thing, what cannot be looked at another. */
static bool is_absent(int e)
{
	return !e || e == ENOENT || e == ENOTDIR || e == ENXIO || e == ENODEV;
}

static int fail_look(const char *path, int e, struct sv_err *err)
{
	if (e == ENOMEM)
		return sv_fail_nomem(err);
	return sv_fail(err, SV_E_IO, e, path, "cannot look at %s", path);
}

static int find_path(const char *root, const char *path, struct disk *disk, struct sv_err *err)
{
	char kname[SYSFS_KNAME];
	errno = 0;
	if (!sysfs_of_node(root, path, kname))
		return is_absent(errno)
			       ? sv_fail(err, SV_E_NOT_FOUND, 0, path, "there is no disk %s", path)
			       : fail_look(path, errno, err);
	if (is_live_system(root, kname))
		return sv_fail(err, SV_E_REFUSED, 0, path,
			       "%s is this system itself, not a disk of this computer", path);
	return disk_refresh(root, kname, disk, err);
}

/* The ports of all disks with that name, for the sentence. */
static int refuse_several(const struct disk_list *list, const char *spec,
			  bool (*match)(const struct disk *, const char *), const char *value,
			  struct sv_err *err)
{
	char ports[320] = "";
	for (size_t i = 0; i < list->n; i++) {
		const struct disk *d = &list->v[i];
		size_t len = strlen(ports);
		if (match(d, value) && len < 180)
			snprintf(ports + len, sizeof(ports) - len, "%s%.60s (%.60s)",
				 len ? ", " : "", d->path, *d->port ? d->port : "port unknown");
	}
	return sv_fail(err, SV_E_REFUSED, 0, spec, "several disks report %s: %s; name one by path",
		       spec, ports);
}

static bool has_serial(const struct disk *d, const char *value)
{
	return *d->serial && !strcmp(d->serial, value);
}

static bool has_wwn(const struct disk *d, const char *value)
{
	return *d->wwn && !strcasecmp(d->wwn, value);
}

static int find_name(const struct disk_list *list, const char *spec,
		     bool (*match)(const struct disk *, const char *), struct disk *disk,
		     struct sv_err *err)
{
	const char *value = strchr(spec, '=') + 1;
	size_t found = 0;
	for (size_t i = 0; i < list->n; i++)
		if (match(&list->v[i], value) && !found++)
			*disk = list->v[i];
	if (!found)
		return sv_fail(err, SV_E_NOT_FOUND, 0, spec, "there is no disk with %s", spec);
	return found > 1 ? refuse_several(list, spec, match, value, err) : 0;
}

int disk_find(const char *root, const char *spec, struct disk *disk, struct sv_err *err)
{
	struct disk_list list;
	int rc;
	memset(disk, 0, sizeof(*disk));
	rc = disk_scan(root, &list, err);
	if (rc)
		return rc;
	if (!strncmp(spec, "serial=", 7))
		rc = find_name(&list, spec, has_serial, disk, err);
	else if (!strncmp(spec, "wwn=", 4))
		rc = find_name(&list, spec, has_wwn, disk, err);
	else
		rc = find_path(root ? root : "", spec, disk, err);
	/* a partition shares its disk's fate */
	for (size_t i = 0; i < list.n && !rc; i++)
		if (!strcmp(list.v[i].kname, *disk->parent ? disk->parent : disk->kname))
			disk->duplicate_serial = list.v[i].duplicate_serial;
	disk_list_clear(&list);
	return rc;
}

int disk_look(const char *spec, bool *is_device, struct sv_err *err)
{
	struct stat st;
	*is_device = !strncmp(spec, "serial=", 7) || !strncmp(spec, "wwn=", 4);
	if (*is_device)
		return 0;
	if (stat(spec, &st))
		return is_absent(errno) ? 0 : fail_look(spec, errno, err);
	*is_device = S_ISBLK(st.st_mode);
	return 0;
}

bool disk_is_device_spec(const char *spec)
{
	struct sv_err ignored = {0};
	bool is_device;
	return disk_look(spec, &is_device, &ignored) == 0 && is_device;
}

/* ---- naming ---- */

void disk_confirm_id(const struct disk *disk, char *out, size_t cap)
{
	if (!*disk->serial)
		snprintf(out, cap, "%llu", (unsigned long long)disk->size);
	else if (disk->duplicate_serial)
		snprintf(out, cap, "%s@%llu", disk->serial, (unsigned long long)disk->size);
	else
		snprintf(out, cap, "%s", disk->serial);
}

bool disk_confirm_matches(const struct disk *disk, const char *given)
{
	char id[128];
	disk_confirm_id(disk, id, sizeof(id));
	return given && !strcmp(id, given);
}

/* ---- what lies where ---- */

int disk_of_path(const char *root, const char *path, char kname[64], struct sv_err *err)
{
	struct stat st;
	char *copy = NULL;
	kname[0] = '\0';
	root = root ? root : "";
	if (stat(path, &st)) {
		/* a file still to be made lies where its folder does */
		copy = errno == ENOENT ? strdup(path) : NULL;
		path = copy ? dirname(copy) : path;
	}
	if (stat(path, &st)) {
		int rc = sv_fail(err, SV_E_IO, errno, path, "cannot find out where %s lies", path);
		free(copy);
		return rc;
	}
	sysfs_of_file(root, path, kname);
	if (*kname)
		sysfs_lowest(root, kname);
	free(copy);
	return 0;
}

static const char *whole_name(const struct disk *disk)
{
	return *disk->parent ? disk->parent : disk->kname;
}

bool disk_file_of(const struct disk *disk, const char *path, struct disk_file *file)
{
	struct stat st;
	if (disk)
		return sysfs_loop_file(whole_name(disk), &file->dev, &file->inode);
	if (stat(path, &st))
		return false;
	file->dev = st.st_dev;
	file->inode = st.st_ino;
	return true;
}

bool disk_file_same(const struct disk_file *a, const struct disk_file *b)
{
	return a->dev == b->dev && a->inode == b->inode;
}

bool disk_same(const struct disk *a, const struct disk *b)
{
	return !strcmp(whole_name(a), whole_name(b));
}

/* Is `kname` the disk or one of its partitions, by the kernel's way of naming? */
static bool on_disk(const char *disk, const char *kname)
{
	size_t len = strlen(disk);
	if (!len || strncmp(disk, kname, len))
		return false;
	kname += len;
	if (*kname && isdigit((unsigned char)disk[len - 1]) && *kname++ != 'p')
		return false;
	return kname[strspn(kname, "0123456789")] == '\0';
}

bool disk_holds(const struct disk *disk, const char *kname)
{
	if (!*kname)
		return false;
	if (!disk->partition)
		return on_disk(disk->kname, kname);
	return !strcmp(disk->kname, kname) || !strcmp(disk->parent, kname);
}
