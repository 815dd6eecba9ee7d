/* tui.c - starting and ending the interface */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/tui.h"
#include "tui/app.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The screen cannot move its cursor, or its reader wants sentences. */
static bool wants_plain(void)
{
	const char *term = getenv("TERM"), *accessible = getenv("ACCESSIBLE");
	return !term || !*term || !strcmp(term, "dumb") ||
	       (accessible && *accessible && strcmp(accessible, "0") != 0) ||
	       !isatty(STDOUT_FILENO);
}

static struct face *make_face(const struct tui_params *params, int signals)
{
	struct face *face = NULL;
	if (params->style == TUI_FULL || (params->style == TUI_AUTO && !wants_plain()))
		face = face_curses_create(signals, params->mono, params->ascii);
	return face ? face : face_plain_create(signals);
}

static void app_clear(struct app *app)
{
	app_home(app);
	if (app->top) {
		if (app->top->ops->done)
			app->top->ops->done(app, app->top);
		free(app->top->state);
		free(app->top);
	}
	work_destroy(app->work);
	image_reader_close(app->image.reader);
	share_close(app->share);
	work_log_destroy(app->log);
	content_destroy(app->content);
	/* whoever still reads a disk has no use for them any more */
	keyring_forget(app->keyring, NULL);
	keyring_release(app->keyring);
	marks_clear(&app->plan.marks);
	vitals_destroy(app->vitals);
	unfinished_destroy(app->unfinished);
	disk_list_clear(&app->disks);
	free(app->seen);
	mounted_leave_all(app);
}

int tui_run(const struct tui_params *params)
{
	struct app app = {.root = params->root, .plan = {.all_parts = true, .preset = FLOW_NORMAL}};
	const char *locales = getenv("SALVOR_LOCALES");
	setlocale(LC_ALL, "");
	bindtextdomain(TUI_DOMAIN, locales ? locales : SALVOR_LOCALES);
	bind_textdomain_codeset(TUI_DOMAIN, "UTF-8");
	/* a reader that goes away is seen by the faces; Ctrl-C is a key, never the end of a write
	 */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	int signals = face_signals();
	app.log = work_log_create();
	app.keyring = keyring_create();
	app.content = content_create(params->root, app.keyring);
	app.vitals = vitals_create(params->root);
	app.unfinished = unfinished_create(params->root);
	app.face = app.log && app.content ? make_face(params, signals) : NULL;
	int rc = 1;
	if (app.face)
		rc = app_run(&app);
	else
		fputs("salvor: out of memory.\n", stderr);
	if (app.face)
		app.face->ops->destroy(app.face);
	app_clear(&app);
	if (signals >= 0)
		close(signals);
	return rc;
}
