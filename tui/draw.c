/* draw.c - drawing a page with curses: it only reads */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/draw.h"
#include "tui/i18n.h"

#include "engine/salvor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text from (y, x), at most `room` columns. Returns the columns used. */
static int put_wide(int y, int x, int room, attr_t attr, const wchar_t *text)
{
	size_t n = 0;
	int used = 0;
	for (; text[n]; n++) {
		int w = wcwidth(text[n]);
		if (used + (w < 0 ? 1 : w) > room)
			break;
		used += w < 0 ? 1 : w;
	}
	attrset((int)attr);
	mvaddnwstr(y, x, text, (int)n);
	attrset(A_NORMAL);
	return used;
}

static int put_text(int y, int x, int room, attr_t attr, const char *text)
{
	wchar_t *wide = layout_wide(text);
	int used = wide && room > 0 ? put_wide(y, x, room, attr, wide) : 0;
	free(wide);
	return used;
}

static void fill_row(int y, attr_t attr)
{
	attrset((int)attr);
	mvhline(y, 0, ' ', COLS);
	attrset(A_NORMAL);
}

/* ---- head and foot ---- */

static void draw_steps(const struct face_curses *c, const struct page *page, int x)
{
	for (unsigned int i = 0; page->steps && page->steps[i]; i++) {
		char text[80];
		bool here = i == page->step;
		snprintf(text, sizeof(text), here ? "[%u %s]" : " %u %s ", i + 1,
			 _(page->steps[i]));
		x += put_text(0, x, COLS - x, c->theme.title, text);
		if (page->steps[i + 1])
			x += put_wide(0, x, COLS - x, c->theme.title, c->theme.glyphs[GLYPH_STEP]);
	}
}

static void draw_head(const struct face_curses *c, const struct page *page)
{
	fill_row(0, c->theme.title);
	int x = 1 + put_text(0, 1, COLS - 2, c->theme.title, page->title ? page->title : "");
	draw_steps(c, page, x + 2);
	if (page->status) {
		wchar_t *wide = layout_wide(page->status);
		int width = wide ? (int)layout_width(wide, wcslen(wide)) : 0;
		if (wide && width + 2 < COLS)
			put_wide(0, COLS - width - 1, width, c->theme.title, wide);
		free(wide);
	}
}

static int draw_key(const struct face_curses *c, int x, const struct key_entry *entry,
		    const char *label)
{
	int y = LINES - 1;
	if (x + (int)strlen(entry->name) + (int)strlen(label) + 3 > COLS)
		return x;
	x += put_text(y, x, COLS - x, c->theme.key, entry->name);
	x += 1 + put_text(y, x + 1, COLS - x - 1, c->theme.footer, label);
	return x + 2;
}

/* What the page offers first, then what is always there, as far as there is room. */
static void draw_foot(const struct face_curses *c, const struct page *page)
{
	static const enum request always[] = {REQ_BACK, REQ_HELP, REQ_SHELL, REQ_LOG};
	int x = 1;
	fill_row(LINES - 1, A_NORMAL);
	if (page_focus(page, 0))
		x = draw_key(c, x, keys_entry(REQ_ENTER), page_action_label(page, REQ_ENTER));
	for (size_t i = 0; i < page->n_actions; i++)
		x = draw_key(c, x, keys_entry(page->actions[i].request),
			     page_action_label(page, page->actions[i].request));
	for (size_t i = 0; i < SV_ARRAY(always); i++)
		if (always[i] != REQ_BACK || !page->top)
			x = draw_key(c, x, keys_entry(always[i]), keys_label(always[i]));
}

/* ---- lines of the body ---- */

static void draw_rule(const struct face_curses *c, int y, const struct page_block *block)
{
	int x = 1 + put_text(y, 1, COLS - 3, A_BOLD, block->text ? block->text : "");
	for (x++; x < COLS - 1; x++)
		put_wide(y, x, 1, A_NORMAL, c->theme.glyphs[GLYPH_RULE]);
}

static uint64_t bar_total(const struct page_block *block)
{
	uint64_t total = 0;
	for (size_t i = 0; i < block->n; i++)
		total += block->segments[i].size;
	return total ? total : 1;
}

static int draw_segment(const struct face_curses *c, int y, int x, int width,
			const struct page_segment *segment)
{
	int full = (int)((unsigned int)width * segment->fill + 99) / 100;
	for (int i = 0; i < width; i++) {
		wchar_t mark[2] = {(wchar_t)segment->mark, L'\0'};
		const wchar_t *glyph = segment->mark == ' '  ? L" "
				       : i == 0 && width > 1 ? mark
				       : i < full	     ? c->theme.glyphs[GLYPH_USED]
							     : c->theme.glyphs[GLYPH_FREE];
		put_wide(y, x + i, 1, i == 0 ? A_BOLD : A_NORMAL, glyph);
	}
	return x + width;
}

static void draw_bar(const struct face_curses *c, int y, int x, const struct page_block *block)
{
	int room = SV_MIN(COLS - x - 2, 100) - (int)block->n - 1;
	uint64_t total = bar_total(block);
	put_text(y, x++, 1, A_NORMAL, "[");
	for (size_t i = 0; i < block->n && room > 0; i++) {
		int width = (int)((double)block->segments[i].size * room / (double)total);
		x = draw_segment(c, y, x, SV_MAX(width, 1), &block->segments[i]);
		put_text(y, x++, 1, A_NORMAL, i + 1 < block->n ? "|" : "]");
	}
}

static void draw_gauge(const struct face_curses *c, int y, const struct page_block *block)
{
	int width = COLS - 2, full = (int)((unsigned int)width * block->permille / 1000);
	for (int i = 0; i < width; i++)
		put_wide(y, 1 + i, 1, A_NORMAL,
			 c->theme.glyphs[i < full ? GLYPH_FULL : GLYPH_EMPTY]);
}

/* Newest at the right end; two steps per row. */
static void draw_graph(const struct face_curses *c, int y, const struct page_block *block,
		       unsigned int row)
{
	uint64_t most = 1;
	int width = COLS - 16;
	for (size_t i = 0; i < block->n; i++)
		most = SV_MAX(most, block->samples[i]);
	size_t from = block->n > (size_t)width ? block->n - (size_t)width : 0;
	unsigned int base = (LAYOUT_GRAPH_ROWS - 1 - row) * 2;
	for (size_t i = from; i < block->n; i++) {
		unsigned int level = (unsigned int)((double)block->samples[i] * LAYOUT_GRAPH_ROWS *
						    2.0 / (double)most);
		if (level > base)
			put_wide(y, 1 + (int)(i - from), 1, A_NORMAL,
				 c->theme.glyphs[level > base + 1 ? GLYPH_FULL : GLYPH_HALF]);
	}
	char size[SV_SIZE_TEXT], text[60];
	if (row == 0 && block->n) {
		snprintf(text, sizeof(text), "%s/s", sv_text_size(size, most));
		put_text(y, COLS - 14, 13, A_NORMAL, text);
	}
}

/* ---- the map of a disk ---- */

static const enum page_style cell_styles[CELL_COUNT] = {
	[CELL_COPIED] = STYLE_OK,  [CELL_NOT_YET] = STYLE_DIM, [CELL_SKIPPED] = STYLE_WARN,
	[CELL_BAD] = STYLE_DANGER, [CELL_HERE] = STYLE_STRONG,
};

static const char *const cell_words[CELL_COUNT] = {
	[CELL_COPIED] = N_("copied"),	[CELL_NOT_YET] = N_("not yet"),
	[CELL_SKIPPED] = N_("skipped"), [CELL_BAD] = N_("bad"),
	[CELL_HERE] = N_("now"),
};

static size_t map_width(void)
{
	return (size_t)SV_MAX(COLS - 3, 1);
}

/* Of the parts [from, to), the one that must be seen. */
static enum page_cell worst_of(const struct page_block *block, size_t from, size_t to)
{
	enum page_cell worst = CELL_COPIED;
	for (size_t i = from; i < to && i < block->n; i++)
		worst = SV_MAX(worst, (enum page_cell)block->cells[i]);
	return worst;
}

static void draw_map(const struct face_curses *c, int y, const struct page_block *block,
		     unsigned int row, unsigned int rows)
{
	size_t width = map_width(), all = width * rows;
	for (size_t i = 0; block->n && i < width; i++) {
		size_t k = row * width + i, from = k * block->n / all,
		       to = (k + 1) * block->n / all;
		enum page_cell cell = worst_of(block, from, SV_MAX(to, from + 1));
		put_wide(y, 1 + (int)i, 1, c->theme.styles[cell_styles[cell]],
			 c->theme.cells[cell]);
	}
}

static void draw_legend(const struct face_curses *c, int y, const struct page_block *block,
			unsigned int rows)
{
	char size[SV_SIZE_TEXT], text[100];
	int x = 1;
	for (int i = 0; i < CELL_COUNT; i++) {
		x += put_wide(y, x, COLS - x, c->theme.styles[cell_styles[i]], c->theme.cells[i]);
		x += 3 + put_text(y, x + 1, COLS - x - 1, A_NORMAL, _(cell_words[i]));
	}
	snprintf(text, sizeof(text), _("1 cell = %s"),
		 sv_text_size(size, block->span / (map_width() * rows)));
	put_text(y, x, COLS - x, A_NORMAL, text);
}

/* Mark and key of an item, before its text. */
static void draw_item_lead(const struct face_curses *c, int y, const struct page_block *block,
			   bool focus)
{
	char key[2] = {block->key, '\0'};
	if (focus)
		put_wide(y, 0, 1, A_BOLD, c->theme.glyphs[GLYPH_CURSOR]);
	if (block->key)
		put_text(y, 2, 1, c->theme.key, key);
}

static void draw_line(const struct face_curses *c, int y, const struct layout_line *line,
		      bool focus)
{
	const struct page_block *block = line->block;
	int x = (int)line->indent;
	bool lead = line->part == 0 && (block->kind == BLOCK_ITEM || block->kind == BLOCK_OPTION ||
					block->kind == BLOCK_FIELD);
	if (lead)
		draw_item_lead(c, y, block, focus);
	switch (line->kind) {
	case LINE_TEXT:
		if (line->text)
			put_wide(y, x, COLS - x,
				 focus ? c->theme.focus : c->theme.styles[block->style],
				 line->text);
		break;
	case LINE_RULE:
		draw_rule(c, y, block);
		break;
	case LINE_BAR:
		draw_bar(c, y, x, block);
		break;
	case LINE_GAUGE:
		draw_gauge(c, y, block);
		break;
	case LINE_GRAPH:
		draw_graph(c, y, block, line->part);
		break;
	case LINE_MAP:
		draw_map(c, y, block, line->part, line->rows);
		break;
	case LINE_LEGEND:
		draw_legend(c, y, block, line->rows);
		break;
	}
}

/* ---- the body ---- */

static void place_cursor(const struct layout *layout, const struct page *page, size_t top,
			 const struct page_block *focus)
{
	size_t first, end;
	if (!focus || !layout_range(layout, page, focus->id, &first, &end) || first < top) {
		move(1, 0);
		return;
	}
	int x = (int)layout->lines[first].indent, y = (int)(first - top) + 2;
	const wchar_t *text = layout->lines[first].text;
	/* of a field: behind its text, where typing goes on */
	if (focus->kind == BLOCK_FIELD && text)
		x += (int)layout_width(text, wcslen(text)) - 1;
	move(y, SV_MIN(x, COLS - 1));
}

static void draw_body(struct face_curses *c, const struct page *page, struct face_view *view)
{
	struct layout layout;
	size_t rows = (size_t)(LINES - 4);
	const struct page_block *focus = page_focus(page, view->focus);
	layout_make(&layout, page, (unsigned int)COLS - 1, rows);
	size_t top = layout_scroll(&layout, page, view->focus, view->top, rows);
	view->shown = (unsigned int)top;
	for (size_t i = 0; i < rows && top + i < layout.n; i++) {
		const struct layout_line *line = &layout.lines[top + i];
		draw_line(c, (int)i + 2, line, focus && line->block == focus);
	}
	if (top)
		put_wide(1, COLS - 2, 1, A_BOLD, c->theme.glyphs[GLYPH_MORE_UP]);
	if (top + rows < layout.n)
		put_wide(LINES - 2, COLS - 2, 1, A_BOLD, c->theme.glyphs[GLYPH_MORE_DOWN]);
	if (page->lost || layout.lost)
		put_text(1, 1, COLS - 4, A_BOLD, _("out of memory: something is missing here"));
	place_cursor(&layout, page, top, focus);
	layout_clear(&layout);
}

void draw_page(struct face_curses *c, const struct page *page, struct face_view *view)
{
	erase();
	if (COLS < DRAW_MIN_COLUMNS || LINES < DRAW_MIN_ROWS) {
		put_text(0, 0, COLS, A_BOLD, _("This window is too small."));
		put_text(1, 0, COLS, A_NORMAL, _("Make it at least 40 x 8."));
		return;
	}
	draw_head(c, page);
	draw_body(c, page, view);
	int y, x;
	getyx(stdscr, y, x);
	draw_foot(c, page);
	move(y, x);
}
