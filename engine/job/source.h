/* source.h - opening what is read: a disk under its guard, a partition, a raw file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_SOURCE_H
#define SV_JOB_SOURCE_H

#include "engine/salvor.h"

/* An open source. Zero-initialised = closed. Owned by the job; close with source_close(). */
struct source {
	struct blk_dev *dev; /* read-only */
	bool is_device;
	struct disk disk; /* when it is a device */
	struct disk_guard *guard;
	bool attached;	  /* disks that are attached may be the others of its volumes */
	const char *twin; /* what it is copied onto, or was copied from: no other disk of its
			     volumes. NULL = none */
};

/*
 * Find, check and open params->source read-only. With `partitions`, only those need to be free of
 * read-write use. `store` is the path of the image's directory, NULL when there is none: it must
 * not lie on a selected partition. SV_E_NOT_FOUND, SV_E_REFUSED, SV_E_SOURCE (also when it has no
 * bytes: a disk that is gone says so).
 */
int source_open(const struct sv_map_params *params, const char *store, struct source *source,
		struct sv_err *err);
/* The node of a disk's partition, when the kernel shows it. */
bool source_partition(const char *root, const struct disk *disk, int number, struct disk *part);
/* A warning when the kernel's guard over it could not be set. */
void source_say_unguarded(struct sv_job *job, const struct source *source);
/* A warning of what a disk keeps back, source or target; NULL = it is no disk. */
void job_say_hidden(struct sv_job *job, const char *root, const struct disk *disk);
void source_close(struct source *source);

/* Why a partition is read whole with params->whole. */
#define PLAN_REASON_WHOLE "asked for"

/* Map an open source: the work behind sv_map_read(). `keys`: those of params->unlock, and still the
 * caller's; NULL: they are read here. */
int plan_read(const struct sv_map_params *params, struct source *source, struct unlock *keys,
	      struct sv_map **map_ret, struct sv_err *err);

#endif
