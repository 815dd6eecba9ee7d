/* mounted.c - the volumes that were mounted for a flow, until that is left or the session ends */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/mounted.h"
#include "tui/app.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mounted_keep(struct app *app, const char *path, struct disk_guard *guard)
{
	struct mounted *v = reallocarray(app->mounted, app->n_mounted + 1, sizeof(*v));
	if (!v) {
		disk_guard_release(guard);
		return;
	}
	app->mounted = v;
	v[app->n_mounted] = (struct mounted){.guard = guard};
	snprintf(v[app->n_mounted++].path, sizeof(v->path), "%s", path);
}

void mounted_use(struct app *app)
{
	for (size_t i = 0; i < app->n_mounted; i++)
		app->mounted[i].used = true;
}

void mounted_leave_all(struct app *app)
{
	places_unmount_all(app->root);
	while (app->n_mounted)
		disk_guard_release(app->mounted[--app->n_mounted].guard);
	free(app->mounted);
	app->mounted = NULL;
}

/* ---- what nobody needs any more ---- */

struct tidying {
	struct mounted v[8];
	bool gone[8];
	size_t n;
};

static int tidy_run(void *arg, struct sv_err *err)
{
	struct tidying *t = arg;
	(void)err;
	for (size_t i = 0; i < t->n; i++) {
		t->gone[i] = places_unmount(t->v[i].path);
		if (!t->gone[i])
			continue;
		disk_guard_release(t->v[i].guard);
		t->v[i].guard = NULL;
	}
	return 0;
}

/* What is busy, perhaps in a shell, is tried again. */
static void tidy_then(struct app *app, void *arg)
{
	struct tidying *t = arg;
	for (size_t i = 0; i < t->n; i++)
		if (t->gone[i])
			app_log(app, _("%s is not needed any more, and unmounted"), t->v[i].path);
		else
			mounted_keep(app, t->v[i].path, t->v[i].guard);
	t->n = 0;
}

static void tidy_drop(void *arg)
{
	struct tidying *t = arg;
	for (size_t i = 0; i < t->n; i++)
		disk_guard_release(t->v[i].guard);
	free(t);
}

static const struct errand tidy_errand = {
	.failed = N_("This is not possible"),
	.run = tidy_run,
	.then = tidy_then,
	.drop = tidy_drop,
};

static bool lies_in(const char *folder, const char *place)
{
	size_t len = strlen(place);
	return !strncmp(folder, place, len) && (!folder[len] || folder[len] == '/');
}

static bool is_needed(const struct app *app, const struct mounted *m)
{
	struct unfinished_save saves[UNFINISHED_MAX];
	struct unfinished_rescue rescues[UNFINISHED_MAX];
	bool needed = m->used && (!m->guard || !app->work || !app->work->ended);
	size_t n = unfinished_get(app->unfinished, saves);
	for (size_t i = 0; i < n; i++)
		needed |= lies_in(saves[i].folder, m->path);
	n = unfinished_get_rescues(app->unfinished, rescues);
	for (size_t i = 0; i < n; i++)
		needed |= lies_in(rescues[i].folder, m->path);
	return needed;
}

/* The folder that was chosen in it is there no more. */
static void forget(struct app *app, const struct mounted *m)
{
	if (lies_in(app->plan.folder, m->path))
		app->plan.folder[0] = '\0';
}

void mounted_tidy(struct app *app)
{
	struct tidying *t;
	if (!app->n_mounted || unfinished_looking(app->unfinished) || !(t = calloc(1, sizeof(*t))))
		return;
	for (size_t i = app->n_mounted; i-- && t->n < SV_ARRAY(t->v);) {
		struct mounted *m = &app->mounted[i];
		if (is_needed(app, m))
			continue;
		forget(app, m);
		t->v[t->n++] = *m;
		*m = app->mounted[--app->n_mounted];
	}
	if (t->n)
		app_wait(app, &tidy_errand, t, _("What was mounted is being unmounted."));
	else
		free(t);
}
