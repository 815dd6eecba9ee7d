/* screen_message.c - a page that says one thing */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/screen_message.h"
#include "tui/i18n.h"

#include <stdio.h>

struct message {
	enum page_style style;
	char title[120], sentence[600];
};

void message_set(struct screen *screen, enum page_style style, const char *title,
		 const char *sentence)
{
	struct message *m = screen->state;
	m->style = style;
	snprintf(m->title, sizeof(m->title), "%s", title);
	snprintf(m->sentence, sizeof(m->sentence), "%s", sentence);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct message *m = screen->state;
	(void)app;
	page_title(page, m->title);
	page_gap(page);
	page_text(page, m->style, "%s", m->sentence);
	page_gap(page);
	page_item(page, 0, 0, NULL, "%s", _("Back"));
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	(void)id;
	if (request == REQ_ENTER)
		app_pop(app);
	return false;
}

const struct screen_ops screen_message = {
	.name = "message",
	.help = N_("The program has something to say. Nothing was changed by it."),
	.state_size = sizeof(struct message),
	.fill = fill,
	.act = act,
};
