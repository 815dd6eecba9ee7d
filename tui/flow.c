/* flow.c - from what the user has chosen to a job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/i18n.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const flow_steps_save[] = {N_("Source"), N_("Destination"), N_("Review"), NULL};
const char *const flow_steps_restore[] = {N_("Image"), N_("Target"), N_("Review and confirm"),
					  NULL};

const char *const flow_steps_clone[] = {N_("Source"), N_("Target"), N_("Review and confirm"), NULL};

static const char *const steps_copy[] = {N_("Volume"), N_("Files"), N_("Destination"), N_("Review"),
					 NULL};

const char *const flow_presets[] = {"fast", "normal", "small", "smallest"};

void flow_head(const struct app *app, struct page *page, unsigned int step)
{
	switch (app->plan.kind) {
	case PLAN_SAVE:
		page_title(page, _("Back up"));
		page_steps(page, flow_steps_save, step);
		break;
	case PLAN_RESTORE:
		page_title(page, _("Restore"));
		page_steps(page, flow_steps_restore, step);
		break;
	case PLAN_CLONE:
		page_title(page, _("Clone"));
		page_steps(page, flow_steps_clone, step);
		break;
	case PLAN_VERIFY:
		page_title(page, _("Open an image"));
		break;
	case PLAN_COPY:
		page_title(page, _("Copy files off a disk"));
		page_steps(page, steps_copy, step);
		break;
	}
}

bool flow_reads_disk(const struct plan *plan)
{
	return plan->kind == PLAN_SAVE || plan->kind == PLAN_CLONE || plan->kind == PLAN_COPY;
}

bool flow_writes_store(const struct plan *plan)
{
	return plan->kind == PLAN_SAVE || plan->kind == PLAN_COPY;
}

bool flow_erases_disk(const struct plan *plan)
{
	return plan->kind == PLAN_RESTORE || plan->kind == PLAN_CLONE;
}

void flow_image_path(const struct app *app, char *out, size_t cap)
{
	size_t len = strlen(app->plan.folder);
	snprintf(out, cap, "%s%s%s", app->plan.folder,
		 len && app->plan.folder[len - 1] == '/' ? "" : "/", app->plan.name);
}

static void add_safe(char *out, size_t cap, const char *text)
{
	size_t len = strlen(out);
	for (; *text && len + 1 < cap; text++) {
		char c = *text == ' ' ? '-' : *text;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    c == '.' || c == '-' || c == '_')
			out[len++] = c;
	}
	out[len] = '\0';
}

void flow_propose_name(struct app *app)
{
	struct plan *plan = &app->plan;
	const struct disk *disk = &plan->source;
	char day[16];
	time_t now = time(NULL);
	struct tm tm;
	if (*plan->name)
		return;
	localtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	if (plan->kind == PLAN_COPY)
		add_safe(plan->name, 10, "files_");
	add_safe(plan->name, 100, *disk->model ? disk->model : "disk");
	add_safe(plan->name, 101, "_");
	add_safe(plan->name, 180, *disk->serial ? disk->serial : disk->kname);
	add_safe(plan->name, 181, "_");
	add_safe(plan->name, 200, day);
}

/* ---- what was stopped ---- */

static bool is_disk_of(const struct disk *disk, const struct unfinished_save *save)
{
	return disk->size == save->size && !strcmp(disk->model, save->model) &&
	       !strcmp(disk->serial, save->serial) && !strcmp(disk->wwn, save->wwn);
}

const struct disk *flow_disk_of(const struct app *app, const struct unfinished_save *save,
				const char **reason)
{
	const struct disk *found = NULL;
	*reason = _("its disk is not here: plug it in");
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		if (!is_disk_of(disk, save))
			continue;
		if (found) {
			*reason =
				_("more than one disk looks like its disk: choose it by hand, and "
				  "the same name");
			return NULL;
		}
		found = disk;
	}
	if (found && found->live) {
		*reason = found->in_use;
		return NULL;
	}
	return found;
}

void flow_plan_resume(struct app *app, const struct unfinished_save *save, const struct disk *disk)
{
	struct plan *plan = &app->plan;
	plan->kind = PLAN_SAVE;
	plan->source = *disk;
	plan->has_source = true;
	plan->all_parts = true;
	plan->resume = true;
	plan->note[0] = '\0';
	snprintf(plan->folder, sizeof(plan->folder), "%s", save->folder);
	snprintf(plan->name, sizeof(plan->name), "%s", save->name);
}

const char *flow_cannot_go_on(const struct app *app)
{
	const struct disk *now = app_disk_again(app, &app->plan.source);
	if (!now)
		return _("the disk that is saved is not here: plug it in again");
	return now->live ? now->in_use : NULL;
}

void flow_go_on(struct app *app)
{
	const struct disk *now = app_disk_again(app, &app->plan.source);
	if (!now)
		return;
	/* plugged in again it may have another name */
	app->plan.source = *now;
	app->plan.resume = true;
	flow_start(app);
}

/* ---- the equal command ---- */

/* A word as a shell takes it. */
static void add_word(char *out, size_t cap, const char *word)
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
static void disk_spec(const struct disk *disk, char *out, size_t cap)
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
	add_word(out, cap, "--partitions");
	add_word(out, cap, list);
}

/* What is read of a source. */
static void add_reading(const struct plan *plan, char *out, size_t cap)
{
	if (!plan->all_parts)
		add_parts(plan, out, cap);
	if (plan->whole)
		add_word(out, cap, "--whole");
}

/* What becomes of unreadable areas, and of what was written. */
static void add_care(const struct plan *plan, char *out, size_t cap)
{
	if (plan->skip_bad && flow_reads_disk(plan)) {
		add_word(out, cap, "--on-error");
		add_word(out, cap, "skip");
	}
	if (plan->no_verify)
		add_word(out, cap, "--no-verify");
}

static void save_command(const struct app *app, const char *image, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	char spec[200];
	snprintf(out, cap, "salvor save");
	disk_spec(&plan->source, spec, sizeof(spec));
	add_word(out, cap, spec);
	add_word(out, cap, image);
	/* what an unfinished image was begun with stays as it is */
	if (!plan->resume) {
		add_word(out, cap, "--preset");
		add_word(out, cap, flow_presets[plan->preset]);
		add_reading(plan, out, cap);
	}
	add_care(plan, out, cap);
	if (plan->resume)
		add_word(out, cap, "--resume");
	if (*plan->note) {
		add_word(out, cap, "--note");
		add_word(out, cap, plan->note);
	}
}

static const char *const free_modes[] = {"keep", "discard", "zero"};

/* Onto what is written, and how. */
static void add_target(const struct plan *plan, char *out, size_t cap)
{
	char spec[200], id[128];
	disk_spec(&plan->target, spec, sizeof(spec));
	add_word(out, cap, spec);
	if (plan->free_mode) {
		add_word(out, cap, "--free");
		add_word(out, cap, free_modes[plan->free_mode]);
	}
	add_care(plan, out, cap);
	disk_confirm_id(&plan->target, id, sizeof(id));
	add_word(out, cap, "--confirm-erase");
	add_word(out, cap, id);
}

static void clone_command(const struct app *app, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	char spec[200];
	snprintf(out, cap, "salvor clone");
	disk_spec(&plan->source, spec, sizeof(spec));
	add_word(out, cap, spec);
	add_target(plan, out, cap);
	add_reading(plan, out, cap);
}

/* What comes nearest: cp knows no report, and looks at nothing twice. */
static void copy_command(const struct plan *plan, const char *folder, char *out, size_t cap)
{
	char word[sizeof(plan->from) + 1024];
	snprintf(out, cap, "cp -a --parents");
	for (size_t i = 0; i < plan->marks.n && i < 3; i++) {
		snprintf(word, sizeof(word), "%s/%s", plan->from, plan->marks.v[i]);
		add_word(out, cap, word);
	}
	snprintf(out + strlen(out), cap - strlen(out), plan->marks.n > 3 ? " ..." : "");
	add_word(out, cap, folder);
}

void flow_command(const struct app *app, char *out, size_t cap)
{
	char image[1400];
	flow_image_path(app, image, sizeof(image));
	if (app->plan.kind == PLAN_SAVE) {
		save_command(app, image, out, cap);
	} else if (app->plan.kind == PLAN_RESTORE) {
		snprintf(out, cap, "salvor restore");
		add_word(out, cap, image);
		add_target(&app->plan, out, cap);
	} else if (app->plan.kind == PLAN_CLONE) {
		clone_command(app, out, cap);
	} else if (app->plan.kind == PLAN_COPY) {
		copy_command(&app->plan, image, out, cap);
	} else {
		snprintf(out, cap, "salvor verify");
		add_word(out, cap, image);
	}
}

/* ---- the job ---- */

static int create_save(struct app *app, const char *image, struct sv_job **job, struct sv_err *err)
{
	const struct plan *plan = &app->plan;
	bool all = plan->all_parts || plan->resume;
	struct sv_save_params params = {
		.map = {.root = app->root,
			.source = plan->source.path,
			.partitions = all ? NULL : plan->parts,
			.n_partitions = all ? 0 : plan->n_parts,
			.whole = plan->whole && !plan->resume},
		.image = image,
		.preset = plan->resume ? NULL : flow_presets[plan->preset],
		.level = INT_MIN,
		.on_error = plan->skip_bad ? SV_ON_ERROR_SKIP : SV_ON_ERROR_STOP,
		.verify = !plan->no_verify,
		.resume = plan->resume,
		.note = *plan->note ? plan->note : NULL,
	};
	return sv_job_create_save(&params, work_event, app->work, job, err);
}

static int create_restore(struct app *app, const char *image, struct sv_job **job,
			  struct sv_err *err)
{
	const struct plan *plan = &app->plan;
	char id[128];
	disk_confirm_id(&plan->target, id, sizeof(id));
	struct sv_restore_params params = {
		.root = app->root,
		.image = image,
		.target = plan->target.path,
		.free_mode = (enum sv_free_mode)plan->free_mode,
		.confirm_erase = id,
		.verify = !plan->no_verify,
	};
	return sv_job_create_restore(&params, work_event, app->work, job, err);
}

static int create_clone(struct app *app, struct sv_job **job, struct sv_err *err)
{
	const struct plan *plan = &app->plan;
	char id[128];
	disk_confirm_id(&plan->target, id, sizeof(id));
	struct sv_clone_params params = {
		.map = {.root = app->root,
			.source = plan->source.path,
			.partitions = plan->all_parts ? NULL : plan->parts,
			.n_partitions = plan->all_parts ? 0 : plan->n_parts,
			.whole = plan->whole},
		.target = plan->target.path,
		.free_mode = (enum sv_free_mode)plan->free_mode,
		.confirm_erase = id,
		.on_error = plan->skip_bad ? SV_ON_ERROR_SKIP : SV_ON_ERROR_STOP,
		.verify = !plan->no_verify,
	};
	return sv_job_create_clone(&params, work_event, app->work, job, err);
}

static int create_verify(struct app *app, const char *image, struct sv_job **job,
			 struct sv_err *err)
{
	struct sv_verify_params params = {.root = app->root, .image = image};
	return sv_job_create_verify(&params, work_event, app->work, job, err);
}

static int create_copy(struct app *app, struct sv_job **job, struct sv_err *err)
{
	const struct plan *plan = &app->plan;
	const struct sv_copy_params params = {
		.from = plan->from,
		.names = (const char *const *)plan->marks.v,
		.n_names = plan->marks.n,
		.to = plan->folder,
		.folder = plan->name,
	};
	return sv_job_create_copy(&params, work_event, app->work, job, err);
}

static int create_job(struct app *app, const char *image, struct sv_job **job, struct sv_err *err)
{
	switch (app->plan.kind) {
	case PLAN_SAVE:
		return create_save(app, image, job, err);
	case PLAN_RESTORE:
		return create_restore(app, image, job, err);
	case PLAN_CLONE:
		return create_clone(app, job, err);
	case PLAN_COPY:
		return create_copy(app, job, err);
	default:
		return create_verify(app, image, job, err);
	}
}

static const char *job_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_SAVE:
		return _("Back up");
	case PLAN_RESTORE:
		return _("Restore");
	case PLAN_CLONE:
		return _("Clone");
	case PLAN_COPY:
		return _("Copy files");
	default:
		return _("Check");
	}
}

static struct work *make_work(const struct app *app, const char *image)
{
	char from[APP_DISK_TEXT], to[APP_DISK_TEXT];
	const struct plan *plan = &app->plan;
	snprintf(from, sizeof(from), "%.399s", image);
	*to = '\0';
	if (flow_writes_store(plan))
		snprintf(to, sizeof(to), "%.399s", image);
	if (flow_reads_disk(plan))
		app_disk_name(app, &plan->source, from);
	if (flow_erases_disk(plan))
		app_disk_name(app, &plan->target, to);
	return work_create(app->log, job_name(plan->kind), from, to);
}

void flow_start(struct app *app)
{
	char image[1400], command[3000];
	struct sv_job *job = NULL;
	struct sv_err err = {0};
	flow_image_path(app, image, sizeof(image));
	flow_command(app, command, sizeof(command));
	app_log(app, "%s", command);
	work_destroy(app->work);
	app->work = make_work(app, image);
	if (app->work)
		app->work->unchecked = app->plan.kind != PLAN_VERIFY &&
				       app->plan.kind != PLAN_COPY && app->plan.no_verify;
	int rc = app->work ? create_job(app, image, &job, &err) : sv_fail_nomem(&err);
	if (!rc)
		rc = work_start(app->work, job, &err);
	if (rc) {
		if (app->work && !app->work->job)
			sv_job_destroy(job);
		work_destroy(app->work);
		app->work = NULL;
		app_say(app, STYLE_DANGER, _("This is not possible"), err.text);
		return;
	}
	app_home(app);
	app_push(app, &screen_progress);
}
