/* target.c - a disk that will be overwritten: every reason not to, and the last look before */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/disk_int.h"
#include "engine/disk/readonly.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MEDIUM "/run/salvor/medium" /* where the live system mounts what it came from */

/* ---- boot medium ---- */

void disk_recorded(const char *root, const char *what, char kname[SYSFS_KNAME])
{
	char dir[SYSFS_PATH], text[160], node[200];
	kname[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/run/salvor", root);
	if (!sysfs_text(dir, what, text, sizeof(text)))
		return;
	snprintf(node, sizeof(node), "%s%s", *text == '/' ? "" : "/dev/", text);
	sysfs_of_node(root, node, kname);
}

/* No matter which of its partitions: a boot medium is never erased. */
static bool on_same_disk(const char *root, const struct disk *disk, const char *kname)
{
	struct disk medium;
	char lowest[SYSFS_KNAME];
	snprintf(lowest, sizeof(lowest), "%s", kname);
	if (disk_load(root, lowest, &medium) && disk_same(disk, &medium))
		return true;
	sysfs_lowest(root, lowest);
	return disk_load(root, lowest, &medium) && disk_same(disk, &medium);
}

bool disk_is_boot_medium(const char *root, const struct disk *disk)
{
	char kname[SYSFS_KNAME];
	struct usage *usage = usage_create(root);
	const struct usage_mount *m = usage ? usage_mount_at(usage, MEDIUM) : NULL;
	bool yes = m && ((*m->source && on_same_disk(root, disk, m->source)) ||
			 (sysfs_of_devno(root, m->major, m->minor, kname) &&
			  on_same_disk(root, disk, kname)));
	usage_destroy(usage);
	disk_recorded(root, "boot-medium", kname);
	return yes || (*kname && on_same_disk(root, disk, kname));
}

/* ---- checks ---- */

static bool same_identity(const struct disk *a, const struct disk *b)
{
	return !strcmp(a->kname, b->kname) && !strcmp(a->serial, b->serial) &&
	       !strcmp(a->model, b->model) && !strcmp(a->wwn, b->wwn) &&
	       !strcmp(a->port, b->port) && a->size == b->size && a->start == b->start &&
	       a->sector_size == b->sector_size && a->diskseq == b->diskseq;
}

static int refuse_changed(const struct disk *d, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is not the disk any more that was chosen",
		       d->path);
}

/* Load a disk anew and be sure that it still is the one that was meant. */
static int still_the_same(const char *root, const struct disk *meant, struct disk *now,
			  struct sv_err *err)
{
	struct sv_err gone = {0};
	int rc = disk_refresh(root, meant->kname, now, &gone);
	if (rc == SV_E_NOMEM)
		return sv_fail_nomem(err);
	if (rc || !same_identity(meant, now))
		return refuse_changed(meant, err);
	now->duplicate_serial = meant->duplicate_serial;
	return 0;
}

struct held_walk {
	const char *root;
	bool held;
};

static bool is_held(void *ctx, const char *kname)
{
	struct held_walk *w = ctx;
	w->held |= ro_is_held(w->root, kname);
	return true;
}

/* Another run reads it (or its disk, or one of its partitions). */
static bool being_read(const char *root, const struct disk *d)
{
	struct held_walk walk = {.root = root};
	is_held(&walk, d->kname);
	if (*d->parent)
		is_held(&walk, d->parent);
	else
		disk_each_partition(root, d->kname, is_held, &walk);
	return walk.held;
}

/* Two partitions of one disk may be source and target. */
static bool is_source(const struct disk *d, const struct disk *source)
{
	if (!source || !disk_same(d, source))
		return false;
	return !d->partition || !source->partition || d->partition == source->partition;
}

static int check_rules(const char *root, const struct disk *d, const struct disk *source,
		       const char *store_kname, struct sv_err *err)
{
	if (!d->size)
		return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s holds no medium", d->path);
	if (disk_is_boot_medium(root, d))
		return sv_fail(err, SV_E_REFUSED, 0, d->path,
			       "%s is the medium this system was started from", d->path);
	if (is_source(d, source))
		return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is the source", d->path);
	if (disk_holds(d, store_kname ? store_kname : ""))
		return sv_fail(err, SV_E_REFUSED, 0, d->path, "the image lies on %s", d->path);
	if (*d->in_use)
		return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is in use: %s", d->path,
			       d->in_use);
	if (being_read(root, d))
		return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is being read by another run",
			       d->path);
	return 0;
}

/* ---- the device itself ---- */

static void real_path(const char *root, const struct disk *d, char *out, size_t cap)
{
	snprintf(out, cap, "%s%s", root, d->path);
}

static bool is_node(const char *root, const struct stat *st, const struct disk *d)
{
	char dir[SYSFS_PATH], text[32];
	unsigned int major_no, minor_no;
	return S_ISBLK(st->st_mode) && sysfs_dir(root, d->kname, dir) &&
	       sysfs_text(dir, "dev", text, sizeof(text)) &&
	       sscanf(text, "%u:%u", &major_no, &minor_no) == 2 && major(st->st_rdev) == major_no &&
	       minor(st->st_rdev) == minor_no;
}

/* Is the descriptor that device, in the appearance we know? One that does not answer has failed. */
static int check_device(const char *root, int fd, const struct disk *d, struct sv_err *err)
{
	struct stat st;
	uint64_t seq = 0, size = 0;
	bool answers = !fstat(fd, &st);
	if (answers && !is_node(root, &st, d))
		return refuse_changed(d, err);
	if (!answers || ioctl(fd, BLKGETSIZE64, &size))
		return sv_fail(err, SV_E_TARGET, errno, d->path, "cannot ask %s what it is",
			       d->path);
	/* older kernels (before 5.15) have no number */
	bool same_seq = !d->diskseq || ioctl(fd, BLKGETDISKSEQ, &seq) || seq == d->diskseq;
	return size == d->size && same_seq ? 0 : refuse_changed(d, err);
}

/* SHA-256 over the first and the last MiB. */
static int hash_ends(struct blk_dev *dev, uint8_t digest[SV_SHA256_LEN], struct sv_err *err)
{
	size_t len = (size_t)SV_MIN(SV_MIB, dev->size);
	uint8_t *buf = malloc(len);
	struct sv_sha256 *sha = sv_sha256_create();
	int rc = buf && sha ? 0 : sv_fail_nomem(err);
	if (!rc)
		rc = blk_pread(dev, buf, len, 0, err);
	if (!rc) {
		sv_sha256_update(sha, buf, len);
		rc = blk_pread(dev, buf, len, dev->size - len, err);
	}
	if (!rc) {
		sv_sha256_update(sha, buf, len);
		sv_sha256_finish(sha, digest);
	}
	sv_sha256_destroy(sha);
	free(buf);
	return rc == SV_E_IO ? sv_err_recode(err, SV_E_TARGET) : rc;
}

/* What the kernel knows and sysfs does not show: an exclusive opener. */
static int check_exclusive(const char *path, const struct disk *d, struct sv_err *err)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return sv_fail(err, errno == EBUSY ? SV_E_REFUSED : SV_E_TARGET, errno, d->path,
			       errno == EBUSY ? "%s is in use" : "cannot open %s", d->path);
	close(fd);
	return 0;
}

static int take_identity(const char *root, const struct disk *d, struct disk_identity *identity,
			 struct sv_err *err)
{
	char path[SYSFS_PATH + 128];
	struct blk_dev *dev = NULL;
	real_path(root, d, path, sizeof(path));
	int rc = check_exclusive(path, d, err);
	if (!rc)
		rc = blk_file_open(path, 0, 0, 0, &dev, err);
	if (rc == SV_E_IO)
		rc = sv_err_recode(err, SV_E_TARGET);
	if (!rc)
		rc = check_device(root, blk_file_fd(dev), d, err);
	if (!rc)
		rc = hash_ends(dev, identity->head_tail, err);
	blk_close(dev);
	identity->disk = *d;
	return rc;
}

/* One device whose soft flag is off for a moment. */
struct flag_off {
	int fd;
	bool was_on;
};

static struct flag_off flag_off(const char *root, const char *kname)
{
	char node[SYSFS_KNAME + 8], path[SYSFS_PATH + 128];
	struct flag_off f = {.fd = -1};
	if (!*kname)
		return f;
	sysfs_node(kname, node, sizeof(node));
	snprintf(path, sizeof(path), "%s%s", root, node);
	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	f.was_on = f.fd >= 0 && ro_get(f.fd);
	if (f.was_on)
		ro_set(f.fd, false);
	return f;
}

/* A device that stayed read-only has a flag of its own: the soft one would only outlive it. */
static bool flag_put_back(struct flag_off *f)
{
	bool stayed = f->fd >= 0 && ro_get(f->fd);
	if (f->was_on && !stayed)
		ro_set(f->fd, true);
	if (f->fd >= 0)
		close(f->fd);
	return stayed;
}

/*
 * On the live system salvor.nowrite locks every disk with the same flag, and leaves this file: then
 * no flag is ours to clear.
 */
static int check_lock(const char *root, const struct disk *d, struct sv_err *err)
{
	char path[SYSFS_PATH];
	snprintf(path, sizeof(path), "%s/run/salvor/nowrite", root);
	if (!d->read_only || access(path, F_OK))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, d->path,
		       "%s is locked against writing (salvor.nowrite); blockdev --setrw unlocks it",
		       d->path);
}

/* Does it stay read-only without the kernel's soft flag? A partition is read-only with its disk. */
static int check_writable(const char *root, const struct disk *d, struct sv_err *err)
{
	if (!d->read_only)
		return 0;
	struct flag_off disk = flag_off(root, d->parent), own = flag_off(root, d->kname);
	bool protected = own.fd < 0;
	protected |= flag_put_back(&own);
	protected |= flag_put_back(&disk);
	if (!protected)
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is write-protected", d->path);
}

int disk_check_target(const char *root, const struct disk *target, const struct disk *source,
		      const char *store_kname, const char *confirm, struct disk_identity *identity,
		      struct sv_err *err)
{
	struct disk now;
	char id[128];
	root = root ? root : "";
	memset(identity, 0, sizeof(*identity));
	ro_sweep(root); /* a flag that a killed reader left is not write protection */
	int rc = still_the_same(root, target, &now, err);
	if (!rc)
		rc = check_rules(root, &now, source, store_kname, err);
	if (!rc)
		rc = check_lock(root, &now, err);
	if (!rc)
		rc = check_writable(root, &now, err);
	if (!rc && confirm && !disk_confirm_matches(&now, confirm)) {
		disk_confirm_id(&now, id, sizeof(id));
		rc = sv_fail(err, SV_E_REFUSED, 0, now.path, "%s is %s, not %s", now.path, id,
			     confirm);
	}
	return rc ? rc : take_identity(root, &now, identity, err);
}

/* ---- opening ---- */

/* Clear the flag of one device; false when it stays. */
static bool clear_flag(const char *root, const char *kname)
{
	char node[SYSFS_KNAME + 8], path[SYSFS_PATH + 128];
	sysfs_node(kname, node, sizeof(node));
	snprintf(path, sizeof(path), "%s%s", root, node);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && (!ro_get(fd) || (ro_set(fd, false) && !ro_get(fd)));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A partition is read-only with its disk. */
static int clear_read_only(const char *root, const struct disk *d, struct sv_err *err)
{
	if ((!*d->parent || clear_flag(root, d->parent)) && clear_flag(root, d->kname))
		return 0;
	return sv_fail(err, SV_E_REFUSED, 0, d->path, "%s is write-protected", d->path);
}

/* On the descriptor that will be written, so that nothing can come in between. */
static int check_opened(const char *root, struct blk_dev *dev, const struct disk_identity *identity,
			struct sv_err *err)
{
	uint8_t now[SV_SHA256_LEN];
	int rc = check_device(root, blk_file_fd(dev), &identity->disk, err);
	if (!rc)
		rc = hash_ends(dev, now, err);
	if (!rc && memcmp(now, identity->head_tail, sizeof(now)))
		rc = sv_fail(err, SV_E_REFUSED, 0, identity->disk.path,
			     "%s has other content than when it was chosen", identity->disk.path);
	return rc;
}

int disk_open_target(const char *root, const struct disk_identity *identity,
		     struct blk_dev **dev_ret, struct sv_err *err)
{
	char path[SYSFS_PATH + 128];
	struct disk now = {0};
	struct disk_identity again;
	struct blk_dev *dev = NULL;
	*dev_ret = NULL;
	root = root ? root : "";
	int rc = still_the_same(root, &identity->disk, &now, err);
	if (!rc)
		rc = check_rules(root, &now, NULL, NULL, err);
	/* first without the right to write: nothing of another disk is touched, not even its flag
	 */
	if (!rc)
		rc = take_identity(root, &now, &again, err);
	if (!rc && memcmp(again.head_tail, identity->head_tail, sizeof(again.head_tail)))
		rc = sv_fail(err, SV_E_REFUSED, 0, now.path,
			     "%s has other content than when it was chosen", now.path);
	if (!rc)
		rc = check_lock(root, &now, err);
	if (!rc)
		rc = clear_read_only(root, &now, err);
	real_path(root, &now, path, sizeof(path));
	if (!rc)
		rc = blk_file_open(path, BLK_FILE_WRITE | BLK_FILE_EXCL, 0, 0, &dev, err);
	if (rc == SV_E_IO || rc == SV_E_NOT_FOUND)
		rc = sv_err_recode(err, SV_E_TARGET);
	if (!rc)
		rc = check_opened(root, dev, identity, err);
	if (rc) {
		blk_close(dev);
		return rc;
	}
	*dev_ret = dev;
	return 0;
}

bool disk_reread_table(struct blk_dev *dev)
{
	int fd = blk_file_fd(dev);
	return fd >= 0 && !ioctl(fd, BLKRRPART);
}
