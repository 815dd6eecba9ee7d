/* screen_share.c - a folder on another machine: its address, and the steps of getting there */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/connect.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/task.h"

#include <stdio.h>
#include <string.h>

enum share_id { ID_URL = 1, ID_PASSWORD, ID_CONNECT, ID_TRUST, ID_STOP };

struct share_state {
	char url[SHARE_URL_MAX + 1], password[SHARE_PASSWORD_MAX];
	char host_key[SHARE_FINGERPRINT_MAX]; /* that the user trusts */
	struct connect *connect;	      /* the last attempt; NULL = none yet */
};

static const char *step_words(enum share_step step)
{
	switch (step) {
	case SHARE_STEP_NAME:
		return _("name");
	case SHARE_STEP_PORT:
		return _("port");
	case SHARE_STEP_PROTOCOL:
		return _("protocol");
	case SHARE_STEP_LOGIN:
		return _("login");
	case SHARE_STEP_FOLDER:
		return _("folder");
	default:
		return _("writing");
	}
}

static void fill_steps(const struct share_report *report, struct page *page)
{
	for (int i = 0; i < SHARE_STEPS; i++) {
		enum share_outcome outcome = report->steps[i].outcome;
		if (outcome == SHARE_NOT_TRIED)
			continue;
		page_text(page, outcome == SHARE_PASSED ? STYLE_OK : STYLE_DANGER, "  %s  %s  %s",
			  outcome == SHARE_PASSED ? _("[ok]    ") : _("[FAILED]"), step_words(i),
			  outcome == SHARE_PASSED ? report->steps[i].detail : "");
	}
}

static void fill_result(const struct share_state *s, struct page *page)
{
	const struct sv_err *err;
	const struct share_report *report;
	int code = connect_result(s->connect, &err, &report);
	page_head(page, "%s", _("The steps of getting there"));
	fill_steps(report, page);
	if (!code)
		return;
	page_sentence(page, STYLE_DANGER, err->text);
	if (!*report->unknown_key)
		return;
	page_text(page, STYLE_WARN, "%s",
		  _("Nobody else can say whether this is your server: compare the key with what "
		    "`ssh-keygen -l` says there, or trust it because you know this network."));
	page_item(page, ID_TRUST, 'T', NULL, _("Trust %s and connect"), report->unknown_key);
}

static bool busy(const struct share_state *s)
{
	return s->connect && !connect_ended(s->connect);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct share_state *s = screen->state;
	flow_head(app, page, flow_place_step(&app->plan));
	page_text(page, STYLE_STRONG, "%s", _("A folder on another machine"));
	page_text(page, STYLE_DIM, "%s", _("Windows share or NAS:  smb://USER@HOST/SHARE/FOLDER"));
	page_text(page, STYLE_DIM, "%s", _("NFS export:            nfs://HOST/EXPORT/FOLDER"));
	page_text(page, STYLE_DIM, "%s", _("SSH server:            sftp://USER@HOST/FOLDER"));
	page_gap(page);
	if (busy(s)) {
		page_text(page, STYLE_STRONG, _("Connecting to %s ..."), s->url);
		page_item(page, ID_STOP, 0, NULL, "%s", _("Stop"));
		return;
	}
	page_field(page, ID_URL, _("Address"), s->url, false);
	page_field(page, ID_PASSWORD, _("Password"), s->password, true);
	page_item(page, ID_CONNECT, 0, share_is_url(s->url) ? NULL : _("type the address first"),
		  "%s", _("Connect"));
	if (s->connect)
		fill_result(s, page);
}

static void connect_now(struct app *app, struct screen *screen)
{
	struct share_state *s = screen->state;
	const struct connect_params params = {
		.root = app->root,
		.url = s->url,
		.password = s->password,
		.host_key = s->host_key,
		.read_only = !flow_writes_store(&app->plan),
	};
	connect_destroy(s->connect);
	s->connect = connect_begin(&params);
	app_log(app, _("connecting to %s"), s->url);
	screen->view.focus = ID_STOP;
	app->fresh = true;
}

static void trust(struct app *app, struct screen *screen)
{
	struct share_state *s = screen->state;
	const struct sv_err *err;
	const struct share_report *report;
	connect_result(s->connect, &err, &report);
	memcpy(s->host_key, report->unknown_key, sizeof(s->host_key));
	app_log(app, _("trusted: %s of %s"), s->host_key, s->url);
	connect_now(app, screen);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct share_state *s = screen->state;
	if (busy(s)) {
		if (request == REQ_BACK || (request == REQ_ENTER && id == ID_STOP))
			connect_cancel(s->connect);
		return true;
	}
	if (request == REQ_ENTER && id == ID_TRUST)
		trust(app, screen);
	else if (request == REQ_ENTER && share_is_url(s->url))
		connect_now(app, screen);
	return false;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	struct share_state *s = screen->state;
	(void)app;
	if (id == ID_URL) {
		snprintf(s->url, sizeof(s->url), "%s", value);
		s->host_key[0] = '\0';
	}
	if (id == ID_PASSWORD)
		snprintf(s->password, sizeof(s->password), "%s", value);
}

static void close_share(void *share)
{
	share_close(share);
}

static void nothing(void *share)
{
	(void)share;
}

/* The share that was reached becomes the place; the one before it is left, however long that takes.
 */
static void use(struct app *app, struct share *share)
{
	if (app->share)
		task_leave(task_begin(close_share, nothing, app->share));
	app->share = share;
	snprintf(app->plan.folder, sizeof(app->plan.folder), "%s", share_path(share));
	app_log(app, _("%s is mounted with %s"), share_mount_url(share), share_protocol(share));
	unfinished_want(app->unfinished, app->plan.folder);
	app_pop(app);
}

static void tick(struct app *app, struct screen *screen)
{
	struct share_state *s = screen->state;
	const struct sv_err *err;
	const struct share_report *report;
	if (screen->view.focus != ID_STOP || busy(s) || !s->connect)
		return;
	struct share *share = connect_take(s->connect);
	if (share) {
		use(app, share);
		return;
	}
	connect_result(s->connect, &err, &report);
	app_log(app, "%s", err->text);
	screen->view.focus = *report->unknown_key ? ID_TRUST : ID_PASSWORD;
	app->fresh = true;
}

static void done(struct app *app, struct screen *screen)
{
	struct share_state *s = screen->state;
	(void)app;
	connect_destroy(s->connect);
	explicit_bzero(s->password, sizeof(s->password));
}

const struct screen_ops screen_share = {
	.name = "share",
	.help = N_("Type the address of a folder on a server. Each step of getting there is shown, "
		   "so that the one that fails has a name. A password is not kept and never "
		   "written down."),
	.state_size = sizeof(struct share_state),
	.tick_ms = 200,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
	.done = done,
};
