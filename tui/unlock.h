/* unlock.h - encrypted volumes on the pages where a source is chosen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_UNLOCK_H
#define TUI_UNLOCK_H

#include "tui/app.h"

/* What of the disk is encrypted, and whether it is unlocked: lines of the item before them. */
void unlock_lines(const struct app *app, struct page *page, const struct disk *disk);
/* Something to choose that leads to the page where it is unlocked, or locked again; nothing where
 * nothing is encrypted. Returns whether there is something. */
bool unlock_item(const struct app *app, struct page *page, int id, char key,
		 const struct disk *disk);
/* The same for what of its source the plan reads. */
void unlock_plan_item(const struct app *app, struct page *page, int id);
/* Go there. */
void unlock_push(struct app *app, const struct disk *disk);

#endif
