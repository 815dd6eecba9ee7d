/* gather.h - reading the ranges of some kinds from a device, the rest as zeros; private to
 * engine/job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_JOB_GATHER_H
#define SV_JOB_GATHER_H

#include "engine/io/blk.h"
#include "engine/util/extent.h"

struct gather {
	struct blk_dev *dev;
	const struct sv_runs *runs; /* what is where, in positions of the stream */
	unsigned int kinds;	    /* 1u << kind of those to read */
	uint64_t
		stream_off; /* position p of the stream stands at p - stream_off + dev_off of dev */
	uint64_t dev_off;
};

/*
 * Fill buf with [start, start + len) of the stream: ranges of the wanted kinds from the device, all
 * others zeros. An unreadable sector becomes zeros and is added to `bad` (stream positions); with
 * `bad` NULL it is the error. SV_E_SOURCE (the device's name is in err; the caller recodes for a
 * target), SV_E_NOMEM. A device that is gone is an error in any case.
 */
int gather_read(const struct gather *what, uint64_t start, size_t len, uint8_t *buf,
		struct sv_extents *bad, struct sv_err *err);

/* An errno of a read that says that the whole device is gone, not one area of it. */
bool gather_device_lost(int sys_errno);

#endif
