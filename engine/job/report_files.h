/* report_files.h - which files were hit: the work behind sv_report_read(); private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_REPORT_FILES_H
#define SV_JOB_REPORT_FILES_H

#include "engine/job/source.h"

/* What is looked into, and with what help. */
struct report_look {
	const struct sv_map_params *params; /* root, source (the copy), sector_size, with */
	const struct source *copy;	    /* only read; twin: what it was copied from */
	const struct sv_extents *lost;	    /* a normal list: nothing of it is believed */
	struct unlock *unlock;		    /* NULL: encrypted volumes stay locked */
	const atomic_int *stop;		    /* may be NULL */
};

/*
 * Look on a copy for the owners of what was lost. Names in the report are left to the caller.
 * SV_E_STOPPED, SV_E_NOMEM, SV_E_IO when the copy itself cannot be read, and what others_create()
 * says.
 */
int report_files(const struct report_look *look, struct sv_report **report_ret, struct sv_err *err);

#endif
