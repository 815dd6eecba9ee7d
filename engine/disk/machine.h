/* machine.h - what about the machine explains a disk that is missing, or endangers a long job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_MACHINE_H
#define SV_DISK_MACHINE_H

#include <stddef.h>
#include <stdint.h>

enum machine_trait {
	MACHINE_REMAPPED,   /* NVMe disks that the firmware's RAID mode hides; n = how many */
	MACHINE_NO_DRIVER,  /* storage controllers that no driver has taken; n = how many */
	MACHINE_ON_BATTERY, /* n = percent that is left */
	MACHINE_NAMESPACES, /* NVMe namespaces of controllers that have more than one; n = how many
			     */
	MACHINE_EMMC_BOOT,  /* boot areas of eMMC; n = how many */
	MACHINE_TRAITS
};

/* A sentence without its full stop: `one` for the number 1, else `many`, with a %llu. */
struct machine_words {
	const char *name; /* for programs: "remapped" */
	const char *one, *many;
};
extern const struct machine_words machine_words[MACHINE_TRAITS];

struct machine_remark {
	enum machine_trait trait;
	uint64_t n;
};

/* What there is to say, at most one of each kind; returns how many. From sysfs only; `root` as of
 * disk_scan(). Any thread. */
size_t machine_remarks(const char *root, struct machine_remark remarks[MACHINE_TRAITS]);

#define MACHINE_TEXT 200
/* In English. Returns out. */
const char *machine_remark_text(const struct machine_remark *remark, char out[MACHINE_TEXT]);

#endif
