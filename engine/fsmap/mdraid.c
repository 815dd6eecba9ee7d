/* mdraid.c - used-block map of a disk of a Linux software RAID, and of what is in a mirror */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/mdraid.h"

#include "engine/fsmap/owners.h"

#include <stdio.h>
#include <string.h>

/*
 * mdadm leaves in place what stood on a disk before, and mkfs may leave a superblock of md: then
 * nobody knows which of the two is in use. Where data do not begin where the volume does, nothing
 * else may be seen on it; where they do, both see the same, but for other kinds of RAID.
 */
static int check_alone(struct fsmap_reader *r, const struct md_super *md)
{
	struct fsmap_probe probe;
	int ret = fsmap_probe_without(r, md->place, &probe);
	if (ret)
		return ret;
	if (probe.ambivalent || (md->data && *probe.type) || fsmap_type_is_member(probe.type))
		return fsmap_whole(r, "it is a RAID1 member, and has signatures of %s, too",
				   *probe.type ? fsmap_type_name(probe.type) : "other types");
	return 0;
}

/* Where what the array uses of this disk ends. Disks of several sizes: behind it is free what the
 * array cannot use of the larger ones, unless it has put one of its own areas there. */
static uint64_t end_of_room(const struct md_super *md)
{
	uint64_t start = md->data + md->size, end = md->data + md->room;
	for (size_t i = 0; i < md->n_areas; i++)
		if (md->areas[i].start < end && md->areas[i].start + md->areas[i].len > start)
			return start;
	return end;
}

/* Everything else around the data is kept. */
static int free_rest(struct fsmap_reader *r, const struct md_super *md)
{
	uint64_t start = md->data + md->size;
	return fsmap_mark_free(r, start, end_of_room(md) - start);
}

static int read_inside(struct fsmap_reader *r, const struct md_super *md)
{
	char title[64];
	const struct blk_piece data = {md->data, md->size};
	snprintf(title, sizeof(title), "RAID1 member %u of %u, metadata %s", md->disk + 1,
		 md->disks, md->version);
	int ret = fsmap_read_content(r, title, &data);
	if (!ret && md->bitmap && fsmap_is_unsettled(r))
		return fsmap_whole(r, "what is inside may not have been shut down cleanly, and "
				      "the RAID1 has a bitmap, by which it is only synchronised "
				      "in part");
	return ret;
}

static int judge(struct fsmap_reader *r, struct md_super *md)
{
	int ret = md_super_read(r, md);
	if (!ret)
		ret = check_alone(r, md);
	return ret ? ret : free_rest(r, md);
}

static int read_mdraid(struct fsmap_reader *r)
{
	struct md_super md;
	int ret = judge(r, &md);
	return ret ? ret : read_inside(r, &md);
}

static int mdraid_files(struct fsmap_reader *r, struct owners *o)
{
	static const char what[] = "what the RAID keeps beside its data";
	struct md_super md;
	int ret = judge(r, &md);
	const struct blk_column column = {fsmap_device(r), md.data};
	const struct blk_segment data = {.len = md.size, .columns = &column, .n = 1};
	if (!ret)
		ret = fsmap_read_inner(r, "RAID1", &data, 1);
	if (!ret)
		ret = fsmap_tell_free(r);
	if (!ret)
		ret = owners_metadata(o, 0, md.data, what);
	if (!ret)
		ret = owners_metadata(o, end_of_room(&md), fsmap_size(r) - end_of_room(&md), what);
	return ret;
}

const struct fsmap_ops fsmap_mdraid_ops = {
	.name = "mdraid",
	.types = (const char *const[]){"linux_raid_member", NULL},
	.read = read_mdraid,
	.files = mdraid_files,
	.container = true,
};
