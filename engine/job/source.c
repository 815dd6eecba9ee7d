/* source.c - opening what is read: a disk under its guard, a partition, a raw file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/source.h"

#include "engine/job/job.h"

#include "engine/disk/hidden.h"
#include "engine/disk/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_file_source(const struct sv_map_params *params, struct source *source,
			    struct sv_err *err)
{
	uint32_t sector = params->sector_size;
	int rc = blk_file_open(params->source, 0, sector ? sector : 512, 0, &source->dev, err);
	if (rc)
		return rc;
	if (!sector)
		source->dev->sector_size = layout_guess_sector_size(source->dev);
	return 0;
}

bool source_partition(const char *root, const struct disk *disk, int number, struct disk *part)
{
	size_t len = strlen(disk->kname);
	bool digit = len && disk->kname[len - 1] >= '0' && disk->kname[len - 1] <= '9';
	char path[160];
	struct sv_err ignored = {0};
	snprintf(path, sizeof(path), "/dev/%s%s%d", disk->kname, digit ? "p" : "", number);
	return disk_find(root, path, part, &ignored) == 0;
}

static int refuse_live(const struct disk *disk, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, disk->path,
		       "%s is in use for writing (%s): its content would change while it is read",
		       disk->path, disk->in_use);
}

/* With a selection only the selected partitions must be quiet, and none of them may hold the store.
 */
static int check_selected(const struct sv_map_params *params, const struct source *source,
			  const char *store_kname, struct sv_err *err)
{
	for (size_t i = 0; i < params->n_partitions; i++) {
		struct disk part;
		if (!source_partition(params->root, &source->disk, params->partitions[i], &part))
			continue;
		if (*store_kname && !strcmp(part.kname, store_kname))
			return sv_fail(err, SV_E_REFUSED, 0, part.path,
				       "the store lies on %s, which is to be saved", part.path);
		if (part.live)
			return refuse_live(&part, err);
	}
	return 0;
}

static int guard_device(const struct sv_map_params *params, struct source *source,
			const char *store_kname, struct sv_err *err)
{
	if (params->n_partitions) {
		int rc = check_selected(params, source, store_kname, err);
		if (rc || source->disk.live)
			return rc; /* a kernel guard would hit the mounted neighbours too */
	} else if (*store_kname && disk_holds(&source->disk, store_kname)) {
		return sv_fail(err, SV_E_REFUSED, 0, source->disk.path,
			       "the store lies on %s, which is to be saved", source->disk.path);
	}
	if (params->unguarded)
		return source->disk.live ? refuse_live(&source->disk, err) : 0;
	return disk_guard_source(params->root, &source->disk, store_kname, &source->guard, err);
}

static int open_device_source(const struct sv_map_params *params, const char *store,
			      struct source *source, struct sv_err *err)
{
	char store_kname[64] = "";
	int rc = disk_find(params->root, params->source, &source->disk, err);
	if (rc)
		return rc;
	source->is_device = source->attached = true;
	if (store && disk_of_path(params->root, store, store_kname, NULL))
		store_kname[0] = '\0';
	rc = guard_device(params, source, store_kname, err);
	if (rc)
		return rc;
	return blk_file_open(source->disk.path, 0, 0, 0, &source->dev, err);
}

int source_open(const struct sv_map_params *params, const char *store, struct source *source,
		struct sv_err *err)
{
	bool is_device;
	int rc = disk_look(params->source, &is_device, err);
	if (!rc)
		rc = is_device ? open_device_source(params, store, source, err)
			       : open_file_source(params, source, err);
	if (!rc && !source->dev->size)
		rc = sv_fail(err, SV_E_SOURCE, 0, params->source, "%s holds nothing",
			     params->source);
	if (rc)
		source_close(source);
	if (rc == SV_E_IO || rc == SV_E_NOSPC)
		rc = sv_err_recode(err, SV_E_SOURCE);
	return rc;
}

void source_say_unguarded(struct sv_job *job, const struct source *source)
{
	if (disk_guard_missing(source->guard))
		job_say(job, SV_EVENT_WARNING,
			"%s cannot be made read-only for the time of the job: nothing else may "
			"write "
			"to it",
			source->disk.path);
}

void job_say_hidden(struct sv_job *job, const char *root, const struct disk *disk)
{
	struct hidden hidden;
	char text[HIDDEN_TEXT];
	if (!disk)
		return;
	hidden_read(root, disk, "", &hidden);
	if (hidden_text(&hidden, text))
		job_say(job, SV_EVENT_WARNING, "%s keeps something back: %s", disk->path, text);
}

void source_close(struct source *source)
{
	blk_close(source->dev);
	disk_guard_release(source->guard);
	memset(source, 0, sizeof(*source));
}
