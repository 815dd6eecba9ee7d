/* options.c - every option once, and the one parser for all verbs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Partition numbers beyond this are typing errors: GPT tables of 4096 entries are the largest seen.
 */
#define MAX_PARTITION 100000

#define FIELD(name) offsetof(struct cli_args, name)

const struct cli_option cli_options[OPT_COUNT] = {
	[OPT_HELP] = {"help", 'h', NULL, NULL, "show the manual of the verb", FIELD(help),
		      OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_VERSION] = {"version", 'V', NULL, NULL, "show the version", FIELD(version),
			 OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_JSON] = {"json", 'j', NULL, NULL, "speak JSON on stdout", FIELD(json), OPT_TYPE_FLAG,
		      COMPLETE_NOTHING},
	[OPT_QUIET] = {"quiet", 'q', NULL, NULL, "print only errors and warnings", FIELD(quiet),
		       OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, NULL, "print more about what is done",
			 FIELD(verbose), OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_DRY_RUN] = {"dry-run", 'n', NULL, NULL, "check and show the plan, write nothing",
			 FIELD(dry_run), OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_PROGRESS] = {"progress", 0, "WHEN", "auto|line|none", "how progress is shown",
			  FIELD(progress), OPT_TYPE_CHOICE, COMPLETE_NOTHING},
	[OPT_EXTENTS] = {"extents", 0, NULL, NULL, "print each range that would be read",
			 FIELD(extents), OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_PARTITIONS] = {"partitions", 0, "LIST", NULL, "only these partitions",
			    FIELD(partitions), OPT_TYPE_PARTITIONS, COMPLETE_NOTHING},
	[OPT_WHOLE] = {"whole", 0, NULL, NULL, "read free space too", FIELD(whole), OPT_TYPE_FLAG,
		       COMPLETE_NOTHING},
	[OPT_SECTOR_SIZE] = {"sector-size", 0, "BYTES", "512|1024|2048|4096",
			     "sector size of a raw file", FIELD(sector_size), OPT_TYPE_SECTOR,
			     COMPLETE_NOTHING},
	[OPT_PRESET] = {"preset", 0, "PRESET", "fast|normal|small|smallest", "how hard to compress",
			FIELD(preset), OPT_TYPE_CHOICE, COMPLETE_NOTHING},
	[OPT_CODEC] = {"codec", 0, "CODEC", "zstd|xz", "compression format", FIELD(codec),
		       OPT_TYPE_CHOICE, COMPLETE_NOTHING},
	[OPT_LEVEL] = {"level", 0, "N", NULL, "compression level of the codec", FIELD(level),
		       OPT_TYPE_INT, COMPLETE_NOTHING},
	[OPT_VOLUME_SIZE] = {"volume-size", 0, "SIZE", NULL, "split the image into files of SIZE",
			     FIELD(volume_size), OPT_TYPE_SIZE, COMPLETE_NOTHING},
	[OPT_THREADS] = {"threads", 0, "N", NULL, "how many threads work", FIELD(threads),
			 OPT_TYPE_THREADS, COMPLETE_NOTHING},
	[OPT_ON_ERROR] = {"on-error", 0, "WHAT", "stop|skip", "at an unreadable area",
			  FIELD(on_error), OPT_TYPE_CHOICE, COMPLETE_NOTHING},
	[OPT_NO_VERIFY] = {"no-verify", 0, NULL, NULL, "do not read back what was written",
			   FIELD(no_verify), OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_RESUME] = {"resume", 0, NULL, NULL, "continue an unfinished image", FIELD(resume),
			OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_NOTE] = {"note", 0, "TEXT", NULL, "a note to keep with the image", FIELD(note),
		      OPT_TYPE_TEXT, COMPLETE_NOTHING},
	[OPT_PARTITION] = {"partition", 0, "N[:M]", NULL, "only partition N, into partition M",
			   FIELD(partition), OPT_TYPE_PARTITION_TO, COMPLETE_NOTHING},
	[OPT_FREE] = {"free", 0, "WHAT", "keep|discard|zero", "what becomes of free space",
		      FIELD(free_mode), OPT_TYPE_CHOICE, COMPLETE_NOTHING},
	[OPT_CONFIRM_ERASE] = {"confirm-erase", 0, "ID", NULL, "serial number of the target",
			       FIELD(confirm_erase), OPT_TYPE_TEXT, COMPLETE_NOTHING},
	[OPT_AGAINST] = {"against", 0, "SOURCE", NULL, "compare with this disk, too",
			 FIELD(against), OPT_TYPE_TEXT, COMPLETE_DISK},
	[OPT_READ_ONLY] = {"read-only", 0, NULL, NULL, "do not write a test file", FIELD(read_only),
			   OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_PASSWORD_FILE] = {"password-file", 0, "FILE", NULL, "password of the share",
			       FIELD(password_file), OPT_TYPE_TEXT, COMPLETE_FILE},
	[OPT_HOST_KEY] = {"host-key", 0, "FINGERPRINT", NULL, "host key of the SSH server",
			  FIELD(host_key), OPT_TYPE_TEXT, COMPLETE_NOTHING},
	[OPT_IDENTITY] = {"identity", 0, "FILE", NULL, "private key for the SSH server",
			  FIELD(identity), OPT_TYPE_TEXT, COMPLETE_FILE},
	[OPT_KEY_FILE] = {"key-file", 0, "FILE", NULL, "key of an encrypted volume",
			  FIELD(key_file), OPT_TYPE_TEXT, COMPLETE_FILE},
	[OPT_UNLOCK] = {"unlock", 0, NULL, NULL, "ask for the passphrases of encrypted volumes",
			FIELD(unlock), OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_WITH] = {"with", 0, "DISK", NULL, "another disk of a volume that lies on several",
		      FIELD(with), OPT_TYPE_LIST, COMPLETE_DISK},
	[OPT_WAKE] = {"wake", 0, NULL, NULL, "ask a sleeping disk, too", FIELD(wake), OPT_TYPE_FLAG,
		      COMPLETE_NOTHING},
	[OPT_PASSES] = {"passes", 0, "LIST", NULL, "which passes of copy,trim,scrape,retry",
			FIELD(passes), OPT_TYPE_TEXT, COMPLETE_NOTHING},
	[OPT_RETRIES] = {"retries", 0, "N", NULL, "how often bad sectors are tried again",
			 FIELD(retries), OPT_TYPE_INT, COMPLETE_NOTHING},
	[OPT_DOMAIN] = {"domain", 0, "WHAT", NULL,
			"whole, used, metadata, or a mapfile of what is read", FIELD(domain),
			OPT_TYPE_TEXT, COMPLETE_FILE},
	[OPT_SAVE_EVERY] = {"save-every", 0, "SECONDS", NULL, "how often the mapfile is saved",
			    FIELD(save_every), OPT_TYPE_INT, COMPLETE_NOTHING},
	[OPT_SLOW_MS] = {"slow-ms", 0, "MS", NULL, "slower reads than that are put off",
			 FIELD(slow_ms), OPT_TYPE_INT, COMPLETE_NOTHING},
	[OPT_IMAGE] = {"image", 0, NULL, NULL, "make an image of what was rescued", FIELD(image),
		       OPT_TYPE_FLAG, COMPLETE_NOTHING},
	[OPT_COPY] = {"copy", 0, "COPY", NULL, "what was rescued onto", FIELD(copy), OPT_TYPE_TEXT,
		      COMPLETE_DISK},
	[OPT_WAIT] = {"wait", 0, "SECONDS", NULL, "how long a disk that went away is waited for",
		      FIELD(wait), OPT_TYPE_INT, COMPLETE_NOTHING},
	[OPT_NTFS_UNION] = {"ntfs-union", 0, NULL, NULL,
			    "do not read all of an NTFS that was not shut down cleanly",
			    FIELD(ntfs_union), OPT_TYPE_FLAG, COMPLETE_NOTHING},
};

static int bad_value(const struct cli_option *option, const char *value, struct sv_err *err)
{
	char choices[80] = "";
	size_t n = 0;
	if (!option->choices)
		return sv_fail(err, SV_E_USAGE, 0, option->name, "--%s cannot be '%s'",
			       option->name, value);
	for (const char *p = option->choices; *p && n + 5 < sizeof(choices); p++) {
		if (*p == '|') {
			memcpy(choices + n, ", ", 2);
			n += 2;
		} else {
			choices[n++] = *p;
		}
	}
	return sv_fail(err, SV_E_USAGE, 0, option->name, "--%s cannot be '%s', it is one of %s",
		       option->name, value, choices);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);
	if (strchr(value, '|'))
		return false;
	for (const char *p = choices; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (len && !strncmp(p, value, len) && (p[len] == '|' || !p[len]))
			return true;
	}
	return false;
}

/* A number with nothing around it. */
static bool parse_int(const char *text, long min, long max, int *value)
{
	char *end;
	errno = 0;
	long v = strtol(text, &end, 10);
	bool digits = (*text >= '0' && *text <= '9') || (*text == '-' && text[1] >= '0');
	if (!digits || *end || errno || v < min || v > max)
		return false;
	*value = (int)v;
	return true;
}

static int add_partition(struct cli_args *args, int number, struct sv_err *err)
{
	for (size_t i = 0; i < args->n_partitions; i++)
		if (args->partitions[i] == number)
			return 0;
	int *grown = reallocarray(args->partitions, args->n_partitions + 1, sizeof(*grown));
	if (!grown)
		return sv_fail_nomem(err);
	args->partitions = grown;
	args->partitions[args->n_partitions++] = number;
	return 0;
}

static int set_partitions(struct cli_args *args, const char *value, struct sv_err *err)
{
	args->n_partitions = 0;
	for (const char *p = value;; p++) {
		char word[16];
		size_t len = strcspn(p, ",");
		int number;
		if (len >= sizeof(word))
			len = sizeof(word) - 1;
		memcpy(word, p, len);
		word[len] = '\0';
		if (!parse_int(word, 1, MAX_PARTITION, &number))
			return sv_fail(err, SV_E_USAGE, 0, "partitions",
				       "--partitions is a list of partition numbers such as 1,3, "
				       "not '%s'",
				       value);
		int rc = add_partition(args, number, err);
		p += len;
		if (rc || !*p)
			return rc;
	}
}

static int add_to_list(struct cli_list *list, const char *value, struct sv_err *err)
{
	const char **grown = reallocarray(list->v, list->n + 1, sizeof(*grown));
	if (!grown)
		return sv_fail_nomem(err);
	list->v = grown;
	list->v[list->n++] = value;
	return 0;
}

static int set_partition_to(struct cli_args *args, const char *value, struct sv_err *err)
{
	char from[16];
	size_t len = strcspn(value, ":");
	snprintf(from, sizeof(from), "%.*s", (int)SV_MIN(len, sizeof(from) - 1), value);
	args->target_partition = 0;
	if (!parse_int(from, 1, MAX_PARTITION, &args->partition) ||
	    (value[len] && !parse_int(value + len + 1, 1, MAX_PARTITION, &args->target_partition)))
		return sv_fail(err, SV_E_USAGE, 0, "partition",
			       "--partition is N or N:M, numbers of partitions, not '%s'", value);
	return 0;
}

static int set_number(const struct cli_option *option, void *field, const char *value,
		      struct sv_err *err)
{
	int number = 0;
	switch (option->type) {
	case OPT_TYPE_INT:
		if (!parse_int(value, INT_MIN + 1L, INT_MAX, field))
			return bad_value(option, value, err);
		return 0;
	case OPT_TYPE_SIZE:
		if (!sv_parse_size(value, field) || !*(uint64_t *)field)
			return sv_fail(err, SV_E_USAGE, 0, option->name,
				       "--%s is a size such as 4000M or 2G, not '%s'", option->name,
				       value);
		return 0;
	case OPT_TYPE_SECTOR:
		if (!is_choice(option->choices, value) || !parse_int(value, 512, 4096, &number))
			return bad_value(option, value, err);
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	default: /* OPT_TYPE_THREADS */
		if (!strcmp(value, "serial"))
			*(unsigned int *)field = SV_THREADS_SERIAL;
		else if (parse_int(value, 1, 1024, &number))
			*(unsigned int *)field = (unsigned int)number;
		else
			return sv_fail(err, SV_E_USAGE, 0, option->name,
				       "--threads is a number from 1 to 1024, not '%s'", value);
		return 0;
	}
}

static int set_value(const struct cli_option *option, struct cli_args *args, const char *value,
		     struct sv_err *err)
{
	void *field = (char *)args + option->offset;
	switch (option->type) {
	case OPT_TYPE_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_TYPE_CHOICE:
		if (!is_choice(option->choices, value))
			return bad_value(option, value, err);
		*(const char **)field = value;
		return 0;
	case OPT_TYPE_TEXT:
		*(const char **)field = value;
		return 0;
	case OPT_TYPE_LIST:
		return add_to_list(field, value, err);
	case OPT_TYPE_PARTITIONS:
		return set_partitions(args, value, err);
	case OPT_TYPE_PARTITION_TO:
		return set_partition_to(args, value, err);
	default:
		return set_number(option, field, value, err);
	}
}

/* The rest of the command line while it is parsed. */
struct scan {
	const struct cli_verb *verb;
	char **argv;
	int argc, at;
	struct cli_args *args;
	size_t words;
};

static const struct cli_option *find_long(const struct cli_verb *verb, const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (verb->options & 1ull << i && !strncmp(cli_options[i].name, name, len) &&
		    !cli_options[i].name[len])
			return &cli_options[i];
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_verb *verb, char letter)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (verb->options & 1ull << i && cli_options[i].letter == letter)
			return &cli_options[i];
	return NULL;
}

/* "--x", "--x=v" or "--x v" */
static int parse_long(struct scan *s, const char *word, struct sv_err *err)
{
	const char *name = word + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct cli_option *option = find_long(s->verb, name, len);
	if (!option)
		return sv_fail(err, SV_E_USAGE, 0, word, "%s does not know the option --%.*s",
			       s->verb->name, (int)SV_MIN(len, 100u), name);
	if (option->type == OPT_TYPE_FLAG && value)
		return sv_fail(err, SV_E_USAGE, 0, word, "--%s takes no value", option->name);
	if (option->type != OPT_TYPE_FLAG && !value && s->at == s->argc)
		return sv_fail(err, SV_E_USAGE, 0, word, "--%s needs a value: %s", option->name,
			       option->metavar);
	if (value)
		value++;
	else if (option->type != OPT_TYPE_FLAG)
		value = s->argv[s->at++];
	return set_value(option, s->args, value, err);
}

/* "-n", "-nq": the short ones are all flags */
static int parse_short(struct scan *s, const char *word, struct sv_err *err)
{
	for (const char *p = word + 1; *p; p++) {
		const struct cli_option *option = find_letter(s->verb, *p);
		if (!option)
			return sv_fail(err, SV_E_USAGE, 0, word, "%s does not know the option -%c",
				       s->verb->name, *p);
		set_value(option, s->args, "", err);
	}
	return 0;
}

static int take_another(struct scan *s, const char *word, struct sv_err *err)
{
	struct cli_args *args = s->args;
	const char **grown = reallocarray(args->more, args->n_more + 1, sizeof(*grown));
	if (!grown)
		return sv_fail_nomem(err);
	args->more = grown;
	args->more[args->n_more++] = word;
	return 0;
}

static int take_word(struct scan *s, const char *word, struct sv_err *err)
{
	if (s->words && s->verb->words[s->words - 1].many && *word)
		return take_another(s, word, err);
	if (s->words == CLI_MAX_WORDS || !s->verb->words[s->words].name)
		return sv_fail(err, SV_E_USAGE, 0, word, "%s cannot do anything with '%s'",
			       s->verb->name, word);
	if (!*word)
		return sv_fail(err, SV_E_USAGE, 0, word, "%s cannot be empty",
			       s->verb->words[s->words].name);
	s->args->words[s->words++] = word;
	return 0;
}

/* After a mistake only one question is left: how does the caller want to hear of it? */
static void look_for_json(struct scan *s)
{
	for (; s->at < s->argc && strcmp(s->argv[s->at], "--"); s->at++)
		if (!strcmp(s->argv[s->at], "--json") || !strcmp(s->argv[s->at], "-j"))
			s->args->json = s->verb->options & OPT(JSON);
}

static int check_words(const struct scan *s, struct sv_err *err)
{
	const struct cli_word *w = s->verb->words;
	if (s->args->help || s->args->version)
		return 0;
	for (size_t i = s->words; i < CLI_MAX_WORDS && w[i].name; i++)
		if (!w[i].optional)
			return sv_fail(err, SV_E_USAGE, 0, s->verb->name,
				       "%s needs %s; see 'salvor help %s'", s->verb->name,
				       w[i].name, s->verb->name);
	return 0;
}

int cli_parse(const struct cli_verb *verb, int argc, char **argv, struct cli_args *args,
	      struct sv_err *err)
{
	struct scan s = {.verb = verb, .argc = argc, .argv = argv, .args = args};
	bool options = true;
	int rc = 0;
	memset(args, 0, sizeof(*args));
	args->verb = verb;
	args->level = args->save_every = args->slow_ms = args->wait = INT_MIN;
	args->root = getenv("SALVOR_ROOT");
	if (!args->root)
		args->root = "";
	while (!rc && s.at < argc) {
		const char *word = argv[s.at++];
		if (options && !strcmp(word, "--"))
			options = false;
		else if (options && !strncmp(word, "--", 2))
			rc = parse_long(&s, word, err);
		else if (options && word[0] == '-' && word[1])
			rc = parse_short(&s, word, err);
		else
			rc = take_word(&s, word, err);
	}
	if (rc)
		look_for_json(&s);
	return rc ? rc : check_words(&s, err);
}

void cli_args_clear(struct cli_args *args)
{
	free(args->partitions);
	free(args->more);
	free(args->with.v);
	memset(args, 0, sizeof(*args));
}

enum sv_on_error cli_on_error(const struct cli_args *args)
{
	bool skip = args->on_error && !strcmp(args->on_error, "skip");
	return skip ? SV_ON_ERROR_SKIP : SV_ON_ERROR_STOP;
}

struct sv_map_params cli_map_params(const struct cli_args *args, const struct sv_unlock *unlock)
{
	return (struct sv_map_params){
		.root = args->root,
		.source = args->words[0],
		.sector_size = args->sector_size,
		.partitions = args->partitions,
		.n_partitions = args->n_partitions,
		.whole = args->whole,
		.ntfs_union = args->ntfs_union,
		.unlock = unlock,
		.with = args->with.v,
		.n_with = args->with.n,
	};
}
