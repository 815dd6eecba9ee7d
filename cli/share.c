/* share.c - words that are URLs: mounted for the time of the verb, and shown as URLs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- paths in sentences ---- */

/* Set before any thread runs, and good until the last sentence: after the end of the mount, too. */
static struct {
	char from[512], to[2048];
} alias;

static void set_alias(const struct share *share)
{
	snprintf(alias.from, sizeof(alias.from), "%s", share_mount_point(share));
	snprintf(alias.to, sizeof(alias.to), "%s", share_mount_url(share));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; *what && (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* A copy with all paths below alias.from below alias.to. */
static char *with_urls(const char *text)
{
	size_t from = strlen(alias.from), to = strlen(alias.to);
	char *copy = malloc(strlen(text) + count(text, alias.from) * to + 1), *out = copy;
	const char *p;
	if (!copy)
		return NULL;
	while (from && (p = strstr(text, alias.from))) {
		memcpy(out, text, (size_t)(p - text));
		memcpy(out + (p - text), alias.to, to);
		out += (size_t)(p - text) + to;
		text = p + from;
	}
	strcpy(out, text);
	return copy;
}

char *cli_clean(const char *text)
{
	char *copy = with_urls(text), *clean = copy ? sv_text_clean(copy) : NULL;
	free(copy);
	return clean;
}

/* ---- asking for a password ---- */

static bool cancelled(void *arg)
{
	(void)arg;
	return cli_signals_pending();
}

static int ask(void *arg, const char *url, char password[SHARE_PASSWORD_MAX], struct sv_err *err)
{
	(void)arg;
	if (!isatty(STDERR_FILENO) || !isatty(STDIN_FILENO))
		return sv_fail(err, SV_E_USAGE, 0, url,
			       "a password is needed and there is no terminal to ask on: give "
			       "--password-file");
	return cli_ask_secret("Password for ", url, "", password, SHARE_PASSWORD_MAX, err);
}

/* ---- a server that does not come back ---- */

#define PATIENCE_S 20 /* for the verb to end by itself */

/* Who tells the end of this run: the verb, or the one who has waited for it in vain. */
static atomic_flag end_told = ATOMIC_FLAG_INIT;

static void on_gone(void *arg, unsigned int seconds)
{
	struct cli_args *args = arg;
	struct sv_err err = {0};
	if (seconds < PATIENCE_S || atomic_flag_test_and_set(&end_told))
		return;
	sv_fail(&err, SV_E_STORE, 0, alias.to, "%s does not answer any more", alias.to);
	cli_say_error(err.text);
	if (args->json && args->verb->job) {
		cli_json_error(sv_exit_code(SV_E_STORE), &err);
		cli_json_exit(sv_exit_code(SV_E_STORE), sv_error_name(SV_E_STORE));
	}
	share_abandon(args->share);
	_exit(sv_exit_code(SV_E_STORE));
}

/* ---- mounting ---- */

struct share_params cli_share_params(const struct cli_args *args, const char *url)
{
	return (struct share_params){
		.root = args->root,
		.url = url,
		.password_file = args->password_file,
		.host_key = args->host_key,
		.identity = args->identity,
		.ask = ask,
		.cancelled = cancelled,
	};
}

static int mount_word(struct cli_args *args, size_t i, struct sv_err *err)
{
	enum cli_place place = args->verb->words[i].place;
	struct share_params params = cli_share_params(args, args->words[i]);
	params.purpose = place == PLACE_STORE ? SHARE_STORE : SHARE_IMAGE;
	params.read_only = place != PLACE_NEW_IMAGE || args->dry_run;
	params.gone = on_gone;
	params.arg = args;
	cli_signals_hold();
	int rc = share_open(&params, &args->share, NULL, err);
	if (rc)
		return rc;
	set_alias(args->share);
	args->words[i] = share_path(args->share);
	if (args->verbose && !args->json) {
		fputs("salvor: ", stderr);
		cli_put(stderr, share_mount_url(args->share));
		fprintf(stderr, " is mounted with %s\n", share_protocol(args->share));
	}
	return 0;
}

int cli_share_mount(struct cli_args *args, struct sv_err *err)
{
	for (size_t i = 0; i < CLI_MAX_WORDS; i++)
		if (args->words[i] && args->verb->words[i].place != PLACE_LOCAL &&
		    share_is_url(args->words[i]))
			return mount_word(args, i, err);
	return 0;
}

int cli_share_unmount(struct cli_args *args, struct sv_err *err)
{
	if (!args->share)
		return 0;
	/* it is being told that the server has gone: the process ends there */
	while (atomic_flag_test_and_set(&end_told))
		pause();
	share_close(args->share);
	args->share = NULL;
	/* a job has fetched its signals; what comes after its end changes nothing */
	return args->verb->job ? 0 : cli_signals_release(err);
}
