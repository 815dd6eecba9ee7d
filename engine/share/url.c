/* url.c - the URL of a share, taken apart strictly */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HOST_NAME_MAX_DNS 253 /* RFC 1035, as text */
#define SCHEME_MAX	  16

/* A piece of the text under examination. */
struct piece {
	const char *p;
	size_t len;
};

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Length of "SCHEME" before "://", 0 when there is none. */
static size_t scheme_len(const char *text)
{
	size_t n = 0;
	while (n < SCHEME_MAX &&
	       (is_letter_or_digit(text[n]) || (n && strchr("+-.", text[n]) && text[n])))
		n++;
	return n && !strncmp(text + n, "://", 3) ? n : 0;
}

bool share_is_url(const char *text)
{
	return scheme_len(text) > 0;
}

/* The name of a URL in sentences may not hold what a user took for the place of a password. */
static int refuse(const char *sentence, struct sv_err *err)
{
	return sv_fail(err, SV_E_USAGE, 0, "the URL", "%s", sentence);
}

/* ---- percent-encoding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next character of a piece, decoded; -1 for what must not be there. */
static int next_char(struct piece *in)
{
	int c = (unsigned char)*in->p;
	size_t used = 1;
	if (c == '%') {
		int hi = in->len > 2 ? hex_value(in->p[1]) : -1;
		int lo = in->len > 2 ? hex_value(in->p[2]) : -1;
		if (hi < 0 || lo < 0)
			return -1;
		c = hi << 4 | lo;
		used = 3;
	}
	in->p += used;
	in->len -= used;
	return c < 0x20 || c == 0x7f ? -1 : c;
}

/* Decode into out[cap]; false when it does not fit or holds a character of `never`. */
static bool decode(struct piece in, const char *never, char *out, size_t cap)
{
	size_t n = 0;
	while (in.len) {
		int c = next_char(&in);
		if (c < 0 || strchr(never, c) || n + 1 >= cap)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

/* ---- the parts ---- */

/* Commas would end a mount option, the others are no part of an account's name (Windows' rule). */
#define NOT_IN_SMB_NAMES "/\\[]:;|=,+*?<>\""
/* What ssh and sshfs would read as something else than a user. */
#define NOT_IN_SFTP_USERS "/\\@:;, \"'"

static int parse_user(struct piece user, struct share_url *url, struct sv_err *err)
{
	if (memchr(user.p, ':', user.len))
		return refuse("a password does not belong into a URL: give --password-file, or "
			      "leave it out and be asked",
			      err);
	if (!user.len)
		return refuse("there is no user before the @ of the URL", err);
	if (url->kind == SHARE_NFS)
		return refuse("nfs:// takes no user: an NFS server decides by the machine", err);
	const char *semicolon = memchr(user.p, ';', user.len);
	if (url->kind == SHARE_SMB && semicolon) {
		struct piece domain = {user.p, (size_t)(semicolon - user.p)};
		if (!domain.len ||
		    !decode(domain, NOT_IN_SMB_NAMES, url->domain, sizeof(url->domain)))
			return refuse("the domain in the URL is no name of a domain", err);
		user.len -= domain.len + 1;
		user.p = semicolon + 1;
	}
	const char *never = url->kind == SHARE_SMB ? NOT_IN_SMB_NAMES : NOT_IN_SFTP_USERS;
	if (!decode(user, never, url->user, sizeof(url->user)) || !*url->user || *url->user == '-')
		return refuse("the user in the URL is no name of a user", err);
	return 0;
}

/* ADDRESS or ADDRESS%25ZONE */
static bool parse_ipv6(struct piece in, struct share_url *url)
{
	struct in6_addr ignored;
	const char *zone = memchr(in.p, '%', in.len);
	size_t len = zone ? (size_t)(zone - in.p) : in.len;
	char *out = url->host;
	if (len >= INET6_ADDRSTRLEN || in.len >= sizeof(url->host))
		return false;
	memcpy(out, in.p, len);
	out[len] = '\0';
	if (inet_pton(AF_INET6, out, &ignored) != 1)
		return false;
	if (!zone)
		return true;
	struct piece name = {zone + 3, in.len - len - SV_MIN(in.len - len, 3u)};
	if (!name.len || name.len > 15 || strncmp(zone, "%25", 3))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_letter_or_digit(name.p[i]) && !strchr("._-", name.p[i]))
			return false;
	out[len] = '%';
	memcpy(out + len + 1, name.p, name.len);
	out[len + 1 + name.len] = '\0';
	return true;
}

static bool parse_name(struct piece in, struct share_url *url)
{
	if (!in.len || in.len > HOST_NAME_MAX_DNS || strchr("-.", in.p[0]))
		return false;
	for (size_t i = 0; i < in.len; i++)
		if (!is_letter_or_digit(in.p[i]) && (!in.p[i] || !strchr("._-", in.p[i])))
			return false;
	memcpy(url->host, in.p, in.len);
	url->host[in.len] = '\0';
	return true;
}

static bool parse_port(struct piece in, uint16_t *port)
{
	uint32_t n = 0;
	if (!in.len || in.len > 5)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] < '0' || in.p[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(in.p[i] - '0');
	}
	*port = (uint16_t)n;
	return n > 0 && n <= UINT16_MAX;
}

/* HOST[:PORT] */
static int parse_host(struct piece in, struct share_url *url, struct sv_err *err)
{
	struct piece host = in;
	const char *end = NULL;
	url->ipv6 = in.len && in.p[0] == '[';
	if (url->ipv6) {
		const char *close = memchr(in.p, ']', in.len);
		if (!close)
			return refuse("the IPv6 address in the URL has no closing bracket", err);
		host = (struct piece){in.p + 1, (size_t)(close - in.p - 1)};
		end = close + 1;
	} else {
		end = memchr(in.p, ':', in.len);
		if (end)
			host.len = (size_t)(end - in.p);
	}
	if (url->ipv6 ? !parse_ipv6(host, url) : !parse_name(host, url))
		return refuse("the host in the URL is neither a name nor an IPv4 address, nor an "
			      "IPv6 address in brackets",
			      err);
	struct piece port = {end, end ? (size_t)(in.p + in.len - end) : 0};
	if (port.len &&
	    (*port.p != ':' || !parse_port((struct piece){port.p + 1, port.len - 1}, &url->port)))
		return refuse("the port in the URL is no number from 1 to 65535", err);
	return 0;
}

/* One name of the path onto the end of `out`; an empty one vanishes. */
static int add_segment(const struct share_url *url, struct piece in, char *out, size_t cap,
		       struct sv_err *err)
{
	size_t len = strlen(out);
	const char *never = url->kind == SHARE_SMB ? "/\\" : "/";
	if (!in.len)
		return 0;
	if (len + 2 > cap || !decode(in, never, out + len + 1, SV_MIN(cap - len - 1, 256u)))
		return refuse("the path in the URL holds what no file name can: a control "
			      "character, an encoded slash, a wrong % code, or too long a name",
			      err);
	out[len] = '/';
	if (!strcmp(out + len, "/.") || !strcmp(out + len, "/.."))
		return refuse("the path in the URL must not hold . or ..", err);
	return 0;
}

static int parse_path(const char *text, struct share_url *url, struct sv_err *err)
{
	bool share = url->kind == SHARE_SMB;
	int rc = 0;
	if (text[strcspn(text, "?#")])
		return refuse("? and # in a name must be written as %3F and %23 in a URL", err);
	while (!rc && *text) {
		struct piece in = {text + 1, strcspn(text + 1, "/")};
		char first[sizeof(url->share) + 1] = "";
		if (share && in.len) {
			rc = add_segment(url, in, first, sizeof(first), err);
			memcpy(url->share, first + !!*first, sizeof(url->share));
			share = false;
		} else {
			rc = add_segment(url, in, url->path, sizeof(url->path), err);
		}
		text = in.p + in.len;
	}
	if (!rc && share)
		return refuse("the URL names no share: smb://HOST/SHARE/FOLDER", err);
	return rc;
}

int share_url_parse(const char *text, struct share_url *url, struct sv_err *err)
{
	size_t scheme = scheme_len(text), authority;
	const struct share_ops *ops = NULL;
	memset(url, 0, sizeof(*url));
	if (!scheme || strlen(text) > SHARE_URL_MAX)
		return refuse(scheme ? "the URL is too long" : "this is no URL", err);
	for (size_t i = 0; i < SHARE_KINDS; i++)
		if (!strncasecmp(text, share_kinds[i]->scheme, scheme) &&
		    !share_kinds[i]->scheme[scheme])
			ops = share_kinds[i];
	if (!ops)
		return sv_fail(err, SV_E_USAGE, 0, "the URL",
			       "%.*s:// is no kind of store; smb://, nfs:// and sftp:// are",
			       (int)scheme, text);
	url->kind = ops->kind;
	url->port = ops->port;
	text += scheme + 3;
	authority = strcspn(text, "/");
	struct piece host = {text, authority};
	const char *at = memrchr(text, '@', authority);
	int rc = 0;
	if (at) {
		rc = parse_user((struct piece){text, (size_t)(at - text)}, url, err);
		host = (struct piece){at + 1, authority - (size_t)(at + 1 - text)};
	}
	if (!rc)
		rc = parse_host(host, url, err);
	if (!rc && !text[authority])
		return refuse("the URL ends with the host: what is meant on it?", err);
	return rc ? rc : parse_path(text + authority, url, err);
}

const struct share_ops *const share_kinds[SHARE_KINDS] = {
	[SHARE_SMB] = &share_smb,
	[SHARE_NFS] = &share_nfs,
	[SHARE_SFTP] = &share_sftp,
};
