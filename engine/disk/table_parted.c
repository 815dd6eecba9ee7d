/* table_parted.c - libparted's view of a partition table, from a child process on a sparse copy */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/child.h"

#include <errno.h>
#include <parted/parted.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * libparted keeps global state, aborts on some tables, opens devices for writing, runs commands and
 * asks its user whether to "fix" a disk. So it never sees a disk: it gets a sparse copy in memory
 * that holds the table areas, in a child that can do no harm and whose death is an answer too.
 */

#define TIME_LIMIT_MS 20000
#define MEMORY_LIMIT  (256 * SV_MIB)

/* ---- child ---- */

/* Warnings are passed over, questions are not answered: FIX and YES write to a disk. */
static PedExceptionOption answer(PedException *ex)
{
	if (ex->options & PED_EXCEPTION_IGNORE)
		return PED_EXCEPTION_IGNORE;
	/* "the backup GPT is corrupt, the primary will be used" */
	if (ex->options == PED_EXCEPTION_OK_CANCEL)
		return PED_EXCEPTION_OK;
	if (ex->options & PED_EXCEPTION_CANCEL)
		return PED_EXCEPTION_CANCEL;
	return PED_EXCEPTION_UNHANDLED;
}

static void collect(PedDisk *disk, struct parted_view *view)
{
	PedPartition *p = NULL;
	uint64_t ss = (uint64_t)disk->dev->sector_size;
	while ((p = ped_disk_next_partition(disk, p))) {
		if (!ped_partition_is_active(p))
			continue;
		if (view->n == PARTED_MAX)
			_exit(1);
		view->v[view->n++] = (struct parted_part){
			.number = p->num,
			.logical = p->type & PED_PARTITION_LOGICAL,
			.extended = p->type & PED_PARTITION_EXTENDED,
			.start = (uint64_t)p->geom.start * ss,
			.size = (uint64_t)p->geom.length * ss,
		};
	}
}

struct question {
	uint64_t size;
	uint32_t sector_size;
};

static void look(void *arg, void *answer_to)
{
	const struct question *q = arg;
	struct parted_view *view = answer_to;
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", SV_CHILD_IMAGE);
	ped_exception_set_handler(answer);
	PedDevice *dev = ped_device_get(path);
	if (!dev)
		_exit(1);
	/* a file has 512 byte sectors in libparted's eyes */
	dev->sector_size = dev->phys_sector_size = q->sector_size;
	dev->length = (PedSector)(q->size / q->sector_size);
	PedDiskType *type = ped_disk_probe(dev);
	if (!type)
		return;
	snprintf(view->table, sizeof(view->table), "%s", type->name);
	PedDisk *disk = ped_disk_new(dev);
	if (disk)
		collect(disk, view);
	else
		view->unreadable = true;
}

/* ---- parent ---- */

static bool write_all(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int make_image(uint64_t size, const struct layout_pieces *pieces, struct sv_err *err)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	bool ok = fd >= 0 && size <= INT64_MAX && !ftruncate(fd, (off_t)size);
	for (size_t i = 0; ok && i < pieces->n; i++)
		ok = write_all(fd, pieces->v[i].data, pieces->v[i].len, pieces->v[i].off);
	if (ok)
		return fd;
	int rc = sv_fail(err, SV_E_FAILED, errno, "", "cannot make a copy of the partition table");
	if (fd >= 0)
		close(fd);
	return rc;
}

static int run_child(uint64_t size, uint32_t sector_size, int image, struct parted_view *view,
		     struct sv_err *err)
{
	struct question q = {.size = size, .sector_size = sector_size};
	const struct sv_child child = {
		.image = image,
		.memory = MEMORY_LIMIT,
		.ms = TIME_LIMIT_MS,
		.work = look,
		.arg = &q,
	};
	bool answered = false;
	int rc = sv_child_run(&child, view, sizeof(*view), &answered, err);
	if (rc)
		return rc;
	if (!answered || view->n > PARTED_MAX || !memchr(view->table, 0, sizeof(view->table))) {
		memset(view, 0, sizeof(*view));
		view->died = true;
	}
	return 0;
}

int parted_look(uint64_t size, uint32_t sector_size, const struct layout_pieces *pieces,
		struct parted_view **view_ret, struct sv_err *err)
{
	struct parted_view *view = calloc(1, sizeof(*view));
	if (!view)
		return sv_fail_nomem(err);
	int image = make_image(size, pieces, err);
	int rc = image < 0 ? image : run_child(size, sector_size, image, view, err);
	if (image >= 0)
		close(image);
	if (rc) {
		free(view);
		view = NULL;
	}
	*view_ret = view;
	return rc;
}
