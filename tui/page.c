/* page.c - filling and searching the model of a page */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/page.h"

#include "engine/salvor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void block_clear(struct page_block *block)
{
	free(block->text);
	if (block->secret && block->value)
		explicit_bzero(block->value, strlen(block->value));
	free(block->value);
	free(block->samples);
	free(block->segments);
	free(block->cells);
}

void page_clear(struct page *page)
{
	for (size_t i = 0; i < page->n; i++)
		block_clear(&page->blocks[i]);
	free(page->blocks);
	free(page->title);
	free(page->status);
	memset(page, 0, sizeof(*page));
}

/* Text comes from disks and images: never trust it to a terminal. */
static char *clean(struct page *page, const char *text)
{
	char *copy = sv_text_clean(text);
	if (!copy)
		page->lost = true;
	return copy;
}

static char *clean_fmt(struct page *page, const char *fmt, va_list ap)
{
	char *raw = NULL;
	if (vasprintf(&raw, fmt, ap) < 0) {
		page->lost = true;
		return NULL;
	}
	char *copy = clean(page, raw);
	free(raw);
	return copy;
}

static struct page_block *add(struct page *page, enum block_kind kind, enum page_style style)
{
	struct page_block *grown = reallocarray(page->blocks, page->n + 1, sizeof(*grown));
	if (!grown) {
		page->lost = true;
		return NULL;
	}
	page->blocks = grown;
	struct page_block *block = &grown[page->n++];
	*block = (struct page_block){.kind = kind, .style = style};
	return block;
}

void page_title(struct page *page, const char *title)
{
	free(page->title);
	page->title = clean(page, title);
}

void page_status(struct page *page, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	free(page->status);
	page->status = clean_fmt(page, fmt, ap);
	va_end(ap);
}

void page_steps(struct page *page, const char *const *steps, unsigned int step)
{
	page->steps = steps;
	page->step = step;
}

void page_action(struct page *page, enum request request, const char *label)
{
	if (page->n_actions < PAGE_MAX_ACTIONS)
		page->actions[page->n_actions++] =
			(struct page_action){.request = request, .label = label};
}

/* A block with a text. */
static struct page_block *add_text(struct page *page, enum block_kind kind, enum page_style style,
				   const char *fmt, va_list ap)
{
	struct page_block *block = add(page, kind, style);
	if (block)
		block->text = clean_fmt(page, fmt, ap);
	return block;
}

/* n things of `size` bytes, copied; NULL for none. */
static void *copy_array(struct page *page, const void *from, size_t n, size_t size)
{
	void *copy = n ? calloc(n, size) : NULL;
	if (copy)
		memcpy(copy, from, n * size);
	else if (n)
		page->lost = true;
	return copy;
}

void page_text(struct page *page, enum page_style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_text(page, BLOCK_TEXT, style, fmt, ap);
	va_end(ap);
}

void page_sentence(struct page *page, enum page_style style, const char *sentence)
{
	size_t len = strlen(sentence);
	bool ended = len && strchr(".?!", sentence[len - 1]);
	page_text(page, style, ended ? "%s" : "%s.", sentence);
}

void page_head(struct page *page, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_text(page, BLOCK_HEAD, STYLE_NORMAL, fmt, ap);
	va_end(ap);
}

void page_gap(struct page *page)
{
	add(page, BLOCK_GAP, STYLE_NORMAL);
}

void page_item(struct page *page, int id, char key, const char *reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct page_block *block =
		add_text(page, BLOCK_ITEM, reason ? STYLE_DIM : STYLE_NORMAL, fmt, ap);
	va_end(ap);
	if (!block)
		return;
	block->id = id;
	block->key = key;
	block->disabled = reason;
	if (reason)
		page_item_line(page, STYLE_DIM, "%s", reason);
}

void page_item_line(struct page *page, enum page_style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct page_block *block = add_text(page, BLOCK_TEXT, style, fmt, ap);
	va_end(ap);
	if (block)
		block->owned = true;
}

void page_bar(struct page *page, const struct page_segment *segments, size_t n)
{
	struct page_block *block = add(page, BLOCK_BAR, STYLE_NORMAL);
	if (!block)
		return;
	block->segments = copy_array(page, segments, n, sizeof(*segments));
	block->n = block->segments ? n : 0;
}

void page_item_bar(struct page *page, const struct page_segment *segments, size_t n)
{
	page_bar(page, segments, n);
	if (page->n && page->blocks[page->n - 1].kind == BLOCK_BAR)
		page->blocks[page->n - 1].owned = true;
}

void page_option(struct page *page, int id, const char *name, const char *fmt, ...)
{
	struct page_block *block = add(page, BLOCK_OPTION, STYLE_NORMAL);
	va_list ap;
	if (!block)
		return;
	va_start(ap, fmt);
	block->value = clean_fmt(page, fmt, ap);
	va_end(ap);
	block->id = id;
	block->text = clean(page, name);
}

void page_field(struct page *page, int id, const char *name, const char *value, bool secret)
{
	struct page_block *block = add(page, BLOCK_FIELD, STYLE_NORMAL);
	if (!block)
		return;
	block->id = id;
	block->secret = secret;
	block->text = clean(page, name);
	/* not shown, so it may hold what it likes, and leaves no copies */
	block->value = secret ? strdup(value) : clean(page, value);
	page->lost |= !block->value;
}

void page_gauge(struct page *page, unsigned int permille)
{
	struct page_block *block = add(page, BLOCK_GAUGE, STYLE_NORMAL);
	if (block)
		block->permille = SV_MIN(permille, 1000u);
}

void page_graph(struct page *page, const uint64_t *samples, size_t n)
{
	struct page_block *block = add(page, BLOCK_GRAPH, STYLE_NORMAL);
	if (!block)
		return;
	block->samples = copy_array(page, samples, n, sizeof(*samples));
	block->n = block->samples ? n : 0;
}

void page_map(struct page *page, const uint8_t *cells, size_t n, uint64_t span)
{
	struct page_block *block = add(page, BLOCK_MAP, STYLE_NORMAL);
	if (!block)
		return;
	block->cells = copy_array(page, cells, n, sizeof(*cells));
	block->n = block->cells ? n : 0;
	block->span = span;
}

bool page_can_focus(const struct page_block *block)
{
	return !block->disabled && (block->kind == BLOCK_ITEM || block->kind == BLOCK_OPTION ||
				    block->kind == BLOCK_FIELD);
}

const struct page_block *page_focus(const struct page *page, int id)
{
	const struct page_block *first = NULL;
	for (size_t i = 0; i < page->n; i++) {
		const struct page_block *block = &page->blocks[i];
		if (!page_can_focus(block))
			continue;
		if (block->id == id)
			return block;
		if (!first)
			first = block;
	}
	return page->no_default ? NULL : first;
}

static int first_choice(const struct page *page, int id)
{
	for (size_t i = 0; i < page->n; i++)
		if (page_can_focus(&page->blocks[i]))
			return page->blocks[i].id;
	return id;
}

int page_step(const struct page *page, int id, int direction)
{
	const struct page_block *here = page_focus(page, id);
	if (!here)
		return first_choice(page, id);
	ptrdiff_t i = here - page->blocks;
	for (i += direction; i >= 0 && (size_t)i < page->n; i += direction)
		if (page_can_focus(&page->blocks[i]))
			return page->blocks[i].id;
	return here->id;
}

const struct page_block *page_by_key(const struct page *page, int key)
{
	for (size_t i = 0; key && i < page->n; i++)
		if (page->blocks[i].kind == BLOCK_ITEM && page->blocks[i].key == key)
			return &page->blocks[i];
	return NULL;
}

bool page_has_action(const struct page *page, enum request request)
{
	for (size_t i = 0; i < page->n_actions; i++)
		if (page->actions[i].request == request)
			return true;
	return false;
}

const char *page_action_label(const struct page *page, enum request request)
{
	for (size_t i = 0; i < page->n_actions; i++)
		if (page->actions[i].request == request && page->actions[i].label)
			return page->actions[i].label;
	return keys_label(request);
}
