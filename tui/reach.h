/* reach.h - what has to be got from a disk or a server before the next page: all behind app_wait()
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_REACH_H
#define TUI_REACH_H

#include "tui/app.h"

/* Mount a partition for images, or for looking at its files (places_browse()); then() is called on
 * the page that asked for it. */
typedef void reach_then(struct app *app, const char *node, const char *path);
void reach_mount(struct app *app, const char *node, bool write, reach_then *then);
void reach_browse(struct app *app, const char *node, reach_then *then);
/* Find out which disk or partition a folder lies on: then() gets its kernel name, "" for none. */
void reach_device(struct app *app, const char *folder, reach_then *then);
/* Open the image that the plan names, into app->image, and put `next` on top. */
void reach_image(struct app *app, const struct screen_ops *next);
/* Unmount what was mounted, and end; `program`, when not NULL, is run last. */
void reach_exit(struct app *app, const char *program);

#endif
