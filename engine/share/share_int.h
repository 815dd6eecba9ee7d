/* share_int.h - inside engine/share: the kinds of share, and what they have in common */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_SHARE_SHARE_INT_H
#define SV_SHARE_SHARE_INT_H

#include "engine/share/share.h"
#include "engine/util/bytes.h"

#include <sys/types.h>

#define SHARE_KINDS	  3
#define SHARE_ADDRESS_MAX 64  /* a numeric address with its zone */
#define SHARE_DIR_MAX	  512 /* paths below /run */
#define SHARE_TIMEOUT_S	  10  /* for one answer of a server */

struct share {
	struct share_url url;
	const struct share_params *params; /* valid during share_open() only */
	struct share_report report;
	char address[SHARE_ADDRESS_MAX]; /* numeric, of the host */
	char protocol[32];
	uint32_t version; /* what the kind's probe found; its own coding */
	char secret[SHARE_PASSWORD_MAX];
	bool has_secret;
	char dir[SHARE_DIR_MAX];	 /* the record: lock, mount point, known_hosts */
	char mount_point[SHARE_DIR_MAX]; /* DIR/mnt */
	char path[SHARE_DIR_MAX + SHARE_PATH_MAX];
	char mount_url[SHARE_URL_MAX + 16];
	int lock_fd; /* held as long as the record is alive; -1 = none */
	int busy_fd; /* of the mounted folder: as long as it is open, nothing unmounts it; -1 = none
		      */
	pid_t helper; /* sshfs; 0 = none */
	struct share_watch *watch;
};

/* One kind of share. Every function fails with one sentence that says what to try. */
struct share_ops {
	enum share_kind kind;
	const char *scheme;
	uint16_t port;
	bool watch; /* ask the server now and then whether it lives (watch.c) */
	/* On a fresh connection: does the server speak the protocol? Sets protocol and version.
	 * Answers of servers are hostile. */
	int (*probe)(struct share *s, int fd, struct sv_err *err);
	/* Mount onto s->mount_point, set s->path and s->mount_url, mark the steps LOGIN and FOLDER.
	 */
	int (*mount)(struct share *s, struct sv_err *err);
};

extern const struct share_ops share_smb, share_nfs, share_sftp;
extern const struct share_ops *const share_kinds[SHARE_KINDS];

/* ---- steps ---- */

void share_pass(struct share *s, enum share_step step, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Marks the step failed and returns sv_fail() with the same sentence. */
int share_fail(struct share *s, enum share_step step, struct sv_err *err, enum sv_error code,
	       int sys_errno, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* ---- net.c: every wait ends after SHARE_TIMEOUT_S, or when the caller cancels ---- */

/* The step NAME and PORT: a connected socket (CLOEXEC, non-blocking), or negative. */
int share_connect(struct share *s, struct sv_err *err);
/* 0, or an errno: ETIMEDOUT, ECANCELED, ECONNRESET when the server hung up. */
int share_send(struct share *s, int fd, const void *buf, size_t len);
int share_receive(struct share *s, int fd, void *buf, size_t len);
/* true when the caller wants no more. */
bool share_cancelled(const struct share *s);

/* ---- watch.c ---- */

int share_watch_start(struct share *s, struct sv_err *err);
/* true when the server had gone. */
bool share_watch_stop(struct share *s);

/* ---- secret.c ---- */

/* Make s->secret hold the password: from the file, or by asking. Does nothing the second time. */
int share_need_secret(struct share *s, struct sv_err *err);
void share_forget_secret(struct share *s);

/* ---- record.c: what stands in /run/salvor/shares while a share is mounted ---- */

/* Make the record and its empty mount point; dead ones are swept by share_sweep(). */
int share_record_make(const char *root, struct share *s, struct sv_err *err);
/* Unmount and remove. `gone`: the server does not answer, so nobody waits for it. */
void share_record_remove(struct share *s, bool gone);
/* Wait for the helper, which ends by itself when it is unmounted or told to; one that hangs is
 * killed. */
void share_reap(struct share *s);

/* ---- mounting by the kernel ---- */

/* mount(2) without set-user-ids, devices and programs; 0 or an errno. */
int share_kernel_mount(const struct share *s, const char *source, const char *fs,
		       const char *options);
/* SV_E_FAILED with a sentence when this process cannot mount at all. */
int share_may_mount(struct share *s, struct sv_err *err);

/* A URL of this share with another path, "" for none. */
void share_make_url(const struct share_url *url, const char *path, char *out, size_t cap);

/* ---- hostkey.c ---- */

/* Ask the server for its keys. With params->host_key the one key that matches goes to
 * DIR/known_hosts; else `fingerprint` gets the best key's. SV_E_STORE when nothing matches. */
int share_host_key(struct share *s, char fingerprint[SHARE_FINGERPRINT_MAX], struct sv_err *err);
/* For tests: "SHA256:..." of a key in base64, as ssh-keygen -l prints it. */
bool share_fingerprint(const char *base64, char fingerprint[SHARE_FINGERPRINT_MAX]);

#endif
