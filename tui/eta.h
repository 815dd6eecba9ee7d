/* eta.h - how long a rescue may still take: a range, because nobody knows what lies ahead */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_ETA_H
#define TUI_ETA_H

#include <stdint.h>

/* Pure functions. */

struct eta_facts {
	uint64_t left;	    /* bytes that are still to be read */
	uint64_t failed;    /* of them in failed reads, to be read sector by sector */
	uint64_t now, mean; /* bytes per second: of late, and since it began; 0 = not known */
	uint64_t sector;    /* bytes */
	uint64_t failed_ms; /* that a failed read takes; 0 = none has failed */
};

/* Seconds. UINT64_MAX: not known. */
struct eta_range {
	uint64_t least, most;
};
/* least: all is read, and as fast as it went at best. most: as slowly as it went, and what has
 * failed fails again, sector by sector. */
struct eta_range eta_range(const struct eta_facts *facts);

#define ETA_TEXT 100
/* "12:00 to 3:10:00", "12:00", "1:00:00 to some days", "?". Returns out. */
const char *eta_text(const struct eta_facts *facts, char out[ETA_TEXT]);

#endif
