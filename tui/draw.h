/* draw.h - drawing a page with curses; private to the curses face */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_DRAW_H
#define TUI_DRAW_H

#include "tui/face.h"
#include "tui/layout.h"
#include "tui/guard.h"
#include "tui/theme.h"

struct face_curses {
	struct face face;
	SCREEN *terminal;
	struct theme theme;
	struct guard guard;
	int signals; /* of face_signals(), borrowed */
};

#define DRAW_MIN_COLUMNS 40
#define DRAW_MIN_ROWS	 8

/* The whole screen: head, body, footer; the cursor stands on what is chosen. */
void draw_page(struct face_curses *c, const struct page *page, struct face_view *view);

#endif
