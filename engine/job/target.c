/* target.c - the thing a job writes to: found, checked, opened */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/target.h"

#include "engine/disk/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse_confirm(const char *name, const char *given, const char *id, struct sv_err *err)
{
	if (!given)
		return sv_fail(err, SV_E_REFUSED, 0, name,
			       "%s would be overwritten: confirm with --confirm-erase %s", name,
			       id);
	return sv_fail(err, SV_E_REFUSED, 0, name,
		       "--confirm-erase %s does not name %s, whose ID is %s", given, name, id);
}

static int check_file(const struct target_params *params, const struct stat *st, struct target *t,
		      struct sv_err *err)
{
	char id[32];
	if (!S_ISREG(st->st_mode))
		return sv_fail(err, SV_E_REFUSED, 0, t->path,
			       "%s is neither a block device nor a regular file", t->path);
	t->size = (uint64_t)st->st_size;
	snprintf(id, sizeof(id), "%llu", (unsigned long long)st->st_size);
	if (!params->confirm_erase || strcmp(params->confirm_erase, id))
		return refuse_confirm(t->path, params->confirm_erase, id, err);
	return 0;
}

/* A target inside the image's own folder would overwrite what it reads. */
static int check_not_in_image(const char *target, const char *image, struct sv_err *err)
{
	char *a = realpath(target, NULL), *b = realpath(image, NULL);
	bool inside = a && b && !strncmp(a, b, strlen(b)) && (a[strlen(b)] == '/' || !a[strlen(b)]);
	free(a);
	free(b);
	if (inside)
		return sv_fail(err, SV_E_REFUSED, 0, target,
			       "%s is a part of the image that would be restored", target);
	return 0;
}

/* Another name of the source, or a device made of the same file, as the target. */
static int check_not_source(const struct target_params *params, const struct disk *target,
			    struct sv_err *err)
{
	const struct source *source = params->source;
	struct disk_file read, written;
	if (!source ||
	    !disk_file_of(source->is_device ? &source->disk : NULL, params->source_name, &read) ||
	    !disk_file_of(target, params->target, &written) || !disk_file_same(&read, &written))
		return 0;
	/* two partitions of one device; whether they may is for the rules of disks */
	if (source->is_device && target && disk_same(&source->disk, target))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, params->target, "%s is the source", params->target);
}

/* Where partition `number` lies on a disk or disk file that has no node for it. */
static int find_window(const char *path, uint32_t sector_size, int number, struct target *t,
		       struct sv_err *err)
{
	struct blk_dev *dev = NULL;
	struct layout *layout = NULL;
	int rc = blk_file_open(path, 0, sector_size, 0, &dev, err);
	if (!rc)
		rc = layout_read(dev, &layout, err);
	const struct layout_part *lp = rc ? NULL : layout_find(layout, number);
	if (!rc && *layout->doubt)
		rc = sv_fail(err, SV_E_REFUSED, 0, path,
			     "the partition table of %s is not trusted: %s", path, layout->doubt);
	if (!rc && (!lp || lp->extended))
		rc = sv_fail(err, SV_E_NOT_FOUND, 0, path, "%s has no partition %d to restore into",
			     path, number);
	if (!rc) {
		t->window_start = lp->start;
		t->window_len = lp->size;
	}
	layout_destroy(layout);
	blk_close(dev);
	return rc;
}

static int check_file_target(const struct target_params *params, struct target *t,
			     struct sv_err *err)
{
	struct stat st;
	t->sector_size = params->sector_size ? params->sector_size : params->needed_sector;
	if (stat(t->path, &st) == 0) {
		int rc = params->image ? check_not_in_image(t->path, params->image, err) : 0;
		if (!rc)
			rc = check_not_source(params, NULL, err);
		if (!rc)
			rc = check_file(params, &st, t, err);
		if (!rc && params->file_part)
			rc = find_window(t->path, t->sector_size, params->file_part, t, err);
		if (!rc && t->window_len)
			t->size = t->window_len;
		return rc;
	}
	if (errno != ENOENT)
		return sv_fail(err, errno == ENOTDIR ? SV_E_NOT_FOUND : SV_E_TARGET, errno, t->path,
			       "cannot look at %s", t->path);
	if (!strncmp(t->path, "/dev/", 5))
		return sv_fail(err, SV_E_NOT_FOUND, 0, t->path, "there is no disk %s", t->path);
	t->create = true;
	t->size = params->needed;
	return 0;
}

/* Where partition `number` of the target disk lies: a node of its own, or a window on the disk. */
static int find_part(const char *root, const struct disk *disk, int number, struct disk *part,
		     struct target *t, struct sv_err *err)
{
	size_t len = strlen(disk->kname);
	bool digit = len && disk->kname[len - 1] >= '0' && disk->kname[len - 1] <= '9';
	char path[160];
	struct sv_err ignored = {0};
	snprintf(path, sizeof(path), "/dev/%s%s%d", disk->kname, digit ? "p" : "", number);
	if (disk_find(root, path, part, &ignored) == 0)
		return 0;
	*part = *disk;
	return find_window(disk->path, 0, number, t, err);
}

/* What is read: the disk itself, and the device on which the image or the source's file lies. */
static const struct disk *what_is_read(const struct target_params *params, char store_kname[64])
{
	const struct source *source = params->source;
	const char *file = params->image;
	if (source && !source->is_device)
		file = params->source_name;
	if (!file || disk_of_path(params->root, file, store_kname, NULL))
		store_kname[0] = '\0';
	return source && source->is_device ? &source->disk : NULL;
}

static int check_device_target(const struct target_params *params, struct target *t,
			       struct sv_err *err)
{
	char store_kname[64], id[128], own_id[128];
	struct disk named, written;
	int rc = disk_find(params->root, params->target, &named, err);
	if (rc)
		return rc;
	written = named;
	t->is_device = true;
	if (params->disk_part && !named.partition)
		rc = find_part(params->root, &named, params->disk_part, &written, t, err);
	if (!rc)
		rc = check_not_source(params, &written, err);
	if (rc)
		return rc;
	const struct disk *source = what_is_read(params, store_kname);
	/* the rules of use come before the confirmation: no ID makes a mounted disk a target */
	disk_confirm_id(&written, own_id, sizeof(own_id));
	rc = disk_check_target(params->root, &written, source, store_kname, own_id, &t->identity,
			       err);
	if (rc)
		return rc;
	disk_confirm_id(&named, id, sizeof(id));
	if (!params->confirm_erase || !disk_confirm_matches(&named, params->confirm_erase))
		return refuse_confirm(named.path, params->confirm_erase, id, err);
	t->size = t->window_len ? t->window_len : written.size;
	t->sector_size = written.sector_size;
	return 0;
}

static int find_and_check(const struct target_params *params, struct target *t, struct sv_err *err)
{
	bool is_device;
	int rc = disk_look(params->target, &is_device, err);
	if (!rc)
		rc = is_device ? check_device_target(params, t, err)
			       : check_file_target(params, t, err);
	return rc == SV_E_IO || rc == SV_E_NOSPC ? sv_err_recode(err, SV_E_TARGET) : rc;
}

int target_check(const struct target_params *params, struct target *t, struct sv_err *err)
{
	t->path = params->target;
	int rc = find_and_check(params, t, err);
	if (rc)
		return rc;
	if (t->size < params->needed)
		return sv_fail(err, SV_E_REFUSED, 0, t->path,
			       "%s is too small: %llu bytes are missing", t->path,
			       (unsigned long long)(params->needed - t->size));
	if (t->sector_size != params->needed_sector)
		return sv_fail(err, SV_E_REFUSED, 0, t->path,
			       "%s has sectors of %u bytes, %s with sectors of %u bytes", t->path,
			       t->sector_size,
			       params->image ? "the image is of a disk" : "the source is a disk",
			       params->needed_sector);
	return 0;
}

void target_say_hidden(struct sv_job *job, const struct target_params *params,
		       const struct target *t)
{
	job_say_hidden(job, params->root, t->is_device ? &t->identity.disk : NULL);
}

int target_open(const struct target_params *params, struct target *t, struct sv_err *err)
{
	int rc;
	if (t->is_device)
		rc = disk_open_target(params->root, &t->identity, &t->base, err);
	else
		rc = blk_file_open(t->path,
				   t->create ? BLK_FILE_WRITE | BLK_FILE_CREATE : BLK_FILE_WRITE,
				   t->sector_size, t->create ? t->size : 0, &t->base, err);
	if (!rc && t->base->size < (t->window_len ? t->window_start + t->window_len : t->size))
		rc = sv_fail(err, SV_E_REFUSED, 0, t->path, "%s has changed since it was checked",
			     t->path);
	if (!rc && t->window_len)
		rc = blk_window_create(t->base, t->window_start, t->window_len, t->path, &t->dev,
				       err);
	else if (!rc)
		t->dev = t->base;
	if (rc == SV_E_IO || rc == SV_E_NOSPC)
		rc = sv_err_recode(err, SV_E_TARGET);
	return rc;
}

void target_close(struct target *t, bool remove_new)
{
	if (t->dev != t->base)
		blk_close(t->dev);
	bool made = t->create && t->base;
	blk_close(t->base);
	t->dev = t->base = NULL;
	if (made && remove_new)
		unlink(t->path);
}
