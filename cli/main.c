/* main.c - the command salvor: find the verb, parse, run, turn the result into words and a code */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"
#include "tui/tui.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cli_help_text(const char *name)
{
	for (const struct cli_help *h = cli_helps; h->name; h++)
		if (!strcmp(h->name, name))
			return h->text;
	return NULL;
}

static void print_short_help(void)
{
	printf("Salvor %s saves disks to images, restores them, and clones disks.\n\n"
	       "usage: salvor VERB [WORDS] [OPTIONS]\n\n",
	       sv_version());
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			printf("  %-11s %s\n", v->name, v->summary);
	printf("\n'salvor help VERB' shows the manual of a verb.\n");
}

/* The answer to a failure: one sentence on stderr, and under --json the last lines of a job. */
static int report(const struct cli_verb *verb, bool json, int rc, struct sv_err *err,
		  const char *verdict)
{
	int code = sv_exit_code(rc);
	if (rc && !err->code)
		sv_fail(err, rc, 0, "", "%s", sv_error_name(rc));
	if (rc)
		cli_say_error(err->text);
	if (json && verb && verb->job) {
		if (rc)
			cli_json_error(code, err);
		cli_json_exit(code, rc ? sv_error_name(-code) : verdict);
	}
	return code;
}

static bool json_wanted(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

static int refuse_verb(const struct cli_verb *verb, const char *name, int argc, char **argv)
{
	struct sv_err err = {0};
	int rc;
	if (verb)
		rc = sv_fail(&err, SV_E_USAGE, 0, name, "this version cannot %s yet", name);
	else if (name[0] == '-')
		rc = sv_fail(&err, SV_E_USAGE, 0, name,
			     "there is no option %s without a verb; see 'salvor help'", name);
	else
		rc = sv_fail(&err, SV_E_USAGE, 0, name, "there is no verb %s; see 'salvor help'",
			     name);
	return report(verb, json_wanted(argc, argv), rc, &err, "");
}

/* What a success of this run means. */
static const char *success(const struct cli_args *args)
{
	if (args->dry_run)
		return "nothing was written, all checks passed";
	if (args->verb->success)
		return args->verb->success;
	if (args->no_verify)
		return "done, not verified";
	return "done and verified";
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
	struct cli_args args;
	struct sv_err err = {0};
	int rc = cli_parse(verb, argc, argv, &args, &err);
	if (!rc && args.help) {
		fputs(cli_help_text(verb->name), stdout);
		cli_args_clear(&args);
		return 0;
	}
	if (!rc && args.version) {
		printf("salvor %s\n", sv_version());
		cli_args_clear(&args);
		return 0;
	}
	if (!rc) {
		sv_init(args.root);
		rc = cli_share_mount(&args, &err);
		if (!rc)
			rc = verb->run(&args, &err);
		int stopped = cli_share_unmount(&args, rc ? NULL : &err);
		rc = rc ? rc : stopped;
	}
	/* a document that was lost is no success (a full disk, say); a job is judged by its deeds
	 */
	if (!rc && !verb->job && (fflush(stdout) || ferror(stdout)))
		rc = sv_fail(&err, SV_E_FAILED, 0, "stdout", "cannot write the output");
	int code = report(verb, args.json, rc, &err, success(&args));
	cli_args_clear(&args);
	return code;
}

static int help(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "salvor";
	const struct cli_verb *verb = cli_verb_find(name);
	const char *text = verb && !verb->run ? NULL : cli_help_text(name);
	if (!text || argc > 1)
		return refuse_verb(text ? NULL : verb, argc > 1 ? argv[1] : name, 0, NULL);
	fputs(text, stdout);
	return 0;
}

/* On a terminal the interface, else help. SALVOR_UI asks for one kind of it, wherever it runs. */
static int no_verb(void)
{
	const char *ui = getenv("SALVOR_UI"), *root = getenv("SALVOR_ROOT");
	struct tui_params params = {.root = root ? root : ""};
	if (ui && !strcmp(ui, "plain"))
		params.style = TUI_PLAIN;
	else if (ui && !strcmp(ui, "tui"))
		params.style = TUI_FULL;
	if (params.style != TUI_AUTO || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		sv_init(params.root);
		return tui_run(&params);
	}
	print_short_help();
	cli_say_error("name a verb, or start salvor on a terminal for its interface");
	return sv_exit_code(SV_E_USAGE);
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	if (!name)
		return no_verb();
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("salvor %s\n", sv_version());
		return 0;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		return help(0, NULL);
	if (!strcmp(name, "help"))
		return help(argc - 2, argv + 2);
	const struct cli_verb *verb = cli_verb_find(name);
	if (!verb || !verb->run)
		return refuse_verb(verb, name, argc - 2, argv + 2);
	return run_verb(verb, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	return dispatch(argc, argv);
}
