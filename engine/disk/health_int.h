/* health_int.h - what asking a disk, parsing its answer and judging it share */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_HEALTH_INT_H
#define SV_DISK_HEALTH_INT_H

#include "engine/disk/health.h"
#include "engine/disk/hidden.h"

#define HEALTH_JSON_MAX (512 * 1024) /* a long answer has 60 KiB */
#define HEALTH_DEVICES	32

/* The bits of smartctl's exit status (smartctl(8), EXIT STATUS). */
enum {
	SMART_USAGE = 1 << 0, /* also: this kind of device is not known */
	SMART_OPEN = 1 << 1,
	SMART_COMMAND = 1 << 2,
	SMART_FAILING = 1 << 3,
	SMART_BEYOND = 1 << 4,
	SMART_WAS_BEYOND = 1 << 5,
	SMART_TEST_LOG = 1 << 7,
};
/* What we let it return for a disk that sleeps: two bits that never come together. */
#define SMART_ASLEEP (SMART_USAGE | SMART_OPEN)

/* Run smartctl, wherever it is: a user's PATH may lack the folder of the system's tools. argv[0] is
 * filled in. 0 or an errno, as sv_run(). */
int health_smartctl(const char *root, char *argv[], int ms, char *text, size_t cap, size_t *len);

/* What is in an answer besides numbers. */
struct health_answer {
	unsigned int status;
	bool has_data;	    /* counters, a log or a verdict of the disk */
	bool bridge;	    /* a USB adapter that smartctl does not know */
	bool raid;	    /* behind a RAID controller */
	bool no_right;	    /* permission denied */
	bool locked;	    /* by an ATA password */
	bool mute;	    /* in the SLEEP mode, for which smartctl also takes a disk that does not
			       answer */
	unsigned int below; /* attributes at or below their threshold; the first of them */
	uint64_t below_id;
	uint64_t was_below_id; /* 0 = none */
};

/* All numbers unknown, nothing said. */
void health_clear(struct health *health);

/* 0, SV_E_DATA (not what smartctl says; health is clear) or SV_E_NOMEM. */
int health_parse(const char *text, size_t len, struct health *health, struct health_answer *answer);

struct health_device {
	char name[64], type[64]; /* "/dev/bus/0", "megaraid,3" */
};
/* The disks of RAID controllers in the answer to --scan. 0, SV_E_DATA or SV_E_NOMEM. */
int health_parse_scan(const char *text, size_t len, struct health_device devices[HEALTH_DEVICES],
		      size_t *n_ret);

/* From numbers to verdict and reasons; an answer without data becomes unknown, with its reason. */
void health_judge(struct health *health, const struct health_answer *answer);
/* Forget all but one reason why nothing is known. */
void health_unknown(struct health *health, enum health_cause cause, uint64_t n);
/* What it keeps back. */
void health_add_hidden(struct health *health, const struct hidden *hidden);
void health_add_reason(struct health *health, enum health_cause cause, enum health_verdict level,
		       uint64_t n);

#endif
