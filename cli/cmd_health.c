/* cmd_health.c - salvor health: what the disks say of their own health */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- for programs ---- */

static void json_number(json_t *o, const char *key, uint64_t n)
{
	if (n == HEALTH_NONE)
		cli_json_add(o, key, json_null());
	else
		cli_json_bytes(o, key, n);
}

static const char *test_name(enum health_test test)
{
	static const char *const names[] = {
		[HEALTH_TEST_NONE] = NULL,
		[HEALTH_TEST_PASSED] = "passed",
		[HEALTH_TEST_FAILED] = "failed",
		[HEALTH_TEST_RUNNING] = "running",
	};
	return names[test];
}

static void json_numbers(json_t *o, const struct health *h)
{
	json_number(o, "temperature", h->temperature);
	json_number(o, "power_on_hours", h->power_on_hours);
	json_number(o, "reallocated", h->reallocated);
	json_number(o, "pending", h->pending);
	json_number(o, "uncorrectable", h->uncorrectable);
	json_number(o, "lost", h->lost);
	json_number(o, "crc_errors", h->crc_errors);
	json_number(o, "errors_logged", h->errors_logged);
	json_number(o, "percent_used", h->percent_used);
	json_number(o, "spare", h->spare);
	json_number(o, "spare_threshold", h->spare_threshold);
	json_number(o, "critical_warning", h->critical_warning);
}

static json_t *json_reasons(const struct health *h)
{
	char text[HEALTH_TEXT];
	json_t *list = json_array();
	for (size_t i = 0; i < h->n_reasons; i++) {
		const struct health_reason *reason = &h->reasons[i];
		json_t *o = json_object();
		cli_json_string(o, "cause", health_words[reason->cause].name);
		cli_json_string(o, "level", health_verdict_name(reason->level));
		cli_json_string(o, "text", health_reason_text(reason, text));
		cli_json_push(list, o);
	}
	return list;
}

static json_t *json_disk(const struct disk *disk, const struct health *h)
{
	json_t *o = json_object();
	cli_json_string(o, "path", disk->path);
	cli_json_text(o, "model", disk->model);
	cli_json_text(o, "serial", disk->serial);
	cli_json_bytes(o, "size", disk->size);
	cli_json_text(o, "transport", disk->transport);
	cli_json_string(o, "verdict", health_verdict_name(h->verdict));
	cli_json_text(o, "protocol", h->protocol);
	if (h->says == HEALTH_SAYS_NOTHING)
		cli_json_add(o, "passed", json_null());
	else
		cli_json_bool(o, "passed", h->says == HEALTH_SAYS_PASSED);
	cli_json_text(o, "self_test", test_name(h->self_test));
	json_numbers(o, h);
	cli_json_add(o, "reasons", json_reasons(h));
	return o;
}

/* ---- for people ---- */

static void row(struct cli_table *table, const char *name, uint64_t n, const char *unit)
{
	char text[64];
	if (n == HEALTH_NONE)
		return;
	snprintf(text, sizeof(text), "%llu%s", (unsigned long long)n, unit);
	cli_table_cell(table, false, name);
	cli_table_cell(table, false, text);
}

/* The verdict in capitals, so that it is found at a glance. */
static void verdict_rows(struct cli_table *table, const struct health *h)
{
	char verdict[16], text[HEALTH_TEXT];
	snprintf(verdict, sizeof(verdict), "%s", health_verdict_name(h->verdict));
	for (char *p = verdict; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	cli_table_cell(table, false, "Health");
	cli_table_cell(table, false, verdict);
	for (size_t i = 0; i < h->n_reasons; i++) {
		cli_table_cell(table, false, "");
		cli_table_cell(table, false, health_reason_text(&h->reasons[i], text));
	}
}

static int print_disk(const struct disk *disk, const struct health *h, struct sv_err *err)
{
	struct cli_table *table = cli_table_create(2);
	cli_print_disk(stdout, disk);
	putchar('\n');
	verdict_rows(table, h);
	row(table, "Temperature", h->temperature, " degrees Celsius");
	row(table, "Power on, hours", h->power_on_hours, "");
	row(table, "Waiting sectors", h->pending, "");
	row(table, "Replaced sectors", h->reallocated, "");
	row(table, "Failed in its own scan", h->uncorrectable, "");
	row(table, "Failed accesses", h->lost, "");
	row(table, "Garbled transfers", h->crc_errors, "");
	row(table, "Errors in its log", h->errors_logged, "");
	row(table, "Planned life used", h->percent_used, " %");
	row(table, "Spare memory left", h->spare, " %");
	if (h->self_test) {
		cli_table_cell(table, false, "Last self-test");
		cli_table_cell(table, false, test_name(h->self_test));
	}
	int rc = cli_table_print(table, stdout, 2, err);
	fflush(stdout);
	return rc;
}

/* ---- which disks ---- */

/* The disk a word names; of a partition its disk. */
static int find_one(const struct cli_args *args, const char *word, struct disk_list *list,
		    size_t *n, struct sv_err *err)
{
	struct disk disk;
	int rc = disk_find(args->root, word, &disk, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < list->n; i++) {
		if (!disk_same(&list->v[i], &disk))
			continue;
		/* those that were asked for come to the front, each once */
		if (i >= *n) {
			struct disk other = list->v[*n];
			list->v[*n] = list->v[i];
			list->v[i] = other;
			++*n;
		}
		return 0;
	}
	return sv_fail(err, SV_E_NOT_FOUND, 0, word, "%s is no disk", word);
}

static int find_disks(const struct cli_args *args, struct disk_list *list, struct sv_err *err)
{
	size_t n = 0;
	int rc = disk_scan(args->root, list, err);
	if (rc || !args->words[0])
		return rc;
	rc = find_one(args, args->words[0], list, &n, err);
	for (size_t i = 0; i < args->n_more && !rc; i++)
		rc = find_one(args, args->more[i], list, &n, err);
	list->n = n;
	return rc;
}

static int tell(const struct cli_args *args, const struct disk_list *list, json_t *disks,
		struct sv_err *err)
{
	struct health health;
	int rc = 0;
	for (size_t i = 0; i < list->n && !rc; i++) {
		struct health_params params = {
			.root = args->root, .disk = &list->v[i], .wake = args->wake};
		rc = health_read(&params, &health, err);
		if (!rc && args->json)
			cli_json_push(disks, json_disk(&list->v[i], &health));
		else if (!rc)
			rc = print_disk(&list->v[i], &health, err);
	}
	return rc;
}

int cmd_health(const struct cli_args *args, struct sv_err *err)
{
	struct disk_list list = {0};
	json_t *o = args->json ? cli_json_new("health") : NULL, *disks = o ? json_array() : NULL;
	int rc = find_disks(args, &list, err);
	if (!rc && !list.n && !args->json)
		puts("No disks found.");
	if (!rc)
		rc = tell(args, &list, disks, err);
	if (args->json && !rc) {
		cli_json_add(o, "disks", disks);
		rc = cli_json_line(o, err);
	} else {
		json_decref(disks);
		json_decref(o);
	}
	disk_list_clear(&list);
	return rc;
}
