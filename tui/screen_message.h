/* screen_message.h - a page that says one thing */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_SCREEN_MESSAGE_H
#define TUI_SCREEN_MESSAGE_H

#include "tui/app.h"

void message_set(struct screen *screen, enum page_style style, const char *title,
		 const char *sentence);

#endif
