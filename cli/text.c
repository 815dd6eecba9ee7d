/* text.c - sizes, times, clean text and tables for people */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

static void scaled(char *out, uint64_t bytes, double step, const char *const *units)
{
	double v = (double)bytes;
	size_t u = 0;
	for (; v >= step && units[u + 1]; u++)
		v /= step;
	snprintf(out, CLI_SIZE_TEXT, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

const char *cli_size(char out[CLI_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB", NULL};
	scaled(out, bytes, 1000, units);
	return out;
}

const char *cli_size_both(char out[2 * CLI_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB",
					    "TiB",   "PiB", "EiB", NULL};
	char label[CLI_SIZE_TEXT], binary[CLI_SIZE_TEXT];
	cli_size(label, bytes);
	scaled(binary, bytes, 1024, units);
	snprintf(out, 2 * CLI_SIZE_TEXT, "%.30s (%.30s)", label, binary);
	return out;
}

const char *cli_duration(char out[CLI_SIZE_TEXT], uint64_t seconds)
{
	unsigned long long h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
	if (h)
		snprintf(out, CLI_SIZE_TEXT, "%llu:%02llu:%02llu", h, m, s);
	else
		snprintf(out, CLI_SIZE_TEXT, "%llu:%02llu", m, s);
	return out;
}

const char *cli_now(char out[CLI_SIZE_TEXT])
{
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(out, CLI_SIZE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* Length of the well-formed UTF-8 sequence at p, 0 when it is none (overlong, surrogate, cut off).
 */
static size_t utf8_len(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80		   ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;
	if (len < 2)
		return len;
	uint32_t code = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	bool bad = code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
	return bad ? 0 : len;
}

/* C0, DEL and C1: what a terminal could take for a command. */
static bool is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

char *cli_clean(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char *clean = malloc(strlen(text) * 3 + 1), *out = clean;
	if (!clean)
		return NULL;
	while (*p) {
		size_t len = utf8_len(p);
		if (!len || is_control(p)) {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
		} else {
			memcpy(out, p, len);
			out += len;
		}
		p += len ? len : 1;
	}
	*out = '\0';
	return clean;
}

void cli_put(FILE *out, const char *text)
{
	char *clean = cli_clean(text);
	fputs(clean ? clean : "?", out);
	free(clean);
}

static void say(const char *kind, const char *sentence)
{
	size_t len = strlen(sentence);
	fflush(stdout);
	fprintf(stderr, "salvor: %s", kind);
	cli_put(stderr, sentence);
	fputs(len && strchr(".!?", sentence[len - 1]) ? "\n" : ".\n", stderr);
}

void cli_say_error(const char *sentence)
{
	say("", sentence);
}

void cli_say_warning(const char *sentence)
{
	say("warning: ", sentence);
}

struct cli_table {
	size_t columns, n;
	bool lost;
	struct cell {
		char *text;
		size_t width;
		bool right;
	} * cells;
};

struct cli_table *cli_table_create(size_t columns)
{
	struct cli_table *table = calloc(1, sizeof(*table));
	if (table)
		table->columns = columns;
	return table;
}

/* Columns on the screen; bytes where the locale does not know better. */
static size_t text_width(const char *text)
{
	wchar_t wide[512];
	size_t n = mbstowcs(wide, text, SV_ARRAY(wide) - 1);
	if (n == (size_t)-1)
		return strlen(text);
	int width = wcswidth(wide, n);
	return width < 0 ? n : (size_t)width;
}

void cli_table_cell(struct cli_table *table, bool right, const char *text)
{
	if (!table || table->lost)
		return;
	struct cell *grown = reallocarray(table->cells, table->n + 1, sizeof(*grown));
	char *clean = cli_clean(text);
	if (grown)
		table->cells = grown;
	table->lost = !grown || !clean;
	if (table->lost) {
		free(clean);
		return;
	}
	table->cells[table->n++] =
		(struct cell){.text = clean, .width = text_width(clean), .right = right};
}

static size_t column_width(const struct cli_table *table, size_t column)
{
	size_t width = 0;
	for (size_t i = column; i < table->n; i += table->columns)
		width = SV_MAX(width, table->cells[i].width);
	return width;
}

static void print_cell(const struct cli_table *table, size_t i, size_t width, FILE *out)
{
	const struct cell *cell = &table->cells[i];
	int gap = (int)(width - cell->width);
	bool last = (i + 1) % table->columns == 0;
	if (cell->right)
		fprintf(out, "%*s%s", gap, "", cell->text);
	else
		fprintf(out, "%s%*s", cell->text, last ? 0 : gap, "");
	fputs(last ? "\n" : "  ", out);
}

int cli_table_print(struct cli_table *table, FILE *out, unsigned int indent, struct sv_err *err)
{
	if (!table)
		return sv_fail_nomem(err);
	for (size_t i = 0; i < table->n && !table->lost; i++) {
		if (i % table->columns == 0)
			fprintf(out, "%*s", (int)indent, "");
		print_cell(table, i, column_width(table, i % table->columns), out);
	}
	int rc = table->lost ? sv_fail_nomem(err) : 0;
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
	return rc;
}
