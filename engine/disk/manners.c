/* manners.c - how the kernel treats a disk that fails, changed for a while and put back */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/manners.h"

#include "engine/disk/sysfs.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct knob {
	const char *attr; /* of the disk */
	bool of_scsi;	  /* in its scsi_disk folder */
	bool only_lower;
	uint64_t value;
};

/* Their places in this list are in the records of runs that were killed. */
static const struct knob knobs[] = {
	{"max_retries", true, false, 0},
	{"max_medium_access_timeouts", true, false, 1000000},
	{"device/timeout", false, true, 10},
	{"queue/read_ahead_kb", false, false, 0},
};
#define KNOBS SV_ARRAY(knobs)

#define UNTOUCHED UINT64_MAX

/* The values before; the record is locked as long as its run lives. */
struct disk_manners {
	char *root;
	char kname[SYSFS_KNAME];
	uint64_t diskseq, old[KNOBS];
	int fd;
};

static void record_path(const char *root, const char *kname, char path[SYSFS_PATH])
{
	snprintf(path, SYSFS_PATH, "%s/run/salvor/manners/%s", root, kname);
}

static bool first_name(void *ctx, const char *name)
{
	snprintf(ctx, SYSFS_KNAME, "%s", name);
	return false;
}

/* The folder and the attribute of a knob; false when the disk has none. */
static bool place_of(const char *root, const char *kname, const struct knob *knob,
		     char dir[2 * SYSFS_PATH])
{
	char disk[SYSFS_PATH], scsi[SYSFS_KNAME] = "";
	if (!sysfs_dir(root, kname, disk))
		return false;
	if (knob->of_scsi)
		sysfs_list(disk, "device/scsi_disk", first_name, scsi);
	if (knob->of_scsi && !*scsi)
		return false;
	snprintf(dir, 2 * SYSFS_PATH, "%s%s%s", disk, *scsi ? "/device/scsi_disk/" : "", scsi);
	return true;
}

static bool write_knob(const char *root, const char *kname, const struct knob *knob, uint64_t value)
{
	char dir[2 * SYSFS_PATH], path[3 * SYSFS_PATH];
	if (!place_of(root, kname, knob, dir))
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, knob->attr);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = dprintf(fd, "%llu\n", (unsigned long long)value) > 0;
	close(fd);
	return ok;
}

static uint64_t read_knob(const char *root, const char *kname, const struct knob *knob)
{
	char dir[2 * SYSFS_PATH];
	return place_of(root, kname, knob, dir) ? sysfs_number(dir, knob->attr, UNTOUCHED)
						: UNTOUCHED;
}

static uint64_t diskseq_of(const char *root, const char *kname)
{
	char dir[SYSFS_PATH];
	return sysfs_dir(root, kname, dir) ? sysfs_number(dir, "diskseq", 0) : 0;
}

/* ---- records ---- */

static bool write_record(const struct disk_manners *m)
{
	char text[32 * (KNOBS + 1)];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)m->diskseq);
	for (size_t i = 0; i < KNOBS; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %llu",
			      (unsigned long long)m->old[i]);
	return ftruncate(m->fd, 0) == 0 && pwrite(m->fd, text, (size_t)n, 0) == n;
}

static bool read_record(struct disk_manners *m)
{
	char text[32 * (KNOBS + 1)] = "", *end = text;
	if (pread(m->fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	m->diskseq = strtoull(end, &end, 10);
	for (size_t i = 0; i < KNOBS; i++) {
		const char *was = end;
		m->old[i] = strtoull(end, &end, 10);
		if (end == was)
			return false;
	}
	return true;
}

/* Another disk by now has values of its own. */
static void put_back(const struct disk_manners *m)
{
	if (m->diskseq != diskseq_of(m->root, m->kname))
		return;
	for (size_t i = 0; i < KNOBS; i++)
		if (m->old[i] != UNTOUCHED)
			write_knob(m->root, m->kname, &knobs[i], m->old[i]);
}

/* The record of a disk, locked; false when another run has it, or there is no place for it. What is
 * removed while it is held (both under its lock) is opened anew. */
static bool lock_record(struct disk_manners *m, int flags)
{
	char path[SYSFS_PATH];
	struct stat ours, there;
	record_path(m->root, m->kname, path);
	for (;;) {
		m->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
		if (m->fd < 0)
			return false;
		if (flock(m->fd, LOCK_EX | LOCK_NB) || fstat(m->fd, &ours))
			break;
		if (stat(path, &there) == 0 && there.st_ino == ours.st_ino)
			return true;
		close(m->fd);
	}
	close(m->fd);
	m->fd = -1;
	return false;
}

static void drop_record(struct disk_manners *m)
{
	char path[SYSFS_PATH];
	record_path(m->root, m->kname, path);
	unlink(path);
	close(m->fd);
	m->fd = -1;
}

/* ---- for all ---- */

static void make_place(const char *root)
{
	static const char *const dirs[] = {"/run", "/run/salvor", "/run/salvor/manners"};
	char path[SYSFS_PATH];
	for (size_t i = 0; i < SV_ARRAY(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		mkdir(path, 0755);
	}
}

static bool set_all(struct disk_manners *m)
{
	bool any = false;
	for (size_t i = 0; i < KNOBS; i++) {
		m->old[i] = read_knob(m->root, m->kname, &knobs[i]);
		if (m->old[i] == knobs[i].value ||
		    (knobs[i].only_lower && m->old[i] < knobs[i].value))
			m->old[i] = UNTOUCHED;
		any = any || m->old[i] != UNTOUCHED;
	}
	m->diskseq = diskseq_of(m->root, m->kname);
	if (!any || !write_record(m))
		return false;
	for (size_t i = 0; i < KNOBS; i++)
		if (m->old[i] != UNTOUCHED)
			write_knob(m->root, m->kname, &knobs[i], knobs[i].value);
	return true;
}

struct disk_manners *disk_manners_set(const char *root, const struct disk *disk)
{
	struct disk_manners *m = calloc(1, sizeof(*m));
	if (!m || !(m->root = strdup(root))) {
		free(m);
		return NULL;
	}
	snprintf(m->kname, sizeof(m->kname), "%s", *disk->parent ? disk->parent : disk->kname);
	make_place(root);
	bool locked = lock_record(m, O_CREAT);
	if (locked && read_record(m))
		put_back(m); /* of a run that was killed */
	if (locked && set_all(m))
		return m;
	if (locked)
		drop_record(m);
	free(m->root);
	free(m);
	return NULL;
}

void disk_manners_release(struct disk_manners *m)
{
	if (!m)
		return;
	put_back(m);
	drop_record(m);
	free(m->root);
	free(m);
}

static bool sweep_one(void *ctx, const char *name)
{
	struct disk_manners m = {.root = ctx};
	snprintf(m.kname, sizeof(m.kname), "%s", name);
	if (!lock_record(&m, 0))
		return true;
	if (read_record(&m))
		put_back(&m);
	drop_record(&m);
	return true;
}

void disk_manners_sweep(const char *root)
{
	char dir[SYSFS_PATH], *copy = strdup(root);
	snprintf(dir, sizeof(dir), "%s/run/salvor/manners", root);
	if (copy)
		sysfs_list(dir, "", sweep_one, copy);
	free(copy);
}
