/* nfs.c - NFS 4 and 3, mounted by the kernel */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include "engine/util/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * The question whether a server is there and which versions it has: the procedure NULL of program
 * 100003, version 4. Layout from RFC 5531 (sections 9 and 11), all big endian 32-bit words.
 */
#define NFS_PROGRAM   100003
#define CALL_WORDS    10
#define REPLY_MAX     1024
#define LAST_FRAGMENT 0x80000000u

enum { REPLY_ACCEPTED = 0, ACCEPT_SUCCESS = 0, ACCEPT_PROG_MISMATCH = 2 };

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static int send_null(struct share *s, int fd, uint32_t xid)
{
	uint8_t call[4 + 4 * CALL_WORDS] = {0};
	put_be32(call, LAST_FRAGMENT | 4 * CALL_WORDS);
	put_be32(call + 4, xid);
	put_be32(call + 12, 2); /* RPC version */
	put_be32(call + 16, NFS_PROGRAM);
	put_be32(call + 20, 4); /* its version */
	return share_send(s, fd, call, sizeof(call));
}

/* The newest version the server has: 4, 3 ... 0 when the reply makes no sense. */
static uint32_t read_reply(const uint8_t *r, size_t len, uint32_t xid)
{
	if (len < 20 || get_be32(r) != xid || get_be32(r + 4) != 1 ||
	    get_be32(r + 8) != REPLY_ACCEPTED)
		return 0;
	uint32_t verifier = get_be32(r + 16);
	if (verifier > 400)
		return 0;
	size_t at = 20 + sv_round_up(verifier, 4);
	if (at + 4 > len)
		return 0;
	uint32_t state = get_be32(r + at);
	if (state == ACCEPT_SUCCESS)
		return 4;
	if (state != ACCEPT_PROG_MISMATCH || at + 12 > len)
		return 0;
	return get_be32(r + at + 8);
}

static int ask_version(struct share *s, int fd, uint32_t *version)
{
	uint8_t mark[4], reply[REPLY_MAX];
	uint32_t xid = 0;
	int e = sv_random(&xid, sizeof(xid)) ? EIO : send_null(s, fd, xid);
	if (!e)
		e = share_receive(s, fd, mark, sizeof(mark));
	if (e)
		return e;
	uint32_t len = get_be32(mark) & ~LAST_FRAGMENT;
	if (!(get_be32(mark) & LAST_FRAGMENT) || len > sizeof(reply))
		return EPROTO;
	e = share_receive(s, fd, reply, len);
	if (!e)
		*version = read_reply(reply, len, xid);
	return e;
}

static int probe(struct share *s, int fd, struct sv_err *err)
{
	uint32_t version = 0;
	int e = ask_version(s, fd, &version);
	if (e == ECANCELED)
		return sv_fail_stopped(err, "");
	if (e == ETIMEDOUT)
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "%s takes the connection on port %u but says nothing: is its NFS "
				  "service running?",
				  s->url.host, s->url.port);
	if (e || !version)
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "what answers on port %u of %s is no NFS server", s->url.port,
				  s->url.host);
	if (version < 3)
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "%s speaks NFS %u only, which is too old: 3 or 4 is needed",
				  s->url.host, version);
	s->version = version;
	share_pass(s, SHARE_STEP_PROTOCOL, "NFS %u", version);
	return 0;
}

/* ---- mounting ---- */

/* Newest first; a server that lacks a version says EPROTONOSUPPORT. */
static const char *const versions[] = {"4.2", "4.1", "4.0", "3"};

#define FIRST_VERSION_3 3

/*
 * softerr: after two repetitions a request fails (with ETIMEDOUT) instead of being repeated for
 * ever. Version 3 has its locks on a second service, which no job needs: the lock of an image is a
 * file.
 */
static void make_options(const struct share *s, size_t v, char *options, size_t cap)
{
	const char *six = strchr(s->address, ':') ? "6" : "";
	int n = snprintf(options, cap,
			 "vers=%s,addr=%s,proto=tcp%s,port=%u,softerr,timeo=100,retrans=2",
			 versions[v], s->address, six, s->url.port);
	if (v == FIRST_VERSION_3)
		snprintf(options + n, cap - (size_t)n, ",mountaddr=%s,mountproto=tcp%s,nolock",
			 s->address, six);
	else
		snprintf(options + n, cap - (size_t)n, ",clientaddr=%s", *six ? "::" : "0.0.0.0");
}

/* Mount one folder with the newest version that works; 0 or an errno. */
static int mount_folder(struct share *s, const char *folder)
{
	char source[SHARE_NAME_MAX + SHARE_PATH_MAX + 8], options[512];
	int e = EPROTONOSUPPORT;
	snprintf(source, sizeof(source), s->url.ipv6 ? "[%s]:%s" : "%s:%s", s->url.host, folder);
	for (size_t v = s->version < 4 ? FIRST_VERSION_3 : 0;
	     v < SV_ARRAY(versions) && e == EPROTONOSUPPORT && !share_cancelled(s); v++) {
		make_options(s, v, options, sizeof(options));
		e = share_kernel_mount(s, source, "nfs", options);
		if (!e)
			snprintf(s->protocol, sizeof(s->protocol), "NFS %s", versions[v]);
	}
	return e;
}

/* "/a/b" becomes "/a", "/a" becomes "/"; false for "/". */
static bool go_up(char *folder)
{
	char *slash = strrchr(folder, '/');
	if (!slash[1])
		return false;
	slash[slash == folder] = '\0';
	return true;
}

static int explain_mount(struct share *s, int e, struct sv_err *err)
{
	const char *host = s->url.host, *path = *s->url.path ? s->url.path : "/";
	switch (e) {
	case EACCES:
	case EPERM:
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "%s does not let this machine mount %s: check the name, and its "
				  "list of exports for the address of this machine",
				  host, path);
	case ENOENT:
	case ENOTDIR:
		share_pass(s, SHARE_STEP_LOGIN, "this machine");
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_NOT_FOUND, 0,
				  "%s exports no %s: check the name in its list of exports", host,
				  path);
	case ENODEV:
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_FAILED, 0,
				  "this kernel cannot mount NFS exports: it has no module nfs");
	case EPROTONOSUPPORT:
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "%s and this kernel have no version of NFS in common", host);
	default:
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, e,
				  "%s cannot be mounted from %s", path, host);
	}
}

/*
 * Where the export ends and the path on it begins only the server knows: the longest path that can
 * be mounted is taken. Of an image it is the folder around it, in which it is renamed.
 */
static int mount_nfs(struct share *s, struct sv_err *err)
{
	char folder[SHARE_PATH_MAX];
	int rc = share_may_mount(s, err), e, refused = 0;
	if (rc)
		return rc;
	snprintf(folder, sizeof(folder), "%s", *s->url.path ? s->url.path : "/");
	if (s->params->purpose == SHARE_IMAGE)
		go_up(folder);
	do {
		e = mount_folder(s, folder);
		refused = e == EACCES ? e : refused;
	} while ((e == ENOENT || e == ENOTDIR || e == EACCES) && !share_cancelled(s) &&
		 go_up(folder));
	if (e && share_cancelled(s))
		return sv_fail_stopped(err, "");
	if (e)
		return explain_mount(s, refused ? refused : e, err);
	share_pass(s, SHARE_STEP_PROTOCOL, "%s", s->protocol);
	share_pass(s, SHARE_STEP_LOGIN, "this machine");
	share_make_url(&s->url, folder, s->mount_url, sizeof(s->mount_url));
	snprintf(s->path, sizeof(s->path), "%s%s", s->mount_point,
		 s->url.path + (folder[1] ? strlen(folder) : 0));
	return 0;
}

const struct share_ops share_nfs = {.kind = SHARE_NFS,
				    .scheme = "nfs",
				    .port = 2049,
				    .watch = true,
				    .probe = probe,
				    .mount = mount_nfs};
