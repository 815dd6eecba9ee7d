/* cmd_verify.c - salvor verify: is an image whole, and is it what a disk holds? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static int create(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		  struct sv_err *err)
{
	struct sv_verify_params params = {
		.root = args->root,
		.image = args->words[0],
		.against = args->against,
		.sector_size = args->sector_size,
		.threads = args->threads,
	};
	return sv_job_create_verify(&params, fn, arg, job, err);
}

static void start(const struct cli_args *args, json_t *line)
{
	cli_json_string(line, "image", args->words[0]);
	cli_json_text(line, "against", args->against);
}

static void summary(const struct cli_args *args, const struct cli_job_result *result)
{
	char time[SV_SIZE_TEXT];
	cli_put(stdout, args->words[0]);
	fputs(" is whole", stdout);
	if (args->against) {
		fputs(" and the same as ", stdout);
		cli_put(stdout, args->against);
	}
	printf(", %s.\n", sv_text_duration(time, result->seconds));
}

int cmd_verify(const struct cli_args *args, struct sv_err *err)
{
	static const struct cli_job_ops ops = {
		.doing = "checking", .create = create, .start = start, .summary = summary};
	return cli_job_run(args, &ops, err);
}
