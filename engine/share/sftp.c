/* sftp.c - a folder on an SSH server, mounted by sshfs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"
#include "engine/util/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BANNER_MAX   255 /* RFC 4253, section 4.2 */
#define BANNER_LINES 20	 /* a server may say something first */
#define WORDS_MAX    20
#define LOGIN_S	     60 /* until it is mounted: a login may be slow */

/* A line without its end; 0 or an errno. */
static int receive_line(struct share *s, int fd, char line[BANNER_MAX + 1])
{
	size_t n = 0;
	int e = 0;
	while (!e && n < BANNER_MAX && (!n || line[n - 1] != '\n'))
		e = share_receive(s, fd, line + n++, 1);
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return e;
}

static int probe(struct share *s, int fd, struct sv_err *err)
{
	char line[BANNER_MAX + 1] = "";
	int e = 0;
	for (int i = 0; i < BANNER_LINES && !e && strncmp(line, "SSH-", 4); i++)
		e = receive_line(s, fd, line);
	if (e == ECANCELED)
		return sv_fail_stopped(err, "");
	if (e || (strncmp(line, "SSH-2.0-", 8) && strncmp(line, "SSH-1.99-", 9)))
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "what answers on port %u of %s is no SSH server", s->url.port,
				  s->url.host);
	snprintf(s->protocol, sizeof(s->protocol), "SFTP");
	share_pass(s, SHARE_STEP_PROTOCOL, "SSH 2");
	return 0;
}

/* ---- the command line ---- */

struct words {
	char *v[WORDS_MAX];
	size_t n;
	char text[4096];
	size_t used;
	bool lost;
};

static void add(struct words *w, const char *option, const char *value)
{
	int n = snprintf(w->text + w->used, sizeof(w->text) - w->used, "%s%s", option, value);
	if (n < 0 || (size_t)n >= sizeof(w->text) - w->used || w->n + 1 >= WORDS_MAX) {
		w->lost = true;
		return;
	}
	w->v[w->n++] = w->text + w->used;
	w->used += (size_t)n + 1;
}

/* "~" and "~/x" are relative to the home, which sshfs mounts when no folder is given. */
static bool at_home(const struct share *s)
{
	return !strcmp(s->url.path, "/~") || !strncmp(s->url.path, "/~/", 3);
}

static void add_source(const struct share *s, struct words *w)
{
	char source[2 * SHARE_NAME_MAX + 16];
	snprintf(source, sizeof(source), s->url.ipv6 ? "%s%s[%s]:%s" : "%s%s%s:%s", s->url.user,
		 *s->url.user ? "@" : "", s->url.host, at_home(s) ? "" : "/");
	add(w, source, "");
}

/*
 * StrictHostKeyChecking: a server whose key nobody vouched for gets neither data nor password.
 * ServerAlive: a server that has gone is given up after half a minute. No caches of folders:
 * another machine may work on the same store.
 */
static void make_words(const struct share *s, bool password, struct words *w)
{
	char port[8], known_hosts[SHARE_DIR_MAX + 16];
	snprintf(port, sizeof(port), "%u", s->url.port);
	snprintf(known_hosts, sizeof(known_hosts), "%s/known_hosts", s->dir);
	add(w, "sshfs", "");
	add(w, "-f", "");
	add_source(s, w);
	add(w, s->mount_point, "");
	add(w, "-p", "");
	add(w, port, "");
	add(w, "-oStrictHostKeyChecking=yes,ConnectTimeout=10,ServerAliveInterval=10", "");
	add(w, "-oServerAliveCountMax=3,NumberOfPasswordPrompts=1,dir_cache=no", "");
	add(w, password ? "-opassword_stdin" : "-oBatchMode=yes", "");
	if (s->params->read_only)
		add(w, "-oro", "");
	if (s->params->host_key)
		add(w, "-oGlobalKnownHostsFile=/dev/null,UserKnownHostsFile=", known_hosts);
	if (s->params->identity)
		add(w, "-oIdentitiesOnly=yes,IdentityFile=", s->params->identity);
}

/* ---- starting it, and what it says ---- */

/* A mount has another device number than the folder around it. */
static bool is_mounted(const struct share *s)
{
	struct stat outside, inside;
	return !stat(s->dir, &outside) && !stat(s->mount_point, &inside) &&
	       outside.st_dev != inside.st_dev;
}

/* Until sshfs has mounted or given up. Its messages are in `said`. */
static int wait_for_mount(struct share *s, const struct sv_program *program, char *said, size_t cap,
			  struct sv_err *err)
{
	bool ended = false;
	for (int i = 0; i < LOGIN_S * 10 && !ended; i++) {
		ended = sv_gather(program, 100, said, cap);
		if (is_mounted(s))
			return 0;
		if (share_cancelled(s))
			return sv_fail_stopped(err, "");
	}
	return SV_E_STORE;
}

static int no_sshfs(int e, struct share *s, struct sv_err *err)
{
	if (e == ENOENT)
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_FAILED, 0,
				  "sftp:// needs the program sshfs, which is not installed");
	return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_FAILED, e, "cannot start sshfs");
}

/* sshfs reads the password from its stdin and answers ssh's question with it. */
static void hand_over(struct share *s, int in)
{
	size_t n = strlen(s->secret);
	s->secret[n] = '\n';
	/* a helper that has gone already is seen by its end */
	send(in, s->secret, n + 1, MSG_NOSIGNAL);
	share_forget_secret(s);
}

static int run_sshfs(struct share *s, bool password, char *said, size_t cap, struct sv_err *err)
{
	struct words w = {.n = 0};
	struct sv_program program;
	make_words(s, password, &w);
	if (w.lost)
		return sv_fail(err, SV_E_USAGE, 0, "sshfs", "the name of a file is too long");
	said[0] = '\0';
	int e = sv_spawn(w.v, password ? SV_SPAWN_IN : 0, &program);
	if (e)
		return no_sshfs(e, s, err);
	s->helper = program.pid;
	if (password) {
		hand_over(s, program.in);
		close(program.in);
	}
	int rc = wait_for_mount(s, &program, said, cap, err);
	close(program.out);
	if (rc) {
		kill(s->helper, SIGTERM);
		share_reap(s);
	}
	return rc;
}

/* ---- failing ---- */

static int explain_key(struct share *s, const char *said, struct sv_err *err)
{
	char fingerprint[SHARE_FINGERPRINT_MAX];
	struct sv_err ignored = {0};
	if (strstr(said, "HAS CHANGED"))
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "the host key of %s is not the one that known_hosts has: it is "
				  "another machine, or was installed anew",
				  s->url.host);
	if (share_host_key(s, fingerprint, &ignored) || !*fingerprint)
		snprintf(fingerprint, sizeof(fingerprint), "its key cannot be read");
	else
		memcpy(s->report.unknown_key, fingerprint, sizeof(fingerprint));
	return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
			  "the host key of %s is not known (%s): compare it on the server with "
			  "ssh-keygen -l, then give it as --host-key",
			  s->url.host, fingerprint);
}

/* The last line that ssh or sshfs said. */
static const char *last_line(char *said)
{
	size_t n = strlen(said);
	while (n && strchr("\r\n", said[n - 1]))
		said[--n] = '\0';
	const char *slash = strrchr(said, '\n');
	return slash ? slash + 1 : said;
}

static int explain_mount(struct share *s, char *said, struct sv_err *err)
{
	const char *user = *s->url.user ? s->url.user : "this user";
	if (strstr(said, "Host key verification failed") || strstr(said, "HAS CHANGED"))
		return explain_key(s, said, err);
	if (strstr(said, "Permission denied") || strstr(said, "Too many authentication"))
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "%s refuses %s: wrong password, or none of the keys is accepted",
				  s->url.host, user);
	if (strstr(said, "No such file"))
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_NOT_FOUND, 0,
				  "%s has no home folder for %s: give a whole path", s->url.host,
				  user);
	return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0, "sshfs cannot mount %s: %.150s",
			  s->url.host, *said ? last_line(said) : "it says nothing");
}

/* true when another attempt with a password makes sense: keys alone did not do. */
static bool wants_password(const struct share *s, const char *said)
{
	const struct share_params *p = s->params;
	return !p->password_file && p->ask && strstr(said, "Permission denied") &&
	       strstr(said, "password");
}

static int check_params(const struct share_params *p, struct sv_err *err)
{
	if (p->identity && strpbrk(p->identity, ",\\"))
		return sv_fail(err, SV_E_USAGE, 0, p->identity,
			       "the path of the key %s must hold no comma and no backslash",
			       p->identity);
	if (p->identity && access(p->identity, R_OK))
		return sv_fail(err, SV_E_USAGE, errno, p->identity, "cannot read the key %s",
			       p->identity);
	return 0;
}

static int mount_sftp(struct share *s, struct sv_err *err)
{
	char said[4096], fingerprint[SHARE_FINGERPRINT_MAX];
	bool password = s->params->password_file;
	int rc = check_params(s->params, err);
	if (!rc)
		rc = share_may_mount(s, err);
	if (!rc && s->params->host_key)
		rc = share_host_key(s, fingerprint, err);
	if (!rc && password)
		rc = share_need_secret(s, err);
	if (rc)
		return rc;
	rc = run_sshfs(s, password, said, sizeof(said), err);
	if (rc == SV_E_STORE && wants_password(s, said)) {
		rc = share_need_secret(s, err);
		rc = rc ? rc : run_sshfs(s, true, said, sizeof(said), err);
	}
	if (rc)
		return err->code ? rc : explain_mount(s, said, err);
	share_pass(s, SHARE_STEP_LOGIN, "%s", *s->url.user ? s->url.user : "this user");
	share_make_url(&s->url, at_home(s) ? "/~" : "", s->mount_url, sizeof(s->mount_url));
	snprintf(s->path, sizeof(s->path), "%s%s", s->mount_point,
		 s->url.path + (at_home(s) ? 2 : 0));
	return 0;
}

const struct share_ops share_sftp = {
	.kind = SHARE_SFTP, .scheme = "sftp", .port = 22, .probe = probe, .mount = mount_sftp};
