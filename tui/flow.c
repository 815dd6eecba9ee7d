/* flow.c - from what the user has chosen to a job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/disks.h"
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

static const char *const steps_rescue[] = {N_("Source"), N_("Target"), N_("Map"),
					   N_("Review and confirm"), NULL};

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
	case PLAN_RESCUE:
		page_title(page, _("Rescue"));
		page_steps(page, steps_rescue, step);
		break;
	}
}

unsigned int flow_place_step(const struct plan *plan)
{
	return plan->kind == PLAN_COPY || plan->kind == PLAN_RESCUE ? 2 : plan->kind == PLAN_SAVE;
}

bool flow_reads_disk(const struct plan *plan)
{
	return plan->kind == PLAN_SAVE || plan->kind == PLAN_CLONE || plan->kind == PLAN_COPY ||
	       plan->kind == PLAN_RESCUE;
}

bool flow_reads_volumes(const struct plan *plan)
{
	return flow_reads_disk(plan) && plan->kind != PLAN_COPY;
}

bool flow_takes_part(const struct plan *plan, int number)
{
	for (size_t i = 0; i < plan->n_parts && !plan->all_parts; i++)
		if (plan->parts[i] == number)
			return true;
	return plan->all_parts;
}

bool flow_writes_store(const struct plan *plan)
{
	return plan->kind == PLAN_SAVE || plan->kind == PLAN_COPY || plan->kind == PLAN_RESCUE;
}

bool flow_erases_disk(const struct plan *plan)
{
	return plan->kind == PLAN_RESTORE || plan->kind == PLAN_CLONE ||
	       (plan->kind == PLAN_RESCUE && !plan->to_file);
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
	/* the same name the next time: then its map is found, and gone on with */
	if (plan->kind == PLAN_RESCUE)
		return;
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

void flow_fill_unfinished(struct page *page, int first, size_t i,
			  const struct unfinished_save *save, const char *reason)
{
	page_item(page, first + save->number, i ? 0 : 'U', reason,
		  _("Go on with an unfinished backup, %u %%: %s"), save->percent, save->name);
}

/* Make the plan one that goes on with it. */
static void plan_resume(struct app *app, const struct unfinished_save *save,
			const struct disk *disk)
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

bool flow_plan_unfinished(struct app *app, int number)
{
	struct unfinished_save found[UNFINISHED_MAX];
	const char *reason;
	size_t i = 0, n = unfinished_get(app->unfinished, found);
	while (i < n && found[i].number != number)
		i++;
	const struct disk *disk = i < n ? flow_disk_of(app, &found[i], &reason) : NULL;
	if (disk)
		plan_resume(app, &found[i], disk);
	return disk;
}

const char *flow_cannot_go_on(const struct app *app)
{
	const struct disk *now = app_disk_again(app, &app->plan.source);
	if (!now)
		return app->plan.kind == PLAN_RESCUE
			       ? _("the failing disk is not here: plug it in again")
			       : _("the disk that is saved is not here: plug it in again");
	if (now->live)
		return now->in_use;
	if (!flow_erases_disk(&app->plan))
		return NULL;
	now = app_disk_again(app, &app->plan.target);
	if (!now)
		return _("the disk with the copy is not here: plug it in again");
	return *now->in_use ? now->in_use : NULL;
}

void flow_go_on(struct app *app)
{
	if (flow_cannot_go_on(app))
		return;
	/* plugged in again it may have another name */
	app->plan.source = *app_disk_again(app, &app->plan.source);
	if (flow_erases_disk(&app->plan))
		app->plan.target = *app_disk_again(app, &app->plan.target);
	app->plan.resume = true;
	app_home(app); /* the page of the job that ended does without one only when it is gone */
	flow_start(app);
}

/* ---- before it begins ---- */

bool flow_disks_still_there(struct app *app)
{
	const struct plan *plan = &app->plan;
	app_scan_disks(app);
	if ((!flow_reads_disk(plan) || disks_is_there(app, &plan->source)) &&
	    (!flow_erases_disk(plan) || disks_is_there(app, &plan->target)))
		return true;
	app_say(app, STYLE_DANGER, _("The disk has changed"),
		_("The chosen disk was unplugged or replaced. Nothing was written. Choose it "
		  "again."));
	return false;
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
			.whole = plan->whole && !plan->resume,
			.unlock = keys_unlock(app->work->keys)},
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
			.whole = plan->whole,
			.unlock = keys_unlock(app->work->keys)},
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
	case PLAN_RESCUE:
		return flow_rescue_create(app, job, err);
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
	case PLAN_RESCUE:
		return _("Rescue");
	default:
		return _("Check");
	}
}

const struct screen_ops *flow_progress(const struct app *app)
{
	return app->plan.kind == PLAN_RESCUE ? &screen_rescue : &screen_progress;
}

static struct work *make_work(const struct app *app, const char *image)
{
	char from[APP_DISK_TEXT], to[APP_DISK_TEXT];
	const struct plan *plan = &app->plan;
	char file[1400];
	snprintf(from, sizeof(from), "%.399s", image);
	*to = '\0';
	if (plan->kind == PLAN_RESCUE)
		flow_rescue_file(app, file, sizeof(file));
	else
		snprintf(file, sizeof(file), "%s", image);
	if (flow_writes_store(plan))
		snprintf(to, sizeof(to), "%.399s", file);
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
	if (app->work) {
		app->work->unchecked = app->plan.kind != PLAN_VERIFY &&
				       app->plan.kind != PLAN_COPY && app->plan.no_verify;
		if (flow_reads_volumes(&app->plan))
			app->work->keys = keys_create(app->keyring, &app->plan.source, NULL);
	}
	int rc = app->work ? create_job(app, image, &job, &err) : sv_fail_nomem(&err);
	if (!app_start_job(app, rc, job, &err))
		return;
	app->work->planned = true;
	mounted_use(app);
	app_home(app);
	app_push(app, flow_progress(app));
}
