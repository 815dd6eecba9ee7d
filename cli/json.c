/* json.c - what salvor says to programs: one document, or lines */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The version of every document and line ("v"). New fields and types may come without a new one. */
#define JSON_VERSION 1

/* Something did not fit into memory since the last line: what was being made is not whole. */
static atomic_bool lost;

void cli_json_add(json_t *o, const char *key, json_t *value)
{
	if (json_object_set_new(o, key, value))
		atomic_store(&lost, true);
}

void cli_json_push(json_t *list, json_t *value)
{
	if (json_array_append_new(list, value))
		atomic_store(&lost, true);
}

json_t *cli_json_new(const char *type)
{
	return json_pack("{s:i, s:s}", "v", JSON_VERSION, "type", type);
}

void cli_json_string(json_t *o, const char *key, const char *text)
{
	char *clean = cli_clean(text);
	cli_json_add(o, key, clean ? json_string(clean) : NULL);
	free(clean);
}

void cli_json_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
		cli_json_string(o, key, text);
	else
		cli_json_add(o, key, json_null());
}

/* JSON integers of jansson are signed; nothing on a disk is beyond 2^63. */
void cli_json_bytes(json_t *o, const char *key, uint64_t bytes)
{
	cli_json_add(o, key, json_integer((json_int_t)SV_MIN(bytes, (uint64_t)INT64_MAX)));
}

void cli_json_bool(json_t *o, const char *key, bool value)
{
	cli_json_add(o, key, json_boolean(value));
}

int cli_json_line(json_t *o, struct sv_err *err)
{
	bool whole = o && !atomic_exchange(&lost, false);
	char *text = whole ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(o);
	if (!text)
		return sv_fail_nomem(err);
	puts(text);
	fflush(stdout);
	free(text);
	return 0;
}

void cli_json_exit(int code, const char *verdict)
{
	json_t *o = cli_json_new("exit");
	cli_json_bytes(o, "code", (uint64_t)code);
	cli_json_string(o, "verdict", verdict);
	if (cli_json_line(o, NULL)) /* the last line must come, even without memory */
		printf("{\"v\":%d,\"type\":\"exit\",\"code\":%d,\"verdict\":\"out of memory\"}\n",
		       JSON_VERSION, code);
	fflush(stdout);
}

void cli_json_error(int code, const struct sv_err *err)
{
	json_t *o = cli_json_new("error");
	cli_json_bytes(o, "code", (uint64_t)code);
	cli_json_string(o, "message", err->text);
	cli_json_text(o, "object", err->object);
	cli_json_bytes(o, "errno", (uint64_t)err->sys_errno);
	cli_json_line(o, NULL);
}
