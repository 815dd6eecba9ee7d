/* layout.h - a page as lines of a given width, before anything is drawn */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include "tui/page.h"

#include <wchar.h>

enum line_kind {
	LINE_TEXT,
	LINE_RULE,
	LINE_BAR,
	LINE_GAUGE,
	LINE_GRAPH, /* row `part` of LAYOUT_GRAPH_ROWS, from the top */
	LINE_MAP,   /* row `part` of `rows` */
	LINE_LEGEND,
};

#define LAYOUT_GRAPH_ROWS 4
#define LAYOUT_MAP_ROWS	  5 /* at least */
#define LAYOUT_MAP_MOST	  20
#define LAYOUT_COLUMNS	  512

struct layout_line {
	enum line_kind kind;
	const struct page_block *block; /* the page's */
	unsigned int part;		/* which line of its block */
	unsigned int rows;		/* of a map: how many there are */
	unsigned int indent;
	wchar_t *text; /* owned; NULL when there is none */
};

struct layout {
	struct layout_line *lines;
	size_t n;
	bool lost;
};

/* Wraps at blanks. `width`: columns, at least 10. `height`: the lines that are shown; a map takes
 * what the others leave of them. */
void layout_make(struct layout *layout, const struct page *page, unsigned int width, size_t height);
void layout_clear(struct layout *layout);

/* The lines of the block with that id and of what belongs to it: [first, end). false: no such. */
bool layout_range(const struct layout *layout, const struct page *page, int id, size_t *first,
		  size_t *end);
/* The first line to show so that the focus is seen, near to the one shown before. */
size_t layout_scroll(const struct layout *layout, const struct page *page, int focus, size_t top,
		     size_t rows);

/* Columns of the screen; a character that cannot be shown counts as one. */
unsigned int layout_width(const wchar_t *text, size_t n);
/* Owned by the caller; NULL when out of memory. Bytes that are no text become '?'. */
wchar_t *layout_wide(const char *text);

#endif
