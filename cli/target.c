/* target.c - the second word of restore, clone and rescue: what will be written to, and what is
 * lost by that */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <string.h>

enum sv_free_mode cli_free_mode(const struct cli_args *args)
{
	if (!args->free_mode || !strcmp(args->free_mode, "keep"))
		return SV_FREE_KEEP;
	return !strcmp(args->free_mode, "discard") ? SV_FREE_DISCARD : SV_FREE_ZERO;
}

bool cli_target_disk(const struct cli_args *args, struct disk *disk)
{
	struct sv_err ignored = {0};
	return disk_is_device_spec(args->words[1]) &&
	       disk_find(args->root, args->words[1], disk, &ignored) == 0;
}

/* What the target holds now: a part of it, or all, is lost. */
static void print_lost(const struct cli_args *args)
{
	struct sv_map_params params = {
		.root = args->root, .source = args->words[1], .sector_size = args->sector_size};
	struct sv_map *map = NULL;
	struct sv_err ignored = {0};
	if (sv_map_read(&params, &map, &ignored))
		return; /* new, or not to be looked at: the job's checks tell */
	fputs("On it now: ", stdout);
	cli_print_disk_content(stdout, map, &ignored);
	sv_map_destroy(map);
}

void cli_print_target(const struct cli_args *args)
{
	struct disk disk;
	fputs("To: ", stdout);
	if (cli_target_disk(args, &disk))
		cli_print_disk(stdout, &disk);
	else
		cli_put(stdout, args->words[1]);
	if (args->target_partition)
		printf(", its partition %d", args->target_partition);
	printf("\nFree space: %s. %s\n", args->free_mode ? args->free_mode : "keep",
	       args->no_verify ? "What is written is not read back."
			       : "What is written is read back.");
	print_lost(args);
}

void cli_json_target(const struct cli_args *args, json_t *line)
{
	struct disk disk;
	cli_json_string(line, "free", args->free_mode ? args->free_mode : "keep");
	cli_json_bool(line, "verify", !args->no_verify);
	cli_json_add(line, "target_disk",
		     cli_target_disk(args, &disk) ? cli_json_disk(&disk) : json_null());
}

void cli_print_written(const char *done, const struct cli_args *args,
		       const struct cli_job_result *result)
{
	char time[SV_SIZE_TEXT];
	printf("%s ", done);
	cli_put(stdout, args->words[0]);
	fputs(" to ", stdout);
	cli_put(stdout, args->words[1]);
	printf(": written and %s, %s.\n", args->no_verify ? "not read back" : "read back",
	       sv_text_duration(time, result->seconds));
}
