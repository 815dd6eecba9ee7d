/* screen_power.c - power off, restart, or leave to the shell */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/i18n.h"
#include "tui/reach.h"

#include <stdlib.h>

enum { ID_OFF = 1, ID_RESTART, ID_LEAVE };

/* Only where nothing but Salvor runs: on the live system. */
static bool may_switch_off(const struct app *app)
{
	(void)app;
	return getenv("SALVOR_LIVE") != NULL;
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	bool busy = app->work && !app->work->ended;
	const char *why = busy			? _("a job is running: stop it first")
			  : may_switch_off(app) ? NULL
						: _("only on the live system");
	(void)screen;
	page_title(page, _("Power"));
	page_gap(page);
	page_item(page, ID_LEAVE, 'L', busy ? why : NULL, "%s", _("Leave Salvor"));
	page_item(page, ID_OFF, '0', why, "%s", _("Power off"));
	page_item(page, ID_RESTART, '1', why, "%s", _("Restart"));
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request != REQ_ENTER || (app->work && !app->work->ended))
		return false;
	reach_exit(app, id == ID_OFF ? "poweroff" : id == ID_RESTART ? "reboot" : NULL);
	return true;
}

const struct screen_ops screen_power = {
	.name = "power",
	.help = N_("Leaving, restarting and powering off are only possible while no job runs."),
	.fill = fill,
	.act = act,
};
