/* mounted.h - the volumes that were mounted for a flow, until that is left or the session ends */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_MOUNTED_H
#define TUI_MOUNTED_H

#include "engine/salvor.h"

struct app;

/* One of them, in app->mounted. */
struct mounted {
	char path[256];
	struct disk_guard *guard; /* of a volume whose files are looked at; NULL = none */
	bool used;		  /* a job has used it */
};

/* It was mounted just now. The guard is held as long. */
void mounted_keep(struct app *app, const char *path, struct disk_guard *guard);
/* A job has begun: what is mounted stays for it, and a store beyond its end. */
void mounted_use(struct app *app);
/* On the first page: unmount in the background what nobody needs any more. A store that was written
 * to stays, and so does one with something unfinished in it, which is offered there. */
void mounted_tidy(struct app *app);
/* All of them away again, then their guards. */
void mounted_leave_all(struct app *app);

#endif
