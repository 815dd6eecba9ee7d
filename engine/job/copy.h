/* copy.h - files copied off a volume: what its parts share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_COPY_H
#define SV_JOB_COPY_H

#include "engine/job/job.h"
#include "engine/util/hash.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define COPY_DEPTH  100 /* folders in folders; deeper ones are reported, not followed */
#define COPY_BUFFER (1u << 20)
#define COPY_SECTOR 4096u /* what an unreadable place costs at most */

/* The job's thread alone. */
struct copy_run {
	struct sv_job *job;
	const struct sv_copy_params *p;
	int from, to;	    /* the folder of the names; FOLDER.part/files */
	dev_t dev;	    /* of the volume; others below it are left out */
	FILE *sums, *notes; /* SHA256SUMS and report.txt */
	uint8_t *buffer;    /* COPY_BUFFER */
	struct sv_sha256 *sha;
	bool counting;	       /* only add up what there is to do */
	char path[PATH_MAX];   /* of what is in hand, below `from` */
	uint64_t total;	       /* bytes, counted */
	uint64_t files, bytes; /* copied whole or in part */
	uint64_t problems;     /* that are in the report */
};

/* ---- copy_tree.c ---- */

/* Count, or copy, all that the names stand for. SV_E_STOPPED, SV_E_STORE, SV_E_STORE_FULL; what
 * cannot be read is reported, and no error. */
int copy_names(struct copy_run *r, struct sv_err *err);
/* A line of the report about r->path, and an event. */
void copy_problem(struct copy_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The target did not take something: fatal (SV_E_STORE, SV_E_STORE_FULL), or 0 and reported, when
 * it is about this one name or file only. */
int copy_target_failed(struct copy_run *r, int e, struct sv_err *err);

/* ---- copy_file.c ---- */

/* The content of an open regular file into a new one, with what cannot be read as zeros and
 * reported. */
int copy_file(struct copy_run *r, int in, const struct stat *st, int to, const char *name,
	      struct sv_err *err);
/* Read all back by SHA256SUMS. `dir`: FOLDER.part. SV_E_DIFFERS, SV_E_STORE, SV_E_STOPPED. */
int copy_verify(struct copy_run *r, int dir, struct sv_err *err);

#endif
