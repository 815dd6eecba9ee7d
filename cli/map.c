/* map.c - what is on a disk, for people and for programs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <string.h>

static json_t *json_part(const struct sv_map_part *part)
{
	json_t *o = json_object();
	cli_json_bytes(o, "number", (uint64_t)part->number);
	cli_json_bytes(o, "start", part->start);
	cli_json_bytes(o, "size", part->size);
	cli_json_text(o, "fs", part->fs);
	cli_json_text(o, "label", part->label);
	cli_json_text(o, "uuid", part->uuid);
	cli_json_string(o, "state", part->state);
	cli_json_text(o, "reason", part->reason);
	if (*part->inside)
		cli_json_string(o, "inside", part->inside);
	cli_json_bytes(o, "used", part->used);
	return o;
}

json_t *cli_json_map(const char *type, const struct sv_map *map)
{
	json_t *o = cli_json_new(type), *parts = json_array();
	cli_json_string(o, "source", map->source);
	cli_json_bytes(o, "size", map->size);
	cli_json_bytes(o, "sector_size", map->sector_size);
	cli_json_string(o, "table", map->table);
	cli_json_bytes(o, "used", map->used);
	for (size_t i = 0; i < map->n_parts; i++)
		cli_json_push(parts, json_part(&map->parts[i]));
	cli_json_add(o, "partitions", parts);
	return o;
}

static const char *state_words(const struct sv_map_part *part)
{
	static const struct {
		const char *state, *words;
	} table[] = {
		{"exact", "used blocks"},
		{"union", "used blocks and journal"},
		{"whole", "read whole"},
		{"absent", "not selected"},
	};
	if (part->extended)
		return "extended";
	for (size_t i = 0; i < SV_ARRAY(table); i++)
		if (!strcmp(table[i].state, part->state))
			return table[i].words;
	return part->state;
}

struct cli_table *cli_parts_table(const char *used)
{
	const char *const heads[] = {"No", "Start", "Size", used, "Type", "Label", "Map"};
	struct cli_table *table = cli_table_create(SV_ARRAY(heads));
	for (size_t i = 0; i < SV_ARRAY(heads); i++)
		cli_table_cell(table, i < 4, heads[i]);
	return table;
}

void cli_parts_place(struct cli_table *table, int number, uint64_t start, uint64_t size,
		     uint64_t used)
{
	char text[SV_SIZE_TEXT];
	snprintf(text, sizeof(text), "%d", number);
	cli_table_cell(table, true, number ? text : "-");
	cli_table_cell(table, true, sv_text_size(text, start));
	cli_table_cell(table, true, sv_text_size(text, size));
	cli_table_cell(table, true, sv_text_size(text, used));
}

void cli_parts_content(struct cli_table *table, const char *fs, const char *label,
		       const char *state)
{
	cli_table_cell(table, false, *fs ? fs : "-");
	cli_table_cell(table, false, *label ? label : "-");
	cli_table_cell(table, false, state);
}

static void print_about(FILE *out, int number, const char *text)
{
	if (!*text)
		return;
	if (number)
		fprintf(out, "  %d: ", number);
	else
		fputs("  -: ", out);
	cli_put(out, text);
	fputs("\n", out);
}

static void print_reasons(FILE *out, const struct sv_map *map)
{
	for (size_t i = 0; i < map->n_parts; i++) {
		const struct sv_map_part *part = &map->parts[i];
		print_about(out, part->number, part->inside);
		if (!part->extended)
			print_about(out, part->number, part->reason);
	}
}

const char *cli_map_warning(const struct sv_map *map, size_t i, char text[CLI_WARNING_TEXT])
{
	bool dead = map->primary_gpt_dead, doubt = *map->doubt;
	size_t before = (size_t)dead + (size_t)doubt;
	if (dead && i == 0)
		snprintf(text, CLI_WARNING_TEXT,
			 "the primary GPT is unusable; the partitions are those of its backup");
	else if (doubt && i + 1 == before)
		snprintf(text, CLI_WARNING_TEXT,
			 "the partition table is not trusted, so everything is read: %s",
			 map->doubt);
	else if (*map->locked && i == before)
		snprintf(text, CLI_WARNING_TEXT, "%s", map->locked);
	else
		return NULL;
	return text;
}

void cli_print_disk_content(FILE *out, const struct sv_map *map, struct sv_err *err)
{
	char size[2 * SV_SIZE_TEXT];
	cli_put(out, map->source);
	fprintf(out, ": %s, sectors of %u bytes, table: ", sv_text_size_both(size, map->size),
		map->sector_size);
	cli_put(out, map->table);
	fputs("\n", out);
	if (map->n_parts) {
		struct cli_table *table = cli_parts_table("Used");
		for (size_t i = 0; i < map->n_parts; i++) {
			const struct sv_map_part *part = &map->parts[i];
			cli_parts_place(table, part->number, part->start, part->size, part->used);
			cli_parts_content(table, part->fs, part->label, state_words(part));
		}
		cli_table_print(table, out, 2, err);
	}
}

void cli_print_map(FILE *out, const struct sv_map *map, struct sv_err *err)
{
	char used[SV_SIZE_TEXT], size[SV_SIZE_TEXT], text[CLI_WARNING_TEXT];
	cli_print_disk_content(out, map, err);
	print_reasons(out, map);
	for (size_t i = 0; cli_map_warning(map, i, text); i++) {
		fputs("Warning: ", out);
		cli_put(out, text);
		fputs(".\n", out);
	}
	fprintf(out, "To be read: %s of %s.\n", sv_text_size(used, map->used),
		sv_text_size(size, map->size));
}
