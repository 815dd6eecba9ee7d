/* layout.c - a page as lines of a given width */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/layout.h"

#include "engine/salvor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_INDENT  4 /* mark, key and a blank */
#define OWNED_INDENT 8
#define NAME_WIDTH   14

wchar_t *layout_wide(const char *text)
{
	size_t len = strlen(text), n = 0;
	wchar_t *wide = calloc(len + 1, sizeof(*wide));
	mbstate_t state = {0};
	if (!wide)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t used = mbrtowc(&wide[n], text + i, len - i, &state);
		if (used == (size_t)-1 || used == (size_t)-2 || !used) {
			wide[n] = L'?';
			used = 1;
			memset(&state, 0, sizeof(state));
		}
		n++;
		i += used;
	}
	wide[n] = L'\0';
	return wide;
}

unsigned int layout_width(const wchar_t *text, size_t n)
{
	unsigned int width = 0;
	for (size_t i = 0; i < n; i++) {
		int w = wcwidth(text[i]);
		width += w < 0 ? 1 : (unsigned int)w;
	}
	return width;
}

static struct layout_line *add(struct layout *layout, enum line_kind kind,
			       const struct page_block *block, unsigned int indent)
{
	struct layout_line *grown = reallocarray(layout->lines, layout->n + 1, sizeof(*grown));
	if (!grown) {
		layout->lost = true;
		return NULL;
	}
	layout->lines = grown;
	struct layout_line *line = &grown[layout->n++];
	*line = (struct layout_line){.kind = kind, .block = block, .indent = indent};
	return line;
}

/* How many characters go on a line: up to the last blank that fits, or as many as fit. */
static size_t fitting(const wchar_t *text, unsigned int width)
{
	size_t n = 0, blank = 0;
	unsigned int used = 0;
	while (text[n]) {
		int w = wcwidth(text[n]);
		used += w < 0 ? 1 : (unsigned int)w;
		if (used > width)
			return blank ? blank : SV_MAX(n, 1);
		n++;
		if (text[n] == L' ')
			blank = n;
	}
	return n;
}

static void add_text(struct layout *layout, const struct page_block *block, const wchar_t *text,
		     unsigned int indent, unsigned int width)
{
	unsigned int part = 0, room = width > indent + 8 ? width - indent : 8;
	do {
		size_t n = fitting(text, room);
		struct layout_line *line = add(layout, LINE_TEXT, block, indent);
		if (!line)
			return;
		line->part = part++;
		line->text = calloc(n + 1, sizeof(wchar_t));
		if (!line->text) {
			layout->lost = true;
			return;
		}
		wmemcpy(line->text, text, n);
		text += n;
		while (*text == L' ')
			text++;
	} while (*text);
}

static unsigned int columns(const char *text)
{
	wchar_t *wide = layout_wide(text);
	unsigned int width = wide ? layout_width(wide, wcslen(wide)) : 0;
	free(wide);
	return width;
}

/* "Name          value", the value lined up with its neighbours. */
static char *named_text(const struct page_block *block)
{
	char *text = NULL, *hidden = NULL;
	const char *value = block->value ? block->value : "";
	if (block->secret) {
		hidden = calloc(strlen(value) + 1, 1);
		if (!hidden)
			return NULL;
		memset(hidden, '*', strlen(value));
		value = hidden;
	}
	int pad = NAME_WIDTH - (int)columns(block->text ? block->text : "");
	if (asprintf(&text, block->kind == BLOCK_FIELD ? "%s%*s[%s]" : "%s%*s%s",
		     block->text ? block->text : "", SV_MAX(pad, 1), "", value) < 0)
		text = NULL;
	free(hidden);
	return text;
}

static void add_block_text(struct layout *layout, const struct page_block *block, const char *text,
			   unsigned int indent, unsigned int width)
{
	wchar_t *wide = text ? layout_wide(text) : NULL;
	if (wide)
		add_text(layout, block, wide, indent, width);
	else
		layout->lost = true;
	free(wide);
}

static void add_map(struct layout *layout, const struct page_block *block, unsigned int rows)
{
	for (unsigned int i = 0; i <= rows; i++) {
		struct layout_line *line = add(layout, i < rows ? LINE_MAP : LINE_LEGEND, block, 1);
		if (line) {
			line->part = i;
			line->rows = rows;
		}
	}
}

static void add_block(struct layout *layout, const struct page_block *block, unsigned int width,
		      unsigned int map_rows)
{
	char *text;
	switch (block->kind) {
	case BLOCK_TEXT:
		add_block_text(layout, block, block->text, block->owned ? OWNED_INDENT : 1, width);
		break;
	case BLOCK_HEAD:
		add(layout, LINE_RULE, block, 1);
		break;
	case BLOCK_GAP:
		add(layout, LINE_TEXT, block, 0);
		break;
	case BLOCK_ITEM:
		add_block_text(layout, block, block->text, ITEM_INDENT, width);
		break;
	case BLOCK_OPTION:
	case BLOCK_FIELD:
		text = named_text(block);
		add_block_text(layout, block, text, ITEM_INDENT, width);
		free(text);
		break;
	case BLOCK_BAR:
		add(layout, LINE_BAR, block, block->owned ? OWNED_INDENT : 1);
		break;
	case BLOCK_GAUGE:
		add(layout, LINE_GAUGE, block, 1);
		break;
	case BLOCK_GRAPH:
		for (unsigned int i = 0; i < LAYOUT_GRAPH_ROWS; i++) {
			struct layout_line *line = add(layout, LINE_GRAPH, block, 1);
			if (line)
				line->part = i;
		}
		break;
	case BLOCK_MAP:
		add_map(layout, block, map_rows);
		break;
	}
}

static void make(struct layout *layout, const struct page *page, unsigned int width,
		 unsigned int map_rows)
{
	memset(layout, 0, sizeof(*layout));
	for (size_t i = 0; i < page->n; i++)
		add_block(layout, &page->blocks[i], SV_MIN(width, LAYOUT_COLUMNS - 1u), map_rows);
}

static bool has_map(const struct page *page)
{
	for (size_t i = 0; i < page->n; i++)
		if (page->blocks[i].kind == BLOCK_MAP)
			return true;
	return false;
}

void layout_make(struct layout *layout, const struct page *page, unsigned int width, size_t height)
{
	make(layout, page, width, LAYOUT_MAP_ROWS);
	if (layout->n >= height || !has_map(page))
		return;
	size_t rows = LAYOUT_MAP_ROWS + height - layout->n;
	layout_clear(layout);
	make(layout, page, width, (unsigned int)SV_MIN(rows, (size_t)LAYOUT_MAP_MOST));
}

void layout_clear(struct layout *layout)
{
	for (size_t i = 0; i < layout->n; i++)
		free(layout->lines[i].text);
	free(layout->lines);
	memset(layout, 0, sizeof(*layout));
}

bool layout_range(const struct layout *layout, const struct page *page, int id, size_t *first,
		  size_t *end)
{
	const struct page_block *block = page_focus(page, id);
	size_t i = 0;
	while (i < layout->n && layout->lines[i].block != block)
		i++;
	*first = i;
	for (; i < layout->n && (layout->lines[i].block == block || layout->lines[i].block->owned);)
		i++;
	*end = i;
	return block && *first < layout->n;
}

size_t layout_scroll(const struct layout *layout, const struct page *page, int focus, size_t top,
		     size_t rows)
{
	size_t first, end, last = layout->n > rows ? layout->n - rows : 0;
	if (layout_range(layout, page, focus, &first, &end)) {
		/* what stands above the first choice is seen with it */
		if (page_step(page, focus, -1) == page_focus(page, focus)->id && end <= rows)
			first = 0;
		if (first < top)
			top = first;
		if (end > top + rows)
			top = SV_MIN(end - rows, first);
	}
	return SV_MIN(top, last);
}
