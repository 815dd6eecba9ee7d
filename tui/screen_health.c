/* screen_health.c - disks and health: all disks with their verdicts, and all that one of them says
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/i18n.h"

#include <stdio.h>

/* ---- all disks ---- */

static void fill_disk(const struct app *app, struct page *page, const struct disk *disk)
{
	struct health health;
	char name[APP_DISK_TEXT], where[DISKS_WHERE_TEXT], words[DISKS_HEALTH_TEXT];
	char text[HEALTH_TEXT];
	page_item(page, (int)app_disk_number(app, disk), 0, NULL, "%s",
		  app_disk_name(app, disk, name));
	vitals_get(app->vitals, disk, &health);
	page_item_line(page, disks_health_style(&health), "%s   %s", disks_where(disk, where),
		       disks_health(app, disk, words));
	for (size_t i = 0; i < health.n_reasons; i++)
		page_item_line(page, disks_reason_style(&health.reasons[i]), "%s",
			       vitals_reason(&health.reasons[i], text));
	if (*disk->in_use)
		page_item_line(page, STYLE_DIM, "%s", disk->in_use);
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	(void)screen;
	page_title(page, _("Disks and health"));
	page_text(page, STYLE_STRONG, "%s",
		  _("What the disks say of themselves. They are only asked, and a disk that sleeps "
		    "is not woken."));
	page_gap(page);
	for (size_t i = 0; i < app->disks.n; i++)
		fill_disk(app, page, &app->disks.v[i]);
	if (!app->disks.n)
		page_text(page, STYLE_WARN, "%s", _("No disk was found."));
	page_gap(page);
	disks_remarks(app, page, false);
	disks_remarks(app, page, true);
	page_action(page, REQ_RESCAN, NULL);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	const struct disk *disk = disks_by_number(app, id);
	(void)screen;
	if (request == REQ_RESCAN) {
		app_scan_disks(app);
		for (size_t i = 0; i < app->disks.n; i++)
			vitals_again(app->vitals, &app->disks.v[i], false);
	} else if (request == REQ_ENTER && disk) {
		app->looked_at = *disk;
		app_push(app, &screen_vitals);
	}
	return false;
}

static void tick(struct app *app, struct screen *screen)
{
	(void)screen;
	app_scan_disks(app);
}

const struct screen_ops screen_health = {
	.name = "health",
	.help = N_(
		"Good: nothing speaks against the disk. Worn: something went wrong and was dealt "
		"with; have a backup. Failing: copy what is on it before anything else, and do "
		"not write to it. Not known: most USB sticks, cards and virtual disks keep no "
		"record. A disk can die without a warning: good is no promise."),
	.tick_ms = 1000,
	.fill = fill,
	.act = act,
	.tick = tick,
};

/* ---- one of them ---- */

/* The number first: so the columns stand in any language. */
static void number(struct page *page, const char *name, uint64_t n, const char *unit)
{
	char text[40];
	if (n == HEALTH_NONE)
		return;
	snprintf(text, sizeof(text), "%llu%s", (unsigned long long)n, unit);
	page_text(page, STYLE_NORMAL, "%12s  %s", text, name);
}

static const char *test_words(enum health_test test)
{
	switch (test) {
	case HEALTH_TEST_PASSED:
		return _("passed");
	case HEALTH_TEST_FAILED:
		return _("failed");
	default:
		return _("is running");
	}
}

static void fill_numbers(const struct health *h, struct page *page)
{
	number(page, _("Temperature"), h->temperature, " C");
	number(page, _("Power on, hours"), h->power_on_hours, "");
	number(page, _("Sectors waiting to be replaced"), h->pending, "");
	number(page, _("Sectors replaced"), h->reallocated, "");
	number(page, _("Sectors its own scan could not read"), h->uncorrectable, "");
	number(page, _("Accesses that failed for good"), h->lost, "");
	number(page, _("Transfers garbled on the cable"), h->crc_errors, "");
	number(page, _("Errors in its log"), h->errors_logged, "");
	number(page, _("Planned life used"), h->percent_used, " %");
	number(page, _("Spare memory left"), h->spare, " %");
	if (h->self_test)
		page_text(page, STYLE_NORMAL, "%12s  %s", test_words(h->self_test),
			  _("Last self-test"));
}

static void vitals_fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct disk *disk = &app->looked_at;
	struct health health;
	char name[APP_DISK_TEXT], where[DISKS_WHERE_TEXT], words[DISKS_HEALTH_TEXT];
	char text[HEALTH_TEXT];
	(void)screen;
	page_title(page, _("Disks and health"));
	page_text(page, STYLE_STRONG, "%s", app_disk_name(app, disk, name));
	page_text(page, STYLE_DIM, "%s   %s", disks_where(disk, where), disk->port);
	page_gap(page);
	bool known = vitals_get(app->vitals, disk, &health);
	page_text(page, disks_health_style(&health), "%s", disks_health(app, disk, words));
	for (size_t i = 0; i < health.n_reasons; i++)
		page_text(page, disks_reason_style(&health.reasons[i]), "  %s",
			  vitals_reason(&health.reasons[i], text));
	page_gap(page);
	if (known)
		fill_numbers(&health, page);
	page_action(page, REQ_RESCAN, _("Ask again"));
}

static bool vitals_act(struct app *app, struct screen *screen, enum request request, int id)
{
	(void)screen;
	(void)id;
	if (request == REQ_RESCAN)
		vitals_again(app->vitals, &app->looked_at, true);
	return false;
}

const struct screen_ops screen_vitals = {
	.name = "vitals",
	.help = N_("The numbers that the verdict rests on. Asking again wakes the disk if it "
		   "sleeps."),
	.tick_ms = 1000,
	.fill = vitals_fill,
	.act = vitals_act,
};
