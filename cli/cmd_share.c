/* cmd_share.c - salvor share: can this store on another machine be used? step by step */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

static const char *outcome_words(enum share_outcome outcome)
{
	switch (outcome) {
	case SHARE_PASSED:
		return "ok";
	case SHARE_FAILED:
		return "FAILED";
	default:
		return "not tried";
	}
}

static int print_table(const struct share_report *report, struct sv_err *err)
{
	char size[SV_SIZE_TEXT];
	struct cli_table *table = cli_table_create(3);
	for (int i = 0; i < SHARE_STEPS; i++) {
		cli_table_cell(table, false, share_step_name((enum share_step)i));
		cli_table_cell(table, false, outcome_words(report->steps[i].outcome));
		cli_table_cell(table, false, report->steps[i].detail);
	}
	int rc = cli_table_print(table, stdout, 0, err);
	if (!rc && report->steps[SHARE_STEP_FOLDER].outcome == SHARE_PASSED)
		printf("%s free.\n", sv_text_size(size, report->free_bytes));
	return rc;
}

static json_t *json_step(const struct share_report *report, int i)
{
	json_t *o = json_object();
	cli_json_string(o, "step", share_step_name((enum share_step)i));
	if (report->steps[i].outcome == SHARE_NOT_TRIED)
		cli_json_add(o, "ok", json_null());
	else
		cli_json_bool(o, "ok", report->steps[i].outcome == SHARE_PASSED);
	cli_json_text(o, "detail", report->steps[i].detail);
	return o;
}

static int print_json(const char *url, const struct share_report *report, struct sv_err *err)
{
	json_t *o = cli_json_new("share"), *steps = json_array();
	cli_json_string(o, "url", url);
	for (int i = 0; i < SHARE_STEPS; i++)
		cli_json_push(steps, json_step(report, i));
	cli_json_add(o, "steps", steps);
	if (report->steps[SHARE_STEP_FOLDER].outcome == SHARE_PASSED)
		cli_json_bytes(o, "free", report->free_bytes);
	else
		cli_json_add(o, "free", json_null());
	return cli_json_line(o, err);
}

int cmd_share(const struct cli_args *args, struct sv_err *err)
{
	const char *url = args->words[0];
	struct share_params params = cli_share_params(args, url);
	struct share_report report = {0};
	struct share_url parsed;
	struct share *share = NULL;
	params.purpose = SHARE_STORE;
	params.read_only = args->read_only;
	int rc = share_url_parse(url, &parsed, err);
	if (rc)
		return rc;
	cli_signals_hold();
	rc = share_open(&params, &share, &report, err);
	if (!rc && !args->read_only)
		rc = share_try_write(share, &report, err);
	share_close(share);
	int told = args->json ? print_json(url, &report, rc ? NULL : err)
			      : print_table(&report, rc ? NULL : err);
	int stopped = cli_signals_release(rc || told ? NULL : err);
	return rc ? rc : told ? told : stopped;
}
