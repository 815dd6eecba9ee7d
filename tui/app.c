/* app.c - the stack of screens and the one loop that feeds them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/app.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/progress.h"
#include "tui/screen_message.h"
#include "tui/settings.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* ---- the stack ---- */

static void screen_destroy(struct app *app, struct screen *screen)
{
	if (screen->ops->done)
		screen->ops->done(app, screen);
	free(screen->state);
	free(screen);
}

static struct screen *screen_create(const struct screen_ops *ops)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	if (!screen)
		return NULL;
	screen->ops = ops;
	screen->state = calloc(1, ops->state_size ? ops->state_size : 1);
	if (!screen->state) {
		free(screen);
		return NULL;
	}
	return screen;
}

static void put_on_top(struct app *app, struct screen *screen)
{
	screen->below = app->top;
	app->top = screen;
	app->fresh = true;
}

struct screen *app_put(struct app *app, const struct screen_ops *ops)
{
	struct screen *screen = screen_create(ops);
	if (screen)
		put_on_top(app, screen);
	return screen;
}

void app_push(struct app *app, const struct screen_ops *ops)
{
	struct sv_err err = {0};
	struct screen *screen = screen_create(ops);
	int rc = screen ? 0 : sv_fail_nomem(&err);
	if (!rc && ops->open)
		rc = ops->open(app, screen, &err);
	if (rc) {
		if (screen)
			screen_destroy(app, screen);
		app_say(app, STYLE_WARN, _("This is not possible"), err.text);
		return;
	}
	put_on_top(app, screen);
}

void app_pop(struct app *app)
{
	struct screen *screen = app->top;
	if (!screen || !screen->below)
		return;
	app->top = screen->below;
	screen_destroy(app, screen);
	if (app->top->ops->back)
		app->top->ops->back(app, app->top);
	app->fresh = true;
}

void app_home(struct app *app)
{
	while (app->top && app->top->below)
		app_pop(app);
}

void app_say(struct app *app, enum page_style style, const char *title, const char *sentence)
{
	struct screen *screen = app_put(app, &screen_message);
	app_log(app, "%s", sentence);
	if (screen)
		message_set(screen, style, title, sentence);
}

bool app_start_job(struct app *app, int rc, struct sv_job *job, struct sv_err *err)
{
	if (!rc)
		rc = work_start(app->work, job, err);
	if (!rc)
		return true;
	if (app->work && !app->work->job)
		sv_job_destroy(job);
	work_destroy(app->work);
	app->work = NULL;
	app_say(app, STYLE_DANGER, _("This is not possible"), err->text);
	return false;
}

void app_log(struct app *app, const char *fmt, ...)
{
	char text[WORK_LOG_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	work_log_add(app->log, text);
}

void app_shell(struct app *app)
{
	const char *shell = getenv("SHELL");
	if (!shell || !*shell)
		shell = "/bin/sh";
	app->face->ops->leave(app->face);
	printf("%s\n", _("This is a shell. A running job goes on. `exit` comes back to Salvor."));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGINT, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		execl(shell, shell, "-l", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	app->face->ops->enter(app->face);
	app_scan_disks(app);
	app->fresh = true;
}

/* ---- requests ---- */

static void fill_page(const struct app *app, struct page *page)
{
	memset(page, 0, sizeof(*page));
	page->top = !app->top->below;
	app->top->ops->fill(app, app->top, page);
	if (app->work && !app->work->ended)
		page_status(page, _("%s is running"), app->work->what);
}

static void move(struct app *app, const struct page *page, enum request request)
{
	struct face_view *view = &app->top->view;
	int n = request == REQ_UP || request == REQ_DOWN      ? 1
		: request == REQ_FIRST || request == REQ_LAST ? 10000
							      : 8;
	int direction =
		request == REQ_UP || request == REQ_PAGE_UP || request == REQ_FIRST ? -1 : 1;
	view->top = view->shown;
	const struct page_block *here = page_focus(page, view->focus);
	if (!here && page_step(page, view->focus, 1) != view->focus) {
		view->focus = page_step(page, view->focus, 1);
		return;
	}
	if (!here) {
		/* nothing to choose: the page itself moves */
		view->top = direction > 0		  ? view->top + (unsigned int)n
			    : view->top > (unsigned int)n ? view->top - (unsigned int)n
							  : 0;
		return;
	}
	for (view->focus = here->id; n > 0; n--) {
		int next = page_step(page, view->focus, direction);
		if (next == view->focus)
			break;
		view->focus = next;
	}
	/* no choice is left that way: what stands below the last one comes up, as far as the choice
	 * stays in sight */
	if (view->focus == here->id && direction > 0)
		view->top += (unsigned int)n;
	view->edit = UINT_MAX;
}

static void go_back(struct app *app)
{
	struct screen *screen = app->top;
	if (!screen->ops->act || !screen->ops->act(app, screen, REQ_BACK, screen->view.focus))
		app_pop(app);
}

static void request(struct app *app, const struct page *page, enum request what)
{
	struct screen *screen = app->top;
	const struct page_block *focus = page_focus(page, screen->view.focus);
	switch (what) {
	case REQ_NONE:
		break;
	case REQ_UP:
	case REQ_DOWN:
	case REQ_PAGE_UP:
	case REQ_PAGE_DOWN:
	case REQ_FIRST:
	case REQ_LAST:
		move(app, page, what);
		break;
	case REQ_BACK:
		go_back(app);
		break;
	case REQ_HELP:
		if (screen->ops != &screen_help)
			app_push(app, &screen_help);
		break;
	case REQ_LOG:
		if (screen->ops != &screen_log)
			app_push(app, &screen_log);
		break;
	case REQ_HEALTH:
		app_push(app, &screen_health);
		break;
	case REQ_SHELL:
		app_shell(app);
		break;
	case REQ_REDRAW:
		app->face->ops->leave(app->face);
		app->face->ops->enter(app->face);
		app->fresh = true;
		break;
	default:
		if (screen->ops->act)
			screen->ops->act(app, screen, what, focus ? focus->id : -1);
	}
}

/* Empties a field, as in a shell. */
#define CONTROL_U ('U' & 0x1f)

/* Typing into a field takes precedence over letters that are keys. */
static bool edit_field(struct app *app, const struct page_block *field, int key)
{
	struct screen *screen = app->top;
	char text[FACE_TEXT_MAX];
	bool taken = true;
	size_t len = strlen(field->value ? field->value : "");
	snprintf(text, sizeof(text), "%s", field->value ? field->value : "");
	if (key == CONTROL_U) {
		text[0] = '\0';
	} else if (key == KEY_CODE_RUBOUT && len) {
		/* a whole character, not a byte of it */
		do
			text[--len] = '\0';
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80);
	} else if (key >= ' ' && key != KEY_CODE_RUBOUT && key < KEY_CODE_UP &&
		   len + MB_LEN_MAX < sizeof(text)) {
		int n = wctomb(text + len, (wchar_t)key);
		text[len + (size_t)SV_MAX(n, 0)] = '\0';
	} else {
		taken = false;
	}
	if (taken && screen->ops->text)
		screen->ops->text(app, screen, field->id, text);
	explicit_bzero(text, sizeof(text)); /* it may be secret */
	return taken || key == KEY_CODE_RUBOUT;
}

static void on_key(struct app *app, const struct page *page, int key)
{
	const struct page_block *focus = page_focus(page, app->top->view.focus);
	if (focus && focus->kind == BLOCK_FIELD && edit_field(app, focus, key))
		return;
	const struct page_block *item =
		page_by_key(page, key >= 'a' && key <= 'z' ? key - 'a' + 'A' : key);
	if (item) {
		if (item->disabled)
			return;
		app->top->view.focus = item->id;
		app->top->ops->act(app, app->top, REQ_ENTER, item->id);
		return;
	}
	for (const struct key_entry *entry = key_table; entry->request != REQ_NONE; entry++)
		if (keys_match(entry, key) &&
		    (entry->where != KEY_OFFERED || page_has_action(page, entry->request))) {
			request(app, page, entry->request);
			return;
		}
}

/* Plain mode chooses an option to change it. */
static void on_choice(struct app *app, const struct page *page, int id)
{
	const struct page_block *block = page_focus(page, id);
	app->top->view.focus = id;
	if (block && block->kind == BLOCK_OPTION)
		request(app, page, REQ_RIGHT);
	else
		request(app, page, REQ_ENTER);
	app->fresh = true;
}

static void on_event(struct app *app, const struct page *page, const struct face_event *event)
{
	switch (event->kind) {
	case FACE_KEY:
		on_key(app, page, event->key);
		break;
	case FACE_CHOOSE:
		on_choice(app, page, event->id);
		break;
	case FACE_REQUEST:
		request(app, page, event->request);
		app->fresh = true;
		break;
	case FACE_TEXT:
		if (app->top->ops->text)
			app->top->ops->text(app, app->top, event->id, event->text);
		app->fresh = true;
		break;
	case FACE_RESIZE:
		/* as if it had been drawn in this size at once; where nothing is chosen, the place
		 * in the text is what the user has chosen */
		if (page_focus(page, app->top->view.focus))
			app->top->view.top = 0;
		break;
	case FACE_CLOSED:
		app->quit = true;
		break;
	default:
		break;
	}
}

/* ---- the loop ---- */

#define TICK_MS 1000

static int tick_ms(const struct screen *screen)
{
	return screen->ops->tick_ms ? screen->ops->tick_ms : TICK_MS;
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Nothing has come in time; or so much comes that nothing ever would: a key that is held down stops
 * no clock. */
static void tick(struct app *app, struct screen *screen, bool due)
{
	uint64_t now = now_ms();
	if (app->top != screen || !screen->ops->tick ||
	    (!due && now < screen->ticked + (uint64_t)tick_ms(screen)))
		return;
	screen->ticked = now;
	screen->ops->tick(app, screen);
}

int app_run(struct app *app)
{
	trace_begin(&app->trace);
	app_scan_disks(app);
	app_push(app, &screen_home);
	settings_begin(app);
	while (!app->quit && app->top) {
		struct page page;
		struct face_event event = {0};
		struct screen *screen = app->top;
		progress_watch(app);
		flow_watch_heat(app);
		fill_page(app, &page);
		app->face->ops->show(app->face, &page, &screen->view, app->fresh);
		app->fresh = false;
		trace_shown(&app->trace, screen->ops->name);
		app->face->ops->wait(app->face, &page, &screen->view, tick_ms(screen), &event);
		trace_event(&app->trace, event.kind);
		on_event(app, &page, &event);
		explicit_bzero(event.text, sizeof(event.text)); /* it may be secret */
		if (event.kind != FACE_RESIZE)
			tick(app, screen, event.kind == FACE_NOTHING);
		page_clear(&page);
	}
	trace_end(&app->trace);
	return app->quit_code;
}
