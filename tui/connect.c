/* connect.c - reaching a share on a thread of its own */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/connect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The thread writes all below `thread` until `ended` is set. */
struct connect {
	const char *root;
	char url[SHARE_URL_MAX + 1], host_key[SHARE_FINGERPRINT_MAX];
	char password[SHARE_PASSWORD_MAX];
	bool read_only;
	_Atomic bool cancel, ended;
	pthread_t thread;
	int code;
	struct sv_err err;
	struct share_report report;
	struct share *share;
};

static int ask(void *arg, const char *url, char password[SHARE_PASSWORD_MAX], struct sv_err *err)
{
	const struct connect *c = arg;
	if (!*c->password)
		return sv_fail(err, SV_E_USAGE, 0, url, "a password is needed");
	memcpy(password, c->password, SHARE_PASSWORD_MAX);
	return 0;
}

static bool cancelled(void *arg)
{
	struct connect *c = arg;
	return c->cancel;
}

static void *run(void *arg)
{
	struct connect *c = arg;
	const struct share_params params = {
		.root = c->root,
		.url = c->url,
		.purpose = SHARE_STORE,
		.read_only = c->read_only,
		.host_key = *c->host_key ? c->host_key : NULL,
		.ask = ask,
		.cancelled = cancelled,
		.arg = c,
	};
	c->code = share_open(&params, &c->share, &c->report, &c->err);
	if (!c->code && !c->read_only)
		c->code = share_try_write(c->share, &c->report, &c->err);
	explicit_bzero(c->password, sizeof(c->password));
	c->ended = true;
	return NULL;
}

struct connect *connect_begin(const struct connect_params *params)
{
	struct connect *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->root = params->root;
	c->read_only = params->read_only;
	snprintf(c->url, sizeof(c->url), "%s", params->url);
	snprintf(c->host_key, sizeof(c->host_key), "%s", params->host_key);
	snprintf(c->password, sizeof(c->password), "%s", params->password);
	if (pthread_create(&c->thread, NULL, run, c)) {
		explicit_bzero(c->password, sizeof(c->password));
		free(c);
		return NULL;
	}
	return c;
}

bool connect_ended(const struct connect *c)
{
	return c->ended;
}

void connect_cancel(struct connect *c)
{
	c->cancel = true;
}

int connect_result(const struct connect *c, const struct sv_err **err,
		   const struct share_report **report)
{
	*err = &c->err;
	*report = &c->report;
	return c->code;
}

struct share *connect_take(struct connect *c)
{
	struct share *share = c->code ? NULL : c->share;
	if (share)
		c->share = NULL;
	return share;
}

void connect_destroy(struct connect *c)
{
	if (!c)
		return;
	c->cancel = true;
	pthread_join(c->thread, NULL);
	share_close(c->share);
	free(c);
}
