/* report_files.h - which files were hit: the work behind sv_report_read(); private to engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_REPORT_FILES_H
#define SV_JOB_REPORT_FILES_H

#include "engine/salvor.h"

/*
 * Look on a copy for the owners of what was lost. `dev`: the copy, only read; `lost`: a normal
 * list, nothing of it is believed. names in the report are left to the caller. Encrypted volumes
 * are opened with `unlock` (NULL: they stay locked). *stop may be NULL. SV_E_STOPPED, SV_E_NOMEM,
 * SV_E_IO when the copy itself cannot be read.
 */
int report_files(struct blk_dev *dev, const struct sv_extents *lost, struct unlock *unlock,
		 const atomic_int *stop, struct sv_report **report_ret, struct sv_err *err);

#endif
