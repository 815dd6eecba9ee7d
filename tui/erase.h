/* erase.h - what several screens say of a disk that will be overwritten, and the check that keeps
 * the wrong one safe */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_ERASE_H
#define TUI_ERASE_H

#include "tui/app.h"

/* What is on it now, to scale, and that it will be lost. */
void erase_loss(const struct app *app, struct page *page, const struct disk *disk);
/* The question and its field `id`: the end of the serial number, or the size of a disk without. */
void erase_check(struct page *page, const struct disk *disk, int id, const char *typed);
/* The right thing was typed. */
bool erase_confirmed(const struct disk *disk, const char *typed);

#endif
