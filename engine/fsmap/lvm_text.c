/* lvm_text.c - LVM2 metadata: the text as a tree of sections, lists, strings and numbers */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/lvm.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* of sections; lvm2 has four */
#define NODES_MAX 131072u

struct parser {
	struct lvm_text *t;
	size_t pos;
};

static bool at_end(const struct parser *p)
{
	return p->pos >= p->t->len;
}

static char peek(const struct parser *p)
{
	return at_end(p) ? '\0' : p->t->text[p->pos];
}

/* Spaces and comments. */
static void skip_space(struct parser *p)
{
	for (; !at_end(p); p->pos++) {
		char c = peek(p);
		while (c == '#' && !at_end(p) && peek(p) != '\n')
			p->pos++;
		c = peek(p);
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static bool accept(struct parser *p, char c)
{
	skip_space(p);
	if (at_end(p) || peek(p) != c)
		return false;
	p->pos++;
	return true;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-.+/", c));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int add_node(struct lvm_text *t, const struct lvm_node *node, uint32_t *index)
{
	if (t->n == NODES_MAX)
		return SV_E_DATA;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct lvm_node *v = realloc(t->v, cap * sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		t->v = v;
		t->cap = cap;
	}
	*index = (uint32_t)t->n;
	t->v[t->n++] = *node;
	return 0;
}

static int parse_string(struct parser *p, struct lvm_node *node)
{
	size_t start = p->pos;
	node->kind = LVM_STRING;
	node->value = p->t->text + start;
	for (; !at_end(p) && peek(p) != '"'; p->pos++)
		if (peek(p) == '\\')
			p->pos++;
	if (at_end(p))
		return SV_E_DATA;
	node->value_len = (uint32_t)(p->pos - start);
	p->pos++;
	return 0;
}

/* lvm2 writes no fractions and no number below zero that is of any use here. */
static int parse_number(struct parser *p, struct lvm_node *node)
{
	bool negative = accept(p, '-');
	node->kind = LVM_NUMBER;
	if (!is_digit(peek(p)))
		return SV_E_DATA;
	for (; is_digit(peek(p)); p->pos++)
		if (!sv_mul_ok(node->number, 10, &node->number) ||
		    !sv_add_ok(node->number, (uint64_t)(peek(p) - '0'), &node->number))
			return SV_E_DATA;
	if (negative)
		node->number = UINT64_MAX;
	return is_name(peek(p)) ? SV_E_DATA : 0;
}

static int parse_scalar(struct parser *p, struct lvm_node *node)
{
	return accept(p, '"') ? parse_string(p, node) : parse_number(p, node);
}

/* After the bracket; *first gets the first item. */
static int parse_list(struct parser *p, uint32_t *first)
{
	uint32_t last = 0, index;
	if (accept(p, ']'))
		return 0;
	do {
		struct lvm_node item = {0};
		int ret = parse_scalar(p, &item);
		if (!ret)
			ret = add_node(p->t, &item, &index);
		if (ret)
			return ret;
		*(last ? &p->t->v[last].next : first) = index;
		last = index;
	} while (accept(p, ','));
	return accept(p, ']') ? 0 : SV_E_DATA;
}

/* After the name: "= value" or "{ ... }". */
static int parse_entries(struct parser *p, uint32_t *first, unsigned int depth);

static int parse_body(struct parser *p, struct lvm_node *node, unsigned int depth)
{
	if (accept(p, '{')) {
		node->kind = LVM_SECTION;
		int ret = depth < DEPTH_MAX ? parse_entries(p, &node->child, depth + 1) : SV_E_DATA;
		return ret ? ret : accept(p, '}') ? 0 : SV_E_DATA;
	}
	if (!accept(p, '='))
		return SV_E_DATA;
	if (!accept(p, '['))
		return parse_scalar(p, node);
	node->kind = LVM_LIST;
	return parse_list(p, &node->child);
}

/* Entries up to the end of the section. */
static int parse_entries(struct parser *p, uint32_t *first, unsigned int depth)
{
	uint32_t last = 0, index;
	for (skip_space(p); is_name(peek(p)); skip_space(p)) {
		struct lvm_node node = {.name = p->t->text + p->pos};
		for (; is_name(peek(p)); p->pos++)
			node.name_len++;
		int ret = parse_body(p, &node, depth);
		if (!ret)
			ret = add_node(p->t, &node, &index);
		if (ret)
			return ret;
		*(last ? &p->t->v[last].next : first) = index;
		last = index;
	}
	return 0;
}

int lvm_text_parse(struct lvm_text *t, const char *text, size_t len)
{
	struct lvm_node root = {.kind = LVM_SECTION, .name = text};
	uint32_t index, first = 0;
	*t = (struct lvm_text){.text = text, .len = len};
	struct parser p = {.t = t};
	int ret = add_node(t, &root, &index);
	if (!ret)
		ret = parse_entries(&p, &first, 0);
	if (ret)
		return ret;
	t->v[0].child = first;
	skip_space(&p);
	return at_end(&p) ? 0 : SV_E_DATA;
}

void lvm_text_clear(struct lvm_text *t)
{
	free(t->v);
	*t = (struct lvm_text){0};
}

const struct lvm_node *lvm_first(const struct lvm_text *t, const struct lvm_node *parent)
{
	return parent->child ? &t->v[parent->child] : NULL;
}

const struct lvm_node *lvm_next(const struct lvm_text *t, const struct lvm_node *node)
{
	return node->next ? &t->v[node->next] : NULL;
}

bool lvm_named(const struct lvm_node *node, const char *name)
{
	return node->name_len == strlen(name) && memcmp(node->name, name, node->name_len) == 0;
}

bool lvm_value_is(const struct lvm_node *node, const char *text, size_t len)
{
	return node->kind == LVM_STRING && node->value_len == len &&
	       memcmp(node->value, text, len) == 0;
}

const struct lvm_node *lvm_child(const struct lvm_text *t, const struct lvm_node *parent,
				 const char *name, enum lvm_kind kind)
{
	const struct lvm_node *found = NULL;
	for (const struct lvm_node *c = lvm_first(t, parent); c; c = lvm_next(t, c)) {
		if (!lvm_named(c, name))
			continue;
		if (found || c->kind != kind)
			return NULL;
		found = c;
	}
	return found;
}

bool lvm_number(const struct lvm_text *t, const struct lvm_node *parent, const char *name,
		uint64_t *value)
{
	const struct lvm_node *node = lvm_child(t, parent, name, LVM_NUMBER);
	if (node)
		*value = node->number;
	return node;
}

/* The depth is that of the text. */
size_t lvm_mentions(const struct lvm_text *t, const struct lvm_node *node, const char *text,
		    size_t len)
{
	size_t n = lvm_value_is(node, text, len);
	if (node->kind == LVM_STRING || node->kind == LVM_NUMBER)
		return n;
	for (const struct lvm_node *c = lvm_first(t, node); c; c = lvm_next(t, c))
		n += lvm_mentions(t, c, text, len);
	return n;
}

/* The depth is that of the text. */
bool lvm_same(const struct lvm_text *ta, const struct lvm_node *a, const struct lvm_text *tb,
	      const struct lvm_node *b)
{
	if (a->kind != b->kind || a->name_len != b->name_len || a->value_len != b->value_len ||
	    a->number != b->number || (a->name_len && memcmp(a->name, b->name, a->name_len)) ||
	    (a->value_len && memcmp(a->value, b->value, a->value_len)))
		return false;
	const struct lvm_node *ca = lvm_first(ta, a), *cb = lvm_first(tb, b);
	for (; ca && cb; ca = lvm_next(ta, ca), cb = lvm_next(tb, cb))
		if (!lvm_same(ta, ca, tb, cb))
			return false;
	return !ca && !cb;
}
