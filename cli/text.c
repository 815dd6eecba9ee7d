/* text.c - sentences and tables for people */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

const char *cli_now(char out[SV_SIZE_TEXT])
{
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(out, SV_SIZE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

void cli_put(FILE *out, const char *text)
{
	char *clean = cli_clean(text);
	/* without memory at least what is plain: it may be the sentence that says so */
	for (const char *p = text; !clean && *p; p++)
		fputc(*p >= 0x20 && *p < 0x7f ? *p : '?', out);
	if (clean)
		fputs(clean, out);
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
