/* cmd_restore.c - salvor restore: an image back to a disk, a partition or a file */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static int create(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		  struct sv_err *err)
{
	struct sv_restore_params params = {
		.root = args->root,
		.image = args->words[0],
		.target = args->words[1],
		.partition = args->partition,
		.target_partition = args->target_partition,
		.free_mode = cli_free_mode(args),
		.confirm_erase = args->confirm_erase,
		.sector_size = args->sector_size,
		.threads = args->threads,
		.verify = !args->no_verify,
		.dry_run = args->dry_run,
	};
	return sv_job_create_restore(&params, fn, arg, job, err);
}

static void start(const struct cli_args *args, json_t *line)
{
	cli_json_string(line, "image", args->words[0]);
	cli_json_string(line, "target", args->words[1]);
}

static void plan_from(const struct cli_args *args, const struct image_info *info)
{
	char size[2 * SV_SIZE_TEXT];
	struct sv_err ignored = {0};
	fputs("From: ", stdout);
	cli_put(stdout, args->words[0]);
	printf(": %s, ", sv_text_size_both(size, info->size));
	cli_put(stdout, *info->model ? info->model : info->source);
	fputs(*info->serial ? ", serial " : "", stdout);
	cli_put(stdout, info->serial);
	fputs("\n", stdout);
	cli_print_image_parts(stdout, info, &ignored);
	if (args->partition)
		printf("Only partition %d of it.\n", args->partition);
}

static void plan(const struct cli_args *args, const struct sv_map *map)
{
	struct image_reader *reader = NULL;
	struct sv_err ignored = {0};
	(void)map;
	if (image_reader_open(args->words[0], IMAGE_OPEN_SALVAGE, &reader, &ignored))
		return; /* the job says why */
	plan_from(args, image_reader_info(reader));
	cli_print_target(args);
	image_reader_close(reader);
}

static json_t *plan_json(const struct cli_args *args, const struct sv_map *map)
{
	struct image_reader *reader = NULL;
	struct sv_err ignored = {0};
	(void)map;
	if (image_reader_open(args->words[0], IMAGE_OPEN_SALVAGE, &reader, &ignored))
		return NULL;
	const struct image_info *info = image_reader_info(reader);
	json_t *line = cli_json_new("plan");
	cli_json_string(line, "image", args->words[0]);
	cli_json_string(line, "target", args->words[1]);
	cli_json_bytes(line, "size", info->size);
	cli_json_bytes(line, "sector_size", info->sector_size);
	cli_json_string(line, "table", info->table);
	cli_json_add(line, "partitions", cli_json_image_parts(info));
	cli_json_add(line, "partition",
		     args->partition ? json_integer(args->partition) : json_null());
	cli_json_target(args, line);
	image_reader_close(reader);
	return line;
}

static void summary(const struct cli_args *args, const struct cli_job_result *result)
{
	cli_print_written("Restored", args, result);
}

int cmd_restore(const struct cli_args *args, struct sv_err *err)
{
	static const struct cli_job_ops ops = {
		.doing = "writing",
		.create = create,
		.start = start,
		.plan_early = true,
		.plan = plan,
		.plan_json = plan_json,
		.summary = summary,
	};
	return cli_job_run(args, &ops, err);
}
