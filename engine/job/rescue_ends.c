/* rescue_ends.c - who source, copy and mapfile of a rescue are */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void disk_end(const struct disk *disk, struct sv_rescue_end *end)
{
	*end = (struct sv_rescue_end){.size = disk->size, .is_device = true};
	snprintf(end->name, sizeof(end->name), "%s", disk->path);
	snprintf(end->model, sizeof(end->model), "%s", disk->model);
	snprintf(end->serial, sizeof(end->serial), "%s", disk->serial);
	snprintf(end->wwn, sizeof(end->wwn), "%s", disk->wwn);
}

/* The one name of a file, also of one that is not there yet; the caller frees. NULL: no memory. */
static char *one_name(const char *path)
{
	char *real = realpath(path, NULL), *made = NULL;
	if (real || errno == ENOMEM)
		return real;
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	real = dir ? realpath(dir, NULL) : NULL;
	bool no_memory = !dir || (!real && errno == ENOMEM);
	if (no_memory || asprintf(&made, "%s/%s", real ? real : "", slash ? slash + 1 : path) < 0)
		made = NULL;
	free(real);
	free(dir);
	return made;
}

static int file_end(const char *path, uint64_t size, struct sv_rescue_end *end, struct sv_err *err)
{
	char *name = one_name(path);
	if (!name)
		return sv_fail_nomem(err);
	*end = (struct sv_rescue_end){.size = size};
	snprintf(end->name, sizeof(end->name), "%s", name);
	free(name);
	return 0;
}

int rescue_find_ends(struct rescue_run *run, struct sv_rescue_end *source,
		     struct sv_rescue_end *target, struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct disk disk;
	bool is_device;
	uint64_t size = run->source.dev->size;
	int rc = 0;
	if (run->source.is_device)
		disk_end(&run->source.disk, source);
	else
		rc = file_end(p->source, size, source, err);
	if (!rc)
		rc = disk_look(p->target, &is_device, err);
	if (!rc && !is_device)
		return file_end(p->target, size, target, err);
	if (!rc)
		rc = disk_find(p->root, p->target, &disk, err);
	if (!rc)
		disk_end(&disk, target);
	return rc == SV_E_IO ? sv_err_recode(err, SV_E_TARGET) : rc;
}

int rescue_check_mapfile(const struct rescue_run *run, const struct sv_rescue_end *source,
			 const struct sv_rescue_end *target, struct sv_err *err)
{
	const char *path = run->params->mapfile;
	char *name = one_name(path);
	int rc = 0;
	if (!name)
		rc = sv_fail_nomem(err);
	else if (!strcmp(name, source->name) || !strcmp(name, target->name))
		rc = sv_fail(err, SV_E_REFUSED, 0, path,
			     "%s cannot be the mapfile and the %s at once", path,
			     strcmp(name, source->name) ? "target" : "source");
	free(name);
	return rc;
}
