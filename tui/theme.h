/* theme.h - how meanings look: attributes and glyphs, in colour or mono, in UTF-8 or ASCII */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_THEME_H
#define TUI_THEME_H

#include "tui/page.h"

#include <ncurses.h>

enum glyph {
	GLYPH_RULE,
	GLYPH_CURSOR,
	GLYPH_USED,
	GLYPH_FREE,
	GLYPH_FULL,
	GLYPH_HALF,
	GLYPH_EMPTY,
	GLYPH_MORE_UP,
	GLYPH_MORE_DOWN,
	GLYPH_STEP,
	GLYPH_COUNT
};

struct theme {
	attr_t styles[STYLE_COUNT];
	attr_t title, footer, key, focus, step;
	const wchar_t *glyphs[GLYPH_COUNT]; /* static strings of one column */
	const wchar_t
		*cells[CELL_COUNT]; /* likewise; each another one: colour says nothing alone */
};

/* After initscr(). Nothing is said by colour or brightness alone: every style also has its words.
 */
void theme_init(struct theme *theme, bool mono, bool ascii);

#endif
