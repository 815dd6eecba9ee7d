/* page.h - what a screen says, apart from how it looks: the model that every face shows */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_PAGE_H
#define TUI_PAGE_H

#include "tui/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A screen fills a page from its state; the curses face lays it out, the plain face reads it out
 * line by line. The page owns copies of all strings. One thread. Running out of memory is
 * remembered in `lost`: the face then says so in the place of what is missing.
 */

/* What a text means, never a colour. */
enum page_style {
	STYLE_NORMAL,
	STYLE_DIM,    /* not possible now, or of little weight */
	STYLE_STRONG, /* the question, the verdict */
	STYLE_OK,
	STYLE_WARN,
	STYLE_DANGER, /* what will be lost */
	STYLE_COUNT
};

enum block_kind {
	BLOCK_TEXT,   /* a paragraph, wrapped */
	BLOCK_HEAD,   /* the head of a section: a rule with a name */
	BLOCK_GAP,    /* an empty line */
	BLOCK_ITEM,   /* can be chosen */
	BLOCK_OPTION, /* a name and a value that can be changed in place */
	BLOCK_FIELD,  /* a name and a text that can be typed */
	BLOCK_BAR,    /* the partitions of a disk, to scale */
	BLOCK_GAUGE,  /* how far: permille */
	BLOCK_GRAPH,  /* samples over time, newest last */
	BLOCK_MAP,    /* the parts of a disk, each by how it stands, with a legend below */
};

/* How a part of a disk stands; of several that are drawn as one, the last of these is seen. */
enum page_cell {
	CELL_COPIED,
	CELL_NOT_YET,
	CELL_SKIPPED,
	CELL_BAD,
	CELL_HERE, /* it is being read */
	CELL_COUNT
};

/* One piece of a bar. */
struct page_segment {
	uint64_t size;
	unsigned int fill; /* percent that is in use */
	char mark;	   /* one character that stands for it */
};

struct page_block {
	enum block_kind kind;
	enum page_style style;
	int id;		   /* of items, options and fields: the screen's name for it */
	char key;	   /* chooses the item, 0 = none; a digit or a capital letter */
	bool disabled;	   /* cannot be chosen; the text says why */
	bool owned;	   /* belongs to the item before it: shown and scrolled with it */
	unsigned int name; /* columns of the name before the value */
	char *text;	   /* paragraph, name of item, option or field */
	char *value;	   /* of options and fields; hint of items; may be NULL */
	uint64_t *samples; /* of a graph */
	struct page_segment *segments; /* of a bar */
	uint8_t *cells;		       /* of a map: enum page_cell */
	uint64_t span;		       /* of a map: bytes of all cells */
	size_t n;		       /* samples, segments or cells */
	unsigned int permille;	       /* of a gauge */
	bool secret;		       /* a field whose text is not shown */
};

#define PAGE_MAX_ACTIONS 12

struct page_action {
	enum request request;
	const char *label; /* NULL = the key table's */
};

struct page {
	char *title;
	char *status;		  /* of a job that runs meanwhile; NULL = none */
	const char *const *steps; /* of a flow; NULL-terminated, static; NULL = none */
	unsigned int step;
	struct page_block *blocks;
	size_t n;
	struct page_action actions[PAGE_MAX_ACTIONS]; /* besides those that are always there */
	size_t n_actions;
	bool no_default; /* nothing is chosen until the user chooses it */
	int enter;	 /* what Enter alone chooses in plain mode, 0 = nothing */
	bool top;	 /* no page below: nothing to go back to */
	bool lost;	 /* out of memory */
};

void page_clear(struct page *page);

void page_title(struct page *page, const char *title);
void page_status(struct page *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void page_steps(struct page *page, const char *const *steps, unsigned int step);
void page_action(struct page *page, enum request request, const char *label);

void page_text(struct page *page, enum page_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A sentence of the engine, which has no full stop; what asks something has its own end. */
void page_sentence(struct page *page, enum page_style style, const char *sentence);
void page_head(struct page *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void page_gap(struct page *page);

/* `reason` not NULL: cannot be chosen, and this is why. */
void page_item(struct page *page, int id, char key, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* A line that belongs to the item before it. */
void page_item_line(struct page *page, enum page_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void page_item_bar(struct page *page, const struct page_segment *segments, size_t n);
void page_bar(struct page *page, const struct page_segment *segments, size_t n);
void page_option(struct page *page, int id, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void page_field(struct page *page, int id, const char *name, const char *value, bool secret);
void page_gauge(struct page *page, unsigned int permille);
void page_graph(struct page *page, const uint64_t *samples, size_t n);
/* n parts of equal size, `span` bytes in all. */
void page_map(struct page *page, const uint8_t *cells, size_t n, uint64_t span);

/* ---- looking at it ---- */

bool page_can_focus(const struct page_block *block);
/* The block with that id, else (but for no_default) the first that can be chosen, else NULL. */
const struct page_block *page_focus(const struct page *page, int id);
/* The next one that can be chosen in direction +1 or -1, from `id`; id itself at the end. */
int page_step(const struct page *page, int id, int direction);
/* The item with that key, NULL when there is none. */
const struct page_block *page_by_key(const struct page *page, int key);
bool page_has_action(const struct page *page, enum request request);
const char *page_action_label(const struct page *page, enum request request);

#endif
