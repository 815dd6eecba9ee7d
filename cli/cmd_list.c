/* cmd_list.c - salvor list: the images in a folder */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <string.h>

static json_t *json_entry(const struct image_list_entry *entry)
{
	const struct image_info *info = &entry->info;
	json_t *o = json_object();
	cli_json_string(o, "name", entry->name);
	cli_json_bool(o, "unfinished", entry->unfinished);
	cli_json_bool(o, "readable", entry->readable);
	if (entry->unfinished) {
		cli_json_bytes(o, "done", entry->done);
		cli_json_bytes(o, "to_read", entry->to_read);
	}
	if (!entry->readable)
		return o;
	cli_json_text(o, "created", info->created);
	cli_json_text(o, "source", info->source);
	cli_json_text(o, "model", info->model);
	cli_json_text(o, "serial", info->serial);
	cli_json_bytes(o, "size", info->size);
	cli_json_bytes(o, "data", info->bytes_data);
	cli_json_bytes(o, "bad", info->bytes_bad);
	cli_json_bytes(o, "stored", info->bytes_stored);
	cli_json_text(o, "codec", info->codec);
	cli_json_text(o, "note", info->note);
	cli_json_text(o, "verdict", info->verdict);
	cli_json_bool(o, "verified", info->verified);
	return o;
}

static int print_json(const char *store, const struct image_list_entry *list, size_t n,
		      struct sv_err *err)
{
	json_t *o = cli_json_new("list"), *images = json_array();
	cli_json_string(o, "store", store);
	for (size_t i = 0; i < n; i++)
		cli_json_push(images, json_entry(&list[i]));
	cli_json_add(o, "images", images);
	return cli_json_line(o, err);
}

static const char *state_words(const struct image_list_entry *entry, char out[32])
{
	if (entry->unfinished && entry->to_read) {
		snprintf(out, 32, "unfinished, %u %%",
			 (unsigned int)((double)entry->done * 100 / (double)entry->to_read));
		return out;
	}
	if (entry->unfinished)
		return "unfinished";
	if (!entry->readable)
		return "not readable";
	if (strcmp(entry->info.verdict, "complete") != 0)
		return "with unreadable areas";
	return entry->info.verified ? "complete, verified" : "complete";
}

static void add_row(struct cli_table *table, const struct image_list_entry *entry)
{
	const struct image_info *info = &entry->info;
	char size[SV_SIZE_TEXT], day[11], state[32];
	snprintf(day, sizeof(day), "%s", entry->readable ? info->created : "");
	cli_table_cell(table, false, entry->name);
	cli_table_cell(table, false, *day ? day : "-");
	cli_table_cell(table, true, entry->readable ? sv_text_size(size, info->size) : "-");
	cli_table_cell(table, true, entry->readable ? sv_text_size(size, info->bytes_stored) : "-");
	cli_table_cell(table, false,
		       !entry->readable ? "-"
		       : *info->model	? info->model
					: info->source);
	cli_table_cell(table, false, state_words(entry, state));
}

static int print_table(const struct image_list_entry *list, size_t n, struct sv_err *err)
{
	static const char *const heads[] = {"Image", "Date", "Disk", "Stored", "Model", "State"};
	if (!n) {
		puts("No images here.");
		return 0;
	}
	struct cli_table *table = cli_table_create(SV_ARRAY(heads));
	for (size_t i = 0; i < SV_ARRAY(heads); i++)
		cli_table_cell(table, i == 2 || i == 3, heads[i]);
	for (size_t i = 0; i < n; i++)
		add_row(table, &list[i]);
	return cli_table_print(table, stdout, 0, err);
}

int cmd_list(const struct cli_args *args, struct sv_err *err)
{
	struct image_list_entry *list = NULL;
	size_t n = 0;
	int rc = image_list(args->words[0], &list, &n, err);
	if (!rc)
		rc = args->json ? print_json(args->words[0], list, n, err)
				: print_table(list, n, err);
	image_list_free(list, n);
	return rc;
}
