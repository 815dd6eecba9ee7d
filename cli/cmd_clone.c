/* cmd_clone.c - salvor clone: a disk straight onto another one */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static int create(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		  struct sv_err *err)
{
	struct sv_clone_params params = {
		.map = cli_map_params(args, cli_job_unlock(args, arg)),
		.target = args->words[1],
		.free_mode = cli_free_mode(args),
		.confirm_erase = args->confirm_erase,
		.threads = args->threads,
		.on_error = cli_on_error(args),
		.verify = !args->no_verify,
		.dry_run = args->dry_run,
	};
	return sv_job_create_clone(&params, fn, arg, job, err);
}

static void start(const struct cli_args *args, json_t *line)
{
	cli_json_string(line, "source", args->words[0]);
	cli_json_string(line, "target", args->words[1]);
}

static void plan(const struct cli_args *args, const struct sv_map *map)
{
	struct sv_err ignored = {0};
	fputs("From: ", stdout);
	cli_print_map(stdout, map, &ignored);
	cli_print_target(args);
}

static json_t *plan_json(const struct cli_args *args, const struct sv_map *map)
{
	json_t *line = cli_json_map("plan", map);
	cli_json_string(line, "target", args->words[1]);
	cli_json_target(args, line);
	return line;
}

static void summary(const struct cli_args *args, const struct cli_job_result *result)
{
	struct disk disk;
	cli_print_written("Cloned", args, result);
	if (!cli_target_disk(args, &disk))
		return;
	puts(disk.partition ? "Both partitions now have the same IDs: a system that sees both may "
			      "take one for the other."
			    : "Both disks now have the same IDs: unplug one of the two before you "
			      "start a system from them.");
}

int cmd_clone(const struct cli_args *args, struct sv_err *err)
{
	static const struct cli_job_ops ops = {
		.doing = "copying",
		.create = create,
		.start = start,
		.plan = plan,
		.plan_json = plan_json,
		.summary = summary,
		.sums_up_unreadable = true,
	};
	return cli_job_run(args, &ops, err);
}
