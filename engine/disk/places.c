/* places.c - where an image can lie: mounted filesystems, and mounting one more */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/places.h"
#include "engine/disk/sysfs.h"
#include "engine/util/bytes.h"

#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PLACES_DIR "/run/salvor/places"

/* Types that hold people's files. */
static const struct place_type {
	const char *name;
	bool network;
} types[] = {
	{"ext2", false},      {"ext3", false},	  {"ext4", false},     {"xfs", false},
	{"btrfs", false},     {"vfat", false},	  {"exfat", false},    {"ntfs", false},
	{"ntfs3", false},     {"fuseblk", false}, {"f2fs", false},     {"jfs", false},
	{"hfsplus", false},   {"udf", false},	  {"reiserfs", false}, {"nilfs2", false},
	{"cifs", true},	      {"smb3", true},	  {"nfs", true},       {"nfs4", true},
	{"fuse.sshfs", true},
};

static const struct place_type *type_of(const char *name)
{
	for (size_t i = 0; i < SV_ARRAY(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

/* The same filesystem seen through several mount points counts once. */
static struct place *same_source(const struct place_list *list, const char *source, const char *fs)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i].source, source) && !strcmp(list->v[i].fs, fs))
			return &list->v[i];
	return NULL;
}

static bool fill_space(const char *root, struct place *place)
{
	char path[SYSFS_PATH];
	struct statvfs st;
	snprintf(path, sizeof(path), "%s%s", root, place->path);
	if (statvfs(path, &st))
		return false;
	place->size = (uint64_t)st.f_blocks * st.f_frsize;
	place->free = (uint64_t)st.f_bavail * st.f_frsize;
	place->read_only |= st.f_flag & ST_RDONLY && !*root;
	return true;
}

static int take(const char *root, const struct mntent *m, struct place_list *list,
		struct sv_err *err)
{
	const struct place_type *type = type_of(m->mnt_type);
	if (!type || strlen(m->mnt_dir) >= sizeof(list->v->path) ||
	    strlen(m->mnt_fsname) >= sizeof(list->v->source))
		return 0;
	struct place *old = same_source(list, m->mnt_fsname, m->mnt_type), place = {0};
	if (old && strlen(old->path) <= strlen(m->mnt_dir))
		return 0;
	snprintf(place.path, sizeof(place.path), "%s", m->mnt_dir);
	snprintf(place.source, sizeof(place.source), "%s", m->mnt_fsname);
	snprintf(place.fs, sizeof(place.fs), "%s", m->mnt_type);
	place.network = type->network;
	place.read_only = hasmntopt(m, MNTOPT_RO);
	if (!fill_space(root, &place))
		return 0;
	if (!place.network)
		sysfs_of_node(root, place.source, place.kname);
	if (old) {
		*old = place;
		return 0;
	}
	struct place *grown = reallocarray(list->v, list->n + 1, sizeof(*grown));
	if (!grown)
		return sv_fail_nomem(err);
	list->v = grown;
	list->v[list->n++] = place;
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->network != y->network)
		return x->network ? 1 : -1;
	return x->free < y->free ? 1 : x->free > y->free ? -1 : strcmp(x->path, y->path);
}

int places_list(const char *root, struct place_list *list, struct sv_err *err)
{
	char file[SYSFS_PATH], text[4096];
	struct mntent m;
	int rc = 0;
	memset(list, 0, sizeof(*list));
	snprintf(file, sizeof(file), "%s/proc/self/mounts", root);
	FILE *f = setmntent(file, "re");
	if (!f)
		return sv_fail(err, SV_E_FAILED, errno, file, "cannot read the table of mounts");
	while (!rc && getmntent_r(f, &m, text, sizeof(text)))
		rc = take(root, &m, list, err);
	endmntent(f);
	if (rc)
		places_clear(list);
	else if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_use);
	return rc;
}

void places_clear(struct place_list *list)
{
	free(list->v);
	memset(list, 0, sizeof(*list));
}

/* The root of the live system is an overlay whose upper half is a tmpfs; it leaves this file. */
#define LIVE_MARK "/run/salvor/params"

bool places_in_memory(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs))
		return false;
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC ||
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC && !access(LIVE_MARK, F_OK));
}

/* ---- one more ---- */

static int make_dirs(const char *root, const char *kname, char *path, size_t cap,
		     struct sv_err *err)
{
	static const char *const levels[] = {"/run", "/run/salvor", PLACES_DIR};
	for (size_t i = 0; i < SV_ARRAY(levels); i++) {
		snprintf(path, cap, "%s%s", root, levels[i]);
		if (mkdir(path, 0700) && errno != EEXIST)
			return sv_fail(err, SV_E_STORE, errno, path, "cannot make the folder %s",
				       path);
	}
	snprintf(path, cap, "%s" PLACES_DIR "/%s", root, kname);
	if (mkdir(path, 0700) && errno != EEXIST)
		return sv_fail(err, SV_E_STORE, errno, path, "cannot make the folder %s", path);
	return 0;
}

/* What keeps the kernel from replaying a journal at a read-only mount (mount(8), btrfs(5)). */
static const struct quiet {
	const char *fs, *option;
} quiet[] = {
	{"ext3", ",noload"},
	{"ext4", ",noload"},
	{"xfs", ",norecovery"},
	{"f2fs", ",norecovery"},
	{"btrfs", ",rescue=nologreplay"},
};

static const char *quiet_option(const char *node)
{
	const char *type = NULL, *option = "";
	blkid_probe probe = blkid_new_probe_from_filename(node);
	if (probe && !blkid_do_safeprobe(probe))
		blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
	for (size_t i = 0; type && i < SV_ARRAY(quiet); i++)
		if (!strcmp(type, quiet[i].fs))
			option = quiet[i].option;
	blkid_free_probe(probe);
	return option;
}

static int do_mount(const char *node, const char *how, const char *path, struct sv_err *err)
{
	char reason[200] = "", options[100];
	snprintf(options, sizeof(options), "%s,nosuid,nodev,noexec", how);
	struct libmnt_context *context = mnt_new_context();
	if (!context)
		return sv_fail_nomem(err);
	int rc = mnt_context_set_source(context, node);
	if (!rc)
		rc = mnt_context_set_target(context, path);
	if (!rc)
		rc = mnt_context_set_options(context, options);
	if (!rc)
		rc = mnt_context_mount(context);
	int code = mnt_context_get_excode(context, rc, reason, sizeof(reason));
	mnt_free_context(context);
	if (code)
		return sv_fail(err, SV_E_STORE, 0, node, "%s cannot be mounted: %s", node,
			       *reason ? reason : "the helper program refused");
	return 0;
}

/* The place of a partition that is mounted: 1 and its path, else 0. */
static int mounted_at(const char *root, const struct disk *disk, char path[256], bool *read_only,
		      struct sv_err *err)
{
	struct place_list list;
	int rc = places_list(root, &list, err);
	for (size_t i = 0; !rc && i < list.n; i++)
		if (!strcmp(list.v[i].kname, disk->kname)) {
			snprintf(path, 256, "%s", list.v[i].path);
			*read_only = list.v[i].read_only;
			rc = 1;
		}
	places_clear(&list);
	return rc;
}

/* The folder to mount on, made and held: a volume whose mount hangs is not mounted once more by
 * someone who got tired of waiting. Returns a descriptor, to be closed after the mount. */
static int hold_folder(const char *root, const struct disk *disk, const char *node, char path[256],
		       struct sv_err *err)
{
	if (*disk->in_use)
		return sv_fail(err, SV_E_REFUSED, 0, node, "%s is in use: %s", node, disk->in_use);
	int rc = make_dirs(root, disk->kname, path, 256, err);
	if (rc)
		return rc;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sv_fail(err, SV_E_STORE, errno, path, "cannot open the folder %s", path);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return sv_fail(err, SV_E_LOCKED, 0, node, "%s is being mounted already", node);
}

/* Where nothing can be written, mount falls back to reading: no store, then, and not left there. */
static int check_writable(const char *node, const char *path, struct sv_err *err)
{
	struct statvfs fs;
	if (statvfs(path, &fs) || !(fs.f_flag & ST_RDONLY))
		return 0;
	places_unmount(path);
	return sv_fail(err, SV_E_STORE, EROFS, node, "%s can only be mounted read-only", node);
}

int places_mount(const char *root, const char *node, bool write, char path_ret[256],
		 bool *fresh_ret, struct sv_err *err)
{
	struct disk disk;
	bool read_only = false;
	*fresh_ret = false;
	int rc = disk_find(root, node, &disk, err);
	if (!rc)
		rc = mounted_at(root, &disk, path_ret, &read_only, err);
	if (rc)
		return rc < 0 ? rc : 0;
	int fd = hold_folder(root, &disk, node, path_ret, err);
	if (fd < 0)
		return fd;
	rc = do_mount(node, write ? "rw" : "ro", path_ret, err);
	if (!rc && write)
		rc = check_writable(node, path_ret, err);
	*fresh_ret = !rc;
	close(fd);
	return rc;
}

int places_browse(const char *root, const char *node, char path_ret[256],
		  struct disk_guard **guard_ret, struct sv_err *err)
{
	struct disk disk;
	bool read_only = false;
	char how[40];
	*guard_ret = NULL;
	int rc = disk_find(root, node, &disk, err);
	if (!rc)
		rc = mounted_at(root, &disk, path_ret, &read_only, err);
	if (rc > 0 && !read_only)
		return sv_fail(err, SV_E_REFUSED, 0, node,
			       "%s is mounted on %s already: its files are there", node, path_ret);
	if (rc)
		return rc < 0 ? rc : 0;
	int fd = hold_folder(root, &disk, node, path_ret, err);
	if (fd < 0)
		return fd;
	rc = disk_guard_source(root, &disk, "", guard_ret, err);
	snprintf(how, sizeof(how), "ro%s", rc ? "" : quiet_option(node));
	if (!rc)
		rc = do_mount(node, how, path_ret, err);
	if (rc) {
		disk_guard_release(*guard_ret);
		*guard_ret = NULL;
	}
	close(fd);
	return rc;
}

bool places_unmount(const char *path)
{
	struct libmnt_context *context = mnt_new_context();
	if (!context)
		return false;
	mnt_context_set_target(context, path);
	mnt_context_umount(context);
	mnt_free_context(context);
	/* only a folder that nothing is mounted on goes */
	return !rmdir(path) || errno == ENOENT;
}

void places_unmount_all(const char *root)
{
	char dir[SYSFS_PATH], path[SYSFS_PATH + 256];
	snprintf(dir, sizeof(dir), "%s" PLACES_DIR, root);
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		places_unmount(path);
	}
	if (d)
		closedir(d);
}
