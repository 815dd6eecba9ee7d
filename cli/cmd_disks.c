/* cmd_disks.c - salvor disks: the disks of this machine, and what may be done with them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

json_t *cli_json_disk(const struct disk *disk)
{
	char id[128];
	json_t *o = json_object();
	disk_confirm_id(disk, id, sizeof(id));
	cli_json_string(o, "path", disk->path);
	cli_json_text(o, "model", disk->model);
	cli_json_text(o, "serial", disk->serial);
	cli_json_text(o, "wwn", disk->wwn);
	cli_json_text(o, "transport", disk->transport);
	cli_json_text(o, "port", disk->port);
	cli_json_bytes(o, "size", disk->size);
	cli_json_bytes(o, "sector_size", disk->sector_size);
	cli_json_bytes(o, "physical_sector_size", disk->physical_sector_size);
	cli_json_bool(o, "read_only", disk->read_only);
	cli_json_bool(o, "removable", disk->removable);
	cli_json_bool(o, "rotational", disk->rotational);
	cli_json_bool(o, "duplicate_serial", disk->duplicate_serial);
	cli_json_text(o, "in_use", disk->in_use);
	cli_json_bool(o, "live", disk->live);
	cli_json_string(o, "erase_id", id);
	return o;
}

void cli_print_disk(FILE *out, const struct disk *disk)
{
	char size[2 * SV_SIZE_TEXT];
	cli_put(out, disk->path);
	fprintf(out, ": %s, ", sv_text_size_both(size, disk->size));
	cli_put(out, *disk->model ? disk->model : "unknown model");
	fputs(*disk->serial ? ", serial " : ", without a serial number", out);
	cli_put(out, disk->serial);
}

/* What explains a disk that is missing; the battery is no matter of a list of disks. */
static size_t remarks_about_disks(const char *root, struct machine_remark remarks[MACHINE_TRAITS])
{
	size_t n = machine_remarks(root, remarks), kept = 0;
	for (size_t i = 0; i < n; i++)
		if (remarks[i].trait != MACHINE_ON_BATTERY)
			remarks[kept++] = remarks[i];
	return kept;
}

static json_t *json_remarks(const char *root)
{
	struct machine_remark remarks[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	json_t *list = json_array();
	size_t n = remarks_about_disks(root, remarks);
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();
		cli_json_string(o, "trait", machine_words[remarks[i].trait].name);
		cli_json_string(o, "text", machine_remark_text(&remarks[i], text));
		cli_json_push(list, o);
	}
	return list;
}

static int print_json(const struct disk_list *list, const char *root, struct sv_err *err)
{
	json_t *o = cli_json_new("disks"), *disks = json_array();
	for (size_t i = 0; i < list->n; i++)
		cli_json_push(disks, cli_json_disk(&list->v[i]));
	cli_json_add(o, "disks", disks);
	cli_json_add(o, "remarks", json_remarks(root));
	return cli_json_line(o, err);
}

static void print_remarks(const char *root)
{
	struct machine_remark remarks[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	size_t n = remarks_about_disks(root, remarks);
	for (size_t i = 0; i < n; i++)
		printf("Note: %s.\n", machine_remark_text(&remarks[i], text));
}

static void add_row(struct cli_table *table, const struct disk *disk)
{
	char size[SV_SIZE_TEXT];
	cli_table_cell(table, false, disk->path);
	cli_table_cell(table, true, sv_text_size(size, disk->size));
	cli_table_cell(table, false, *disk->model ? disk->model : "-");
	cli_table_cell(table, false, *disk->serial ? disk->serial : "-");
	cli_table_cell(table, false, *disk->transport ? disk->transport : "-");
	cli_table_cell(table, false,
		       *disk->in_use	 ? disk->in_use
		       : disk->read_only ? "read-only"
					 : "free");
}

static int print_table(const struct disk_list *list, struct sv_err *err)
{
	static const char *const heads[] = {"Disk", "Size", "Model", "Serial", "Bus", "Use"};
	if (!list->n) {
		puts("No disks found.");
		return 0;
	}
	struct cli_table *table = cli_table_create(SV_ARRAY(heads));
	for (size_t i = 0; i < SV_ARRAY(heads); i++)
		cli_table_cell(table, i == 1, heads[i]);
	for (size_t i = 0; i < list->n; i++)
		add_row(table, &list->v[i]);
	return cli_table_print(table, stdout, 0, err);
}

int cmd_disks(const struct cli_args *args, struct sv_err *err)
{
	struct disk_list list = {0};
	int rc = disk_scan(args->root, &list, err);
	if (!rc)
		rc = args->json ? print_json(&list, args->root, err) : print_table(&list, err);
	if (!rc && !args->json)
		print_remarks(args->root);
	disk_list_clear(&list);
	return rc;
}
