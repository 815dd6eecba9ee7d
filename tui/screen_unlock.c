/* screen_unlock.c - encrypted volumes of a source: unlocked by a passphrase, to read what is in use
 * only */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/i18n.h"
#include "tui/task.h"
#include "tui/unlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum unlock_id { ID_PASSPHRASE = 1, ID_UNLOCK, ID_STOP, ID_LOCK };

/* The task's until it has ended, but for the keys, which may be cancelled. */
struct attempt {
	const char *root;
	struct disk disk;
	struct keys *keys;
	struct sv_secret typed;
	struct sv_map *map;
	int rc;
	struct sv_err err;
};

struct unlock_state {
	struct sv_secret typed; /* with a final NUL */
	struct attempt *attempt;
	struct task *task; /* NULL: nothing is tried now */
	char sentence[400];
	enum page_style style;
};

/* ---- on the pages of sources ---- */

static bool is_encrypted(const struct sv_map_part *part)
{
	return part->locked || *part->inside;
}

static void part_line(const struct sv_map_part *part, char *out, size_t cap)
{
	const char *how = part->locked ? _("encrypted and locked") : part->inside;
	if (part->number)
		snprintf(out, cap, _("Partition %d: %s"), part->number, how);
	else
		snprintf(out, cap, _("The whole disk: %s"), how);
}

void unlock_lines(const struct app *app, struct page *page, const struct disk *disk)
{
	struct content_view view;
	char line[400];
	content_get(app->content, disk, &view);
	for (size_t i = 0; i < view.n_parts; i++) {
		if (!is_encrypted(&view.parts[i]))
			continue;
		part_line(&view.parts[i], line, sizeof(line));
		page_item_line(page, view.parts[i].locked ? STYLE_WARN : STYLE_NORMAL, "%s", line);
	}
	content_view_clear(&view);
}

static size_t count_locked(const struct app *app, const struct disk *disk, const struct plan *plan)
{
	struct content_view view;
	size_t n = 0;
	content_get(app->content, disk, &view);
	for (size_t i = 0; i < view.n_parts; i++)
		n += view.parts[i].locked && (!plan || flow_takes_part(plan, view.parts[i].number));
	content_view_clear(&view);
	return n;
}

static bool add_item(const struct app *app, struct page *page, int id, char key,
		     const struct disk *disk, const struct plan *plan)
{
	unsigned int number = app_disk_number(app, disk);
	if (count_locked(app, disk, plan))
		page_item(page, id, key, NULL,
			  _("Unlock disk #%u, so that only what is in use is read"), number);
	else if (keyring_has(app->keyring, disk))
		page_item(page, id, key, NULL, _("Disk #%u is unlocked; lock it again"), number);
	else
		return false;
	return true;
}

bool unlock_item(const struct app *app, struct page *page, int id, char key,
		 const struct disk *disk)
{
	return add_item(app, page, id, key, disk, NULL);
}

void unlock_plan_item(const struct app *app, struct page *page, int id)
{
	if (!app->plan.whole || app->plan.resume || app->plan.kind == PLAN_RESCUE)
		add_item(app, page, id, 'U', &app->plan.source, &app->plan);
}

void unlock_push(struct app *app, const struct disk *disk)
{
	app->to_unlock = *disk;
	app_push(app, &screen_unlock);
}

/* ---- trying ---- */

static void run(void *arg)
{
	struct attempt *a = arg;
	const struct sv_map_params params = {.root = a->root,
					     .source = a->disk.path,
					     .unguarded = true,
					     .unlock = keys_unlock(a->keys)};
	a->rc = sv_map_read(&params, &a->map, &a->err);
}

static void drop(void *arg)
{
	struct attempt *a = arg;
	keys_destroy(a->keys);
	sv_secret_wipe(&a->typed);
	sv_map_destroy(a->map);
	free(a);
}

static void clear_typed(struct unlock_state *s)
{
	explicit_bzero(s->typed.bytes, s->typed.room);
	s->typed.len = 0;
}

static void say(struct unlock_state *s, enum page_style style, const char *sentence)
{
	s->style = style;
	snprintf(s->sentence, sizeof(s->sentence), "%s", sentence);
}

static void begin(struct app *app, struct screen *screen)
{
	struct unlock_state *s = screen->state;
	struct attempt *a = s->typed.len ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return;
	a->root = app->root;
	a->disk = app->to_unlock;
	a->keys = keys_create(app->keyring, &a->disk, &s->typed);
	bool ok = a->keys && sv_secret_copy(&a->typed, &s->typed);
	clear_typed(s);
	if (!ok)
		drop(a);
	s->attempt = ok ? a : NULL;
	s->task = ok ? task_begin(run, drop, a) : NULL;
	say(s, STYLE_DANGER, s->task ? "" : _("out of memory"));
	screen->view.focus = s->task ? ID_STOP : ID_PASSPHRASE;
	app->fresh = true;
}

/* ---- what it came to ---- */

static const struct sv_map_part *same_part(const struct content_view *view, int number)
{
	for (size_t i = 0; i < view->n_parts; i++)
		if (view->parts[i].number == number)
			return &view->parts[i];
	return NULL;
}

/* How many partitions have more opened than before; *left: how many are still locked. */
static size_t count_opened(const struct content_view *before, const struct sv_map *now,
			   size_t *left)
{
	size_t n = 0;
	*left = 0;
	for (size_t i = 0; i < now->n_parts; i++) {
		const struct sv_map_part *part = &now->parts[i];
		const struct sv_map_part *was = same_part(before, part->number);
		n += *part->inside && (!was || strcmp(was->inside, part->inside) != 0);
		*left += part->locked;
	}
	return n;
}

/* Another passphrase would not help either: why. "" */
static const char *obstacle(const struct content_view *before, const struct sv_map *now)
{
	for (size_t i = 0; i < now->n_parts; i++) {
		const struct sv_map_part *was = same_part(before, now->parts[i].number);
		if (was && was->locked && !now->parts[i].locked && !*now->parts[i].inside)
			return now->parts[i].reason;
	}
	return "";
}

static void take_map(struct app *app, struct unlock_state *s)
{
	struct attempt *a = s->attempt;
	struct content_view before;
	size_t left;
	content_get(app->content, &a->disk, &before);
	size_t opened = count_opened(&before, a->map, &left);
	const char *why = obstacle(&before, a->map);
	bool kept = !opened || keyring_add(app->keyring, &a->disk, &a->typed);
	content_view_clear(&before);
	if (!kept) {
		say(s, STYLE_DANGER, _("out of memory"));
		return;
	}
	if (opened || *why)
		content_put(app->content, &a->disk, a->map);
	if (opened && !left)
		app_pop(app);
	else if (opened)
		say(s, STYLE_OK, _("Unlocked; what is still locked has another passphrase."));
	else if (*why)
		say(s, STYLE_DANGER, why);
	else
		say(s, STYLE_DANGER, _("Wrong passphrase: it opens nothing on this disk."));
	app_log(app, opened ? _("disk #%u: unlocked") : _("disk #%u: not unlocked"),
		app_disk_number(app, &a->disk));
}

static void tick(struct app *app, struct screen *screen)
{
	struct unlock_state *s = screen->state;
	struct task *task = s->task;
	if (!task || !task_ended(task, 0))
		return;
	s->task = NULL;
	screen->view.focus = ID_PASSPHRASE;
	app->fresh = true;
	if (s->attempt->rc)
		say(s, STYLE_DANGER, s->attempt->rc == SV_E_STOPPED ? "" : s->attempt->err.text);
	else
		take_map(app, s); /* the page may be gone now */
	task_leave(task);
}

/* ---- the page ---- */

static void fill_parts(const struct app *app, struct page *page)
{
	struct content_view view;
	char line[400], size[SV_SIZE_TEXT];
	content_get(app->content, &app->to_unlock, &view);
	for (size_t i = 0; i < view.n_parts; i++) {
		const struct sv_map_part *part = &view.parts[i];
		if (!is_encrypted(part))
			continue;
		part_line(part, line, sizeof(line));
		page_text(page, part->locked ? STYLE_WARN : STYLE_OK, "  %s, %s", line,
			  sv_text_size(size, part->size));
	}
	content_view_clear(&view);
	page_gap(page);
}

static void fill_field(const struct app *app, const struct unlock_state *s, struct page *page)
{
	page_field(page, ID_PASSPHRASE, _("Passphrase"), (const char *)s->typed.bytes, true);
	page_item(page, ID_UNLOCK, 0, s->typed.len ? NULL : _("type the passphrase first"), "%s",
		  _("Unlock"));
	if (keyring_has(app->keyring, &app->to_unlock))
		page_item(page, ID_LOCK, 0, NULL, "%s", _("Lock it again"));
	if (*s->sentence)
		page_sentence(page, s->style, s->sentence);
	page_gap(page);
	page_text(page, STYLE_DIM, "%s",
		  _("It is only looked into: nothing on the disk is changed, and what is saved "
		    "stays encrypted. Left locked, all of it is read. The passphrase is kept in "
		    "memory until Salvor ends, and never written down."));
}

static void fill(const struct app *app, const struct screen *screen, struct page *page)
{
	const struct unlock_state *s = screen->state;
	char name[APP_DISK_TEXT];
	flow_head(app, page, 0);
	page_text(page, STYLE_STRONG, "%s", _("Unlock what is encrypted"));
	page_text(page, STYLE_NORMAL, "%s", app_disk_name(app, &app->to_unlock, name));
	page_gap(page);
	fill_parts(app, page);
	if (s->task) {
		page_text(page, STYLE_STRONG, "%s", _("Trying the passphrase ..."));
		page_item(page, ID_STOP, 0, NULL, "%s", _("Stop"));
	} else {
		fill_field(app, s, page);
	}
}

static void lock_again(struct app *app)
{
	keyring_forget(app->keyring, &app->to_unlock);
	content_again(app->content, &app->to_unlock);
	app_log(app, _("disk #%u: locked again"), app_disk_number(app, &app->to_unlock));
	app_pop(app);
}

static bool act(struct app *app, struct screen *screen, enum request request, int id)
{
	struct unlock_state *s = screen->state;
	if (request != REQ_ENTER)
		return false;
	if (s->task)
		keys_cancel(s->attempt->keys);
	else if (id == ID_LOCK)
		lock_again(app);
	else
		begin(app, screen);
	return true;
}

static void text(struct app *app, struct screen *screen, int id, const char *value)
{
	struct unlock_state *s = screen->state;
	size_t len = strlen(value);
	(void)app;
	if (id != ID_PASSPHRASE || len >= s->typed.room)
		return;
	clear_typed(s);
	memcpy(s->typed.bytes, value, len);
	s->typed.len = len;
	say(s, STYLE_NORMAL, "");
}

static int open_unlock(struct app *app, struct screen *screen, struct sv_err *err)
{
	struct unlock_state *s = screen->state;
	(void)app;
	return sv_secret_create(&s->typed, SV_PASSPHRASE_MAX) ? 0 : sv_fail_nomem(err);
}

static void done(struct app *app, struct screen *screen)
{
	struct unlock_state *s = screen->state;
	(void)app;
	sv_secret_wipe(&s->typed);
	if (s->task)
		keys_cancel(s->attempt->keys);
	task_leave(s->task);
}

const struct screen_ops screen_unlock = {
	.name = "unlock",
	.help = N_("A LUKS volume is read whole as long as it is locked, for nobody can tell what "
		   "in it is in use. With its passphrase only used blocks are read, which is "
		   "faster and takes less space. The keyboard layout is the one of the settings. "
		   "Going back leaves it locked, which is safe, too."),
	.state_size = sizeof(struct unlock_state),
	.tick_ms = 200,
	.open = open_unlock,
	.fill = fill,
	.act = act,
	.text = text,
	.tick = tick,
	.done = done,
};
