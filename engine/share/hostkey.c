/* hostkey.c - who is the SSH server really: its key, and the fingerprint people compare */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"
#include "engine/util/exec.h"

#include "engine/util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCAN_MAX 16384 /* what ssh-keyscan may say */
#define KEY_MAX	 4096  /* bytes of a public key */

static int base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Bytes of the text up to its padding or end; 0 when it is no base64 or too long. */
static size_t base64_decode(const char *text, uint8_t *out, size_t cap)
{
	uint32_t bits = 0;
	unsigned int have = 0;
	size_t n = 0;
	for (; *text && *text != '='; text++) {
		int v = base64_value(*text);
		if (v < 0 || n >= cap)
			return 0;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n;
}

static void base64_digest(const uint8_t digest[SV_SHA256_LEN], char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned int have = 0;
	for (size_t i = 0; i < SV_SHA256_LEN; i++) {
		bits = bits << 8 | digest[i];
		for (have += 8; have >= 6; have -= 6)
			*out++ = digits[bits >> (have - 6) & 63];
	}
	*out++ = digits[bits << (6 - have) & 63]; /* 256 bits: 4 are left */
	*out = '\0';
}

bool share_fingerprint(const char *base64, char fingerprint[SHARE_FINGERPRINT_MAX])
{
	uint8_t key[KEY_MAX], digest[SV_SHA256_LEN];
	size_t len = base64_decode(base64, key, sizeof(key));
	struct sv_sha256 *sha = len ? sv_sha256_create() : NULL;
	if (!sha)
		return false;
	sv_sha256_update(sha, key, len);
	sv_sha256_finish(sha, digest);
	sv_sha256_destroy(sha);
	memcpy(fingerprint, "SHA256:", 8);
	base64_digest(digest, fingerprint + 7);
	return true;
}

static int scan(struct share *s, char *text, size_t cap, struct sv_err *err)
{
	char port[8], *host = s->url.host;
	char *argv[] = {"ssh-keyscan", "-T", "10", "-p", port, "--", host, NULL};
	struct sv_program program;
	snprintf(port, sizeof(port), "%u", s->url.port);
	text[0] = '\0';
	int e = sv_spawn(argv, 0, &program);
	if (e == ENOENT)
		return sv_fail(err, SV_E_FAILED, 0, "ssh-keyscan",
			       "ssh-keyscan, which belongs to OpenSSH, is not installed");
	if (e)
		return sv_fail(err, SV_E_FAILED, e, "ssh-keyscan", "cannot start ssh-keyscan");
	while (!sv_gather(&program, 100, text, cap) && !share_cancelled(s))
		;
	close(program.out);
	waitpid(program.pid, NULL, 0);
	return share_cancelled(s) ? sv_fail_stopped(err, "") : 0;
}

/* One line into DIR/known_hosts. */
static int keep_line(struct share *s, const char *line, struct sv_err *err)
{
	char path[SHARE_DIR_MAX + 32];
	snprintf(path, sizeof(path), "%s/known_hosts", s->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", line) < 0) {
		int e = errno;
		if (fd >= 0)
			close(fd);
		return sv_fail(err, SV_E_FAILED, e, path, "cannot write %s", path);
	}
	close(fd);
	return 0;
}

/* "HOST TYPE BASE64": the key's type and fingerprint. */
static bool read_line(const char *line, char type[64], char fingerprint[SHARE_FINGERPRINT_MAX])
{
	char key[KEY_MAX * 4 / 3 + 8];
	return line[0] != '#' && sscanf(line, "%*s %63s %5400s", type, key) == 2 &&
	       share_fingerprint(key, fingerprint);
}

int share_host_key(struct share *s, char fingerprint[SHARE_FINGERPRINT_MAX], struct sv_err *err)
{
	const char *wanted = s->params->host_key;
	char *text = malloc(SCAN_MAX), *rest = NULL, type[64], this[SHARE_FINGERPRINT_MAX];
	int rc = text ? scan(s, text, SCAN_MAX, err) : sv_fail_nomem(err);
	bool found = false;
	fingerprint[0] = '\0';
	for (char *line = rc ? NULL : strtok_r(text, "\n", &rest); line && !rc && !found;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!read_line(line, type, this))
			continue;
		found = wanted && !strcmp(wanted, this);
		if (!*fingerprint || found || !strcmp(type, "ssh-ed25519"))
			memcpy(fingerprint, this, sizeof(this));
		if (found)
			rc = keep_line(s, line, err);
	}
	free(text);
	if (!rc && wanted && !found)
		return share_fail(
			s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
			"%s has no host key %s, but %s: it is another machine, or the key "
			"is new",
			s->url.host, wanted, *fingerprint ? fingerprint : "none");
	return rc;
}
