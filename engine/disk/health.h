/* health.h - is a disk well? What it says of itself (SMART, NVMe), in numbers and in words */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_HEALTH_H
#define SV_DISK_HEALTH_H

#include "engine/disk/disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * smartctl of smartmontools asks the disk, with commands that only read; its JSON (smartctl(8),
 * option -j) is parsed here and never trusted. What smartctl does not ask, hidden.h does. A disk
 * that sleeps is left asleep unless `wake`.
 */

enum health_verdict { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_WORN, HEALTH_FAILING };

/* Why the verdict is what it is. Some have a number. */
enum health_cause {
	/* it is not known */
	HEALTH_NO_TOOL,
	HEALTH_NO_RIGHT,
	HEALTH_ASLEEP,
	HEALTH_MUTE,
	HEALTH_NO_ANSWER, /* seconds waited */
	HEALTH_NO_ACCESS,
	HEALTH_NO_DATA,
	HEALTH_BRIDGE,
	HEALTH_RAID,
	HEALTH_NO_SENSE,
	/* it is failing or worn */
	HEALTH_SAYS_FAILING,
	HEALTH_PENDING,	      /* sectors */
	HEALTH_UNCORRECTABLE, /* sectors */
	HEALTH_LOST,	      /* accesses */
	HEALTH_REALLOCATED,   /* sectors */
	HEALTH_BEYOND,	      /* number of an attribute */
	HEALTH_WAS_BEYOND,    /* number of an attribute */
	HEALTH_FAILED_TEST,
	HEALTH_SPARE, /* percent left */
	HEALTH_USED,  /* percent used */
	HEALTH_READ_ONLY,
	HEALTH_UNRELIABLE,
	HEALTH_BACKUP,
	/* hints, whatever the verdict */
	HEALTH_LOCKED,
	HEALTH_OPAL,
	HEALTH_SHADOW,
	HEALTH_HPA,	/* MB */
	HEALTH_AMA,	/* MB */
	HEALTH_DCO,	/* MB */
	HEALTH_HOT,	/* degrees Celsius */
	HEALTH_CRC,	/* transfers */
	HEALTH_MEMBERS, /* disks */
	HEALTH_CAUSES
};

/* A sentence without its full stop: `one` for the number 1, else `many`; with a %llu where there is
 * a number. Both translatable. */
struct health_words {
	const char *name; /* for programs: "pending" */
	const char *one, *many;
};
extern const struct health_words health_words[HEALTH_CAUSES];

struct health_reason {
	enum health_cause cause;
	enum health_verdict level; /* the verdict it alone would give; HEALTH_GOOD: a hint */
	uint64_t n;
};

enum health_test { HEALTH_TEST_NONE, HEALTH_TEST_PASSED, HEALTH_TEST_FAILED, HEALTH_TEST_RUNNING };

#define HEALTH_NONE	   UINT64_MAX /* of a number: the disk does not tell it */
#define HEALTH_MAX_REASONS 16

/* Plain data, copied freely. */
struct health {
	enum health_verdict verdict;
	struct health_reason reasons[HEALTH_MAX_REASONS]; /* the worst first */
	size_t n_reasons;
	char protocol[8]; /* "ATA", "NVMe", "SCSI", "" */
	enum { HEALTH_SAYS_NOTHING, HEALTH_SAYS_PASSED, HEALTH_SAYS_FAILED } says;
	enum health_test self_test; /* the newest that came to an end, or one that runs */
	/* numbers: HEALTH_NONE when unknown */
	uint64_t temperature; /* degrees Celsius */
	uint64_t power_on_hours;
	uint64_t reallocated;	/* sectors replaced by spares (5) */
	uint64_t pending;	/* sectors that could not be read, not yet replaced (197) */
	uint64_t uncorrectable; /* sectors the disk's own scan could not read (198) */
	uint64_t lost;		/* accesses that failed for good (187, NVMe media errors) */
	uint64_t crc_errors;	/* transfers that were garbled on the cable (199) */
	uint64_t errors_logged;
	uint64_t percent_used;		 /* of the life the maker planned; may pass 100 */
	uint64_t spare, spare_threshold; /* NVMe: percent */
	uint64_t critical_warning;	 /* NVMe: bits */
	bool spins;
	bool no_answer; /* it did not answer in time: do not ask it again and again */
};

struct health_params {
	const char *root; /* as of disk_scan(); with one, only the PATH is searched for smartctl */
	const struct disk *disk; /* a whole disk */
	bool wake;		 /* ask it even if it sleeps */
	bool brief;		 /* only the counters and the temperature: for asking often */
	unsigned int seconds;	 /* to wait for each answer; 0 = 30 */
};

/*
 * Ask a disk. It takes as long as `seconds` allows, also for a disk that does not answer at all (a
 * few times that behind USB and RAID). Whatever goes wrong is HEALTH_UNKNOWN with its reason; only
 * SV_E_NOMEM is a failure.
 */
int health_read(const struct health_params *params, struct health *health_ret, struct sv_err *err);

/* Too warm for a long job. */
bool health_is_hot(const struct health *health);

/* About the disk as such, not its health: it is locked, or shows less than it has. */
bool health_is_odd(enum health_cause cause);

/* So hot that it must not work on: what the makers allow, and no more. */
bool health_is_critical(const struct health *health);

/* "good", "worn", "failing", "unknown" */
const char *health_verdict_name(enum health_verdict verdict);

#define HEALTH_TEXT 200
/* The reason in English. Returns out. */
const char *health_reason_text(const struct health_reason *reason, char out[HEALTH_TEXT]);

#endif
