/* screen_log.c - what has happened so far, newest last; and the help of the page below */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/app.h"
#include "tui/i18n.h"

#include <limits.h>

#define LOG_SHOWN 200

/* At its end, which is what was asked for. The face knows how far that is. */
static int open_log(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)app;
	(void)err;
	screen->view.top = INT_MAX;
	return 0;
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	char line[WORK_LOG_TEXT];
	size_t n = work_log_count(app->log);
	(void)screen;
	page_title(page, _("Log"));
	if (!n)
		page_text(page, STYLE_DIM, "%s", _("Nothing has happened yet."));
	for (size_t i = n > LOG_SHOWN ? n - LOG_SHOWN : 0; work_log_line(app->log, i, line); i++)
		page_text(page, STYLE_NORMAL, "%s", line);
}

const struct screen_ops screen_log = {
	.name = "log",
	.help = N_("What this session has done, with times. It is in memory only."),
	.tick_ms = 1000,
	.open = open_log,
	.fill = fill,
};

/* ---- help ---- */

/* An arrow is one column, but several bytes. */
static int columns(const char *name)
{
	int n = 0;
	for (; *name; name++)
		n += ((unsigned char)*name & 0xc0) != 0x80;
	return n;
}

static void fill_keys(const struct page *below, struct page *page)
{
	for (const struct key_entry *entry = key_table; entry->request != REQ_NONE; entry++)
		if (entry->where != KEY_OFFERED || page_has_action(below, entry->request))
			page_text(page, STYLE_NORMAL, "  %s%*s %s", entry->name,
				  8 - columns(entry->name), "", _(entry->help));
}

static void help_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	struct page below = {0};
	const struct screen *about = screen->below;
	page_title(page, _("Help"));
	if (!about)
		return;
	about->ops->fill(app, about, &below);
	page_text(page, STYLE_NORMAL, "%s", _(about->ops->help));
	page_gap(page);
	page_head(page, "%s", _("Keys"));
	fill_keys(&below, page);
	page_clear(&below);
}

const struct screen_ops screen_help = {
	.name = "help",
	.help = "",
	.fill = help_fill,
};
