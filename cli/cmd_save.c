/* cmd_save.c - salvor save: a disk or partitions into an image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static int create(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		  struct sv_err *err)
{
	struct sv_save_params params = {
		.map = cli_map_params(args, cli_job_unlock(args, arg)),
		.image = args->words[1],
		.preset = args->preset,
		.codec = args->codec,
		.level = args->level,
		.volume_size = args->volume_size,
		.threads = args->threads,
		.on_error = cli_on_error(args),
		.verify = !args->no_verify,
		.resume = args->resume,
		.dry_run = args->dry_run,
		.note = args->note,
	};
	return sv_job_create_save(&params, fn, arg, job, err);
}

static void start(const struct cli_args *args, json_t *line)
{
	cli_json_string(line, "source", args->words[0]);
	cli_json_string(line, "image", args->words[1]);
}

static void plan(const struct cli_args *args, const struct sv_map *map)
{
	struct sv_err ignored = {0};
	if (map)
		cli_print_map(stdout, map, &ignored);
	fputs("To be written: ", stdout);
	cli_put(stdout, args->words[1]);
	puts(args->no_verify ? ", not read back afterwards." : ", read back afterwards.");
}

static json_t *plan_json(const struct cli_args *args, const struct sv_map *map)
{
	if (!map)
		return NULL;
	json_t *line = cli_json_map("plan", map);
	cli_json_string(line, "image", args->words[1]);
	cli_json_bool(line, "verify", !args->no_verify);
	return line;
}

/* What lies on the store now, as its own manifest tells. */
static void summary(const struct cli_args *args, const struct cli_job_result *result)
{
	char disk[SV_SIZE_TEXT], used[SV_SIZE_TEXT], stored[SV_SIZE_TEXT], time[SV_SIZE_TEXT];
	struct image_reader *reader = NULL;
	struct sv_err ignored = {0};
	if (image_reader_open(args->words[1], 0, &reader, &ignored))
		return;
	const struct image_info *info = image_reader_info(reader);
	fputs("Saved ", stdout);
	cli_put(stdout, info->source);
	fputs(" to ", stdout);
	cli_put(stdout, args->words[1]);
	printf(": %s, %s.\n", info->bytes_bad ? "with unreadable areas" : "complete",
	       info->verified ? "verified" : "not verified");
	printf("%s disk, %s read, %s stored, %s.\n", sv_text_size(disk, info->size),
	       sv_text_size(used, info->bytes_data + info->bytes_zero),
	       sv_text_size(stored, info->bytes_stored), sv_text_duration(time, result->seconds));
	if (info->bytes_bad)
		printf("%llu bytes could not be read; they are marked bad in the image.\n",
		       (unsigned long long)info->bytes_bad);
	image_reader_close(reader);
}

int cmd_save(const struct cli_args *args, struct sv_err *err)
{
	static const struct cli_job_ops ops = {
		.doing = "saving",
		.create = create,
		.start = start,
		.plan = plan,
		.plan_json = plan_json,
		.summary = summary,
		.sums_up_unreadable = true,
	};
	return cli_job_run(args, &ops, err);
}
