/* net.c - finding a server and talking to it, never longer than the user wants to wait */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 100 /* how long a cancel may go unnoticed */

bool share_cancelled(const struct share *s)
{
	return s->params && s->params->cancelled && s->params->cancelled(s->params->arg);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* 0 when the socket is ready, else ETIMEDOUT or ECANCELED. */
static int wait_for(const struct share *s, int fd, short events, int64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	for (;;) {
		if (share_cancelled(s))
			return ECANCELED;
		int64_t left = deadline - now_ms();
		if (left <= 0)
			return ETIMEDOUT;
		int n = poll(&pfd, 1, (int)SV_MIN(left, SLICE_MS));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
	}
}

/* ---- step: name ---- */

static int explain_name(struct share *s, int gai, struct sv_err *err)
{
	const char *host = s->url.host;
	switch (gai) {
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return share_fail(s, SHARE_STEP_NAME, err, SV_E_NOT_FOUND, 0,
				  "no name server knows %s: check the spelling, or give its "
				  "address in numbers",
				  host);
	case EAI_AGAIN:
		return share_fail(s, SHARE_STEP_NAME, err, SV_E_STORE, 0,
				  "no name server answers for %s: check the network, or give its "
				  "address in numbers",
				  host);
	case EAI_MEMORY:
		return sv_fail_nomem(err);
	default:
		return share_fail(s, SHARE_STEP_NAME, err, SV_E_STORE, 0,
				  "%s cannot be looked up: %s", host, gai_strerror(gai));
	}
}

static int resolve(struct share *s, struct addrinfo **list, struct sv_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char port[8];
	if (s->url.ipv6)
		hints.ai_flags |= AI_NUMERICHOST;
	snprintf(port, sizeof(port), "%u", s->url.port);
	int gai = getaddrinfo(s->url.host, port, &hints, list);
	return gai ? explain_name(s, gai, err) : 0;
}

static void note_address(struct share *s, const struct addrinfo *ai)
{
	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, s->address, sizeof(s->address), NULL, 0,
			NI_NUMERICHOST))
		s->address[0] = '\0';
}

/* ---- step: port ---- */

/* A connected socket, or a negated errno. */
static int connect_one(struct share *s, const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int e = connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 ? errno : 0;
	if (e == EINPROGRESS || e == EINTR) {
		socklen_t len = sizeof(e);
		e = wait_for(s, fd, POLLOUT, now_ms() + SHARE_TIMEOUT_S * 1000);
		if (!e && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
			e = errno;
	}
	if (!e)
		return fd;
	close(fd);
	return -e;
}

static int explain_port(struct share *s, int e, struct sv_err *err)
{
	const char *host = s->url.host;
	unsigned int port = s->url.port;
	switch (e) {
	case ECANCELED:
		return sv_fail_stopped(err, "");
	case ECONNREFUSED:
		return share_fail(s, SHARE_STEP_PORT, err, SV_E_STORE, 0,
				  "%s is there, but nothing listens on its port %u: is the %s "
				  "service switched on, and the port right?",
				  host, port, share_kinds[s->url.kind]->scheme);
	case ETIMEDOUT:
		return share_fail(s, SHARE_STEP_PORT, err, SV_E_STORE, 0,
				  "%s (%s) does not answer on port %u: is it switched on, and does "
				  "its firewall let this machine in?",
				  host, s->address, port);
	case EHOSTUNREACH:
	case ENETUNREACH:
		return share_fail(s, SHARE_STEP_PORT, err, SV_E_STORE, 0,
				  "there is no way to %s (%s): is the network cable in, and has "
				  "this machine an address?",
				  host, s->address);
	default:
		return share_fail(s, SHARE_STEP_PORT, err, SV_E_STORE, e,
				  "%s (%s) cannot be reached on port %u", host, s->address, port);
	}
}

int share_connect(struct share *s, struct sv_err *err)
{
	struct addrinfo *list = NULL;
	int fd = -EHOSTUNREACH;
	int rc = resolve(s, &list, err);
	if (rc)
		return rc;
	for (const struct addrinfo *ai = list; ai && fd < 0 && fd != -ECANCELED; ai = ai->ai_next) {
		note_address(s, ai);
		fd = connect_one(s, ai);
	}
	freeaddrinfo(list);
	share_pass(s, SHARE_STEP_NAME, "%s", s->address);
	if (fd < 0)
		return explain_port(s, -fd, err);
	share_pass(s, SHARE_STEP_PORT, "%u", s->url.port);
	return fd;
}

/* ---- talking ---- */

int share_send(struct share *s, int fd, const void *buf, size_t len)
{
	int64_t deadline = now_ms() + SHARE_TIMEOUT_S * 1000;
	const char *p = buf;
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			int e = wait_for(s, fd, POLLOUT, deadline);
			if (e)
				return e;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int share_receive(struct share *s, int fd, void *buf, size_t len)
{
	int64_t deadline = now_ms() + SHARE_TIMEOUT_S * 1000;
	char *p = buf;
	while (len) {
		ssize_t n = recv(fd, p, len, 0);
		if (n == 0)
			return ECONNRESET;
		if (n < 0 && errno == EAGAIN) {
			int e = wait_for(s, fd, POLLIN, deadline);
			if (e)
				return e;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}
