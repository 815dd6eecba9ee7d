/* again.c - a disk that went away: where is it now? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has_name(const struct disk *disk)
{
	return (*disk->serial || *disk->wwn) && !disk->duplicate_serial;
}

/* Without a name of its own a disk is what is plugged in at the same place. */
static bool same_unit(const struct disk *was, const struct disk *now)
{
	if (strcmp(was->serial, now->serial) || strcmp(was->wwn, now->wwn))
		return false;
	return has_name(was) || (!strcmp(was->model, now->model) && !strcmp(was->port, now->port));
}

/* What is plugged in nowhere is what it is called: loop, device mapper. */
static bool is_its_name(const struct disk *was)
{
	return !has_name(was) && !*was->port;
}

bool disk_came_back(const struct disk *was, const struct disk *now)
{
	if (was->size != now->size)
		return false;
	return is_its_name(was) ? !strcmp(was->kname, now->kname) : same_unit(was, now);
}

struct search {
	const char *root;
	const struct disk *was;
	struct disk *now;
	bool found;
};

static bool same_partition(void *ctx, const char *name)
{
	struct search *s = ctx;
	s->found = disk_load(s->root, name, s->now) && s->now->partition == s->was->partition &&
		   s->now->start == s->was->start && s->now->size == s->was->size;
	return !s->found;
}

bool disk_find_again(const char *root, const struct disk *was, struct disk *now)
{
	struct disk_list list = {0};
	struct sv_err ignored = {0};
	struct search s = {.root = root ? root : "", .was = was, .now = now};
	if (is_its_name(was))
		return disk_load(s.root, was->kname, now) && now->size == was->size;
	if (disk_scan(root, &list, &ignored))
		return false;
	for (size_t i = 0; i < list.n && !s.found; i++) {
		const struct disk *d = &list.v[i];
		if (!same_unit(was, d))
			continue;
		if (was->partition) {
			disk_each_partition(s.root, d->kname, same_partition, &s);
		} else if (d->size == was->size) {
			*now = *d;
			s.found = true;
		}
	}
	disk_list_clear(&list);
	return s.found;
}

void disk_wake(const char *root, const struct disk *disk)
{
	char dir[SYSFS_PATH], path[SYSFS_PATH + 16], state[32];
	if (!sysfs_dir(root ? root : "", *disk->parent ? disk->parent : disk->kname, dir) ||
	    !sysfs_text(dir, "device/state", state, sizeof(state)) || strcmp(state, "offline"))
		return;
	snprintf(path, sizeof(path), "%s/device/state", dir);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "running\n"); /* if the kernel does not want to, the disk stays away */
	close(fd);
}
