/* share.h - stores on other machines: a URL, mounted for the time of a job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_SHARE_SHARE_H
#define SV_SHARE_SHARE_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 *   smb://[[DOMAIN;]USER@]HOST[:PORT]/SHARE[/PATH]
 *   nfs://HOST[:PORT]/EXPORT[/PATH]
 *   sftp://[USER@]HOST[:PORT]/PATH        /~/PATH starts in the user's home
 *
 * HOST is a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986; a zone as %25eth0, RFC
 * 6874). Names in the path are percent-encoded where they must be. A password never stands in a
 * URL.
 */

enum share_kind { SHARE_SMB, SHARE_NFS, SHARE_SFTP };

#define SHARE_URL_MAX  2000 /* characters of a URL */
#define SHARE_NAME_MAX 256
#define SHARE_PATH_MAX 2048

/* Everything is decoded; nothing holds a control character. */
struct share_url {
	enum share_kind kind;
	char domain[SHARE_NAME_MAX]; /* SMB; "" = none */
	char user[SHARE_NAME_MAX];   /* "" = none */
	char host[SHARE_NAME_MAX];   /* without brackets */
	bool ipv6;		     /* host is an IPv6 address */
	uint16_t port;		     /* the protocol's own when the URL has none */
	char share[SHARE_NAME_MAX];  /* SMB: the share's name */
	char path[SHARE_PATH_MAX];   /* "" or "/a/b": no empty name, no "." and "..", no last slash;
					SMB: below the share */
};

/* true for anything of the form SCHEME://..., known or not: it is no path then. */
bool share_is_url(const char *text);

/* SV_E_USAGE with one sentence, which never repeats a password. */
int share_url_parse(const char *text, struct share_url *url, struct sv_err *err);

/* ---- the steps of reaching a share: each can fail on its own, and is told by its name ---- */

enum share_step {
	SHARE_STEP_NAME,     /* the host's name has an address */
	SHARE_STEP_PORT,     /* something answers there */
	SHARE_STEP_PROTOCOL, /* and speaks the protocol, in a version that is good enough */
	SHARE_STEP_LOGIN,    /* it takes the user and the password (NFS: this machine) */
	SHARE_STEP_FOLDER,   /* share, export and folder exist */
	SHARE_STEP_WRITE,    /* a file can be written, read back, renamed and removed */
	SHARE_STEPS
};

enum share_outcome { SHARE_NOT_TRIED, SHARE_PASSED, SHARE_FAILED };

#define SHARE_FINGERPRINT_MAX 64 /* "SHA256:..." */

struct share_report {
	struct {
		enum share_outcome outcome;
		char detail[400]; /* what was found: an address, a version; "" when not tried */
	} steps[SHARE_STEPS];
	uint64_t free_bytes; /* for this user, when the folder was reached */
	/* SFTP: the server's key, when it failed because that is not known; else "" */
	char unknown_key[SHARE_FINGERPRINT_MAX];
};

const char *share_step_name(enum share_step step); /* "name", "port", ... */

/* ---- mounting ---- */

enum share_purpose {
	SHARE_IMAGE, /* the URL names an image, which need not exist yet: its folder is mounted */
	SHARE_STORE, /* the URL names a folder with images, or to look at */
};

#define SHARE_PASSWORD_MAX 512 /* bytes, with the final NUL */

struct share_params {
	const char *root; /* "" = the real machine; records lie in ROOT/run/salvor/shares */
	const char *url;
	enum share_purpose purpose;
	bool read_only;
	const char *password_file; /* its first line is the password; NULL = none */
	const char *host_key; /* SFTP: "SHA256:..." of the server; NULL = known_hosts decides */
	const char *identity; /* SFTP: private key file; NULL = ssh's own */
	/*
	 * Called on the caller's thread when a password is needed and there is no file: put it into
	 * `password` (which the engine wipes), or fail. NULL = there is nobody to ask.
	 */
	int (*ask)(void *arg, const char *url, char password[SHARE_PASSWORD_MAX],
		   struct sv_err *err);
	/* Asked about ten times a second while something is waited for; true ends the wait with
	 * SV_E_STOPPED. NULL = never. */
	bool (*cancelled)(void *arg);
	/*
	 * Called once a second, on a thread of the share's own, from the moment a server that no
	 * longer answers is given up (`seconds` counts from there). Most jobs end by themselves
	 * then; one that the kernel does not let go can only be left behind, with share_abandon()
	 * and the end of the process. NULL = never.
	 */
	void (*gone)(void *arg, unsigned int seconds);
	void *arg;
};

struct share;

/*
 * Take the steps up to the folder and mount the share below /run/salvor/shares (mode 0700). The
 * caller must not die by a signal in between: block or handle them. `report` (may be NULL) tells
 * how far it came, also after a failure.
 * SV_E_USAGE (URL), SV_E_NOT_FOUND (no such host, share, export or folder), SV_E_STORE (no answer,
 * wrong protocol, login refused), SV_E_FAILED (not root, kernel or program missing), SV_E_STOPPED.
 *
 * A mount is soft: a server that goes away makes reads and writes fail within a minute or two, so
 * that a job ends with SV_E_STORE and can be resumed, instead of hanging in the kernel. All the
 * engine writes is checked and synced, hence nothing is lost silently by that.
 */
int share_open(const struct share_params *params, struct share **share_ret,
	       struct share_report *report, struct sv_err *err);

/* The step SHARE_STEP_WRITE, in the folder of a SHARE_STORE. SV_E_STORE_FULL, SV_E_STORE. */
int share_try_write(struct share *share, struct share_report *report, struct sv_err *err);

/* The path of what the URL names, for the jobs. Valid until share_close(). */
const char *share_path(const struct share *share);
/* The mount point, and what it is as a URL: to turn paths in sentences back into URLs. */
const char *share_mount_point(const struct share *share);
const char *share_mount_url(const struct share *share);
/* "SMB 3.1.1", "NFS 4.2", "SFTP" */
const char *share_protocol(const struct share *share);

/* Unmount and forget. Detaches a mount that is still busy. NULL is fine. */
void share_close(struct share *share);

/* Detach the mount and forget it, without waiting for anybody: for a process that ends at once,
 * which is the only thing that may follow. From any thread. */
void share_abandon(struct share *share);

/* Unmount what killed runs left behind; what a living run uses stays. */
void share_sweep(const char *root);

#endif
