/* cli.h - what the verbs of the command share: arguments, options, text, JSON, jobs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "engine/salvor.h"

#include <jansson.h>
#include <stdio.h>

#define CLI_MAX_WORDS 3

/* ---- verbs and options: const tables, used by parser, help and completion alike ---- */

enum cli_opt_id {
	OPT_HELP,
	OPT_VERSION,
	OPT_JSON,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_DRY_RUN,
	OPT_PROGRESS,
	OPT_EXTENTS,
	OPT_PARTITIONS,
	OPT_WHOLE,
	OPT_SECTOR_SIZE,
	OPT_PRESET,
	OPT_CODEC,
	OPT_LEVEL,
	OPT_VOLUME_SIZE,
	OPT_THREADS,
	OPT_ON_ERROR,
	OPT_NO_VERIFY,
	OPT_RESUME,
	OPT_NOTE,
	OPT_PARTITION,
	OPT_FREE,
	OPT_CONFIRM_ERASE,
	OPT_AGAINST,
	OPT_READ_ONLY,
	OPT_PASSWORD_FILE,
	OPT_HOST_KEY,
	OPT_IDENTITY,
	OPT_KEY_FILE,
	OPT_UNLOCK,
	OPT_WITH,
	OPT_WAKE,
	OPT_PASSES,
	OPT_RETRIES,
	OPT_DOMAIN,
	OPT_SAVE_EVERY,
	OPT_SLOW_MS,
	OPT_COPY,
	OPT_WAIT,
	OPT_IMAGE,
	OPT_NTFS_UNION,
	OPT_COUNT
};

#define OPT(id) (1ull << OPT_##id)

/* What a shell offers for a word or a value. */
enum cli_complete {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_FOLDER,
	COMPLETE_DISK, /* a block device, serial=, wwn=, or a raw file */
	COMPLETE_SHELL,
	COMPLETE_VERB,
};

enum cli_opt_type {
	OPT_TYPE_FLAG,	      /* bool */
	OPT_TYPE_TEXT,	      /* const char * */
	OPT_TYPE_LIST,	      /* struct cli_list: one value each time it is given */
	OPT_TYPE_CHOICE,      /* const char *, one of `choices` */
	OPT_TYPE_INT,	      /* int */
	OPT_TYPE_SIZE,	      /* uint64_t, bytes, K M G T allowed, not 0 */
	OPT_TYPE_SECTOR,      /* uint32_t, a power of two from 512 to 4096 */
	OPT_TYPE_THREADS,     /* unsigned int, or "serial" */
	OPT_TYPE_PARTITIONS,  /* list into args->partitions */
	OPT_TYPE_PARTITION_TO /* N or N:M into args->partition and target_partition */
};

struct cli_option {
	const char *name;    /* without the dashes */
	char letter;	     /* short form, 0 = none */
	const char *metavar; /* NULL for flags */
	const char *choices; /* "a|b|c" or NULL */
	const char *help;    /* a few words, for completion */
	size_t offset;	     /* of the field in struct cli_args */
	enum cli_opt_type type;
	enum cli_complete complete;
};

struct cli_args;

/* What may be a URL: it is mounted before the verb runs. */
enum cli_place {
	PLACE_LOCAL,	 /* never */
	PLACE_NEW_IMAGE, /* an image to be made */
	PLACE_IMAGE,	 /* an image to be read */
	PLACE_STORE,	 /* a folder with images */
};

struct cli_word {
	const char *name; /* as in the synopsis */
	enum cli_complete complete;
	bool optional;
	enum cli_place place;
	bool many; /* the last one: more of the kind may follow */
};

struct cli_verb {
	const char *name;
	const char *summary;
	struct cli_word words[CLI_MAX_WORDS];
	uint64_t options; /* OPT() bits */
	bool job;	  /* speaks JSON lines that end with the exit line */
	const char
		*success; /* of a job: its verdict when nothing is to be added; NULL = by options */
	/* 0 or a negative sv_error, the story in err. NULL: announced, but not in this version. */
	int (*run)(const struct cli_args *args, struct sv_err *err);
};

extern const struct cli_option cli_options[OPT_COUNT];
extern const struct cli_verb cli_verbs[]; /* ends with name NULL */

const struct cli_verb *cli_verb_find(const char *name);

struct cli_list {
	const char **v;
	size_t n;
};

/* Everything a command line can say. Strings belong to argv. */
struct cli_args {
	const struct cli_verb *verb;
	/* NULL where missing; a URL becomes the path it is mounted at, which cli_clean() turns
	 * back wherever something is said */
	const char *words[CLI_MAX_WORDS];
	const char **more; /* words after the last one, where many may stand; freed by
			      cli_args_clear() */
	size_t n_more;
	const char *root; /* "" or $SALVOR_ROOT */

	bool help, version, json, quiet, verbose, dry_run;
	bool extents, whole, no_verify, resume, image;
	const char *progress, *preset, *codec, *on_error, *note;
	const char *free_mode, *confirm_erase, *against;
	const char *password_file, *host_key, *identity, *key_file;
	bool unlock, ntfs_union;
	struct cli_list with; /* freed by cli_args_clear() */
	bool read_only, wake;
	struct share *share; /* what a URL among the words was mounted as; or NULL */
	int level;	     /* INT_MIN = not given */
	uint32_t sector_size;
	uint64_t volume_size;
	unsigned int threads;
	int *partitions; /* freed by cli_args_clear() */
	size_t n_partitions;
	int partition, target_partition;
	const char *passes, *domain, *copy;
	int retries, save_every, slow_ms, wait; /* the last three: INT_MIN = not given */
};

/*
 * Parse the words after the verb. SV_E_USAGE with one sentence, SV_E_NOMEM. args->json is right
 * also after a failure: the caller must know how to speak. Missing words are no failure when --help
 * was given.
 */
int cli_parse(const struct cli_verb *verb, int argc, char **argv, struct cli_args *args,
	      struct sv_err *err);
void cli_args_clear(struct cli_args *args);
enum sv_on_error cli_on_error(const struct cli_args *args);
/* What is read of the first word. Points into args. */
struct sv_map_params cli_map_params(const struct cli_args *args, const struct sv_unlock *unlock);

/* ---- help: docs/man, made into strings by build-scripts/mk-man.sh ---- */

struct cli_help {
	const char *name; /* a verb, or "salvor" for the overview */
	const char *text;
};
extern const struct cli_help cli_helps[]; /* ends with name NULL */

const char *cli_help_text(const char *name); /* NULL when there is none */

/* ---- text ---- */

/* UTC, RFC 3339 */
const char *cli_now(char out[SV_SIZE_TEXT]);

/* sv_text_clean(), and paths on a mounted share become its URL again. The caller frees; NULL only
 * when out of memory. */
char *cli_clean(const char *text);
/* Print the clean copy. */
void cli_put(FILE *out, const char *text);

/* "salvor: SENTENCE." on stderr, whatever the sentence ends with. */
void cli_say_error(const char *sentence);

/* A table whose columns are as wide as their widest cell. */
struct cli_table;
struct cli_table *cli_table_create(size_t columns);
/* The text is copied and cleaned. `right`: numbers. */
void cli_table_cell(struct cli_table *table, bool right, const char *text);
/* Prints, indented, and frees. SV_E_NOMEM when a cell was lost. */
int cli_table_print(struct cli_table *table, FILE *out, unsigned int indent, struct sv_err *err);

/* ---- JSON ---- */

json_t *cli_json_new(const char *type); /* {"v":1,"type":TYPE} */
/* json_object_set_new() and json_array_append_new() whose failure shows in cli_json_line(). */
void cli_json_add(json_t *o, const char *key, json_t *value);
void cli_json_push(json_t *list, json_t *value);
void cli_json_text(json_t *o, const char *key, const char *text);   /* "" and NULL become null */
void cli_json_string(json_t *o, const char *key, const char *text); /* "" stays "" */
void cli_json_bytes(json_t *o, const char *key, uint64_t bytes);
void cli_json_bool(json_t *o, const char *key, bool value);
/* One line on stdout, flushed; takes the object over. SV_E_NOMEM when something was lost. */
int cli_json_line(json_t *o, struct sv_err *err);
/* The last line of every job under --json. */
void cli_json_exit(int code, const char *verdict);
/* {"type":"error"} */
void cli_json_error(int code, const struct sv_err *err);

/* What is on a disk, for map and the plan of a save. */
json_t *cli_json_map(const char *type, const struct sv_map *map);
void cli_print_map(FILE *out, const struct sv_map *map, struct sv_err *err);
/* Only size, table and partitions. */
void cli_print_disk_content(FILE *out, const struct sv_map *map, struct sv_err *err);
#define CLI_WARNING_TEXT 420
/* What is wrong with the disk's table, or stays locked, sentence by sentence; NULL after the last.
 * Returns text. */
const char *cli_map_warning(const struct sv_map *map, size_t i, char text[CLI_WARNING_TEXT]);
/* "salvor: warning: SENTENCE." on stderr. */
void cli_say_warning(const char *sentence);

/* One disk of the machine. */
json_t *cli_json_disk(const struct disk *disk);
/* "/dev/sda: 1.0 TB (931.5 GiB), Samsung SSD 870 EVO, serial S5Y2NJ0R204821F" */
void cli_print_disk(FILE *out, const struct disk *disk);

/* Which files were hit: the document of salvor report, and a line of a rescue. */
json_t *cli_json_report(const struct sv_report *report);

/* The table of partitions of a disk or an image: head, then each of them in two steps. `used`: what
 * the column of used bytes is called. */
struct cli_table *cli_parts_table(const char *used);
/* number 0: a volume without a table around it. */
void cli_parts_place(struct cli_table *table, int number, uint64_t start, uint64_t size,
		     uint64_t used);
void cli_parts_content(struct cli_table *table, const char *fs, const char *label,
		       const char *state);

/* The partitions an image holds. */
json_t *cli_json_image_parts(const struct image_info *info);
int cli_print_image_parts(FILE *out, const struct image_info *info, struct sv_err *err);

/* ---- targets (target.c) ---- */

enum sv_free_mode cli_free_mode(const struct cli_args *args);
/* The disk or partition that the second word names; false when that is a file, or nothing. */
bool cli_target_disk(const struct cli_args *args, struct disk *disk);
/* For the plan: what is written to and how, and what is on it now. */
void cli_print_target(const struct cli_args *args);
void cli_json_target(const struct cli_args *args, json_t *line);

/* ---- jobs ---- */

struct cli_job_result {
	uint64_t seconds;
	struct sv_progress last; /* where it stood at the end */
};

/* What a verb adds to the common course of a job. */
struct cli_job_ops {
	const char *doing; /* "saving", for the progress line */
	int (*create)(const struct cli_args *args, sv_event_fn fn, void *arg, struct sv_job **job,
		      struct sv_err *err);
	/* Fields of the start line. */
	void (*start)(const struct cli_args *args, json_t *line);
	/* The plan, on stdout for people or as a "plan" line; NULL = none. `map` is that of the
	 * event; NULL when plan_early, which means right after the start, before any check. A NULL
	 * line is left out. */
	bool plan_early;
	void (*plan)(const struct cli_args *args, const struct sv_map *map);
	json_t *(*plan_json)(const struct cli_args *args, const struct sv_map *map);
	/* What was done, on stdout for people: after success, and where sums_up_unreadable also
	 * when areas of the source could not be read. Not called for a dry run. */
	void (*summary)(const struct cli_args *args, const struct cli_job_result *result);
	bool sums_up_unreadable;
};

/* The summary of what wrote to the second word: "DONE SOURCE to TARGET: ...". */
void cli_print_written(const char *done, const struct cli_args *args,
		       const struct cli_job_result *result);

/*
 * Create and start the job, tell events, progress and the end, obey signals. Returns the job's
 * code. The signals stay blocked afterwards: what the job did is done, and is told to the end.
 */
int cli_job_run(const struct cli_args *args, const struct cli_job_ops *ops, struct sv_err *err);

/* Hold SIGINT, SIGTERM and SIGHUP back while something must not be cut short. cli_signals_release()
 * gives SV_E_STOPPED when one came. */
void cli_signals_hold(void);
int cli_signals_release(struct sv_err *err);
/* true when one of them waits. */
bool cli_signals_pending(void);

/* ---- secrets (secret.c) ---- */

/* A line from the terminal, without echo; "BEFORE NAME AFTER: " asks for it. Where stdin is no
 * terminal, its next line, and nothing is asked. "" at its end. SV_E_STOPPED, SV_E_USAGE (too long:
 * `max` bytes with the NUL). */
int cli_ask_secret(const char *before, const char *name, const char *after, char *secret,
		   size_t max, struct sv_err *err);
/* The ask() of struct sv_unlock, for when nothing else uses the terminal. */
int cli_unlock_ask(void *arg, const char *volume, unsigned int attempt,
		   char passphrase[SV_PASSPHRASE_MAX], struct sv_err *err);
/* --key-file and --unlock. Points into args. */
void cli_unlock_init(const struct cli_args *args, struct sv_unlock *unlock);
/* The same for the job that create() of struct cli_job_ops makes: `arg` is create()'s. */
const struct sv_unlock *cli_job_unlock(const struct cli_args *args, void *arg);

/* ---- stores on other machines (share.c) ---- */

/* Mount what is a URL among the words. From then on the end signals are held back. */
int cli_share_mount(struct cli_args *args, struct sv_err *err);
/* Unmount it again. Gives SV_E_STOPPED when a signal came that no job has seen. */
int cli_share_unmount(struct cli_args *args, struct sv_err *err);
/* The options of the command line for one URL. */
struct share_params cli_share_params(const struct cli_args *args, const char *url);

/* ---- the progress line (progress.c) ---- */

struct cli_progress {
	enum { PROGRESS_NONE, PROGRESS_LIVE, PROGRESS_LINES } style;
	uint64_t every_ns; /* of whole lines */
	uint64_t last_ns;
	int last_phase;	    /* -1 before the first */
	unsigned int shown; /* columns of the live line on the screen */
	const char *doing;
};
void cli_progress_init(struct cli_progress *progress, const struct cli_args *args,
		       const char *doing);
void cli_progress_show(struct cli_progress *progress, const struct sv_progress *now);
/* One whole line now, whatever the style (SIGUSR1). */
void cli_progress_status(struct cli_progress *progress, const struct sv_progress *now);
/* Take the live line off the screen before something else is printed there. */
void cli_progress_clear(struct cli_progress *progress);
const char *cli_phase_name(enum sv_phase phase);

/* ---- the verbs ---- */

int cmd_disks(const struct cli_args *args, struct sv_err *err);
int cmd_health(const struct cli_args *args, struct sv_err *err);
int cmd_map(const struct cli_args *args, struct sv_err *err);
int cmd_save(const struct cli_args *args, struct sv_err *err);
int cmd_restore(const struct cli_args *args, struct sv_err *err);
int cmd_clone(const struct cli_args *args, struct sv_err *err);
int cmd_rescue(const struct cli_args *args, struct sv_err *err);
int cmd_verify(const struct cli_args *args, struct sv_err *err);
int cmd_show(const struct cli_args *args, struct sv_err *err);
int cmd_list(const struct cli_args *args, struct sv_err *err);
int cmd_report(const struct cli_args *args, struct sv_err *err);
int cmd_share(const struct cli_args *args, struct sv_err *err);
int cmd_completion(const struct cli_args *args, struct sv_err *err);

#endif
