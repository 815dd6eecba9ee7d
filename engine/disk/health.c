/* health.c - asking a disk how it is, through smartctl */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/health_int.h"
#include "engine/disk/sysfs.h"
#include "engine/util/bytes.h"
#include "engine/util/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS	  30 /* a disk that has to spin up needs ten */
#define MAX_WORDS 24

struct ask {
	const struct health_params *params;
	unsigned int seconds;
	char path[SYSFS_PATH];
	char *text; /* of HEALTH_JSON_MAX + 1 */
	size_t len;
	bool behind; /* a controller or a deep sleep stands before the disk */
};

/* ---- running smartctl ---- */

static void add_words(char *argv[MAX_WORDS], size_t *n, const char *const words[])
{
	for (; *words && *n + 1 < MAX_WORDS; words++)
		argv[(*n)++] = (char *)*words;
	argv[*n] = NULL;
}

int health_smartctl(const char *root, char *argv[], int ms, char *text, size_t cap, size_t *len)
{
	argv[0] = "smartctl";
	int e = sv_run(argv, ms, text, cap, len);
	if (e == ENOENT && !*root) {
		argv[0] = "/usr/sbin/smartctl";
		e = sv_run(argv, ms, text, cap, len);
	}
	return e;
}

static int run(struct ask *ask, char *argv[MAX_WORDS])
{
	return health_smartctl(ask->params->root, argv, (int)ask->seconds * 1000, ask->text,
			       HEALTH_JSON_MAX + 1, &ask->len);
}

/* -x is not used: it sends SCT commands, which write to a log of the disk. */
static int ask_smartctl(struct ask *ask, const char *path, const char *type)
{
	static const char *const all[] = {"-i",	   "-H",      "-c",	  "-A",	      "-l",
					  "error", "-l",      "selftest", "-l",	      "devstat",
					  "-l",	   "defects", "-g",	  "security", NULL};
	static const char *const brief[] = {"-A", NULL};
	static const char *const asleep[] = {"-n", "standby,3", NULL};
	char *argv[MAX_WORDS] = {"smartctl", "--json=c"};
	size_t n = 2;
	if (!ask->params->wake)
		add_words(argv, &n, asleep);
	add_words(argv, &n, ask->params->brief ? brief : all);
	if (type)
		add_words(argv, &n, (const char *const[]){"-d", type, NULL});
	add_words(argv, &n, (const char *const[]){path, NULL});
	return run(ask, argv);
}

/* What went wrong with smartctl itself. */
static int explain(const struct ask *ask, int e, struct health *health)
{
	switch (e) {
	case ENOMEM:
	case EAGAIN:
		return SV_E_NOMEM;
	case ENOENT:
	case EACCES:
		health_unknown(health, HEALTH_NO_TOOL, 0);
		break;
	case ETIMEDOUT:
		health_unknown(health, HEALTH_NO_ANSWER, ask->seconds);
		health->no_answer = true;
		break;
	default:
		health_unknown(health, HEALTH_NO_SENSE, 0);
	}
	return 0;
}

/* One question, and the answer judged. 0 or SV_E_NOMEM. */
static int ask_one(struct ask *ask, const char *path, const char *type, struct health *health,
		   struct health_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	int e = ask_smartctl(ask, path, type);
	if (e)
		return explain(ask, e, health);
	int rc = health_parse(ask->text, ask->len, health, answer);
	if (rc == SV_E_DATA)
		health_unknown(health, HEALTH_NO_SENSE, 0);
	else if (!rc)
		health_judge(health, answer);
	return rc == SV_E_NOMEM ? rc : 0;
}

/* ---- USB ---- */

/* Most adapters that smartctl does not know by name understand the common way all the same. One
 * that refuses looks like a disk that is fast asleep. */
static int ask_bridge(struct ask *ask, struct health *health)
{
	struct health_answer answer;
	int rc = ask_one(ask, ask->path, "sat", health, &answer);
	bool asleep = answer.status == SMART_ASLEEP && !answer.mute;
	if (!rc && !answer.has_data && !health->no_answer && !asleep)
		health_unknown(health, HEALTH_BRIDGE, 0);
	return rc;
}

/* ---- RAID ---- */

/* The larger number of the two is the worse one in all but the spare. */
static const size_t worst[] = {
	offsetof(struct health, temperature),	offsetof(struct health, power_on_hours),
	offsetof(struct health, reallocated),	offsetof(struct health, pending),
	offsetof(struct health, uncorrectable), offsetof(struct health, lost),
	offsetof(struct health, crc_errors),	offsetof(struct health, errors_logged),
	offsetof(struct health, percent_used),
};

static void merge(struct health *total, const struct health *one)
{
	for (size_t i = 0; i < SV_ARRAY(worst); i++) {
		uint64_t *a = (uint64_t *)((char *)total + worst[i]);
		uint64_t b = *(const uint64_t *)((const char *)one + worst[i]);
		if (b != HEALTH_NONE && (*a == HEALTH_NONE || b > *a))
			*a = b;
	}
	for (size_t i = 0; i < one->n_reasons; i++)
		health_add_reason(total, one->reasons[i].cause, one->reasons[i].level,
				  one->reasons[i].n);
	total->verdict = SV_MAX(total->verdict, one->verdict);
	total->says = SV_MAX(total->says, one->says);
	total->spins |= one->spins;
	total->no_answer |= one->no_answer;
	if (!*total->protocol)
		memcpy(total->protocol, one->protocol, sizeof(total->protocol));
}

/* "/dev/bus/N" of the controller, by the disk's place in sysfs: ".../hostN/targetN:2:0/N:2:0:0". */
static bool bus_of(const struct health_params *params, char out[64])
{
	char dir[SYSFS_PATH], path[SYSFS_PATH + 8];
	unsigned int host;
	if (!sysfs_dir(params->root, params->disk->kname, dir))
		return false;
	snprintf(path, sizeof(path), "%s/device", dir);
	char *real = realpath(path, NULL);
	const char *name = real ? strrchr(real, '/') : NULL;
	bool ok = name && sscanf(name, "/%u:%*u:%*u:%*u", &host) == 1;
	if (ok)
		snprintf(out, 64, "/dev/bus/%u", host);
	free(real);
	return ok;
}

static int list_members(struct ask *ask, struct health_device devices[HEALTH_DEVICES],
			size_t *n_ret)
{
	char bus[64], *argv[MAX_WORDS] = {"smartctl", "--json=c", "--scan"};
	size_t all = 0;
	*n_ret = 0;
	if (!bus_of(ask->params, bus) || run(ask, argv))
		return 0;
	int rc = health_parse_scan(ask->text, ask->len, devices, &all);
	for (size_t i = 0; i < all; i++)
		if (!strcmp(devices[i].name, bus))
			devices[(*n_ret)++] = devices[i];
	return rc == SV_E_NOMEM ? rc : 0;
}

static int ask_raid(struct ask *ask, struct health *health)
{
	struct health_device devices[HEALTH_DEVICES];
	struct health_answer answer;
	struct health one;
	size_t n;
	int rc = list_members(ask, devices, &n);
	if (rc || !n)
		return rc;
	health_clear(health);
	for (size_t i = 0; i < n && !rc && !health->no_answer; i++) {
		rc = ask_one(ask, devices[i].name, devices[i].type, &one, &answer);
		if (!rc)
			merge(health, &one);
	}
	health_add_reason(health, HEALTH_MEMBERS,
			  health->verdict == HEALTH_UNKNOWN ? HEALTH_UNKNOWN : HEALTH_GOOD, n);
	return rc;
}

/* ---- all of them ---- */

static int read_disk(struct ask *ask, struct health *health)
{
	struct health_answer answer;
	int rc = ask_one(ask, ask->path, NULL, health, &answer);
	ask->behind = rc || answer.raid || answer.status == SMART_ASLEEP || health->no_answer;
	if (rc || answer.has_data || health->no_answer)
		return rc;
	if (answer.bridge)
		return ask_bridge(ask, health);
	return answer.raid ? ask_raid(ask, health) : 0;
}

static void ask_hidden(const struct health_params *params, struct health *health)
{
	struct hidden hidden;
	hidden_read(params->root, params->disk, health->protocol, &hidden);
	health_add_hidden(health, &hidden);
}

int health_read(const struct health_params *params, struct health *health, struct sv_err *err)
{
	struct ask ask = {.params = params,
			  .seconds = params->seconds ? params->seconds : SECONDS,
			  .text = malloc(HEALTH_JSON_MAX + 1)};
	health_clear(health);
	snprintf(ask.path, sizeof(ask.path), "%s%s", params->root, params->disk->path);
	int rc = ask.text ? read_disk(&ask, health) : SV_E_NOMEM;
	free(ask.text);
	if (!rc && !params->brief && !ask.behind && !health->no_answer)
		ask_hidden(params, health);
	if (rc)
		health_clear(health);
	return rc ? sv_fail_nomem(err) : 0;
}
