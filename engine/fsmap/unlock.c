/* unlock.c - keys of encrypted volumes: read, asked for, tried, wiped */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/unlock.h"

#include "engine/util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX (8 * SV_MIB) /* as cryptsetup has it */
#define ATTEMPTS     3

struct unlock {
	const struct sv_unlock *how;
	struct sv_secret *v; /* key files, and passphrases that have opened something */
	size_t n;
	bool hushed;
	unsigned int opened, shut; /* volumes; shut: of those that a key was tried on in vain */
	char complaint[360];
	int rc; /* what ends it all */
	struct sv_err err;
};

/* ---- secrets ---- */

/* Takes the secret over, also when it fails. */
static int keep(struct unlock *u, struct sv_secret *s)
{
	struct sv_secret *v = reallocarray(u->v, u->n + 1, sizeof(*v));
	if (!v) {
		sv_secret_wipe(s);
		return SV_E_NOMEM;
	}
	u->v = v;
	v[u->n++] = *s;
	*s = (struct sv_secret){0};
	return 0;
}

static int fill(int fd, const char *path, struct sv_secret *s, struct sv_err *err)
{
	while (s->len < s->room) {
		ssize_t got = read(fd, s->bytes + s->len, s->room - s->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sv_fail(err, SV_E_USAGE, errno, path, "cannot read the key file %s",
				       path);
		if (got == 0)
			break;
		s->len += (size_t)got;
	}
	if (s->len == s->room)
		return sv_fail(err, SV_E_USAGE, 0, path, "the key file %s is too large", path);
	if (!s->len)
		return sv_fail(err, SV_E_USAGE, 0, path, "the key file %s is empty", path);
	return 0;
}

static int read_key_file(struct unlock *u, const char *path, struct sv_err *err)
{
	struct sv_secret s = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return sv_fail(err, SV_E_USAGE, errno, path, "cannot open the key file %s", path);
	int rc = sv_secret_create(&s, KEY_FILE_MAX + 1) ? fill(fd, path, &s, err)
							: sv_fail_nomem(err);
	close(fd);
	if (!rc && keep(u, &s))
		rc = sv_fail_nomem(err);
	sv_secret_wipe(&s);
	return rc;
}

bool sv_unlock_has_keys(const struct sv_unlock *how)
{
	return how && (how->n_key_files || how->n_passphrases || how->ask);
}

int unlock_create(const struct sv_unlock *how, struct unlock **unlock_ret, struct sv_err *err)
{
	*unlock_ret = NULL;
	if (!sv_unlock_has_keys(how))
		return 0;
	struct unlock *u = calloc(1, sizeof(*u));
	if (!u)
		return sv_fail_nomem(err);
	u->how = how;
	int rc = 0;
	for (size_t i = 0; !rc && i < how->n_key_files; i++)
		rc = read_key_file(u, how->key_files[i], err);
	if (rc)
		unlock_destroy(u);
	else
		*unlock_ret = u;
	return rc;
}

void unlock_destroy(struct unlock *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		sv_secret_wipe(&u->v[i]);
	free(u->v);
	free(u);
}

void unlock_hush(struct unlock *u)
{
	if (u)
		u->hushed = true;
}

/* ---- volumes ---- */

bool unlock_cancelled(void *unlock)
{
	const struct unlock *u = unlock;
	return u && u->how->cancelled && u->how->cancelled(u->how->arg);
}

typedef int (*try_fn)(void *arg, const void *key, size_t len, struct sv_err *err);

static int try_each(struct unlock *u, const struct sv_secret *v, size_t n, try_fn try, void *arg)
{
	int rc = UNLOCK_SHUT;
	for (size_t i = 0; rc == UNLOCK_SHUT && i < n; i++)
		rc = try(arg, v[i].bytes, v[i].len, &u->err);
	return rc;
}

static int try_known(struct unlock *u, try_fn try, void *arg)
{
	int rc = try_each(u, u->v, u->n, try, arg);
	if (rc == UNLOCK_SHUT)
		rc = try_each(u, u->how->passphrases, u->how->n_passphrases, try, arg);
	return rc;
}

/* A passphrase that fits is kept for other volumes. *given: there was one. */
static int try_asked(struct unlock *u, const char *volume, unsigned int attempt, try_fn try,
		     void *arg, bool *given)
{
	struct sv_secret s = {0};
	if (!sv_secret_create(&s, SV_PASSPHRASE_MAX))
		return SV_E_NOMEM;
	int rc = u->how->ask(u->how->arg, volume, attempt, (char *)s.bytes, &u->err);
	s.len = strnlen((char *)s.bytes, s.room - 1);
	*given = s.len > 0;
	if (!rc && *given)
		rc = try(arg, s.bytes, s.len, &u->err);
	if (rc == UNLOCK_OPEN && keep(u, &s))
		rc = SV_E_NOMEM;
	sv_secret_wipe(&s);
	return rc;
}

static int ask_for(struct unlock *u, const char *volume, try_fn try, void *arg)
{
	for (unsigned int attempt = 0; attempt < ATTEMPTS; attempt++) {
		bool given = false;
		int rc = try_asked(u, volume, attempt, try, arg, &given);
		if (rc || !given)
			return rc;
	}
	return sv_fail(&u->err, SV_E_PASSPHRASE, 0, volume, "wrong passphrase for %s", volume);
}

int unlock_volume(struct unlock *u, const char *volume, try_fn try, void *arg)
{
	int rc = try_known(u, try, arg);
	if (rc == UNLOCK_SHUT && u->how->ask && !u->hushed)
		rc = ask_for(u, volume, try, arg);
	else if (rc == UNLOCK_SHUT)
		u->shut++;
	if (rc == UNLOCK_OPEN)
		u->opened++;
	if (rc < 0 && !u->rc)
		u->rc = rc;
	return rc;
}

void unlock_stays(struct unlock *u, const char *volume, const char *reason)
{
	if (u && !*u->complaint)
		snprintf(u->complaint, sizeof(u->complaint), "%s: %s", volume, reason);
}

int unlock_result(const struct unlock *u, const char *source, struct sv_err *err)
{
	if (!u)
		return 0;
	if (u->rc) {
		if (err && !err->code)
			*err = u->err;
		return u->rc == SV_E_NOMEM ? sv_fail_nomem(err) : u->rc;
	}
	if (source && u->how->n_key_files && u->shut && !u->opened)
		return sv_fail(err, SV_E_PASSPHRASE, 0, source,
			       "no key file opens an encrypted volume of %s", source);
	return 0;
}

const char *unlock_complaint(const struct unlock *u)
{
	return u ? u->complaint : "";
}
