/* disks.c - the disks as the screens show them: numbered for the session, always by model, size and
 * serial */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/disks.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *app_disk_identity(const struct disk *disk, char out[APP_IDENTITY_TEXT])
{
	bool unique = *disk->serial && !disk->duplicate_serial;
	snprintf(out, APP_IDENTITY_TEXT, "%s|%s|%llu|%s|%s%s", disk->model, disk->serial,
		 (unsigned long long)disk->size, disk->wwn, unique ? "" : disk->port,
		 unique ? "" : disk->path);
	return out;
}

static struct app_seen *find_seen(const struct app *app, const struct disk *disk)
{
	char key[APP_IDENTITY_TEXT];
	app_disk_identity(disk, key);
	for (size_t i = 0; i < app->n_seen; i++)
		if (!strcmp(app->seen[i].key, key))
			return &app->seen[i];
	return NULL;
}

static void remember(struct app *app, const struct disk *disk)
{
	if (find_seen(app, disk))
		return;
	struct app_seen *grown = reallocarray(app->seen, app->n_seen + 1, sizeof(*grown));
	if (!grown)
		return;
	app->seen = grown;
	struct app_seen *seen = &grown[app->n_seen];
	app_disk_identity(disk, seen->key);
	seen->number = (unsigned int)++app->n_seen;
}

/* A read-only loop device is a file that someone looks into. */
static void drop_images(struct disk_list *list)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].transport, "loop") != 0 || !list->v[i].read_only)
			list->v[n++] = list->v[i];
	list->n = n;
}

void app_scan_disks(struct app *app)
{
	struct disk_list list = {0};
	struct sv_err err = {0};
	*app->disks_error = '\0';
	if (disk_scan(app->root, &list, &err)) {
		snprintf(app->disks_error, sizeof(app->disks_error), "%.255s", err.text);
		return;
	}
	drop_images(&list);
	disk_list_clear(&app->disks);
	app->disks = list;
	for (size_t i = 0; i < list.n; i++)
		remember(app, &list.v[i]);
	content_want(app->content, &app->disks, false);
	vitals_want(app->vitals, &app->disks);
}

unsigned int app_disk_number(const struct app *app, const struct disk *disk)
{
	const struct app_seen *seen = find_seen(app, disk);
	return seen ? seen->number : 0;
}

bool app_same_disk(const struct disk *a, const struct disk *b)
{
	char left[APP_IDENTITY_TEXT], right[APP_IDENTITY_TEXT];
	return !strcmp(app_disk_identity(a, left), app_disk_identity(b, right));
}

const struct disk *app_disk_again(const struct app *app, const struct disk *disk)
{
	for (size_t i = 0; i < app->disks.n; i++)
		if (app_same_disk(&app->disks.v[i], disk))
			return &app->disks.v[i];
	return NULL;
}

const struct disk *app_disk_now(const struct app *app, const struct disk *disk)
{
	const struct disk *now = app_disk_again(app, disk);
	for (size_t i = 0; i < app->disks.n && !now; i++)
		if (disk_came_back(disk, &app->disks.v[i]))
			now = &app->disks.v[i];
	return now ? now : disk;
}

const char *app_disk_name(const struct app *app, const struct disk *disk, char out[APP_DISK_TEXT])
{
	char size[2 * SV_SIZE_TEXT];
	snprintf(out, APP_DISK_TEXT, "#%u  %s  %s  S/N %s", app_disk_number(app, disk),
		 *disk->model ? disk->model : disk->path, sv_text_size_both(size, disk->size),
		 *disk->serial ? disk->serial : _("none"));
	return out;
}

void disks_part_node(const struct disk *disk, int number, char *out, size_t cap)
{
	size_t len = strlen(disk->path);
	bool digit = len && disk->path[len - 1] >= '0' && disk->path[len - 1] <= '9';
	if (number)
		snprintf(out, cap, "%s%s%d", disk->path, digit ? "p" : "", number);
	else
		snprintf(out, cap, "%s", disk->path);
}

const char *disks_where(const struct disk *disk, char out[DISKS_WHERE_TEXT])
{
	snprintf(out, DISKS_WHERE_TEXT, "%s%s%s%s", disk->path, *disk->transport ? "  " : "",
		 disk->transport, disk->removable ? _("  removable") : "");
	return out;
}

bool disks_is_there(const struct app *app, const struct disk *disk)
{
	const struct disk *now = app_disk_again(app, disk);
	return now && now->diskseq == disk->diskseq && !strcmp(now->path, disk->path);
}

const struct disk *disks_by_number(const struct app *app, int number)
{
	for (size_t i = 0; i < app->disks.n; i++)
		if ((int)app_disk_number(app, &app->disks.v[i]) == number)
			return &app->disks.v[i];
	return NULL;
}

/* ---- how they are ---- */

const char *disks_health(const struct app *app, const struct disk *disk,
			 char out[DISKS_HEALTH_TEXT])
{
	static const char *const words[] = {
		[HEALTH_UNKNOWN] = N_("health: not known"),
		[HEALTH_GOOD] = N_("health: good"),
		[HEALTH_WORN] = N_("health: WORN"),
		[HEALTH_FAILING] = N_("health: FAILING"),
	};
	struct health health;
	bool known = vitals_get(app->vitals, disk, &health);
	bool warm = known && health.verdict != HEALTH_UNKNOWN && health.temperature != HEALTH_NONE;
	int n = snprintf(out, DISKS_HEALTH_TEXT, "%s",
			 known ? _(words[health.verdict]) : _("health: being asked ..."));
	if (warm)
		snprintf(out + n, DISKS_HEALTH_TEXT - (size_t)n, ", %llu C",
			 (unsigned long long)health.temperature);
	return out;
}

static enum page_style style_of(enum health_verdict verdict)
{
	return verdict == HEALTH_FAILING ? STYLE_DANGER
	       : verdict == HEALTH_WORN	 ? STYLE_WARN
					 : STYLE_NORMAL;
}

enum page_style disks_health_style(const struct health *health)
{
	return health->verdict == HEALTH_UNKNOWN ? STYLE_DIM : style_of(health->verdict);
}

enum page_style disks_reason_style(const struct health_reason *reason)
{
	return style_of(reason->level);
}

void disks_alarm(const struct app *app, struct page *page, const struct disk *disk)
{
	struct health health;
	char text[HEALTH_TEXT];
	vitals_get(app->vitals, disk, &health);
	if (health.verdict >= HEALTH_WORN)
		page_text(page, style_of(health.verdict), "    ! %s",
			  vitals_reason(&health.reasons[0], text));
}

bool disks_is_failing(const struct app *app, const struct disk *disk)
{
	struct health health;
	vitals_get(app->vitals, disk, &health);
	return health.verdict == HEALTH_FAILING;
}

/* What it keeps back is neither saved nor overwritten. */
static void fill_odd(const struct app *app, struct page *page, const struct disk *disk,
		     const struct health *health)
{
	char text[HEALTH_TEXT];
	for (size_t i = 0; i < health->n_reasons; i++)
		if (health_is_odd(health->reasons[i].cause))
			page_text(page, STYLE_WARN, _("! Disk #%u: %s."),
				  app_disk_number(app, disk),
				  vitals_reason(&health->reasons[i], text));
}

void disks_warning(const struct app *app, struct page *page, const struct disk *disk, bool target)
{
	struct health health;
	char text[HEALTH_TEXT];
	vitals_get(app->vitals, disk, &health);
	fill_odd(app, page, disk, &health);
	if (health.verdict < HEALTH_WORN)
		return;
	const char *why = vitals_reason(&health.reasons[0], text);
	bool failing = health.verdict == HEALTH_FAILING;
	page_text(page, style_of(health.verdict),
		  failing ? _("! Disk #%u is FAILING: %s.") : _("! Disk #%u is worn: %s."),
		  app_disk_number(app, disk), why);
	if (failing && target)
		page_text(page, STYLE_WARN, "%s",
			  _("What is written to it may be lost. Take another one if you can."));
	else if (failing)
		page_text(page, STYLE_WARN, "%s",
			  _("Let \"Bad sectors\" go on, so that the rest of it is read."));
}

/* ---- what is on them ---- */

static void part_words(const struct sv_map_part *part, char *out, size_t cap)
{
	char size[SV_SIZE_TEXT];
	const char *name = *part->label ? part->label : part->name;
	snprintf(out, cap, "%d %s%s%.20s%s%s %s", part->number, *name ? "\"" : "", "", name,
		 *name ? "\" " : "", *part->fs ? part->fs : _("unknown"),
		 sv_text_size(size, part->size));
}

/* The partitions in one line, as many as fit. */
static void parts_line(const struct content_view *view, char *out, size_t cap)
{
	size_t len = 0;
	*out = '\0';
	for (size_t i = 0; i < view->n_parts; i++) {
		char words[160];
		if (view->parts[i].extended)
			continue;
		part_words(&view->parts[i], words, sizeof(words));
		int n = snprintf(out + len, cap - len, "%s%s", len ? "   " : "", words);
		if (n < 0 || (size_t)n >= cap - len)
			return;
		len += (size_t)n;
	}
}

size_t disks_segments(const struct content_view *view, uint64_t size, struct page_segment *out,
		      size_t cap)
{
	size_t n = 0;
	uint64_t pos = 0;
	for (size_t i = 0; i < view->n_parts && n + 2 < cap; i++) {
		const struct sv_map_part *part = &view->parts[i];
		if (part->extended || part->start < pos)
			continue;
		if (part->start > pos)
			out[n++] = (struct page_segment){.size = part->start - pos, .mark = ' '};
		out[n++] = (struct page_segment){
			.size = part->size,
			.fill = part->size ? (unsigned int)((double)part->used * 100.0 /
							    (double)part->size)
					   : 0,
			.mark = (char)('0' + part->number % 10)};
		pos = part->start + part->size;
	}
	if (pos < size)
		out[n++] = (struct page_segment){.size = size - pos, .mark = ' '};
	return n;
}

const char *disks_summary(const struct app *app, const struct disk *disk,
			  char out[DISKS_SUMMARY_TEXT])
{
	struct content_view view;
	char used[SV_SIZE_TEXT];
	content_get(app->content, disk, &view);
	if (disk->boot_medium)
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", _("Salvor was started from it"));
	else if (*disk->in_use)
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", disk->in_use);
	else if (view.blank)
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", _("empty"));
	else if (view.state == CONTENT_READY && !view.n_parts)
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", _("no partitions"));
	else if (view.state == CONTENT_READY)
		snprintf(out, DISKS_SUMMARY_TEXT,
			 _n("%zu partition, %s used", "%zu partitions, %s used", view.n_parts),
			 view.n_parts, sv_text_size(used, view.used));
	else if (view.state == CONTENT_FAILED)
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", view.sentence);
	else
		snprintf(out, DISKS_SUMMARY_TEXT, "%s", _("being looked at"));
	content_view_clear(&view);
	return out;
}

void disks_remarks(const struct app *app, struct page *page, bool battery)
{
	struct machine_remark remarks[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	size_t n = vitals_remarks(app->vitals, remarks);
	for (size_t i = 0; i < n; i++)
		if ((remarks[i].trait == MACHINE_ON_BATTERY) == battery)
			page_text(page, STYLE_WARN, "! %s.", vitals_remark(&remarks[i], text));
}

/* The worst that it says of itself. */
static void item_alarm(const struct app *app, struct page *page, const struct disk *disk)
{
	struct health health;
	char text[HEALTH_TEXT];
	vitals_get(app->vitals, disk, &health);
	for (size_t i = 0; i < health.n_reasons; i++)
		if ((!i && health.verdict >= HEALTH_WORN) || health_is_odd(health.reasons[i].cause))
			page_item_line(page, SV_MAX(style_of(health.verdict), STYLE_WARN), "! %s",
				       vitals_reason(&health.reasons[i], text));
}

void disks_item(const struct app *app, struct page *page, int id, const struct disk *disk,
		const char *reason)
{
	struct content_view view;
	struct page_segment segments[64];
	char name[APP_DISK_TEXT], where[DISKS_WHERE_TEXT], line[400], health[DISKS_HEALTH_TEXT];
	page_item(page, id, 0, reason, "%s", app_disk_name(app, disk, name));
	content_get(app->content, disk, &view);
	disks_where(disk, where);
	disks_health(app, disk, health);
	if (view.state == CONTENT_READY) {
		page_item_line(page, STYLE_DIM, "%s   %s   %s", where, view.table, health);
		parts_line(&view, line, sizeof(line));
		if (view.blank) {
			page_item_line(page, STYLE_NORMAL, "%s", _("empty"));
		} else if (view.n_parts) {
			page_item_bar(
				page, segments,
				disks_segments(&view, disk->size, segments, SV_ARRAY(segments)));
			page_item_line(page, STYLE_NORMAL, "%s", line);
		}
		if (*view.warning)
			page_item_line(page, STYLE_WARN, "%s", view.warning);
	} else {
		const char *why =
			view.state == CONTENT_FAILED ? view.sentence : _("being looked at ...");
		page_item_line(page, STYLE_DIM, "%s   %s%s%s", where, reason ? "" : why,
			       reason ? "" : "   ", health);
	}
	item_alarm(app, page, disk);
	content_view_clear(&view);
}
