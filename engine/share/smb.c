/* smb.c - Windows shares and NAS: SMB 2 and 3, mounted by the kernel's cifs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include "engine/util/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * The question which version the server speaks: one SMB2 NEGOTIATE. Layout from [MS-SMB2] 2.2.1.2,
 * 2.2.3 and 2.2.4; all little endian but the length in front, which is that of [RFC 1002] 4.3.1.
 */
#define FRAME	     4
#define HEADER	     64
#define REQUEST	     36				/* fixed part of the request */
#define DIALECTS_AT  (FRAME + HEADER + REQUEST) /* 5 of two bytes, then padding to 8 */
#define CONTEXT_AT   (FRAME + 112)
#define CONTEXT_DATA 38 /* one hash, 32 bytes of salt */
#define QUESTION_LEN (CONTEXT_AT + 8 + CONTEXT_DATA)
#define ANSWER_MIN   (HEADER + 6) /* up to the dialect */
#define ANSWER_MAX   65536

struct dialect {
	uint16_t code;
	const char *version; /* as the mount option has it */
};

static const struct dialect dialects[] = {
	{0x0202, "2.0"}, {0x0210, "2.1"}, {0x0300, "3.0"}, {0x0302, "3.0.2"}, {0x0311, "3.1.1"},
};

static int make_question(uint8_t q[QUESTION_LEN])
{
	memset(q, 0, QUESTION_LEN);
	q[3] = QUESTION_LEN - FRAME;
	uint8_t *h = q + FRAME;
	memcpy(h, "\xfeSMB", 4);
	put_le16(h + 4, HEADER);
	put_le16(h + 14, 1); /* credits asked for */
	uint8_t *r = h + HEADER;
	put_le16(r, REQUEST);
	put_le16(r + 2, SV_ARRAY(dialects));
	put_le16(r + 4, 1); /* signing is possible */
	put_le32(r + 28, CONTEXT_AT - FRAME);
	put_le16(r + 32, 1); /* contexts */
	for (size_t i = 0; i < SV_ARRAY(dialects); i++)
		put_le16(q + DIALECTS_AT + 2 * i, dialects[i].code);
	uint8_t *c = q + CONTEXT_AT;
	put_le16(c, 1); /* SMB2_PREAUTH_INTEGRITY_CAPABILITIES */
	put_le16(c + 2, CONTEXT_DATA);
	put_le16(c + 8, 1);   /* hashes */
	put_le16(c + 10, 32); /* salt */
	put_le16(c + 12, 1);  /* SHA-512 */
	return sv_random(c + 14, 32) || sv_random(r + 12, 16) ? EIO : 0;
}

static int receive_answer(struct share *s, int fd, uint8_t answer[ANSWER_MIN])
{
	uint8_t frame[FRAME];
	int e = share_receive(s, fd, frame, sizeof(frame));
	uint32_t len = get_be32(frame);
	if (!e && (frame[0] != 0 || len < 36 || len > ANSWER_MAX))
		return EPROTO;
	memset(answer, 0, ANSWER_MIN);
	return e ? e : share_receive(s, fd, answer, SV_MIN(len, (uint32_t)ANSWER_MIN));
}

static int explain_probe(struct share *s, int e, struct sv_err *err)
{
	const char *host = s->url.host;
	switch (e) {
	case ECANCELED:
		return sv_fail_stopped(err, "");
	case ETIMEDOUT:
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "%s takes the connection on port %u but says nothing: is that "
				  "the port of its SMB service?",
				  host, s->url.port);
	case ECONNRESET:
	case EPROTONOSUPPORT:
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "%s does not speak SMB 2 or 3: switch it on there (SMB 1 is not "
				  "safe and not used), or try nfs:// or sftp://",
				  host);
	default:
		return share_fail(s, SHARE_STEP_PROTOCOL, err, SV_E_STORE, 0,
				  "what answers on port %u of %s is no SMB server", s->url.port,
				  host);
	}
}

/* The dialect of the answer, 0 when it is none; *e says why. */
static const struct dialect *read_answer(const uint8_t *a, int *e)
{
	*e = EPROTONOSUPPORT;
	if (!memcmp(a, "\xffSMB", 4))
		return NULL;
	if (memcmp(a, "\xfeSMB", 4) || get_le16(a + 4) != HEADER || get_le16(a + 12) != 0) {
		*e = EPROTO;
		return NULL;
	}
	if (get_le32(a + 8))
		return NULL;
	for (size_t i = 0; i < SV_ARRAY(dialects); i++)
		if (dialects[i].code == get_le16(a + HEADER + 4))
			return &dialects[i];
	return NULL;
}

static int probe(struct share *s, int fd, struct sv_err *err)
{
	uint8_t question[QUESTION_LEN], answer[ANSWER_MIN];
	const struct dialect *dialect = NULL;
	int e = make_question(question);
	if (!e)
		e = share_send(s, fd, question, sizeof(question));
	if (!e)
		e = receive_answer(s, fd, answer);
	if (!e)
		dialect = read_answer(answer, &e);
	if (!dialect)
		return explain_probe(s, e, err);
	s->version = (uint32_t)(dialect - dialects);
	snprintf(s->protocol, sizeof(s->protocol), "SMB %s", dialect->version);
	share_pass(s, SHARE_STEP_PROTOCOL, "%s", s->protocol);
	return 0;
}

/* ---- mounting ---- */

#define OPTIONS_MAX 4096 /* one page, which is what mount(2) takes */

/* In a password a comma is doubled; a user has none. */
static bool add_password(char *options, const char *secret)
{
	size_t n = strlen(options);
	for (const char *p = secret; *p; p++) {
		if (n + 3 > OPTIONS_MAX)
			return false;
		options[n++] = *p;
		if (*p == ',')
			options[n++] = ',';
	}
	options[n] = '\0';
	return true;
}

/*
 * soft and a short echo: a server that has gone is given up after three echoes, half a minute.
 * Permissions are the server's matter; file modes are only shown.
 */
static bool make_options(const struct share *s, char options[OPTIONS_MAX])
{
	int n = snprintf(options, OPTIONS_MAX,
			 "ip=%s,port=%u,vers=%s,soft,echo_interval=10,iocharset=utf8,noperm,"
			 "user=%s,%s%s%spass=",
			 s->address, s->url.port, dialects[s->version].version,
			 *s->url.user ? s->url.user : "guest", *s->url.domain ? "domain=" : "",
			 s->url.domain, *s->url.domain ? "," : "");
	return n > 0 && n < OPTIONS_MAX && add_password(options, s->has_secret ? s->secret : "");
}

static int explain_login(struct share *s, int e, struct sv_err *err)
{
	const char *host = s->url.host;
	if (e == EKEYEXPIRED)
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "the password of %s on %s has expired: change it there",
				  s->url.user, host);
	if (e == EKEYREVOKED)
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "the account %s is disabled on %s", s->url.user, host);
	if (!*s->url.user)
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
				  "%s lets no guest into %s: name a user, smb://USER@%s/%s", host,
				  s->url.share, host, s->url.share);
	return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, 0,
			  "%s refuses %s: wrong user or password, or no right to use %s", host,
			  s->url.user, s->url.share);
}

static int explain_mount(struct share *s, int e, struct sv_err *err)
{
	const char *host = s->url.host;
	switch (e) {
	case EACCES:
	case EPERM:
	case ENOKEY:
	case EKEYEXPIRED:
	case EKEYREVOKED:
		return explain_login(s, e, err);
	case ENOENT:
	case ENXIO:
		share_pass(s, SHARE_STEP_LOGIN, "%s", *s->url.user ? s->url.user : "guest");
		return share_fail(s, SHARE_STEP_FOLDER, err, SV_E_NOT_FOUND, 0,
				  "%s has no share called %s: check its name on the server", host,
				  s->url.share);
	case ENODEV:
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_FAILED, 0,
				  "this kernel cannot mount SMB shares: it has no module cifs");
	default:
		return share_fail(s, SHARE_STEP_LOGIN, err, SV_E_STORE, e,
				  "%s cannot be mounted from %s", s->url.share, host);
	}
}

static int mount_smb(struct share *s, struct sv_err *err)
{
	char source[2 * SHARE_NAME_MAX + 8], options[OPTIONS_MAX];
	int rc = share_may_mount(s, err);
	if (!rc && *s->url.user)
		rc = share_need_secret(s, err);
	if (rc)
		return rc;
	snprintf(source, sizeof(source), "//%s/%s", s->url.host, s->url.share);
	int e = make_options(s, options) ? share_kernel_mount(s, source, "cifs", options) : E2BIG;
	explicit_bzero(options, sizeof(options));
	share_forget_secret(s);
	if (e)
		return explain_mount(s, e, err);
	share_pass(s, SHARE_STEP_LOGIN, "%s", *s->url.user ? s->url.user : "guest");
	snprintf(s->path, sizeof(s->path), "%s%s", s->mount_point, s->url.path);
	share_make_url(&s->url, "", s->mount_url, sizeof(s->mount_url));
	return 0;
}

const struct share_ops share_smb = {.kind = SHARE_SMB,
				    .scheme = "smb",
				    .port = 445,
				    .watch = true,
				    .probe = probe,
				    .mount = mount_smb};
