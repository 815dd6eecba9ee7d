/* cmd_map.c - salvor map: what is on a disk, which bytes would be read, and why */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <inttypes.h>

static int print_extents(const struct sv_map *map, struct sv_err *err)
{
	struct sv_extents used = {0};
	int rc = sv_runs_select(&used, &map->plan, 1u << SV_RUN_READ);
	if (rc)
		return sv_fail_nomem(err);
	for (size_t i = 0; i < used.n; i++)
		printf("%" PRIu64 " %" PRIu64 "\n", used.v[i].start, used.v[i].len);
	sv_extents_clear(&used);
	return 0;
}

static int print_map(const struct cli_args *args, const struct sv_map *map, struct sv_err *err)
{
	char text[CLI_WARNING_TEXT];
	/* the document and the list have no place for it */
	for (size_t i = 0; (args->extents || args->json) && cli_map_warning(map, i, text); i++)
		cli_say_warning(text);
	if (args->extents)
		return print_extents(map, err);
	if (args->json)
		return cli_json_line(cli_json_map("map", map), err);
	cli_print_map(stdout, map, err);
	return err->code;
}

int cmd_map(const struct cli_args *args, struct sv_err *err)
{
	struct sv_unlock unlock;
	cli_unlock_init(args, &unlock);
	struct sv_map_params params = cli_map_params(args, &unlock);
	struct sv_map *map = NULL;
	if (args->extents && args->json)
		return sv_fail(err, SV_E_USAGE, 0, "map",
			       "--extents and --json are two forms of output: choose one");
	cli_signals_hold();
	int rc = sv_map_read(&params, &map, err);
	int stopped = cli_signals_release(rc ? NULL : err);
	rc = rc ? rc : stopped;
	if (!rc)
		rc = print_map(args, map, err);
	sv_map_destroy(map);
	return rc;
}
