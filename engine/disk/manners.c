/* manners.c - how the kernel treats a disk that fails, changed for a while and put back */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/manners.h"

#include "engine/disk/disk_int.h"
#include "engine/disk/erc.h"
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
/* Tenths of a second: less than the kernel's limit, and what disks take at the least. */
#define ERC_READ 70

/* The values before; the record is locked as long as its run lives. */
struct disk_manners {
	char *root;
	char kname[SYSFS_KNAME];
	uint64_t diskseq, old[KNOBS];
	bool erc_touched;
	struct erc erc;
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

struct below {
	size_t n;
	char first[SYSFS_KNAME];
};

static bool count_below(void *ctx, const char *name)
{
	struct below *b = ctx;
	if (!b->n++)
		snprintf(b->first, sizeof(b->first), "%s", name);
	return true;
}

/* From a volume that lies on one disk (LVM2, LUKS) down to it, and from a partition to its disk, in
 * place. What lies on several does not fail as one of them does. */
static void to_disk(const char *root, char kname[SYSFS_KNAME])
{
	char dir[SYSFS_PATH], whole[SYSFS_KNAME];
	for (int depth = 0; depth < SYSFS_DEPTH && sysfs_dir(root, kname, dir); depth++) {
		struct below b = {0};
		sysfs_list(dir, "slaves", count_below, &b);
		if (b.n != 1)
			break;
		snprintf(kname, SYSFS_KNAME, "%s", b.first);
	}
	sysfs_parent(root, kname, whole);
	if (*whole)
		snprintf(kname, SYSFS_KNAME, "%s", whole);
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
	char text[32 * (KNOBS + 3)];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)m->diskseq);
	for (size_t i = 0; i < KNOBS; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %llu",
			      (unsigned long long)m->old[i]);
	if (m->erc_touched)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " erc %u %u", m->erc.read,
			      m->erc.write);
	return ftruncate(m->fd, 0) == 0 && pwrite(m->fd, text, (size_t)n, 0) == n;
}

static bool read_record(struct disk_manners *m)
{
	char text[32 * (KNOBS + 3)] = "", *end = text;
	if (pread(m->fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	m->diskseq = strtoull(end, &end, 10);
	for (size_t i = 0; i < KNOBS; i++) {
		const char *was = end;
		m->old[i] = strtoull(end, &end, 10);
		if (end == was)
			return false;
	}
	m->erc_touched = sscanf(end, " erc %5u %5u", &m->erc.read, &m->erc.write) == 2;
	return true;
}

/* Another disk by now has values of its own. false: ours still stand, or nobody can tell. */
static bool put_back(const struct disk_manners *m)
{
	char dir[SYSFS_PATH];
	bool ok = true;
	if (!sysfs_dir(m->root, m->kname, dir))
		return true;
	uint64_t seq = sysfs_number(dir, "diskseq", 0);
	if (m->diskseq != seq)
		return seq;
	for (size_t i = 0; i < KNOBS; i++)
		if (m->old[i] != UNTOUCHED)
			ok &= write_knob(m->root, m->kname, &knobs[i], m->old[i]);
	struct disk disk;
	/* lost with the power anyway: no reason to keep the record */
	if (m->erc_touched && disk_load(m->root, m->kname, &disk))
		erc_set(m->root, &disk, &m->erc);
	return ok;
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

/* A record that is not done with is left for the next start. */
static void let_go(struct disk_manners *m, bool done)
{
	char path[SYSFS_PATH];
	record_path(m->root, m->kname, path);
	if (done)
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

/* A disk that tries for as long as it likes, or longer than we wait. */
static bool erc_is_long(struct disk_manners *m, const struct disk *disk)
{
	return erc_get(m->root, disk, &m->erc) && (!m->erc.read || m->erc.read > ERC_READ);
}

static bool set_all(struct disk_manners *m, const struct disk *disk)
{
	m->erc_touched = erc_is_long(m, disk);
	bool any = m->erc_touched;
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
		if (m->old[i] != UNTOUCHED &&
		    !write_knob(m->root, m->kname, &knobs[i], knobs[i].value))
			m->old[i] = UNTOUCHED;
	struct erc shorter = {.read = ERC_READ, .write = m->erc.write};
	if (m->erc_touched)
		erc_set(m->root, disk, &shorter);
	return true;
}

struct disk_manners *disk_manners_set(const char *root, const struct disk *disk)
{
	struct disk_manners *m = calloc(1, sizeof(*m));
	if (!m || !(m->root = strdup(root))) {
		free(m);
		return NULL;
	}
	struct disk below;
	snprintf(m->kname, sizeof(m->kname), "%s", *disk->parent ? disk->parent : disk->kname);
	to_disk(root, m->kname);
	/* a volume answers no questions about its disk */
	if (strcmp(m->kname, disk->kname) && disk_load(root, m->kname, &below))
		disk = &below;
	make_place(root);
	bool locked = lock_record(m, O_CREAT);
	bool clean = locked && (!read_record(m) || put_back(m)); /* of a run that was killed */
	if (clean && set_all(m, disk))
		return m;
	if (locked)
		let_go(m, clean);
	free(m->root);
	free(m);
	return NULL;
}

void disk_manners_leave(struct disk_manners *m)
{
	if (!m)
		return;
	close(m->fd);
	free(m->root);
	free(m);
}

void disk_manners_release(struct disk_manners *m)
{
	if (!m)
		return;
	let_go(m, put_back(m));
	free(m->root);
	free(m);
}

static bool sweep_one(void *ctx, const char *name)
{
	struct disk_manners m = {.root = ctx};
	snprintf(m.kname, sizeof(m.kname), "%s", name);
	if (!lock_record(&m, 0))
		return true;
	let_go(&m, !read_record(&m) || put_back(&m));
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
