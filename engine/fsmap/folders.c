/* folders.c - from the folders that were met to paths */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/owners.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper and longer than any system makes them. */
#define DEPTH_MAX  1024
#define PATH_LIMIT ((size_t)64 << 10)

#define UNREADABLE 0xfffdu /* for what is no character */

int folders_add(struct folders *list, uint64_t id, uint64_t parent, const char *name, size_t len)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct folder *v = reallocarray(list->v, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		list->v = v;
		list->cap = cap;
	}
	struct folder f = {.id = id, .parent = parent};
	if (name && !(f.name = strndup(name, len)))
		return SV_E_NOMEM;
	list->v[list->n++] = f;
	return 0;
}

static int by_id(const void *pa, const void *pb)
{
	const struct folder *a = pa, *b = pb;
	return (a->id > b->id) - (a->id < b->id);
}

void folders_sort(struct folders *list)
{
	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_id);
}

struct folder *folders_find(const struct folders *list, uint64_t id)
{
	struct folder key = {.id = id};
	return list->n ? bsearch(&key, list->v, list->n, sizeof(*list->v), by_id) : NULL;
}

void folders_clear(struct folders *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].name);
	free(list->v);
	*list = (struct folders){0};
}

/* A path is laid down from its end; what there is no room for is left out, as "/...". */
struct path {
	char *buf;
	size_t start;
};

static bool put_front(struct path *p, const char *name, size_t len)
{
	if (len + 8 > p->start)
		return false;
	p->start -= len;
	memcpy(p->buf + p->start, name, len);
	p->buf[--p->start] = '/';
	return true;
}

char *folders_path(const struct folders *list, uint64_t parent, const char *name, size_t len)
{
	struct path p = {.buf = malloc(PATH_LIMIT), .start = PATH_LIMIT - 1};
	if (!p.buf)
		return NULL;
	p.buf[p.start] = '\0';
	bool fits = put_front(&p, name, len);
	for (int depth = 0; fits && parent != list->root; depth++) {
		const struct folder *f = folders_find(list, parent);
		char unknown[32];
		if (!f || !f->name || depth == DEPTH_MAX) {
			snprintf(unknown, sizeof(unknown), "?%" PRIu64, parent);
			put_front(&p, unknown, strlen(unknown));
			break;
		}
		fits = put_front(&p, f->name, strlen(f->name));
		parent = f->parent;
	}
	if (!fits)
		put_front(&p, "...", 3);
	char *path = strdup(p.buf + p.start);
	free(p.buf);
	return path;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

static uint16_t little(const uint8_t *p)
{
	return get_le16(p);
}

static uint16_t big(const uint8_t *p)
{
	return get_be16(p);
}

/* `zero`, `slash`: what these become. */
static char *to_utf8(const uint8_t *name, size_t chars, uint16_t (*get)(const uint8_t *p),
		     uint32_t zero, uint32_t slash)
{
	char *text = malloc(chars * 3 + 1), *out = text;
	if (!text)
		return NULL;
	for (size_t i = 0; i < chars; i++) {
		uint32_t c = get(name + i * 2);
		uint32_t low = i + 1 < chars ? get(name + i * 2 + 2) : 0;
		if ((c & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
			i++;
		} else if ((c & 0xf800) == 0xd800) {
			c = UNREADABLE;
		}
		out = put_utf8(out, !c ? zero : c == '/' ? slash : c);
	}
	*out = '\0';
	return text;
}

char *owners_utf8(const uint8_t *name, size_t chars)
{
	return to_utf8(name, chars, little, UNREADABLE, UNREADABLE);
}

char *owners_utf8_hfs(const uint8_t *name, size_t chars)
{
	return to_utf8(name, chars, big, 0x2400, ':');
}
