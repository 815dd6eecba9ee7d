/* share.c - the way to a share, step by step, and back */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

const char *share_step_name(enum share_step step)
{
	static const char *const names[SHARE_STEPS] = {
		[SHARE_STEP_NAME] = "name",	    [SHARE_STEP_PORT] = "port",
		[SHARE_STEP_PROTOCOL] = "protocol", [SHARE_STEP_LOGIN] = "login",
		[SHARE_STEP_FOLDER] = "folder",	    [SHARE_STEP_WRITE] = "write",
	};
	return names[step];
}

void share_pass(struct share *s, enum share_step step, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	s->report.steps[step].outcome = SHARE_PASSED;
	vsnprintf(s->report.steps[step].detail, sizeof(s->report.steps[step].detail), fmt, ap);
	va_end(ap);
}

int share_fail(struct share *s, enum share_step step, struct sv_err *err, enum sv_error code,
	       int sys_errno, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->report.steps[step].outcome = SHARE_FAILED;
	snprintf(s->report.steps[step].detail, sizeof(s->report.steps[step].detail), "%s%s%s", text,
		 sys_errno ? ": " : "", sys_errno ? strerror(sys_errno) : "");
	return sv_fail(err, code, sys_errno, s->url.host, "%s", text);
}

/* ---- URLs ---- */

static void append_encoded(char *out, size_t cap, const char *text, const char *plain)
{
	size_t n = strlen(out);
	for (; *text && n + 4 < cap; text++) {
		unsigned char c = (unsigned char)*text;
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || strchr(plain, c) || c >= 0x80;
		n += (size_t)(ok ? snprintf(out + n, cap - n, "%c", c)
				 : snprintf(out + n, cap - n, "%%%02X", c));
	}
}

void share_make_url(const struct share_url *url, const char *path, char *out, size_t cap)
{
	const struct share_ops *ops = share_kinds[url->kind];
	char port[8] = "";
	snprintf(out, cap, "%s://", ops->scheme);
	if (*url->user) {
		append_encoded(out, cap, url->user, "-._");
		strncat(out, "@", cap - strlen(out) - 1);
	}
	strncat(out, url->ipv6 ? "[" : "", cap - strlen(out) - 1);
	append_encoded(out, cap, url->host, "-._:");
	strncat(out, url->ipv6 ? "]" : "", cap - strlen(out) - 1);
	if (url->port != ops->port)
		snprintf(port, sizeof(port), ":%u", url->port);
	strncat(out, port, cap - strlen(out) - 1);
	if (url->kind == SHARE_SMB) {
		strncat(out, "/", cap - strlen(out) - 1);
		append_encoded(out, cap, url->share, "-._~ ()$");
	}
	append_encoded(out, cap, path[0] == '/' && !path[1] ? "" : path, "/-._~ ()");
}

/* ---- mounting ---- */

#define CAP_SYS_ADMIN_BIT 21 /* linux/capability.h */

int share_may_mount(struct share *s, struct sv_err *err)
{
	unsigned long long caps = 0;
	char line[128];
	FILE *status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (status)
		fclose(status);
	if (caps & 1ull << CAP_SYS_ADMIN_BIT)
		return 0;
	return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_FAILED, 0,
			  "mounting a share needs root: use sudo, or mount it yourself and give "
			  "the folder");
}

int share_kernel_mount(const struct share *s, const char *source, const char *fs,
		       const char *options)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (s->params->read_only)
		flags |= MS_RDONLY;
	return mount(source, s->mount_point, fs, flags, options) ? errno : 0;
}

/* The folder of the URL, or the one around the image. */
static void folder_of(const struct share *s, char *folder, size_t cap)
{
	snprintf(folder, cap, "%s", s->path);
	char *slash = strrchr(folder, '/');
	if (s->params->purpose == SHARE_IMAGE && strlen(folder) > strlen(s->mount_point))
		*slash = '\0';
}

static int check_folder(struct share *s, struct sv_err *err)
{
	char folder[sizeof(s->path)];
	struct statvfs vfs;
	folder_of(s, folder, sizeof(folder));
	const char *below = folder + strlen(s->mount_point);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = fd < 0 || fstatvfs(fd, &vfs) ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (e == ENOENT || e == ENOTDIR)
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_NOT_FOUND, 0,
				  "there is no folder %s on %s", below, s->mount_url);
	if (e)
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_STORE, e,
				  "cannot look into the folder %s on %s", *below ? below : "/",
				  s->mount_url);
	if (!sv_mul_ok(vfs.f_bavail, vfs.f_frsize, &s->report.free_bytes))
		s->report.free_bytes = UINT64_MAX;
	share_pass(s, SHARE_STEP_FOLDER, "%s%s", s->mount_url, below);
	return 0;
}

/* From here on a server that goes away ends what waits for it. */
static int hold_mount(struct share *s, struct sv_err *err)
{
	s->busy_fd = open(s->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->busy_fd < 0)
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_STORE, errno, "cannot open %s",
				  s->mount_url);
	return share_kinds[s->url.kind]->watch ? share_watch_start(s, err) : 0;
}

static int take_steps(struct share *s, struct sv_err *err)
{
	const struct share_ops *ops = share_kinds[s->url.kind];
	int fd = share_connect(s, err);
	if (fd < 0)
		return fd;
	int rc = ops->probe(s, fd, err);
	close(fd);
	if (!rc && share_cancelled(s))
		rc = sv_fail_stopped(err, "");
	if (!rc)
		rc = share_may_mount(s, err);
	if (!rc)
		rc = share_record_make(s->params->root, s, err);
	if (!rc)
		rc = ops->mount(s, err);
	if (!rc)
		rc = hold_mount(s, err);
	return rc ? rc : check_folder(s, err);
}

int share_open(const struct share_params *params, struct share **share_ret,
	       struct share_report *report, struct sv_err *err)
{
	struct sv_err own = {0};
	struct share *s = calloc(1, sizeof(*s));
	if (!s)
		return sv_fail_nomem(err);
	s->lock_fd = s->busy_fd = -1;
	s->params = params;
	err = err ? err : &own;
	int rc = share_url_parse(params->url, &s->url, err);
	if (!rc)
		rc = take_steps(s, err);
	if (report)
		*report = s->report;
	s->params = NULL;
	if (rc)
		share_close(s);
	else
		*share_ret = s;
	return rc;
}

const char *share_path(const struct share *share)
{
	return share->path;
}

const char *share_mount_point(const struct share *share)
{
	return share->mount_point;
}

const char *share_mount_url(const struct share *share)
{
	return share->mount_url;
}

const char *share_protocol(const struct share *share)
{
	return share->protocol;
}

void share_abandon(struct share *share)
{
	umount2(share->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW);
}

void share_close(struct share *share)
{
	if (!share)
		return;
	bool gone = share_watch_stop(share);
	if (share->busy_fd >= 0)
		close(share->busy_fd);
	share_record_remove(share, gone);
	share_forget_secret(share);
	free(share);
}
