/* screen_home.c - the first page: what do you want to do? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/progress.h"

#include <stdio.h>
#include <string.h>

enum home_id {
	HOME_SAVE = 1,
	HOME_RESTORE,
	HOME_CLONE,
	HOME_RESCUE,
	HOME_OPEN,
	HOME_DISKS,
	HOME_NETWORK,
	HOME_SHELL,
	HOME_SETTINGS,
	HOME_POWER,
	HOME_JOB,
	HOME_FILES,
	HOME_UNFINISHED = 100,
	HOME_RESCUES = 1000
};

static const struct home_entry {
	enum home_id id;
	char key;
	const char *name, *what;
	const char *missing; /* why it cannot be chosen in this version */
} entries[] = {
	{HOME_SAVE, '1', N_("Back up a disk"), N_("save disk or partitions into an image"), NULL},
	{HOME_RESTORE, '2', N_("Restore"), N_("write an image back to a disk"), NULL},
	{HOME_CLONE, '3', N_("Clone a disk"), N_("copy one disk straight onto another"), NULL},
	{HOME_RESCUE, '4', N_("Rescue a failing disk"), N_("copy what can be read"), NULL},
	{HOME_OPEN, '5', N_("Open an image"), N_("look into it, check it"), NULL},
	{HOME_DISKS, '6', N_("Disks and health"), N_("how the disks are"), NULL},
	{HOME_FILES, '7', N_("Copy files off a disk"), N_("of a system that does not start"), NULL},
	{HOME_NETWORK, 'N', N_("Network"), N_("addresses, by cable"), NULL},
	{HOME_SHELL, '8', N_("Shell"), "", NULL},
	{HOME_SETTINGS, '9', N_("Language, keyboard, font, time zone"), "", NULL},
	{HOME_POWER, '0', N_("Power off, restart or leave"), "", NULL},
};

static void fill_rescues(const struct app *app, struct page *page, char key)
{
	struct unfinished_rescue found[UNFINISHED_MAX];
	const struct disk *source, *target;
	size_t n = unfinished_get_rescues(app->unfinished, found);
	for (size_t i = 0; i < n; i++) {
		const struct sv_rescue_end *end = &found[i].entry.source;
		page_item(page, HOME_RESCUES + found[i].number, i ? 0 : key,
			  flow_cannot_rescue_on(app, &found[i], &source, &target),
			  _("Go on with an unfinished rescue, %u %%: %s  S/N %s"), found[i].percent,
			  *end->model ? end->model : end->name,
			  *end->serial ? end->serial : _("none"));
	}
}

/* What was stopped comes first: it is what the user came back for. */
static void fill_unfinished(const struct app *app, struct page *page)
{
	struct unfinished_save found[UNFINISHED_MAX];
	size_t n = unfinished_get(app->unfinished, found);
	for (size_t i = 0; i < n; i++) {
		const char *reason;
		bool here = flow_disk_of(app, &found[i], &reason) != NULL;
		flow_fill_unfinished(page, HOME_UNFINISHED, i, &found[i], here ? NULL : reason);
	}
	fill_rescues(app, page, n ? 0 : 'U');
}

/* The job that runs, or whose end has not been seen yet. */
static void fill_job(const struct app *app, struct page *page)
{
	if (app->work && !app->work->ended)
		page_item(page, HOME_JOB, 'J', NULL, _("Back to the running job: %s"),
			  app->work->what);
	else if (app->work && app->work->planned && !app->work->seen)
		page_item(page, HOME_JOB, 'J', NULL, _("%s has ended: %s"), app->work->what,
			  progress_verdict(app));
}

static void fill_disks(const struct app *app, struct page *page)
{
	char summary[DISKS_SUMMARY_TEXT], name[APP_DISK_TEXT];
	page_gap(page);
	page_head(page, _n("%zu disk found", "%zu disks found", app->disks.n), app->disks.n);
	if (*app->disks_error)
		page_text(page, STYLE_WARN, "%s", app->disks_error);
	else if (!app->disks.n)
		page_text(page, STYLE_WARN, "%s",
			  _("No disk was found. A RAID mode in the firmware setup (RST, VMD) hides "
			    "disks; switching it to AHCI shows them."));
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		page_text(page, STYLE_NORMAL, "%s", app_disk_name(app, disk, name));
		page_text(page, STYLE_DIM, "    %s", disks_summary(app, disk, summary));
		disks_alarm(app, page, disk);
	}
	disks_remarks(app, page, false);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	char title[80];
	(void)screen;
	snprintf(title, sizeof(title), _("Salvor %s  Rescue and backup"), sv_version());
	page_title(page, title);
	page_text(page, STYLE_STRONG, "%s", _("What do you want to do?"));
	page_gap(page);
	fill_job(app, page);
	if (!app->work || app->work->ended)
		fill_unfinished(app, page);
	for (size_t i = 0; i < SV_ARRAY(entries); i++) {
		const struct home_entry *e = &entries[i];
		char text[160];
		snprintf(text, sizeof(text), "%-24s%s", _(e->name), *e->what ? _(e->what) : "");
		page_item(page, e->id, e->key, e->missing ? _(e->missing) : NULL, "%s", text);
	}
	fill_disks(app, page);
	page_gap(page);
	page_text(page, STYLE_DIM, "%s",
		  _("Nothing is written to any disk before the page \"Review\" and your "
		    "confirmation."));
	page_action(page, REQ_RESCAN, NULL);
	page_action(page, REQ_POWER, NULL);
}

static void begin(struct app *app, enum plan_kind kind, const struct screen_ops *first)
{
	if (app->work && !app->work->ended) {
		app_say(app, STYLE_WARN, _("A job is running"),
			_("Wait for the running job, or stop it, before you begin another one."));
		return;
	}
	/* the plan is another one: the page of the last job would not be true any more */
	if (app->work)
		app->work->seen = true;
	/* a proposed name says what it is of */
	if ((kind == PLAN_COPY) != (app->plan.kind == PLAN_COPY) ||
	    (kind == PLAN_RESCUE) != (app->plan.kind == PLAN_RESCUE))
		app->plan.name[0] = '\0';
	app->plan.kind = kind;
	app->plan.typed[0] = '\0';
	app_push(app, first);
}

static void rescue_on(struct app *app, int number)
{
	struct unfinished_rescue found[UNFINISHED_MAX];
	const struct disk *source, *target;
	size_t i = 0, n = unfinished_get_rescues(app->unfinished, found);
	while (i < n && found[i].number != number)
		i++;
	if (i >= n || flow_cannot_rescue_on(app, &found[i], &source, &target))
		return;
	flow_plan_rescue_on(app, &found[i], source, target);
	begin(app, PLAN_RESCUE, &screen_rescue_start);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		content_want(app->content, &app->disks, true);
		unfinished_want(app->unfinished, app->plan.folder);
	}
	if (request == REQ_POWER)
		app_push(app, &screen_power);
	if (request != REQ_ENTER)
		return true;
	switch (id) {
	case HOME_SAVE:
		begin(app, PLAN_SAVE, &screen_source);
		break;
	case HOME_RESTORE:
		begin(app, PLAN_RESTORE, &screen_place);
		break;
	case HOME_CLONE:
		begin(app, PLAN_CLONE, &screen_source);
		break;
	case HOME_RESCUE:
		begin(app, PLAN_RESCUE, &screen_source);
		break;
	case HOME_OPEN:
		begin(app, PLAN_VERIFY, &screen_place);
		break;
	case HOME_DISKS:
		app_push(app, &screen_health);
		break;
	case HOME_FILES:
		begin(app, PLAN_COPY, &screen_volume);
		break;
	case HOME_NETWORK:
		app_push(app, &screen_network);
		break;
	case HOME_SHELL:
		app_shell(app);
		break;
	case HOME_SETTINGS:
		app_push(app, &screen_settings);
		break;
	case HOME_POWER:
		app_push(app, &screen_power);
		break;
	case HOME_JOB:
		app_push(app, flow_progress(app));
		break;
	default:
		if (id >= HOME_RESCUES)
			rescue_on(app, id - HOME_RESCUES);
		else if (id >= HOME_UNFINISHED && flow_plan_unfinished(app, id - HOME_UNFINISHED))
			begin(app, PLAN_SAVE, &screen_review);
		break;
	}
	return true;
}

/* Also after a job or a mount: what is unfinished may have changed. */
static void back(struct app *app, struct screen *screen)
{
	(void)screen;
	unfinished_want(app->unfinished, app->plan.folder);
}

static int open_home(struct app *app, struct screen *screen, struct sv_err *err)
{
	(void)err;
	back(app, screen);
	return 0;
}

static void tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
	mounted_tidy(app);
}

const struct screen_ops screen_home = {
	.name = "home",
	.help = N_("This is where everything begins. Choose with the arrow keys and Enter, or by "
		   "the number. Entries that are not possible now say why. Below are the disks of "
		   "this machine; they are only looked at."),
	.tick_ms = 2000,
	.open = open_home,
	.fill = fill,
	.act = act,
	.tick = tick,
	.back = back,
};
