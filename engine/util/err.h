/* err.h - the one error style of the engine */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_ERR_H
#define SV_UTIL_ERR_H

/*
 * Functions of the engine return 0 or one of these negative codes. A code above -30 is also the
 * negated exit code of the command (DESIGN section 5); those below are raw causes, which the job
 * that knows the role of the device (source, target, store) turns into one of the upper ones.
 */
enum sv_error {
	SV_OK = 0,
	SV_E_FAILED = -1,      /* anything that has no better name */
	SV_E_USAGE = -2,       /* wrong words on the command line or in a parameter */
	SV_E_UNREADABLE = -3,  /* finished, but parts of the source could not be read */
	SV_E_DIFFERS = -4,     /* verify found differences, or an image is damaged */
	SV_E_NOT_FOUND = -5,   /* no such disk, image or store */
	SV_E_REFUSED = -6,     /* refused by a safety rule */
	SV_E_STORE_FULL = -7,  /* the store is full */
	SV_E_STORE = -8,       /* the store failed */
	SV_E_SOURCE = -9,      /* the source failed */
	SV_E_TARGET = -10,     /* the target failed */
	SV_E_LOCKED = -11,     /* in use by another run */
	SV_E_PASSPHRASE = -12, /* wrong passphrase */
	SV_E_FORMAT = -13,     /* a format or feature that is not supported */
	SV_E_STOPPED = -20,    /* stopped by the user */
	SV_E_NOMEM = -30,      /* out of memory */
	SV_E_IO = -31,	       /* an operation on a device or file failed; see sys_errno */
	SV_E_NOSPC = -32,      /* ENOSPC, EDQUOT or a full volume */
	SV_E_DATA = -33,       /* a structure on disk or in a file is not what it should be */
	SV_E_RANGE = -34,      /* an access outside the device */
	SV_E_READ_ONLY = -35,  /* a write to something opened read-only */
};

/*
 * One failure: what, on which object, in one sentence. Owned by the caller; zero it before use.
 * Written by the first sv_fail() only: later failures (of cleaning up, say) keep their return code
 * but not the story.
 */
struct sv_err {
	int code;	  /* enum sv_error, 0 while nothing failed */
	int sys_errno;	  /* errno of the failed call, 0 when there was none */
	char object[160]; /* the thing it happened to: a device, file, partition */
	char text[360];	  /* one sentence for the user, without the final full stop */
};

/*
 * Record a failure and return `code`. `err` may be NULL. `sys_errno` may be 0; otherwise its text
 * is added after the sentence. Typical use: return sv_fail(err, SV_E_IO, errno, dev->name, "cannot
 * read %s", dev->name);
 */
int sv_fail(struct sv_err *err, enum sv_error code, int sys_errno, const char *object,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Shorthands for the commonest failures. */
int sv_fail_nomem(struct sv_err *err);
int sv_fail_stopped(struct sv_err *err, const char *object);

/* Give an error another code (SV_E_IO becomes SV_E_SOURCE, say) and return it; the story stays. */
int sv_err_recode(struct sv_err *err, enum sv_error code);

/* One short constant sentence for a code. Never NULL. */
const char *sv_error_name(int code);

/* The exit code of the command for a return value: 0..20 as DESIGN section 5 has them, 1 for raw
 * causes. */
int sv_exit_code(int code);

#endif
