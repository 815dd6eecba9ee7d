/* work.h - the job that runs behind the screens, and the log of the session */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_WORK_H
#define TUI_WORK_H

#include "tui/keyring.h"

#include "engine/salvor.h"

/* ---- log: the last lines of what happened; any thread ---- */

#define WORK_LOG_LINES 1000
#define WORK_LOG_TEXT  300

struct work_log;
struct work_log *work_log_create(void);
void work_log_destroy(struct work_log *log);
void work_log_add(struct work_log *log, const char *sentence);
size_t work_log_count(struct work_log *log);
/* Line i of those kept, oldest first; false when there is none. */
bool work_log_line(struct work_log *log, size_t i, char out[WORK_LOG_TEXT]);

/* ---- a job ---- */

#define WORK_SAMPLES 240

/* Areas that were not read; more are counted, not kept. */
#define WORK_AREAS 16

struct work_area {
	uint64_t start, len;
};

/* What the screen needs to know. The interface's thread owns it. */
struct work {
	struct sv_job *job;
	struct work_log *log; /* borrowed */
	struct keys *keys;    /* of the source; owned, wiped at the end; NULL = none */
	char what[64];	      /* "Back up", for the title */
	char from[400], to[400];
	struct sv_progress now;
	uint64_t samples[WORK_SAMPLES]; /* bytes per second, newest last */
	size_t n_samples;
	uint64_t began_ns, ended_ns, moved_ns, sampled_ns, sampled_bytes;
	bool unchecked; /* the user did without reading back */
	bool stopping, ended;
	bool planned;	   /* it is of the plan: the application's loop looks for its end */
	bool seen;	   /* its end was shown on its page */
	bool paused;	   /* the user wants it to stand still; a rescue does */
	bool hot;	   /* and the heat of a disk */
	bool gone;	   /* its disk was, when it was looked at last */
	unsigned int rest; /* of sv_job_rest() */
	int code;	   /* exit code once ended */
	struct sv_err err;
	/* counted from the job's thread through atomics */
	_Atomic uint64_t warnings, bad_areas, damages;
	_Atomic uint64_t resumed_from;
	struct work_area areas[WORK_AREAS]; /* the job thread's until it has ended */
	struct sv_report *report; /* which files a rescue has hit, so too; owned; NULL = none */
};

struct work *work_create(struct work_log *log, const char *what, const char *from, const char *to);
/* Called by the job's thread for each event; arg is the work. */
void work_event(void *arg, const struct sv_event *event);
/* Takes the job over and starts it. */
int work_start(struct work *work, struct sv_job *job, struct sv_err *err);
/* Look at the job: progress, speed, the end. Returns true when it has just ended. */
bool work_poll(struct work *work);
void work_stop(struct work *work);
/* For the jobs that can: stand still or go on; rest the longer, after the longest not at all. */
void work_pause(struct work *work, bool paused, bool hot);
void work_slower(struct work *work);
uint64_t work_seconds(const struct work *work);
/* Seconds without a byte or a read while such are expected; 0 when it moves. */
uint64_t work_stalled(const struct work *work);
/* Bytes per second, the mean of the last minutes; 0: not known. */
uint64_t work_mean(const struct work *work);
/* Stops a running job cleanly and waits for it. */
void work_destroy(struct work *work);

#endif
