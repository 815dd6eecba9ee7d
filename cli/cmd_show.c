/* cmd_show.c - salvor show: what an image holds, as far as its side files tell */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static json_t *json_part(const struct image_part *part)
{
	json_t *o = json_object();
	cli_json_bytes(o, "number", (uint64_t)part->number);
	cli_json_bytes(o, "start", part->start);
	cli_json_bytes(o, "size", part->size);
	cli_json_text(o, "type", part->type);
	cli_json_text(o, "name", part->name);
	cli_json_text(o, "fs", part->fs);
	cli_json_text(o, "label", part->label);
	cli_json_text(o, "uuid", part->uuid);
	cli_json_string(o, "state", part->state);
	cli_json_text(o, "reason", part->reason);
	cli_json_bytes(o, "used", part->used);
	return o;
}

json_t *cli_json_image_parts(const struct image_info *info)
{
	json_t *parts = json_array();
	for (size_t i = 0; i < info->n_parts; i++)
		cli_json_push(parts, json_part(&info->parts[i]));
	return parts;
}

static json_t *json_bytes(const struct image_info *info)
{
	json_t *o = json_object();
	cli_json_bytes(o, "data", info->bytes_data);
	cli_json_bytes(o, "zero", info->bytes_zero);
	cli_json_bytes(o, "free", info->bytes_free);
	cli_json_bytes(o, "bad", info->bytes_bad);
	cli_json_bytes(o, "absent", info->bytes_absent);
	cli_json_bytes(o, "stored", info->bytes_stored);
	return o;
}

static json_t *json_damage(const struct image_reader *reader)
{
	json_t *list = json_array();
	for (size_t i = 0; image_reader_damage(reader, i); i++) {
		char *clean = cli_clean(image_reader_damage(reader, i));
		cli_json_push(list, clean ? json_string(clean) : NULL);
		free(clean);
	}
	return list;
}

static int print_json(const char *path, const struct image_reader *reader, struct sv_err *err)
{
	const struct image_info *info = image_reader_info(reader);
	char uuid[33];
	sv_hex(uuid, info->set_uuid, sizeof(info->set_uuid));
	json_t *o = cli_json_new("image");
	cli_json_string(o, "path", path);
	cli_json_string(o, "set_uuid", uuid);
	cli_json_text(o, "source", info->source);
	cli_json_text(o, "model", info->model);
	cli_json_text(o, "serial", info->serial);
	cli_json_text(o, "wwn", info->wwn);
	cli_json_text(o, "transport", info->transport);
	cli_json_bytes(o, "size", info->size);
	cli_json_bytes(o, "sector_size", info->sector_size);
	cli_json_text(o, "table", info->table);
	cli_json_bool(o, "primary_gpt_dead", info->primary_gpt_dead);
	cli_json_string(o, "codec", info->codec);
	cli_json_add(o, "level", json_integer(info->level));
	cli_json_bytes(o, "frame_size", info->frame_size);
	cli_json_text(o, "tool", info->tool);
	cli_json_text(o, "created", info->created);
	cli_json_text(o, "finished", info->finished);
	cli_json_text(o, "note", info->note);
	cli_json_add(o, "bytes", json_bytes(info));
	cli_json_text(o, "verdict", info->verdict);
	cli_json_bool(o, "verified", info->verified);
	cli_json_add(o, "partitions", cli_json_image_parts(info));
	cli_json_add(o, "damage", json_damage(reader));
	return cli_json_line(o, err);
}

int cli_print_image_parts(FILE *out, const struct image_info *info, struct sv_err *err)
{
	if (!info->n_parts)
		return 0;
	struct cli_table *table = cli_parts_table("Saved");
	for (size_t i = 0; i < info->n_parts; i++) {
		const struct image_part *part = &info->parts[i];
		cli_parts_place(table, part->number, part->start, part->size, part->used);
		cli_parts_content(table, part->fs, part->label, part->state);
	}
	return cli_table_print(table, out, 2, err);
}

static void print_field(const char *name, const char *value)
{
	if (!value || !*value)
		return;
	printf("%-10s ", name);
	cli_put(stdout, value);
	fputs("\n", stdout);
}

static void print_sizes(const struct image_info *info)
{
	char text[2 * SV_SIZE_TEXT], level[64];
	print_field("Size:", sv_text_size_both(text, info->size));
	snprintf(text, sizeof(text), "%u bytes", info->sector_size);
	print_field("Sectors:", text);
	print_field("Table:", info->table);
	snprintf(level, sizeof(level), "%s, level %d, frames of %llu KiB", info->codec, info->level,
		 info->frame_size / SV_KIB);
	print_field("Codec:", level);
	print_field("Stored:", sv_text_size(text, info->bytes_stored));
	if (info->bytes_bad) {
		snprintf(text, sizeof(text), "%llu bytes", (unsigned long long)info->bytes_bad);
		print_field("Bad:", text);
	}
}

static const char *verdict_words(const struct image_info *info)
{
	if (!*info->verdict)
		return "unknown: its manifest is missing or unfinished";
	if (!strcmp(info->verdict, "complete"))
		return info->verified ? "complete, verified when it was made"
				      : "complete, not verified when it was made";
	return info->verified ? "with unreadable areas, verified when it was made"
			      : "with unreadable areas, not verified when it was made";
}

static int print_human(const char *path, const struct image_reader *reader, struct sv_err *err)
{
	const struct image_info *info = image_reader_info(reader);
	print_field("Image:", path);
	print_field("Source:", info->source);
	print_field("Model:", info->model);
	print_field("Serial:", info->serial);
	print_field("WWN:", info->wwn);
	print_sizes(info);
	print_field("Made:", info->created);
	print_field("Finished:", info->finished);
	print_field("By:", info->tool);
	print_field("Note:", info->note);
	print_field("Verdict:", verdict_words(info));
	int rc = cli_print_image_parts(stdout, info, err);
	for (size_t i = 0; image_reader_damage(reader, i); i++)
		print_field("Damage:", image_reader_damage(reader, i));
	return rc;
}

int cmd_show(const struct cli_args *args, struct sv_err *err)
{
	const char *path = args->words[0];
	struct image_reader *reader = NULL;
	int rc = image_reader_open(path, IMAGE_OPEN_SALVAGE, &reader, err);
	if (!rc)
		rc = args->json ? print_json(path, reader, err) : print_human(path, reader, err);
	if (!rc && image_reader_damage(reader, 0))
		rc = sv_fail(err, SV_E_DIFFERS, 0, path, "%s is damaged: %s", path,
			     image_reader_damage(reader, 0));
	image_reader_close(reader);
	return rc;
}
