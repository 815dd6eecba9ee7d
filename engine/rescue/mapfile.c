/* mapfile.c - the mapfile of GNU ddrescue, read and written */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/rescue/mapfile.h"

#include "engine/util/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char chars[RMAP_STATUSES + 1] = "?*/-+";

/* ---- reading ---- */

/* Longest word that means something: a 64 bit number in octal. */
#define WORD 32

struct parse {
	const char *name, *text;
	size_t len, at; /* at: start of the next line */
	unsigned long line;
	struct rmap_block *v;
	size_t n, cap;
	struct sv_err *err;
};

static int bad_line(struct parse *p, const char *what)
{
	return sv_fail(p->err, SV_E_DATA, 0, p->name, "line %lu of %s is no line of a mapfile: %s",
		       p->line, p->name, what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next line with something on it, as up to three words; *n = 0 at the end. A '#' at the start
 * of a word begins a comment. */
static int next_line(struct parse *p, char words[3][WORD], size_t *n)
{
	*n = 0;
	while (*n == 0 && p->at < p->len) {
		const char *s = p->text + p->at;
		const char *nl = memchr(s, '\n', p->len - p->at);
		const char *end = nl ? nl : p->text + p->len;
		p->at = (size_t)(end - p->text) + 1;
		p->line++;
		for (;;) {
			while (s < end && is_blank(*s))
				s++;
			if (s == end || *s == '#')
				break;
			const char *word = s;
			while (s < end && !is_blank(*s))
				s++;
			if (*n == 3 || s - word >= WORD || memchr(word, 0, (size_t)(s - word)))
				return bad_line(p, "too much stands there");
			memcpy(words[*n], word, (size_t)(s - word));
			words[(*n)++][s - word] = '\0';
		}
	}
	return 0;
}

/* As %lli reads it: decimal, 0x hexadecimal, 0 octal; never negative. */
static bool parse_number(const char *word, uint64_t *value)
{
	char *end;
	if (!isdigit((unsigned char)word[0]))
		return false;
	errno = 0;
	long long v = strtoll(word, &end, 0);
	*value = (uint64_t)v;
	return !*end && !errno && v >= 0;
}

static int parse_head(struct parse *p, struct mapfile_head *head)
{
	char words[3][WORD];
	size_t n;
	uint64_t pass = 1;
	int rc = next_line(p, words, &n);
	if (rc)
		return rc;
	if (n < 2 || !parse_number(words[0], &head->pos) || !words[1][0] || words[1][1] ||
	    !strchr("?*/-FG+", words[1][0]))
		return bad_line(p, "the line of the current status is expected");
	if (n == 3 && (!parse_number(words[2], &pass) || pass < 1 || pass > INT32_MAX))
		return bad_line(p, "the number of the pass is wrong");
	head->status = words[1][0];
	head->pass = (int)pass;
	return 0;
}

static int push(struct parse *p, uint64_t start, uint64_t len, enum rmap_status status)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct rmap_block *v = reallocarray(p->v, cap, sizeof(*v));
		if (!v)
			return sv_fail_nomem(p->err);
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = (struct rmap_block){start, len, status};
	return 0;
}

static int parse_block(struct parse *p, char words[3][WORD], size_t n)
{
	uint64_t start, len, end;
	const char *c = n == 3 && words[2][0] && !words[2][1] ? strchr(chars, words[2][0]) : NULL;
	if (!c || !parse_number(words[0], &start) || !parse_number(words[1], &len))
		return bad_line(p, "position, size and status are expected");
	if (!sv_add_ok(start, len, &end) || end > INT64_MAX || (len == 0 && start))
		return bad_line(p, "the size is wrong");
	if (p->n && p->v[p->n - 1].start + p->v[p->n - 1].len != start)
		return bad_line(p, "it does not begin where the one before ends");
	return push(p, start, len, (enum rmap_status)(c - chars));
}

static int parse_blocks(struct parse *p)
{
	char words[3][WORD];
	size_t n;
	for (;;) {
		int rc = next_line(p, words, &n);
		if (rc || n == 0)
			return rc;
		rc = parse_block(p, words, n);
		if (rc)
			return rc;
	}
}

static int too_long(struct parse *p, uint64_t size)
{
	return sv_fail(p->err, SV_E_DATA, 0, p->name,
		       "%s is the map of something larger than %llu bytes", p->name,
		       (unsigned long long)size);
}

static int fill(struct parse *p, uint64_t size, struct rmap *map)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct rmap_block *b = &p->v[i];
		if (b->len == 0)
			continue;
		bool cut = b->start < size && b->len > size - b->start;
		if (b->start >= size || (cut && b->status == RMAP_DONE))
			return too_long(p, size);
		if (rmap_set(map, b->start, cut ? size - b->start : b->len, b->status))
			return sv_fail_nomem(p->err);
	}
	return 0;
}

static enum rmap_status least_known(const struct rmap *map, uint64_t pos, uint64_t end)
{
	enum rmap_status least = RMAP_DONE;
	while (pos < end) {
		struct rmap_block b = rmap_at(map, pos);
		least = SV_MIN(least, b.status);
		pos = b.start + b.len;
	}
	return least;
}

static int join_sectors(struct parse *p, uint32_t unit, struct rmap *map)
{
	for (size_t i = 0; i <= p->n; i++) {
		uint64_t edge = i < p->n ? p->v[i].start : p->v[i - 1].start + p->v[i - 1].len;
		uint64_t start = sv_round_down(edge, unit);
		if (start == edge || edge >= rmap_size(map))
			continue;
		uint64_t end = SV_MIN(start + unit, rmap_size(map));
		if (rmap_set(map, start, end - start, least_known(map, start, end)))
			return sv_fail_nomem(p->err);
	}
	return 0;
}

static int build(struct parse *p, uint64_t size, uint32_t unit, struct rmap **map_ret)
{
	struct rmap *map = NULL;
	if (!size && p->n)
		size = p->v[p->n - 1].start + p->v[p->n - 1].len;
	if (!size)
		return sv_fail(p->err, SV_E_DATA, 0, p->name, "the map %s is empty", p->name);
	if (rmap_create(size, &map))
		return sv_fail_nomem(p->err);
	int rc = fill(p, size, map);
	if (!rc && unit > 1 && p->n)
		rc = join_sectors(p, unit, map);
	if (rc)
		rmap_destroy(map);
	else
		*map_ret = map;
	return rc;
}

int mapfile_parse(const char *name, const char *text, size_t len, uint64_t size, uint32_t unit,
		  struct rmap **map_ret, struct mapfile_head *head_ret, struct sv_err *err)
{
	struct parse p = {.name = name, .text = text, .len = len, .err = err};
	int rc = parse_head(&p, head_ret);
	if (!rc)
		rc = parse_blocks(&p);
	if (!rc)
		rc = build(&p, size, unit, map_ret);
	free(p.v);
	return rc;
}

/* ---- writing ---- */

/* The longest block line: two numbers of 16 digits and the marks around them. */
#define BLOCK_LINE 48
#define HEAD_LINES 4096

struct text {
	char *buf;
	size_t len, cap;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* There is room: the caller made it. */
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	t->len += SV_MIN((size_t)SV_MAX(n, 0), t->cap - t->len - 1);
}

/* ddrescue takes no line of more than 127 bytes. */
static void add_note(struct text *t, const char *what, const char *value)
{
	char line[120];
	snprintf(line, sizeof(line), "# %s%s", what, value ? value : "");
	for (char *c = line; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	add(t, "%s\n", line);
}

char *mapfile_format(const struct rmap *map, const struct mapfile_head *head,
		     const struct mapfile_notes *notes, size_t *len_ret)
{
	struct text t = {.cap = HEAD_LINES + BLOCK_LINE * rmap_count(map)};
	t.buf = malloc(t.cap);
	if (!t.buf)
		return NULL;
	add_note(&t, "Mapfile. Created by Salvor version ", SALVOR_VERSION);
	add_note(&t, "Command line: ", notes->command);
	add_note(&t, "Start time:   ", notes->start_time);
	add_note(&t, "Current time: ", notes->now);
	add_note(&t, "", notes->phase);
	add(&t, "# current_pos  current_status  current_pass\n");
	add(&t, "0x%08llX     %c               %d\n", (unsigned long long)head->pos, head->status,
	    head->pass);
	add(&t, "#      pos        size  status\n");
	for (size_t i = 0; i < rmap_count(map); i++) {
		struct rmap_block b = rmap_block(map, i);
		add(&t, "0x%08llX  0x%08llX  %c\n", (unsigned long long)b.start,
		    (unsigned long long)b.len, chars[b.status]);
	}
	*len_ret = t.len;
	return t.buf;
}
