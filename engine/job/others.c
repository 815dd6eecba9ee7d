/* others.c - the other volumes that a map may look at: opened for reading, probed, found by UUID */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/others.h"

#include "engine/disk/sysfs.h"
#include "engine/fsmap/fsmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A disk or file whose volumes may be asked for. */
struct other_disk {
	struct blk_dev *dev; /* owned; NULL until its volumes are looked at */
	char path[160];
	struct disk disk; /* kname "": a file */
	struct disk_file file;
	bool has_file;
};

struct other_volume {
	struct blk_dev *dev;
	char type[32], uuid[64];
	bool own; /* of the source, there at `start` */
	uint64_t start;
	bool in_use;
};

struct others {
	const struct sv_map_params *params;
	const struct source *source;
	const struct layout *layout;
	struct fsmap_others ops;
	struct other_disk self, twin; /* the source; what holds the same: no others of it */
	struct other_disk *disks;
	size_t n_disks;
	struct other_volume *v;
	size_t n;
	uint64_t mapped; /* the volume that is being mapped */
	bool searched;
};

/* ---- disks ---- */

/* By whichever name: a loop device is the file it is made of. */
static bool same_disk(const struct other_disk *a, const struct other_disk *b)
{
	if (a->has_file && b->has_file)
		return disk_file_same(&a->file, &b->file);
	return *a->disk.kname && *b->disk.kname && disk_same(&a->disk, &b->disk);
}

static void find_self(struct others *o)
{
	struct other_disk *self = &o->self;
	self->disk = o->source->disk;
	self->has_file = disk_file_of(o->source->is_device ? &self->disk : NULL, o->params->source,
				      &self->file);
}

/* A copy that is being made of the source looks like the source, and what a copy was made of like
 * the copy. */
static void find_twin(struct others *o)
{
	struct other_disk *twin = &o->twin;
	struct sv_err ignored = {0};
	const char *spec = o->source->twin;
	if (!spec)
		return;
	bool is_device = disk_is_device_spec(spec);
	if (!is_device || !disk_find(o->params->root, spec, &twin->disk, &ignored))
		twin->has_file = disk_file_of(is_device ? &twin->disk : NULL, spec, &twin->file);
}

/* Of a partition node its disk still has the others. */
static bool is_all_of(const struct other_disk *one, const struct other_disk *d)
{
	return !one->disk.partition && same_disk(one, d);
}

static bool is_part_of(const struct other_disk *one, const struct other_disk *d, uint64_t start)
{
	return one->disk.partition && same_disk(one, d) && one->disk.start == start;
}

/* Takes over d->dev. */
static int add_disk(struct others *o, const struct other_disk *d)
{
	bool known = is_all_of(&o->self, d) || is_all_of(&o->twin, d);
	for (size_t i = 0; !known && i < o->n_disks; i++)
		known = same_disk(&o->disks[i], d);
	struct other_disk *v = known ? NULL : reallocarray(o->disks, o->n_disks + 1, sizeof(*v));
	if (!v) {
		blk_close(d->dev);
		return known ? 0 : SV_E_NOMEM;
	}
	o->disks = v;
	v[o->n_disks++] = *d;
	return 0;
}

static int add_attached(struct others *o, const struct disk *disk)
{
	struct other_disk d = {.disk = *disk};
	snprintf(d.path, sizeof(d.path), "%s", disk->path);
	d.has_file = disk_file_of(&d.disk, NULL, &d.file);
	return add_disk(o, &d);
}

static int add_all_attached(struct others *o)
{
	struct disk_list list;
	struct sv_err ignored = {0};
	const char *root = o->params->root ? o->params->root : "";
	char below[SYSFS_KNAME];
	int rc = disk_scan(root, &list, &ignored);
	for (size_t i = 0; !rc && i < list.n; i++)
		if (!sysfs_loop_below(root, list.v[i].kname, below)) /* seen itself */
			rc = add_attached(o, &list.v[i]);
	disk_list_clear(&list);
	return rc == SV_E_NOMEM ? rc : 0;
}

/* Who names a partition means the disk. */
static int add_named_disk(struct others *o, const char *spec, struct sv_err *err)
{
	struct disk disk;
	char node[128];
	int rc = disk_find(o->params->root, spec, &disk, err);
	if (!rc && *disk.parent) {
		sysfs_node(disk.parent, node, sizeof(node));
		rc = disk_find(o->params->root, node, &disk, err);
	}
	if (rc)
		return rc;
	return add_attached(o, &disk) ? sv_fail_nomem(err) : 0;
}

static int add_named_file(struct others *o, const char *path, struct sv_err *err)
{
	struct other_disk d = {0};
	uint32_t sector = o->params->sector_size;
	int rc = blk_file_open(path, 0, sector ? sector : 512, 0, &d.dev, err);
	if (rc)
		return rc == SV_E_IO ? sv_err_recode(err, SV_E_SOURCE) : rc;
	if (!sector)
		d.dev->sector_size = layout_guess_sector_size(d.dev);
	snprintf(d.path, sizeof(d.path), "%s", path);
	d.has_file = disk_file_of(NULL, path, &d.file);
	return add_disk(o, &d) ? sv_fail_nomem(err) : 0;
}

static int add_named(struct others *o, struct sv_err *err)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < o->params->n_with; i++) {
		const char *spec = o->params->with[i];
		bool is_device;
		rc = disk_look(spec, &is_device, err);
		if (!rc)
			rc = is_device ? add_named_disk(o, spec, err)
				       : add_named_file(o, spec, err);
	}
	return rc;
}

/* ---- volumes ---- */

static bool is_in_use(const struct others *o, const struct disk *disk, int number)
{
	struct disk part;
	if (!*disk->kname || !disk->live)
		return false;
	return !number || !source_partition(o->params->root, disk, number, &part) || part.live;
}

/* One that cannot be read or has no name is not there. */
static int add_volume(struct others *o, struct blk_dev *disk, uint64_t size,
		      struct other_volume *volume)
{
	struct fsmap_probe probe = {0};
	int rc = blk_window_create(disk, volume->start, size, disk->name, &volume->dev, NULL);
	if (!rc)
		rc = fsmap_probe(volume->dev, &probe, NULL);
	struct other_volume *v = NULL;
	if (!rc && *probe.uuid && !probe.ambivalent) {
		v = reallocarray(o->v, o->n + 1, sizeof(*v));
		rc = v ? 0 : SV_E_NOMEM;
	}
	if (!v) {
		blk_close(volume->dev);
		return rc == SV_E_NOMEM ? rc : 0;
	}
	snprintf(volume->type, sizeof(volume->type), "%s", probe.type);
	snprintf(volume->uuid, sizeof(volume->uuid), "%s", probe.uuid);
	o->v = v;
	v[o->n++] = *volume;
	return 0;
}

/* d: another disk; NULL: the source, which is no other as a whole. */
static int add_volumes(struct others *o, struct blk_dev *dev, const struct layout *layout,
		       const struct other_disk *d)
{
	const struct disk *disk = d ? &d->disk : &o->source->disk;
	struct other_volume volume = {.own = !d, .in_use = is_in_use(o, disk, 0)};
	if (!layout->n && d)
		return add_volume(o, dev, dev->size, &volume);
	int rc = 0;
	for (size_t i = 0; !rc && i < layout->n; i++) {
		const struct layout_part *part = &layout->v[i];
		if (part->extended || (d && (is_part_of(&o->self, d, part->start) ||
					     is_part_of(&o->twin, d, part->start))))
			continue;
		volume.start = part->start;
		volume.in_use = is_in_use(o, disk, part->number);
		rc = add_volume(o, dev, part->size, &volume);
	}
	return rc;
}

static int look_at(struct others *o, struct other_disk *d)
{
	struct layout *layout = NULL;
	int rc = d->dev ? 0 : blk_file_open(d->path, 0, 0, 0, &d->dev, NULL);
	if (!rc)
		rc = layout_read(d->dev, &layout, NULL);
	if (!rc)
		rc = add_volumes(o, d->dev, layout, d);
	layout_destroy(layout);
	return rc == SV_E_NOMEM ? rc : 0;
}

static int search(struct others *o)
{
	int rc = add_volumes(o, o->source->dev, o->layout, NULL);
	if (!rc && o->source->attached)
		rc = add_all_attached(o);
	for (size_t i = 0; !rc && i < o->n_disks; i++)
		rc = look_at(o, &o->disks[i]);
	o->searched = true;
	return rc;
}

static bool is_mapped(const struct others *o, const struct other_volume *v)
{
	return v->own && v->start == o->mapped;
}

static int find(void *arg, const char *type, const char *uuid, enum others_found *found,
		struct blk_dev **dev_ret)
{
	struct others *o = arg;
	int rc = o->searched ? 0 : search(o);
	*found = OTHERS_ABSENT;
	for (size_t i = 0; !rc && i < o->n; i++) {
		const struct other_volume *v = &o->v[i];
		if (strcmp(v->type, type) != 0 || strcmp(v->uuid, uuid) != 0 || is_mapped(o, v))
			continue;
		if (*found != OTHERS_ABSENT) {
			*found = OTHERS_TWICE;
			return 0;
		}
		*found = v->in_use ? OTHERS_IN_USE : OTHERS_FOUND;
		*dev_ret = v->dev;
	}
	return rc;
}

int others_create(const struct sv_map_params *params, const struct source *source,
		  const struct layout *layout, struct others **others_ret, struct sv_err *err)
{
	struct others *o = calloc(1, sizeof(*o));
	if (!o)
		return sv_fail_nomem(err);
	*o = (struct others){.params = params,
			     .source = source,
			     .layout = layout,
			     .ops = {.find = find, .arg = o}};
	find_self(o);
	find_twin(o);
	int rc = add_named(o, err);
	if (rc)
		others_destroy(o);
	else
		*others_ret = o;
	return rc;
}

void others_destroy(struct others *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		blk_close(o->v[i].dev);
	for (size_t i = 0; i < o->n_disks; i++)
		blk_close(o->disks[i].dev);
	free(o->v);
	free(o->disks);
	free(o);
}

const struct fsmap_others *others_of(struct others *o, uint64_t start)
{
	if (!o)
		return NULL;
	o->mapped = start;
	return &o->ops;
}
