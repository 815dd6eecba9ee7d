/* cmd_completion.c - salvor completion: scripts for shells, made from the tables of verbs and
 * options */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <string.h>

/* A verb's options, one after the other; *i starts at 0. */
static const struct cli_option *next_option(const struct cli_verb *verb, int *i)
{
	while (*i < OPT_COUNT) {
		int id = (*i)++;
		if (verb->options & 1ull << id)
			return &cli_options[id];
	}
	return NULL;
}

/* "a|b|c" as "a b c" */
static void put_choices(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

static bool offers_disks(const struct cli_verb *verb)
{
	for (size_t i = 0; i < CLI_MAX_WORDS; i++)
		if (verb->words[i].complete == COMPLETE_DISK)
			return true;
	return false;
}

static bool offers_shells(const struct cli_verb *verb)
{
	return verb->words[0].complete == COMPLETE_SHELL;
}

static bool wants_path(const struct cli_option *option)
{
	return option->complete == COMPLETE_DISK || option->complete == COMPLETE_FILE;
}

/* ---- bash ---- */

static void bash_values(const struct cli_verb *verb)
{
	const struct cli_option *option;
	for (int i = 0; (option = next_option(verb, &i));) {
		if (option->type == OPT_TYPE_FLAG)
			continue;
		printf("\t\t--%s)\n", option->name);
		if (option->choices) {
			fputs("\t\t\t_salvor_words '", stdout);
			put_choices(option->choices);
			puts("'");
		} else if (option->complete == COMPLETE_DISK) {
			puts("\t\t\t_salvor_disks");
		} else if (option->complete == COMPLETE_FILE) {
			puts("\t\t\t_salvor_files");
		}
		puts("\t\t\treturn ;;");
	}
}

static void bash_verb(const struct cli_verb *verb)
{
	const struct cli_option *option;
	printf("\t%s)\n\t\tcase $prev in\n", verb->name);
	bash_values(verb);
	puts("\t\tesac");
	fputs("\t\tcase $cur in -*) _salvor_words '", stdout);
	for (int i = 0; (option = next_option(verb, &i));)
		printf("--%s ", option->name);
	puts("'; return ;; esac");
	if (offers_shells(verb))
		puts("\t\t_salvor_words 'bash zsh fish' ;;");
	else if (offers_disks(verb))
		puts("\t\t_salvor_disks ;;");
	else
		puts(verb->words[0].name ? "\t\t_salvor_files ;;" : "\t\t;;");
}

static void put_verbs(void)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			printf("%s ", v->name);
}

static void print_bash(void)
{
	puts("# bash completion of salvor; load it with: source <(salvor completion bash)\n"
	     "_salvor_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
	     "_salvor_files() {\n"
	     "\tcompopt -o filenames 2>/dev/null\n"
	     "\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	     "}\n"
	     "_salvor_disks() {\n"
	     "\t_salvor_files\n"
	     "\t[ -n \"$cur\" ] || mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(\n"
	     "\t\tsalvor disks 2>/dev/null | sed -n 's|^\\(/dev/[^ ]*\\).*|\\1|p')\n"
	     "}\n"
	     "_salvor() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "\tCOMPREPLY=()\n"
	     "\t# --option=value comes as three words\n"
	     "\tif [ \"$cur\" = = ]; then cur=; "
	     "elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi");
	fputs("\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\t_salvor_words '", stdout);
	put_verbs();
	puts("help --help --version'\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in");
	fputs("\thelp) _salvor_words '", stdout);
	put_verbs();
	puts("' ;;");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			bash_verb(v);
	puts("\tesac\n}\ncomplete -F _salvor salvor");
}

/* ---- zsh ---- */

static void zsh_option(const struct cli_option *option)
{
	if (option->letter)
		printf(" \\\n\t\t\t'(-%c --%s)'{-%c,--%s}'[%s]'", option->letter, option->name,
		       option->letter, option->name, option->help);
	else if (option->type == OPT_TYPE_FLAG)
		printf(" \\\n\t\t\t'--%s[%s]'", option->name, option->help);
	else
		printf(" \\\n\t\t\t'--%s=[%s]:%s:", option->name, option->help, option->name);
	if (option->type == OPT_TYPE_FLAG)
		return;
	if (option->choices) {
		putchar('(');
		put_choices(option->choices);
		putchar(')');
	} else {
		fputs(wants_path(option) ? "_files" : " ", stdout);
	}
	putchar('\'');
}

static const char *zsh_action(enum cli_complete complete)
{
	switch (complete) {
	case COMPLETE_FOLDER:
		return "_files -/";
	case COMPLETE_SHELL:
		return "(bash zsh fish)";
	default:
		return "_files";
	}
}

static void zsh_verb(const struct cli_verb *verb)
{
	const struct cli_option *option;
	printf("\t%s)\n\t\t_arguments -s", verb->name);
	for (int i = 0; (option = next_option(verb, &i));)
		zsh_option(option);
	for (size_t i = 0; i < CLI_MAX_WORDS && verb->words[i].name; i++)
		printf(" \\\n\t\t\t'%zu:%s:%s'", i + 1, verb->words[i].name,
		       zsh_action(verb->words[i].complete));
	puts("\n\t\t;;");
}

static void print_zsh(void)
{
	puts("#compdef salvor\n"
	     "# zsh completion of salvor: as _salvor in a folder of $fpath, or\n"
	     "# source <(salvor completion zsh) after compinit\n"
	     "_salvor() {\n"
	     "\tlocal -a verbs\n"
	     "\tverbs=(");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			printf("\t\t'%s:%s'\n", v->name, v->summary);
	puts("\t\t'help:show the manual of a verb'\n"
	     "\t)\n"
	     "\tif (( CURRENT == 2 )); then\n"
	     "\t\t_describe verb verbs\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tlocal verb=$words[2]\n"
	     "\tshift words\n"
	     "\t(( CURRENT-- ))\n"
	     "\tcase $verb in\n"
	     "\thelp)\n"
	     "\t\t_describe verb verbs\n"
	     "\t\t;;");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			zsh_verb(v);
	puts("\tesac\n"
	     "}\n"
	     "if [ \"$funcstack[1]\" = _salvor ]; then\n"
	     "\t_salvor \"$@\"\n"
	     "else\n"
	     "\tcompdef _salvor salvor\n"
	     "fi");
}

/* ---- fish ---- */

static void fish_option(const struct cli_verb *verb, const struct cli_option *option)
{
	printf("complete -c salvor -n '__fish_seen_subcommand_from %s' -l %s", verb->name,
	       option->name);
	if (option->letter)
		printf(" -s %c", option->letter);
	if (option->choices) {
		fputs(" -x -a '", stdout);
		put_choices(option->choices);
		fputs("'", stdout);
	} else if (option->type != OPT_TYPE_FLAG) {
		fputs(wants_path(option) ? " -r -F" : " -x", stdout);
	}
	printf(" -d '%s'\n", option->help);
}

static void fish_verb(const struct cli_verb *verb)
{
	const struct cli_option *option;
	printf("complete -c salvor -n __fish_use_subcommand -a %s -d '%s'\n", verb->name,
	       verb->summary);
	printf("complete -c salvor -n '__fish_seen_subcommand_from help' -a %s -d '%s'\n",
	       verb->name, verb->summary);
	for (int i = 0; (option = next_option(verb, &i));)
		fish_option(verb, option);
	if (offers_shells(verb))
		printf("complete -c salvor -n '__fish_seen_subcommand_from %s' "
		       "-a 'bash zsh fish'\n",
		       verb->name);
	else if (verb->words[0].name)
		printf("complete -c salvor -n '__fish_seen_subcommand_from %s' -F\n", verb->name);
}

static void print_fish(void)
{
	puts("# fish completion of salvor; load it with: salvor completion fish | source\n"
	     "complete -c salvor -f\n"
	     "complete -c salvor -n __fish_use_subcommand -a help "
	     "-d 'show the manual of a verb'");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		if (v->run)
			fish_verb(v);
}

int cmd_completion(const struct cli_args *args, struct sv_err *err)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	for (size_t i = 0; i < SV_ARRAY(shells); i++) {
		if (!strcmp(shells[i].name, args->words[0])) {
			shells[i].print();
			return 0;
		}
	}
	return sv_fail(err, SV_E_USAGE, 0, args->words[0],
		       "there are completion scripts for bash, zsh and fish, not for '%s'",
		       args->words[0]);
}
