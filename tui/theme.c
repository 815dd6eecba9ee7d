/* theme.c - attributes and glyphs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/theme.h"

#include <string.h>

enum pair { PAIR_OK = 1, PAIR_WARN, PAIR_DANGER, PAIR_TITLE, PAIR_KEY };

static const struct theme mono_theme = {
	.styles = {[STYLE_NORMAL] = A_NORMAL,
		   [STYLE_DIM] = A_NORMAL,
		   [STYLE_STRONG] = A_BOLD,
		   [STYLE_OK] = A_BOLD,
		   [STYLE_WARN] = A_BOLD,
		   [STYLE_DANGER] = A_REVERSE},
	.title = A_REVERSE,
	.footer = A_NORMAL,
	.key = A_BOLD,
	.focus = A_REVERSE,
	.step = A_BOLD,
};

/* What is not ASCII is in code page 437, too: every console font has it. */
static const wchar_t *const utf8_glyphs[GLYPH_COUNT] = {
	[GLYPH_RULE] = L"\u2500",  [GLYPH_CURSOR] = L"\u25ba",	[GLYPH_USED] = L"\u2592",
	[GLYPH_FREE] = L"\u2591",  [GLYPH_FULL] = L"\u2588",	[GLYPH_HALF] = L"\u2584",
	[GLYPH_EMPTY] = L"\u2591", [GLYPH_MORE_UP] = L"\u2191", [GLYPH_MORE_DOWN] = L"\u2193",
	[GLYPH_STEP] = L"\u2500",
};

static const wchar_t *const ascii_glyphs[GLYPH_COUNT] = {
	[GLYPH_RULE] = L"-",  [GLYPH_CURSOR] = L">",  [GLYPH_USED] = L"#",
	[GLYPH_FREE] = L".",  [GLYPH_FULL] = L"#",    [GLYPH_HALF] = L"_",
	[GLYPH_EMPTY] = L".", [GLYPH_MORE_UP] = L"^", [GLYPH_MORE_DOWN] = L"v",
	[GLYPH_STEP] = L"-",
};

static const wchar_t *const utf8_cells[CELL_COUNT] = {
	[CELL_COPIED] = L"\u2588", [CELL_NOT_YET] = L"\u2591", [CELL_SKIPPED] = L"?",
	[CELL_BAD] = L"X",	   [CELL_HERE] = L"@",
};

static const wchar_t *const ascii_cells[CELL_COUNT] = {
	[CELL_COPIED] = L"#", [CELL_NOT_YET] = L".", [CELL_SKIPPED] = L"?",
	[CELL_BAD] = L"X",    [CELL_HERE] = L"@",
};

static void add_colours(struct theme *theme)
{
	start_color();
	use_default_colors();
	init_pair(PAIR_OK, COLOR_GREEN, -1);
	init_pair(PAIR_WARN, COLOR_YELLOW, -1);
	init_pair(PAIR_DANGER, COLOR_WHITE, COLOR_RED);
	init_pair(PAIR_TITLE, COLOR_WHITE, COLOR_BLUE);
	init_pair(PAIR_KEY, COLOR_CYAN, -1);
	theme->styles[STYLE_OK] = (attr_t)COLOR_PAIR(PAIR_OK) | A_BOLD;
	theme->styles[STYLE_WARN] = (attr_t)COLOR_PAIR(PAIR_WARN) | A_BOLD;
	theme->styles[STYLE_DANGER] = (attr_t)COLOR_PAIR(PAIR_DANGER) | A_BOLD;
	theme->title = (attr_t)COLOR_PAIR(PAIR_TITLE) | A_BOLD;
	theme->key = (attr_t)COLOR_PAIR(PAIR_KEY) | A_BOLD;
}

void theme_init(struct theme *theme, bool mono, bool ascii)
{
	*theme = mono_theme;
	memcpy(theme->glyphs, ascii ? ascii_glyphs : utf8_glyphs, sizeof(theme->glyphs));
	memcpy(theme->cells, ascii ? ascii_cells : utf8_cells, sizeof(theme->cells));
	if (!mono && has_colors())
		add_colours(theme);
}
