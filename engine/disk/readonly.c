/* readonly.c - the kernel's read-only flag of a device, set for a while and put back whatever
 * happens */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/readonly.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool ro_get(int fd)
{
	int flag = 0;
	return !ioctl(fd, BLKROGET, &flag) && flag;
}

bool ro_set(int fd, bool on)
{
	int flag = on;
	return !ioctl(fd, BLKROSET, &flag);
}

static void records_dir(const char *root, char dir[SYSFS_PATH])
{
	snprintf(dir, SYSFS_PATH, "%s/run/salvor/ro", root);
}

/* The lock under which records come and go; closing it unlocks. -1 when there is no place for it.
 */
static int lock_records(const char *root, bool make)
{
	char dir[SYSFS_PATH], path[SYSFS_PATH + 80];
	if (make) {
		snprintf(path, sizeof(path), "%s/run", root);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/run/salvor", root);
		mkdir(path, 0755);
	}
	records_dir(root, dir);
	if (make)
		mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/.lock", dir);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
	while (fd >= 0 && flock(fd, LOCK_EX))
		if (errno != EINTR) {
			close(fd);
			return -1;
		}
	return fd;
}

static int open_device(const char *root, const char *kname)
{
	char node[SYSFS_PATH], path[2 * SYSFS_PATH];
	sysfs_node(kname, node, sizeof(node));
	snprintf(path, sizeof(path), "%s%s", root, node);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* The kernel's number of this appearance of a device, which a partition has from its disk. */
static uint64_t diskseq_of(const char *root, const char *kname)
{
	char dir[SYSFS_PATH], parent[SYSFS_KNAME];
	sysfs_parent(root, kname, parent);
	if (!sysfs_dir(root, *parent ? parent : kname, dir))
		return 0;
	return sysfs_number(dir, "diskseq", 0);
}

/* ---- looking at records, under the lock ---- */

struct record {
	char kname[SYSFS_KNAME];
	int old;
	unsigned long long diskseq;
};

static bool record_read(int fd, const char *name, struct record *r)
{
	char text[64] = "";
	const char *dot = strrchr(name, '.');
	memset(r, 0, sizeof(*r));
	if (!dot || dot == name || dot - name >= SYSFS_KNAME)
		return false;
	memcpy(r->kname, name, (size_t)(dot - name));
	return pread(fd, text, sizeof(text) - 1, 0) > 0 &&
	       sscanf(text, "old=%d diskseq=%llu", &r->old, &r->diskseq) == 2;
}

/* One pass over the records: of one device or of all. */
struct pass {
	const char *root;
	char dir[SYSFS_PATH];
	const char *kname; /* NULL = all */
	const char *but;   /* the name of a record that does not count, NULL = all count */
	bool remove_dead;
	bool living;	 /* found: a living reader of kname */
	bool dead_found; /* found: a dead one, whose flag is still to be put back */
	bool unsure;	 /* found: one of which the lock does not tell */
	struct record last;
};

static bool look_at(void *ctx, const char *name)
{
	struct pass *p = ctx;
	char path[SYSFS_PATH + 300];
	struct record r;
	if (p->but && !strcmp(p->but, name))
		return true;
	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return true;
	bool good = record_read(fd, name, &r);
	bool dead = !flock(fd, LOCK_EX | LOCK_NB);
	bool living = !dead && errno == EWOULDBLOCK;
	if (good && (!p->kname || !strcmp(p->kname, r.kname))) {
		p->last = r;
		p->living |= living;
		p->dead_found |= dead;
		p->unsure |= !living && !dead;
	}
	/* of one device only its own records go; a record without sense has no other chance */
	if (dead && p->remove_dead && (!p->kname || (good && !strcmp(p->kname, r.kname))))
		unlink(path);
	close(fd);
	return true;
}

static void pass_but(struct pass *p, const char *root, const char *kname, const char *but,
		     bool remove_dead)
{
	memset(p, 0, sizeof(*p));
	p->root = root;
	p->kname = kname;
	p->but = but;
	p->remove_dead = remove_dead;
	records_dir(root, p->dir);
	sysfs_list(p->dir, "", look_at, p);
}

static void pass(struct pass *p, const char *root, const char *kname, bool remove_dead)
{
	pass_but(p, root, kname, NULL, remove_dead);
}

/* false: the flag still stands. */
static bool put_back(const char *root, const struct record *r)
{
	char dir[SYSFS_PATH];
	if (r->old || !sysfs_dir(root, r->kname, dir))
		return true;
	/* another disk by now has a flag of its own, but a loop device keeps it from file to file
	 */
	uint64_t seq = diskseq_of(root, r->kname);
	if (r->diskseq != seq && strncmp(r->kname, "loop", 4))
		return seq;
	int fd = open_device(root, r->kname);
	if (fd < 0)
		return false; /* the kernel still has it: it may answer later */
	bool ok = ro_set(fd, false);
	close(fd);
	return ok;
}

/* Nobody reads it any more, but somebody died over it. */
static void sweep_device(const char *root, const char *kname)
{
	struct pass p;
	pass(&p, root, kname, false);
	/* what cannot be put back now is left for the next start */
	if (p.unsure || (p.dead_found && !p.living && !put_back(root, &p.last)))
		return;
	pass(&p, root, kname, true);
}

struct names {
	char (*v)[SYSFS_KNAME];
	size_t n;
};

static bool collect_name(void *ctx, const char *name)
{
	struct names *names = ctx;
	const char *dot = strrchr(name, '.');
	if (!dot || dot - name >= SYSFS_KNAME)
		return true;
	void *v = realloc(names->v, (names->n + 1) * sizeof(*names->v));
	if (!v)
		return false;
	names->v = v;
	snprintf(names->v[names->n++], SYSFS_KNAME, "%.*s", (int)(dot - name), name);
	return true;
}

void ro_sweep(const char *root)
{
	struct names names = {0};
	char dir[SYSFS_PATH];
	int lock = lock_records(root, false);
	if (lock < 0)
		return;
	records_dir(root, dir);
	sysfs_list(dir, "", collect_name, &names);
	for (size_t i = 0; i < names.n; i++)
		sweep_device(root, names.v[i]);
	free(names.v);
	close(lock);
}

bool ro_is_held(const char *root, const char *kname)
{
	struct pass p;
	int lock = lock_records(root, false);
	if (lock < 0)
		return false;
	pass(&p, root, kname, false);
	close(lock);
	return p.living || p.unsure;
}

/* ---- holding ---- */

/* A locked record on disk before the flag is touched. */
static bool make_record(const char *root, const struct record *r, struct ro_hold *hold)
{
	char dir[SYSFS_PATH], text[64];
	records_dir(root, dir);
	snprintf(hold->record, sizeof(hold->record), "%s/%s.XXXXXX", dir, r->kname);
	hold->fd = mkostemp(hold->record, O_CLOEXEC);
	if (hold->fd < 0)
		return false;
	int len = snprintf(text, sizeof(text), "old=%d diskseq=%llu\n", r->old, r->diskseq);
	if (!flock(hold->fd, LOCK_EX | LOCK_NB) && write(hold->fd, text, (size_t)len) == len)
		return true;
	unlink(hold->record);
	close(hold->fd);
	hold->fd = -1;
	return false;
}

static void drop_record(struct ro_hold *hold)
{
	unlink(hold->record);
	close(hold->fd);
	hold->fd = -1;
}

static bool hold_locked(const char *root, const char *kname, struct ro_hold *hold)
{
	struct pass p;
	struct record r = {.diskseq = diskseq_of(root, kname)};
	sweep_device(root, kname);
	int fd = open_device(root, kname);
	if (fd < 0)
		return false;
	/* with another reader the flag is on already, and what it was is in that one's record */
	pass(&p, root, kname, false);
	r.old = p.living ? p.last.old : ro_get(fd);
	snprintf(r.kname, sizeof(r.kname), "%s", kname);
	snprintf(hold->kname, sizeof(hold->kname), "%s", kname);
	bool ok = !p.unsure && make_record(root, &r, hold);
	if (ok && !ro_set(fd, true)) {
		drop_record(hold);
		ok = false;
	}
	close(fd);
	return ok;
}

bool ro_hold(const char *root, const char *kname, struct ro_hold *hold)
{
	memset(hold, 0, sizeof(*hold));
	hold->fd = -1;
	int lock = lock_records(root, true);
	if (lock < 0)
		return false;
	bool ok = hold_locked(root, kname, hold);
	close(lock);
	return ok;
}

void ro_release(const char *root, struct ro_hold *hold)
{
	struct record r;
	struct pass p;
	if (hold->fd < 0)
		return;
	int lock = lock_records(root, true);
	const char *own = strrchr(hold->record, '/') + 1;
	bool good = record_read(hold->fd, own, &r);
	close(hold->fd); /* and with it the lock, unless a child that was forked still has it */
	hold->fd = -1;
	pass_but(&p, root, hold->kname, own, false);
	/* else the next start has it to put back */
	if (good && (p.living || (!p.unsure && put_back(root, &r))))
		unlink(hold->record);
	if (lock >= 0)
		close(lock);
}
