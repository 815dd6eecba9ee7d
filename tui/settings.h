/* settings.h - the language is asked for before anything else */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_SETTINGS_H
#define TUI_SETTINGS_H

#include "tui/app.h"

/* After the first page: on a live system that was started without a language, and where nobody has
 * answered yet, the page that asks is put on top; else what was answered elsewhere is spoken. */
void settings_begin(struct app *app);

#endif
