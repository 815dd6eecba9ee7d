/* reach.c - what has to be got from a disk or a server before the next page */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/reach.h"
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- mounting ---- */

struct mounting {
	const char *root;
	char node[160], path[256];
	bool write, browse;
	bool fresh;		  /* it was not mounted before */
	struct disk_guard *guard; /* of what is browsed */
	reach_then *then;
};

static int mount_run(void *arg, struct sv_err *err)
{
	struct mounting *m = arg;
	if (!m->browse)
		return places_mount(m->root, m->node, m->write, m->path, &m->fresh, err);
	int rc = places_browse(m->root, m->node, m->path, &m->guard, err);
	m->fresh = m->guard != NULL;
	return rc;
}

static void mount_then(struct app *app, void *arg)
{
	struct mounting *m = arg;
	if (m->fresh)
		mounted_keep(app, m->path, m->guard);
	m->fresh = false;
	m->guard = NULL;
	app_log(app, _("%s is mounted on %s"), m->node, m->path);
	m->then(app, m->node, m->path);
}

static void mount_drop(void *arg)
{
	struct mounting *m = arg;
	/* nobody waits for it any more */
	if (m->fresh)
		places_unmount(m->path);
	disk_guard_release(m->guard);
	free(m);
}

static const struct errand mount_errand = {
	.failed = N_("It cannot be mounted"),
	.run = mount_run,
	.then = mount_then,
	.drop = mount_drop,
};

static void mount_it(struct app *app, const char *node, const struct mounting *how)
{
	char what[300];
	struct mounting *m = calloc(1, sizeof(*m));
	if (!m)
		return;
	*m = *how;
	m->root = app->root;
	snprintf(m->node, sizeof(m->node), "%s", node);
	snprintf(what, sizeof(what), _("%s is being mounted."), node);
	app_wait(app, &mount_errand, m, what);
}

void reach_mount(struct app *app, const char *node, bool write, reach_then *then)
{
	mount_it(app, node, &(struct mounting){.write = write, .then = then});
}

void reach_browse(struct app *app, const char *node, reach_then *then)
{
	mount_it(app, node, &(struct mounting){.browse = true, .then = then});
}

/* ---- where a folder lies ---- */

struct locating {
	const char *root;
	char folder[1024], kname[64];
	reach_then *then;
};

/* What cannot be found out is nothing to stop for. */
static int locate_run(void *arg, struct sv_err *err)
{
	struct locating *l = arg;
	struct sv_err ignored = {0};
	(void)err;
	if (disk_of_path(l->root, l->folder, l->kname, &ignored))
		l->kname[0] = '\0';
	return 0;
}

static void locate_then(struct app *app, void *arg)
{
	const struct locating *l = arg;
	l->then(app, l->folder, l->kname);
}

static const struct errand locate_errand = {
	.failed = N_("This is not possible"),
	.run = locate_run,
	.then = locate_then,
	.drop = free,
};

void reach_device(struct app *app, const char *folder, reach_then *then)
{
	char what[sizeof(((struct locating *)0)->folder) + 100];
	struct locating *l = calloc(1, sizeof(*l));
	if (!l)
		return;
	l->root = app->root;
	l->then = then;
	snprintf(l->folder, sizeof(l->folder), "%s", folder);
	snprintf(what, sizeof(what), _("The folder %s is being looked at."), folder);
	app_wait(app, &locate_errand, l, what);
}

/* ---- opening an image ---- */

struct opening {
	const char *root;
	char path[1400];
	const struct screen_ops *next;
	struct app_image image;
};

static int image_run(void *arg, struct sv_err *err)
{
	struct opening *o = arg;
	int rc = image_reader_open(o->path, IMAGE_OPEN_SALVAGE, &o->image.reader, err);
	return rc ? rc : disk_of_path(o->root, o->path, o->image.store, err);
}

static void image_then(struct app *app, void *arg)
{
	struct opening *o = arg;
	image_reader_close(app->image.reader);
	app->image = o->image;
	o->image.reader = NULL;
	app_push(app, o->next);
}

static void image_drop(void *arg)
{
	struct opening *o = arg;
	image_reader_close(o->image.reader);
	free(o);
}

static const struct errand image_errand = {
	.failed = N_("This is not possible"),
	.run = image_run,
	.then = image_then,
	.drop = image_drop,
};

void reach_image(struct app *app, const struct screen_ops *next)
{
	char what[sizeof(app->plan.name) + 100];
	struct opening *o = calloc(1, sizeof(*o));
	if (!o)
		return;
	o->root = app->root;
	o->next = next;
	flow_image_path(app, o->path, sizeof(o->path));
	snprintf(what, sizeof(what), _("The image %s is being opened."), app->plan.name);
	app_wait(app, &image_errand, o, what);
}

/* ---- the end ---- */

struct leaving {
	const char *root, *program;
};

static int exit_run(void *arg, struct sv_err *err)
{
	const struct leaving *l = arg;
	(void)err;
	places_unmount_all(l->root);
	return 0;
}

static void exit_then(struct app *app, void *arg)
{
	const struct leaving *l = arg;
	mounted_leave_all(app);
	pid_t pid = l->program ? fork() : -1;
	if (pid == 0) {
		execlp(l->program, l->program, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	app->quit = true;
}

static const struct errand exit_errand = {
	.failed = N_("This is not possible"),
	.run = exit_run,
	.then = exit_then,
	.drop = free,
};

void reach_exit(struct app *app, const char *program)
{
	struct leaving *l = calloc(1, sizeof(*l));
	if (!l)
		return;
	*l = (struct leaving){.root = app->root, .program = program};
	app_wait(app, &exit_errand, l, _("What was mounted is being unmounted."));
}
