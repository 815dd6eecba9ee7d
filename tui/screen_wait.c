/* screen_wait.c - what is waited for, while it is done in the background; it can be left */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/app.h"
#include "tui/i18n.h"
#include "tui/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The task's until it has ended. */
struct going {
	const struct errand *errand;
	void *arg;
	int rc;
	struct sv_err err;
};

struct wait_state {
	char what[400];
	struct going *going;
	struct task *task;
	time_t since;
};

static void run(void *arg)
{
	struct going *going = arg;
	going->rc = going->errand->run(going->arg, &going->err);
}

static void drop(void *arg)
{
	struct going *going = arg;
	going->errand->drop(going->arg);
	free(going);
}

/* It has ended, and its page is closed. */
static void finish(struct app *app, struct task *task, struct going *going)
{
	if (going->rc)
		app_say(app, STYLE_WARN, _(going->errand->failed), going->err.text);
	else
		going->errand->then(app, going->arg);
	task_leave(task);
}

void app_wait(struct app *app, const struct errand *errand, void *arg, const char *what)
{
	struct going *going = calloc(1, sizeof(*going));
	if (!going) {
		errand->drop(arg);
		return;
	}
	going->errand = errand;
	going->arg = arg;
	struct task *task = task_begin(run, drop, going);
	if (!task)
		return;
	if (task_ended(task, TASK_GRACE_MS)) {
		finish(app, task, going);
		return;
	}
	struct screen *screen = app_put(app, &screen_wait);
	if (!screen) {
		task_leave(task);
		return;
	}
	struct wait_state *s = screen->state;
	*s = (struct wait_state){.going = going, .task = task, .since = time(NULL)};
	snprintf(s->what, sizeof(s->what), "%s", what);
	app_log(app, "%s", what);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct wait_state *s = screen->state;
	(void)app;
	page_title(page, _("Please wait"));
	page_gap(page);
	page_text(page, STYLE_STRONG, "%s", s->what);
	page_text(page, STYLE_NORMAL, _("%llu s so far."),
		  (unsigned long long)(time(NULL) - s->since));
	page_gap(page);
	page_text(page, STYLE_NORMAL, "%s",
		  _("A disk or a server does not answer yet. You need not wait for it: nothing is "
		    "lost by going back."));
	page_item(page, 0, 0, NULL, "%s", _("Wait no longer"));
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	(void)id;
	if (request == REQ_ENTER)
		app_pop(app);
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	struct wait_state *s = screen->state;
	struct task *task = s->task;
	struct going *going = s->going;
	if (!task_ended(task, 0))
		return;
	s->task = NULL;
	app_pop(app);
	finish(app, task, going);
}

static void done(struct app *app, struct screen *screen)
{
	struct wait_state *s = screen->state;
	(void)app;
	task_leave(s->task);
}

const struct screen_ops screen_wait = {
	.name = "wait",
	.help = N_("Something is done on a disk or on another machine that takes long to answer. "
		   "It can go on without this page; the log and the shell can be used meanwhile."),
	.state_size = sizeof(struct wait_state),
	.tick_ms = 200,
	.fill = fill,
	.act = act,
	.tick = tick,
	.done = done,
};
