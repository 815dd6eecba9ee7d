/* secret.c - a password: read once, kept out of sight, wiped as soon as it was used */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first line. Not through stdio, whose buffers nobody wipes. */
static int read_first_line(const char *path, char secret[SHARE_PASSWORD_MAX], struct sv_err *err)
{
	size_t n = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return sv_fail(err, SV_E_USAGE, errno, path, "cannot open the password file %s",
			       path);
	while (n < SHARE_PASSWORD_MAX && !memchr(secret, '\n', n) && got) {
		got = read(fd, secret + n, SHARE_PASSWORD_MAX - n);
		if (got < 0 && errno != EINTR)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	int e = got < 0 ? errno : 0;
	close(fd);
	if (e)
		return sv_fail(err, SV_E_USAGE, e, path, "cannot read the password file %s", path);
	char *end = memchr(secret, '\n', n);
	if (!end && n == SHARE_PASSWORD_MAX)
		return sv_fail(err, SV_E_USAGE, 0, path,
			       "the first line of the password file %s is too long", path);
	n = end ? (size_t)(end - secret) : n;
	while (n && secret[n - 1] == '\r')
		n--;
	secret[n] = '\0';
	return 0;
}

int share_need_secret(struct share *s, struct sv_err *err)
{
	const struct share_params *p = s->params;
	int rc;
	if (s->has_secret)
		return 0;
	mlock(s->secret, sizeof(s->secret)); /* not onto a swap area, where that is allowed */
	if (p->password_file)
		rc = read_first_line(p->password_file, s->secret, err);
	else if (p->ask)
		rc = p->ask(p->arg, p->url, s->secret, err);
	else
		rc = sv_fail(err, SV_E_USAGE, 0, s->url.host,
			     "%s wants a password for %s: give --password-file", s->url.host,
			     s->url.user);
	s->has_secret = !rc;
	if (!rc)
		return 0;
	explicit_bzero(s->secret, sizeof(s->secret));
	return share_fail(s, SHARE_STEP_LOGIN, err, rc, err->sys_errno, "%s", err->text);
}

void share_forget_secret(struct share *s)
{
	explicit_bzero(s->secret, sizeof(s->secret));
	munlock(s->secret, sizeof(s->secret));
	s->has_secret = false;
}
