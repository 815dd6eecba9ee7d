/* flow_command.c - the command that does the same as what the user has chosen */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"

#include <stdio.h>
#include <string.h>

void flow_add_word(char *out, size_t cap, const char *word)
{
	size_t len = strlen(out);
	bool plain =
		*word &&
		!word[strspn(
			word,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=@:,+")];
	len += (size_t)snprintf(out + len, cap - len, plain ? " " : " '");
	for (; *word && len + 6 < cap; word++)
		len += (size_t)snprintf(out + len, cap - len, *word == '\'' ? "'\\''" : "%c",
					*word);
	if (!plain && len + 1 < cap)
		strcpy(out + len, "'");
}

/* A disk by its serial, which stays true after the next start; by path where it has none. */
void flow_disk_spec(const struct disk *disk, char *out, size_t cap)
{
	if (*disk->serial && !disk->duplicate_serial)
		snprintf(out, cap, "serial=%s", disk->serial);
	else
		snprintf(out, cap, "%s", disk->path);
}

static void add_parts(const struct plan *plan, char *out, size_t cap)
{
	char list[512] = "";
	for (size_t i = 0; i < plan->n_parts; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%d", i ? "," : "",
			 plan->parts[i]);
	flow_add_word(out, cap, "--partitions");
	flow_add_word(out, cap, list);
}

void flow_add_unlock(const struct app *app, char *out, size_t cap)
{
	if (keyring_has(app->keyring, &app->plan.source))
		flow_add_word(out, cap, "--unlock");
}

/* What is read of a source. */
static void add_reading(const struct app *app, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	if (!plan->all_parts)
		add_parts(plan, out, cap);
	if (plan->whole)
		flow_add_word(out, cap, "--whole");
	else
		flow_add_unlock(app, out, cap);
}

/* What becomes of unreadable areas, and of what was written. */
static void add_care(const struct plan *plan, char *out, size_t cap)
{
	if (plan->skip_bad && flow_reads_disk(plan)) {
		flow_add_word(out, cap, "--on-error");
		flow_add_word(out, cap, "skip");
	}
	if (plan->no_verify)
		flow_add_word(out, cap, "--no-verify");
}

static void save_command(const struct app *app, const char *image, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	char spec[200];
	snprintf(out, cap, "salvor save");
	flow_disk_spec(&plan->source, spec, sizeof(spec));
	flow_add_word(out, cap, spec);
	flow_add_word(out, cap, image);
	/* what an unfinished image was begun with stays as it is */
	if (!plan->resume) {
		flow_add_word(out, cap, "--preset");
		flow_add_word(out, cap, flow_presets[plan->preset]);
		add_reading(app, out, cap);
	} else {
		flow_add_unlock(app, out, cap);
	}
	add_care(plan, out, cap);
	if (plan->resume)
		flow_add_word(out, cap, "--resume");
	if (*plan->note) {
		flow_add_word(out, cap, "--note");
		flow_add_word(out, cap, plan->note);
	}
}

static const char *const free_modes[] = {"keep", "discard", "zero"};

/* Onto what is written, and how. */
static void add_target(const struct plan *plan, char *out, size_t cap)
{
	char spec[200], id[128];
	flow_disk_spec(&plan->target, spec, sizeof(spec));
	flow_add_word(out, cap, spec);
	if (plan->free_mode) {
		flow_add_word(out, cap, "--free");
		flow_add_word(out, cap, free_modes[plan->free_mode]);
	}
	add_care(plan, out, cap);
	disk_confirm_id(&plan->target, id, sizeof(id));
	flow_add_word(out, cap, "--confirm-erase");
	flow_add_word(out, cap, id);
}

static void clone_command(const struct app *app, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	char spec[200];
	snprintf(out, cap, "salvor clone");
	flow_disk_spec(&plan->source, spec, sizeof(spec));
	flow_add_word(out, cap, spec);
	add_target(plan, out, cap);
	add_reading(app, out, cap);
}

/* What comes nearest: cp knows no report, and looks at nothing twice. */
static void copy_command(const struct plan *plan, const char *folder, char *out, size_t cap)
{
	char word[sizeof(plan->from) + 1024];
	snprintf(out, cap, "cp -a --parents");
	for (size_t i = 0; i < plan->marks.n && i < 3; i++) {
		snprintf(word, sizeof(word), "%s/%s", plan->from, plan->marks.v[i]);
		flow_add_word(out, cap, word);
	}
	snprintf(out + strlen(out), cap - strlen(out), plan->marks.n > 3 ? " ..." : "");
	flow_add_word(out, cap, folder);
}

void flow_command(const struct app *app, char *out, size_t cap)
{
	char image[1400];
	flow_image_path(app, image, sizeof(image));
	if (app->plan.kind == PLAN_SAVE) {
		save_command(app, image, out, cap);
	} else if (app->plan.kind == PLAN_RESTORE) {
		snprintf(out, cap, "salvor restore");
		flow_add_word(out, cap, image);
		add_target(&app->plan, out, cap);
	} else if (app->plan.kind == PLAN_CLONE) {
		clone_command(app, out, cap);
	} else if (app->plan.kind == PLAN_COPY) {
		copy_command(&app->plan, image, out, cap);
	} else if (app->plan.kind == PLAN_RESCUE) {
		flow_rescue_command(app, out, cap);
	} else {
		snprintf(out, cap, "salvor verify");
		flow_add_word(out, cap, image);
	}
}
