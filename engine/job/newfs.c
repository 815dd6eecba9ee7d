/* newfs.c - a new, empty filesystem, made by its own tool in memory */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/newfs.h"
#include "engine/fsmap/fsmap.h"
#include "engine/util/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECONDS	   60
#define SAYS	   8192
#define MAX_WORDS  20
#define FAT_MAX	   (4 * SV_MIB) /* entries of an exFAT's table, 4 bytes each */
#define CLUSTER	   (128 * SV_KIB)
#define OLD_TRACES (8 * SV_MIB) /* where signatures of what was there before may stand */

static const struct kind {
	const char *name; /* libblkid's */
	const char *tool;
	enum layout_type type;
	uint32_t sector_max; /* the tool takes a file for a disk with sectors of 512 bytes */
} kinds[] = {
	[SV_FORMAT_EXFAT] = {"exfat", "mkfs.exfat", LAYOUT_BASIC_DATA, 512},
	[SV_FORMAT_EXT4] = {"ext4", "mke2fs", LAYOUT_LINUX, 4096},
};

bool sv_format_can(enum sv_format_fs fs, uint32_t sector_size)
{
	return sector_size <= kinds[fs].sector_max && sv_have_program(kinds[fs].tool);
}

enum layout_type newfs_type(enum sv_format_fs fs)
{
	return kinds[fs].type;
}

/* ---- the tool ---- */

/* Larger clusters for larger disks: images are few and large, and the table is made in memory. */
static unsigned int cluster_kib(uint64_t size)
{
	uint64_t cluster = CLUSTER;
	while (size / cluster > FAT_MAX && cluster < 32 * SV_MIB)
		cluster *= 2;
	return (unsigned int)(cluster / SV_KIB);
}

static int run_tool(enum sv_format_fs fs, uint64_t size, const char *path, struct sv_err *err)
{
	/* inodes are for few files, but on a small disk not too few */
	char *type = size < 64 * SV_GIB ? "largefile" : "largefile4";
	char cluster[16], said[SAYS];
	size_t len;
	char *exfat[] = {"mkfs.exfat", "-c", cluster, "-L", SV_FORMAT_LABEL, (char *)path, NULL};
	/* no space kept for root; the journal is made whole */
	char *ext4[] = {"mke2fs",
			"-q",
			"-F",
			"-t",
			"ext4",
			"-T",
			type,
			"-b",
			"4096",
			"-m",
			"0",
			"-E",
			"lazy_journal_init=0",
			"-L",
			SV_FORMAT_LABEL,
			(char *)path,
			NULL};
	char **argv = fs == SV_FORMAT_EXFAT ? exfat : ext4;
	snprintf(cluster, sizeof(cluster), "%uK", cluster_kib(size));
	int e = sv_do(argv, SECONDS * 1000, said, sizeof(said), &len);
	if (e == ENOENT) {
		char full[64];
		snprintf(full, sizeof(full), "/usr/sbin/%s", kinds[fs].tool);
		argv[0] = full;
		e = sv_do(argv, SECONDS * 1000, said, sizeof(said), &len);
	}
	if (e == ENOENT)
		return sv_fail(err, SV_E_FAILED, 0, kinds[fs].tool, "%s is not installed",
			       kinds[fs].tool);
	return e ? sv_fail(err, SV_E_FAILED, e, kinds[fs].tool, "%s could not make a filesystem",
			   kinds[fs].tool)
		 : 0;
}

/* ---- what it wrote ---- */

/* Not the zeros that stand for nothing yet. */
static int add_written(struct newfs *v, struct sv_err *err)
{
	off_t size = (off_t)v->dev->size, end = 0;
	int rc = 0;
	while (!rc && end < size) {
		off_t start = lseek(v->fd, end, SEEK_DATA);
		if (start < 0)
			break;
		end = lseek(v->fd, start, SEEK_HOLE);
		rc = sv_extents_add(&v->used, (uint64_t)start, (uint64_t)(end - start));
	}
	return rc ? sv_fail_nomem(err) : 0;
}

/* Zeros that mean something, an empty journal for one: all that the filesystem does not call free.
 */
static int add_used(struct newfs *v, enum sv_format_fs fs, struct sv_err *err)
{
	struct fsmap *map = NULL;
	int rc = fsmap_read(v->dev, NULL, &map, err);
	if (!rc && strcmp(map->fs, kinds[fs].name) != 0)
		rc = sv_fail(err, SV_E_FAILED, 0, kinds[fs].tool,
			     "%s made something that is not %s", kinds[fs].tool, kinds[fs].name);
	/* of exFAT nothing is left out: its tool writes each zero that counts */
	if (!rc && fs == SV_FORMAT_EXT4 && map->state != FSMAP_EXACT)
		rc = sv_fail(err, SV_E_FAILED, 0, kinds[fs].tool,
			     "what %s made is not understood: %s", kinds[fs].tool, map->reason);
	for (size_t i = 0; !rc && map->state == FSMAP_EXACT && i < map->used.n; i++)
		if (sv_extents_add(&v->used, map->used.v[i].start, map->used.v[i].len))
			rc = sv_fail_nomem(err);
	fsmap_destroy(map);
	return rc;
}

static int add_old_traces(struct newfs *v, struct sv_err *err)
{
	uint64_t size = v->dev->size, head = SV_MIN(size, OLD_TRACES), tail = SV_MIN(size, SV_MIB);
	if (sv_extents_add(&v->used, 0, head) || sv_extents_add(&v->used, size - tail, tail))
		return sv_fail_nomem(err);
	sv_extents_normalise(&v->used);
	return 0;
}

int newfs_make(enum sv_format_fs fs, uint64_t size, uint32_t sector_size, struct newfs *v,
	       struct sv_err *err)
{
	char path[64];
	*v = (struct newfs){.fd = memfd_create("filesystem", MFD_CLOEXEC)};
	if (v->fd < 0 || ftruncate(v->fd, (off_t)size))
		return sv_fail(err, SV_E_FAILED, errno, "", "cannot make a file in memory");
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), v->fd);
	int rc = run_tool(fs, size, path, err);
	if (!rc)
		rc = blk_file_open(path, BLK_FILE_BUFFERED, sector_size, 0, &v->dev, err);
	if (!rc)
		rc = add_written(v, err);
	if (!rc)
		rc = add_used(v, fs, err);
	return rc ? rc : add_old_traces(v, err);
}

void newfs_clear(struct newfs *v)
{
	sv_extents_clear(&v->used);
	blk_close(v->dev);
	if (v->fd >= 0)
		close(v->fd);
	*v = (struct newfs){.fd = -1};
}
