/* flow_rescue.c - from what the user has chosen to a rescue */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/flow.h"
#include "tui/i18n.h"

#include <stdio.h>
#include <string.h>

const struct flow_choice flow_retries[FLOW_RETRIES] = {
	{N_("not tried again"), 0, "0"},
	{N_("tried once again"), 1, "1"},
	{N_("tried three times again"), 3, "3"},
	{N_("tried again until you stop it"), UINT32_MAX, "-1"},
};

const struct flow_choice flow_slow[FLOW_SLOW] = {
	{N_("by what is usual on this disk"), 0, NULL},
	{N_("a read of more than 1 second"), 1000, "1000"},
	{N_("a read of more than 10 seconds"), 10000, "10000"},
	{N_("none is, wait for each"), SV_RESCUE_NEVER_SLOW, "0"},
};

static const char *const domains[] = {"whole", "used", "metadata"};

/* FOLDER/NAME and a tail. */
static void path_of(const struct app *app, const char *tail, char *out, size_t cap)
{
	char base[1300];
	flow_image_path(app, base, sizeof(base));
	snprintf(out, cap, "%s%s", base, tail);
}

void flow_rescue_map(const struct app *app, char *out, size_t cap)
{
	path_of(app, app->plan.to_image ? SV_RESCUE_FOLDER "/" SV_RESCUE_MAP : ".map", out, cap);
}

void flow_rescue_file(const struct app *app, char *out, size_t cap)
{
	path_of(app, app->plan.to_image ? "" : ".raw", out, cap);
}

bool flow_rescue_sealed(const struct app *app)
{
	const struct work *work = app->work;
	return app->plan.to_image && work && work->ended && (!work->code || work->code == 3);
}

void flow_rescue_report(const struct app *app, char *out, size_t cap)
{
	char map[1400];
	if (flow_rescue_sealed(app)) {
		path_of(app, "/report.txt", out, cap);
		return;
	}
	flow_rescue_map(app, map, sizeof(map));
	snprintf(out, cap, "%s.report.txt", map);
}

void flow_rescue_command(const struct app *app, char *out, size_t cap)
{
	const struct plan *plan = &app->plan;
	char word[1400];
	snprintf(out, cap, "salvor rescue");
	flow_disk_spec(&plan->source, word, sizeof(word));
	flow_add_word(out, cap, word);
	if (plan->to_file)
		flow_rescue_file(app, word, sizeof(word));
	else
		flow_disk_spec(&plan->target, word, sizeof(word));
	flow_add_word(out, cap, word);
	flow_rescue_map(app, word, sizeof(word));
	flow_add_word(out, cap, plan->to_image ? "--image" : word);
	if (plan->domain) {
		flow_add_word(out, cap, "--domain");
		flow_add_word(out, cap, domains[plan->domain]);
	}
	flow_add_unlock(app, out, cap);
	if (flow_retries[plan->retries].value) {
		flow_add_word(out, cap, "--retries");
		flow_add_word(out, cap, flow_retries[plan->retries].argument);
	}
	if (flow_slow[plan->slow].argument) {
		flow_add_word(out, cap, "--slow-ms");
		flow_add_word(out, cap, flow_slow[plan->slow].argument);
	}
	if (!plan->to_file) {
		disk_confirm_id(&plan->target, word, sizeof(word));
		flow_add_word(out, cap, "--confirm-erase");
		flow_add_word(out, cap, word);
	}
}

int flow_rescue_create(struct app *app, struct sv_job **job, struct sv_err *err)
{
	const struct plan *plan = &app->plan;
	char id[128], file[1400], map[1400];
	flow_rescue_file(app, file, sizeof(file));
	flow_rescue_map(app, map, sizeof(map));
	disk_confirm_id(&plan->target, id, sizeof(id));
	const char *target = plan->to_file ? file : plan->target.path;
	const struct sv_rescue_params params = {
		.root = app->root,
		.source = plan->source.path,
		.target = plan->to_image ? NULL : target,
		.image = plan->to_image ? file : NULL,
		.mapfile = plan->to_image ? NULL : map,
		.domain = (enum sv_domain)plan->domain,
		.retries = flow_retries[plan->retries].value,
		.slow_ms = flow_slow[plan->slow].value,
		.unlock = keys_unlock(app->work->keys),
		.confirm_erase = plan->to_file ? NULL : id,
	};
	return sv_job_create_rescue(&params, work_event, app->work, job, err);
}

/* ---- what was begun ---- */

static const struct disk *find_end(const struct app *app, const struct sv_rescue_end *end,
				   const char *missing, const char **reason)
{
	const struct disk *found = NULL;
	*reason = missing;
	for (size_t i = 0; i < app->disks.n; i++) {
		const struct disk *disk = &app->disks.v[i];
		if (!sv_rescue_is_disk(end, disk))
			continue;
		if (found) {
			*reason = _("more than one disk looks like its disk: choose it by hand, "
				    "and the same map");
			return NULL;
		}
		found = disk;
	}
	return found;
}

/* FOLDER is NAME.rescue, and in it are the map and the copy of an image. */
static bool is_image(const struct unfinished_rescue *rescue)
{
	const struct sv_rescue_entry *e = &rescue->entry;
	size_t len = strlen(rescue->folder), tail = strlen(SV_RESCUE_FOLDER);
	const char *slash = strrchr(e->target.name, '/');
	return len > tail && !strcmp(rescue->folder + len - tail, SV_RESCUE_FOLDER) &&
	       !strcmp(e->name, SV_RESCUE_MAP) && !e->target.is_device && slash &&
	       !strcmp(slash + 1, SV_RESCUE_COPY);
}

/* "NAME.map", and NAME.raw beside it: as it is called when it begins here. */
static bool has_our_names(const struct sv_rescue_entry *e)
{
	size_t len = strlen(e->name), tail = strlen(".map");
	const char *slash = strrchr(e->target.name, '/');
	if (len <= tail || strcmp(e->name + len - tail, ".map"))
		return false;
	if (e->target.is_device)
		return true;
	return slash && !strncmp(slash + 1, e->name, len - tail) &&
	       !strcmp(slash + 1 + len - tail, ".raw");
}

const char *flow_cannot_rescue_on(const struct app *app, const struct unfinished_rescue *rescue,
				  const struct disk **source, const struct disk **target)
{
	const struct sv_rescue_entry *e = &rescue->entry;
	const char *reason;
	*target = NULL;
	if (!is_image(rescue) && !has_our_names(e))
		return _("it was begun by a command: go on with the same one in the shell");
	*source = find_end(app, &e->source, _("its failing disk is not here: plug it in"), &reason);
	if (!*source)
		return reason;
	if ((*source)->live)
		return (*source)->in_use;
	if (!e->target.is_device)
		return e->target.beside ? NULL : _("its copy is not beside its map");
	*target = find_end(app, &e->target, _("the disk with its copy is not here: plug it in"),
			   &reason);
	if (!*target)
		return reason;
	return *(*target)->in_use ? (*target)->in_use : NULL;
}

/* Folder and name, of which those of the map are made. */
static void plan_names(struct plan *plan, const struct unfinished_rescue *rescue)
{
	const char *name = rescue->entry.name, *tail = plan->to_image ? SV_RESCUE_FOLDER : ".map";
	snprintf(plan->folder, sizeof(plan->folder), "%s", rescue->folder);
	if (plan->to_image) {
		char *slash = strrchr(plan->folder, '/');
		name = rescue->folder + (slash - plan->folder) + 1;
		slash[slash == plan->folder] = '\0';
	}
	snprintf(plan->name, sizeof(plan->name), "%.*s", (int)(strlen(name) - strlen(tail)), name);
}

void flow_plan_rescue_on(struct app *app, const struct unfinished_rescue *rescue,
			 const struct disk *source, const struct disk *target)
{
	struct plan *plan = &app->plan;
	plan->kind = PLAN_RESCUE;
	plan->source = *source;
	plan->has_source = plan->all_parts = true;
	plan->to_file = !target;
	plan->to_image = is_image(rescue);
	if (target)
		plan->target = *target;
	plan->has_target = target;
	plan->domain = rescue->entry.domain;
	plan->typed[0] = '\0';
	plan_names(plan, rescue);
}

/* The disk has come back, perhaps under another name. */
static void follow_disk(struct app *app)
{
	bool gone = app->work->now.rescue.waits == SV_WAIT_DISK;
	if (app->work->gone && !gone)
		app_scan_disks(app);
	app->work->gone = gone;
}

void flow_watch_heat(struct app *app)
{
	struct work *work = app->work;
	struct health source, target = {0};
	if (!work || work->ended || app->plan.kind != PLAN_RESCUE)
		return;
	follow_disk(app);
	bool known = vitals_get(app->vitals, app_disk_now(app, &app->plan.source), &source);
	if (!app->plan.to_file)
		known |= vitals_get(app->vitals, app_disk_now(app, &app->plan.target), &target);
	if (!known)
		return;
	bool critical = health_is_critical(&source) || health_is_critical(&target);
	bool warm = health_is_hot(&source) || health_is_hot(&target);
	if (work->hot ? warm : !critical)
		return;
	work_pause(work, work->paused, !work->hot);
	app_log(app, "%s",
		work->hot ? _("a disk is too hot: the rescue pauses")
			  : _("the disks have cooled down: the rescue goes on"));
}

void flow_rescue_instead(struct app *app)
{
	struct plan *plan = &app->plan;
	plan->kind = PLAN_RESCUE;
	plan->all_parts = true;
	plan->name[0] = plan->typed[0] = '\0';
	app_home(app);
	app_push(app, &screen_source);
	app_push(app, &screen_target);
}
