/* cmd_rescue.c - salvor rescue: what can be read of a failing disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <limits.h>
#include <string.h>

static const struct {
	const char *name;
	enum sv_pass pass;
} passes[] = {
	{"copy", SV_PASS_COPY},
	{"trim", SV_PASS_TRIM},
	{"scrape", SV_PASS_SCRAPE},
	{"retry", SV_PASS_RETRY},
};

static unsigned int pass_of(const char *word, size_t len)
{
	for (size_t i = 0; i < SV_ARRAY(passes); i++)
		if (strlen(passes[i].name) == len && !strncmp(word, passes[i].name, len))
			return passes[i].pass;
	return 0;
}

static int parse_passes(const char *list, unsigned int *mask, struct sv_err *err)
{
	*mask = 0;
	for (const char *p = list; list; p++) {
		size_t len = strcspn(p, ",");
		unsigned int pass = pass_of(p, len);
		if (!pass)
			return sv_fail(err, SV_E_USAGE, 0, "passes",
				       "--passes is a list of copy, trim, scrape and retry, not "
				       "'%s'",
				       list);
		*mask |= pass;
		p += len;
		if (!*p)
			break;
	}
	return 0;
}

/* Anything that is no word for it is the name of a mapfile. */
static void parse_domain(const char *word, struct sv_rescue_params *params)
{
	if (!word || !strcmp(word, "whole"))
		params->domain = SV_DOMAIN_WHOLE;
	else if (!strcmp(word, "used"))
		params->domain = SV_DOMAIN_USED;
	else if (!strcmp(word, "metadata"))
		params->domain = SV_DOMAIN_METADATA;
	else
		params->domain_file = word;
}

/* -1: without end, as when not given. */
static int parse_wait(const struct cli_args *args, struct sv_rescue_params *params,
		      struct sv_err *err)
{
	if (args->wait == INT_MIN || args->wait == -1)
		return 0;
	if (args->wait < 0)
		return sv_fail(err, SV_E_USAGE, 0, "wait",
			       "--wait is a number of seconds, not %d; -1 is without end",
			       args->wait);
	params->wait_s = args->wait ? (uint32_t)args->wait : SV_RESCUE_WAIT_NOT;
	return 0;
}

static int parse_counts(const struct cli_args *args, struct sv_rescue_params *params,
			struct sv_err *err)
{
	if (args->retries < -1)
		return sv_fail(err, SV_E_USAGE, 0, "retries",
			       "--retries cannot be %d; -1 is without end", args->retries);
	params->retries = args->retries < 0 ? UINT32_MAX : (uint32_t)args->retries;
	if (args->slow_ms < 0 && args->slow_ms != INT_MIN)
		return sv_fail(err, SV_E_USAGE, 0, "slow-ms",
			       "--slow-ms is a number of milliseconds, not %d", args->slow_ms);
	if (args->slow_ms != INT_MIN)
		params->slow_ms = args->slow_ms ? (uint32_t)args->slow_ms : SV_RESCUE_NEVER_SLOW;
	if (args->save_every == INT_MIN)
		return 0;
	if (args->save_every < 0)
		return sv_fail(err, SV_E_USAGE, 0, "save-every",
			       "--save-every is a number of seconds, not %d", args->save_every);
	params->save_every_s =
		args->save_every ? (uint32_t)args->save_every : SV_RESCUE_SAVE_ALWAYS;
	return 0;
}

static int create(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		  struct sv_err *err)
{
	struct sv_rescue_params params = {
		.root = args->root,
		.source = args->words[0],
		.target = args->image ? NULL : args->words[1],
		.image = args->image ? args->words[1] : NULL,
		.mapfile = args->words[2],
		.sector_size = args->sector_size,
		.confirm_erase = args->confirm_erase,
		.unlock = cli_job_unlock(args, arg),
		.ntfs_union = args->ntfs_union,
		.with = args->with.v,
		.n_with = args->with.n,
		.dry_run = args->dry_run,
	};
	if (args->image && args->words[2])
		return sv_fail(err, SV_E_USAGE, 0, "image", "with --image no MAPFILE is given");
	if (!args->image && !args->words[2])
		return sv_fail(err, SV_E_USAGE, 0, "rescue",
			       "MAPFILE is missing; see 'salvor rescue --help'");
	parse_domain(args->domain, &params);
	int rc = parse_passes(args->passes, &params.passes, err);
	if (!rc)
		rc = parse_counts(args, &params, err);
	if (!rc)
		rc = parse_wait(args, &params, err);
	return rc ? rc : sv_job_create_rescue(&params, fn, arg, job, err);
}

static void start(const struct cli_args *args, json_t *line)
{
	cli_json_string(line, "source", args->words[0]);
	cli_json_string(line, "target", args->words[1]);
	cli_json_text(line, "mapfile", args->words[2]);
	cli_json_bool(line, "image", args->image);
}

static bool named_disk(const struct cli_args *args, size_t word, struct disk *disk)
{
	struct sv_err ignored = {0};
	return disk_is_device_spec(args->words[word]) &&
	       disk_find(args->root, args->words[word], disk, &ignored) == 0;
}

static void put_end(const struct cli_args *args, const char *what, size_t word)
{
	struct disk disk;
	fputs(what, stdout);
	if (named_disk(args, word, &disk))
		cli_print_disk(stdout, &disk);
	else
		cli_put(stdout, args->words[word]);
	puts("");
}

/* What is on the source is not asked for here: each read of a failing disk counts. */
static void plan(const struct cli_args *args, const struct sv_map *map)
{
	(void)map;
	put_end(args, "From: ", 0);
	put_end(args, "To: ", 1);
	if (args->words[2])
		put_end(args, "Map: ", 2);
	printf("Read: %s. Passes: %s.\n", args->domain ? args->domain : "whole, what is used first",
	       args->passes ? args->passes : "copy,trim,scrape,retry");
}

static json_t *plan_json(const struct cli_args *args, const struct sv_map *map)
{
	struct disk disk;
	json_t *line = cli_json_new("plan");
	(void)map;
	start(args, line);
	cli_json_string(line, "domain", args->domain ? args->domain : "whole");
	cli_json_add(line, "source_disk",
		     named_disk(args, 0, &disk) ? cli_json_disk(&disk) : json_null());
	cli_json_add(line, "target_disk",
		     named_disk(args, 1, &disk) ? cli_json_disk(&disk) : json_null());
	return line;
}

static void summary(const struct cli_args *args, const struct cli_job_result *result)
{
	char size[SV_SIZE_TEXT], time[SV_SIZE_TEXT];
	const struct sv_rescue_state *now = &result->last.rescue;
	fputs("Rescued ", stdout);
	cli_put(stdout, args->words[0]);
	fputs(" to ", stdout);
	cli_put(stdout, args->words[1]);
	printf(": %s, %s.\n", sv_text_size(size, now->rescued),
	       sv_text_duration(time, result->seconds));
	printf("Bad sectors: %s. ", sv_text_size(size, now->bad));
	printf("In failed reads: %s. ", sv_text_size(size, now->failed));
	printf("Not tried: %s. ", sv_text_size(size, now->untried));
	printf("Failed reads: %llu.\n", (unsigned long long)now->failed_reads);
}

int cmd_rescue(const struct cli_args *args, struct sv_err *err)
{
	static const struct cli_job_ops ops = {
		.doing = "rescuing",
		.create = create,
		.start = start,
		.plan_early = true,
		.plan = plan,
		.plan_json = plan_json,
		.summary = summary,
		.sums_up_unreadable = true,
	};
	return cli_job_run(args, &ops, err);
}
