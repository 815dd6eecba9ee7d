/* rescue_image.c - a rescue into an image: a raw copy beside it, sealed when all that can be read
 * is */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"
#include "engine/job/save.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_LIMIT ((size_t)64 << 20)

static bool exists(const char *path, const char *suffix)
{
	char *name = NULL;
	struct stat st;
	bool there = asprintf(&name, "%s%s", path, suffix) >= 0 && lstat(name, &st) == 0;
	free(name);
	return there;
}

/* A dry run makes no folder: its checks are made beside. */
bool rescue_image_paths(struct sv_rescue_params *params)
{
	char *image = (char *)params->image, *target = NULL, *map = NULL;
	for (size_t len = strlen(image); len > 1 && image[len - 1] == '/'; len--)
		image[len - 1] = '\0';
	const char *sep = params->dry_run && !exists(image, SV_RESCUE_FOLDER) ? "." : "/";
	if (asprintf(&target, "%s" SV_RESCUE_FOLDER "%s" SV_RESCUE_COPY, image, sep) < 0)
		return false;
	params->target = target;
	if (asprintf(&map, "%s" SV_RESCUE_FOLDER "%s" SV_RESCUE_MAP, image, sep) < 0)
		return false;
	params->mapfile = map;
	return true;
}

int rescue_image_begin(const struct sv_rescue_params *params, struct sv_err *err)
{
	char *folder = NULL;
	int rc = 0;
	if (exists(params->image, ""))
		return sv_fail(
			err, SV_E_REFUSED, 0, params->image, "%s exists already%s", params->image,
			exists(params->image, SV_RESCUE_FOLDER)
				? "; when it is the image of this disk, its "
				  "folder " SV_RESCUE_FOLDER " is left over and can be removed"
				: "");
	if (rescue_image_begun(params) && !exists(params->image, SV_RESCUE_FOLDER))
		return sv_fail(err, SV_E_REFUSED, 0, params->image,
			       "%s.part is an unfinished image of something else", params->image);
	if (params->dry_run)
		return 0;
	if (asprintf(&folder, "%s" SV_RESCUE_FOLDER, params->image) < 0)
		return sv_fail_nomem(err);
	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		rc = sv_fail(err, errno == ENOENT ? SV_E_NOT_FOUND : SV_E_STORE, errno, folder,
			     "cannot make %s", folder);
	free(folder);
	return rc;
}

bool rescue_image_begun(const struct sv_rescue_params *params)
{
	return params->image && exists(params->image, ".part");
}

/* Only now: until the image is there, the copy is all there is. */
static void remove_copy(struct rescue_run *run)
{
	char *folder = NULL;
	unlinkat(run->book.dirfd, SV_RESCUE_COPY, 0);
	unlinkat(run->book.dirfd, SV_RESCUE_MAP RESCUE_REPORT_SUFFIX, 0);
	book_remove(&run->book);
	if (asprintf(&folder, "%s" SV_RESCUE_FOLDER, run->params->image) >= 0 && rmdir(folder) < 0)
		job_say(run->job, SV_EVENT_WARNING, "%s cannot be removed: %s", folder,
			strerror(errno));
	free(folder);
}

static int seal(struct rescue_run *run, struct blk_dev *dev, struct sv_err *err)
{
	const struct sv_rescue_params *p = run->params;
	struct source copy = run->source;
	copy.dev = dev;
	copy.twin = p->target;
	/* looked into as before: what was left out as free must be free in the image */
	struct sv_save_params params = {
		.map = {.root = p->root,
			.source = p->source,
			.unlock = p->unlock,
			.ntfs_union = p->ntfs_union,
			.with = p->with,
			.n_with = p->n_with},
		.image = p->image,
		.level = INT_MIN,
		.on_error = SV_ON_ERROR_SKIP,
		.verify = true,
		.resume = rescue_image_begun(run->params),
	};
	char *report = NULL;
	size_t len;
	struct sv_err ignored = {0};
	store_read_file(run->book.dirfd, SV_RESCUE_MAP RESCUE_REPORT_SUFFIX, REPORT_LIMIT, &report,
			&len, &ignored);
	int rc = save_from(run->job, &params, &copy, run->unlock, report, err);
	free(report);
	return rc;
}

static void say_pass(struct rescue_run *run)
{
	pthread_mutex_lock(&run->job->lock);
	run->job->progress.rescue.pass = "image";
	pthread_mutex_unlock(&run->job->lock);
}

int rescue_image_seal(struct rescue_run *run, struct sv_err *err)
{
	struct sv_extents lost = {0};
	struct blk_dev *dev = NULL;
	struct sv_err story = {0};
	say_pass(run);
	int rc = rescue_lost(run, &lost);
	if (!rc)
		rc = blk_holes_create(run->target.dev, &lost, false, &dev);
	if (rc) {
		rc = sv_fail_nomem(&story);
	} else {
		dev->name = run->source.dev->name;
		rc = seal(run, dev, &story);
	}
	blk_close(dev);
	sv_extents_clear(&lost);
	/* what the copy lacks has been told; now the image counts */
	*err = story;
	if (!rc || rc == SV_E_UNREADABLE)
		remove_copy(run);
	return rc;
}
