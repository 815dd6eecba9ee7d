/* report_read.c - what a report is about: the mapfile of a rescue, an image, a folder of files */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/report_files.h"
#include "engine/job/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOLD	   "report.txt"
#define TOLD_LIMIT ((size_t)16 << 20)

/* ---- a mapfile and its copy ---- */

/* A disk is looked for by its serial number, because names change; a file that lay in the folder of
 * its map, in that folder. The caller frees; NULL = out of memory. */
static char *copy_of(const char *mapfile, const struct sv_rescue_end *end)
{
	char *spec = NULL;
	const char *slash = strrchr(mapfile, '/'), *base = strrchr(end->name, '/');
	int n = 0;
	if (end->is_device && *end->serial)
		n = asprintf(&spec, "serial=%s", end->serial);
	else if (end->beside && base)
		n = asprintf(&spec, "%.*s%s", slash ? (int)(slash + 1 - mapfile) : 0, mapfile,
			     base + 1);
	else
		spec = strdup(end->name);
	return n < 0 ? NULL : spec;
}

static int name_copy(const struct sv_report_params *p, const struct book *b, char **copy,
		     struct sv_err *err)
{
	if (!p->copy && !b->has_side)
		return sv_fail(err, SV_E_REFUSED, 0, p->what,
			       "%s does not say where the copy is: name it with --copy", p->what);
	*copy = p->copy ? strdup(p->copy) : copy_of(p->what, &b->side.target);
	return *copy ? 0 : sv_fail_nomem(err);
}

/* What is not called read; a copy may be longer than the disk was, never shorter. */
static int lost_of_map(const struct book *b, uint64_t copy_size, struct sv_extents *lost)
{
	struct rmap_block block = {0};
	uint64_t size = rmap_size(b->map);
	int rc = 0;
	while (!rc && rmap_next(b->map, block.start + block.len, ~RMAP_MASK(RMAP_DONE), &block))
		rc = sv_extents_add(lost, block.start, block.len);
	if (!rc && copy_size < size)
		rc = sv_extents_add(lost, copy_size, size - copy_size);
	sv_extents_normalise(lost);
	return rc;
}

/* The copy as long as the disk was, so that partitions and backups are found where they were. */
static int window_on(struct blk_dev *dev, uint64_t size, struct blk_dev **window,
		     struct sv_err *err)
{
	if (dev->size < size)
		return sv_fail(err, SV_E_REFUSED, 0, dev->name,
			       "%s has %llu bytes, its map tells of %llu", dev->name,
			       (unsigned long long)dev->size, (unsigned long long)size);
	return blk_window_create(dev, 0, size, dev->name, window, err);
}

/* The map says of which disk it is, if it is ours. */
static int look_through_map(const struct book *b, const struct sv_map_params *params,
			    const struct source *source, const struct sv_extents *lost,
			    struct unlock *unlock, struct sv_report **report_ret,
			    struct sv_err *err)
{
	struct source seen = *source;
	char *twin = b->has_side ? copy_of(b->path, &b->side.source) : NULL;
	seen.dev = NULL;
	seen.twin = twin;
	seen.attached |= b->has_side && b->side.source.is_device;
	int rc = b->has_side && !twin ? sv_fail_nomem(err) : 0;
	if (!rc)
		rc = window_on(source->dev, rmap_size(b->map), &seen.dev, err);
	if (!rc)
		rc = report_files(
			&(struct report_look){
				.params = params, .copy = &seen, .lost = lost, .unlock = unlock},
			report_ret, err);
	blk_close(seen.dev);
	free(twin);
	return rc;
}

static int look_at_copy(const struct sv_report_params *p, const struct book *b, const char *copy,
			struct unlock *unlock, struct sv_report **report_ret, struct sv_err *err)
{
	struct sv_map_params params = {.root = p->root,
				       .source = copy,
				       .sector_size = p->sector_size ? p->sector_size
								     : b->side.sector_size,
				       .unguarded = true,
				       .with = p->with,
				       .n_with = p->n_with};
	struct source source = {0};
	struct sv_extents lost = {0};
	int rc = source_open(&params, NULL, &source, err);
	if (rc == SV_E_SOURCE)
		rc = sv_err_recode(err, SV_E_TARGET);
	if (!rc && lost_of_map(b, source.dev->size, &lost))
		rc = sv_fail_nomem(err);
	if (!rc)
		rc = look_through_map(b, &params, &source, &lost, unlock, report_ret, err);
	if (rc == SV_E_IO)
		rc = sv_err_recode(err, SV_E_TARGET);
	sv_extents_clear(&lost);
	source_close(&source);
	return rc;
}

static int report_map(const struct sv_report_params *p, struct unlock *unlock,
		      struct sv_report **report_ret, struct sv_err *err)
{
	struct book b;
	char *copy = NULL;
	int rc = book_look(p->what, &b, err);
	if (!rc)
		rc = name_copy(p, &b, &copy, err);
	if (!rc)
		rc = look_at_copy(p, &b, copy, unlock, report_ret, err);
	book_close(&b);
	if (!rc)
		(*report_ret)->copy = copy;
	else
		free(copy);
	return rc;
}

/* ---- a folder ---- */

static int read_told(const char *folder, char **text, struct sv_err *err)
{
	size_t len;
	struct sv_err why = {0};
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sv_fail(err, errno == ENOENT ? SV_E_NOT_FOUND : SV_E_STORE, errno, folder,
			       "cannot open %s", folder);
	int rc = store_read_file(fd, TOLD, TOLD_LIMIT, text, &len, &why);
	close(fd);
	if (rc == SV_E_NOT_FOUND)
		return 0;
	if (rc)
		*err = why;
	return rc == SV_E_IO ? sv_err_recode(err, SV_E_STORE) : rc;
}

/* Of a disk by its serial number, because names change; of a file by its name. */
static void name_twin(const struct image_info *info, struct source *image, char *spec, size_t len)
{
	image->attached = !strncmp(info->source, "/dev/", 5);
	if (image->attached && *info->serial)
		snprintf(spec, len, "serial=%s", info->serial);
	else
		snprintf(spec, len, "%s", info->source);
	image->twin = spec;
}

static int look_at_image(const struct sv_report_params *p, struct image_reader *image,
			 struct unlock *unlock, struct sv_report **report_ret, struct sv_err *err)
{
	const struct image_info *info = image_reader_info(image);
	struct sv_map_params params = {
		.root = p->root, .source = p->what, .with = p->with, .n_with = p->n_with};
	struct sv_extents lost = {0};
	struct source source = {0};
	char twin[sizeof(info->source) + 8];
	name_twin(info, &source, twin, sizeof(twin));
	int rc = image_blk_create(image, &source.dev, err);
	if (!rc && sv_runs_select(&lost, image_reader_runs(image), 1u << SV_RUN_BAD))
		rc = sv_fail_nomem(err);
	if (!rc)
		rc = report_files(&(struct report_look){.params = &params,
							.copy = &source,
							.lost = &lost,
							.unlock = unlock},
				  report_ret, err);
	if (rc == SV_E_IO)
		rc = sv_err_recode(err, SV_E_STORE);
	sv_extents_clear(&lost);
	blk_close(source.dev);
	return rc;
}

/* An image is looked into; of what else a job left, what it says is all there is. */
static int report_folder(const struct sv_report_params *p, struct unlock *unlock,
			 struct sv_report **report_ret, struct sv_err *err)
{
	struct image_reader *image = NULL;
	struct sv_err why = {0};
	char *told = NULL;
	int rc = read_told(p->what, &told, err);
	if (rc)
		return rc;
	rc = image_reader_open(p->what, IMAGE_OPEN_SALVAGE, &image, &why);
	if (rc == SV_E_NOT_FOUND && told) {
		*report_ret = calloc(1, sizeof(**report_ret));
		rc = *report_ret ? 0 : sv_fail_nomem(err);
	} else if (rc) {
		*err = why;
	} else {
		rc = look_at_image(p, image, unlock, report_ret, err);
	}
	image_reader_close(image);
	if (!rc)
		(*report_ret)->told = told;
	else
		free(told);
	return rc;
}

/* Takes the report down when it fails. */
static int complete(const struct sv_report_params *p, const struct unlock *unlock,
		    struct sv_report *report, struct sv_err *err)
{
	int rc = unlock_result(unlock, p->what, err);
	report->what = strdup(p->what);
	if (!rc && !report->what)
		rc = sv_fail_nomem(err);
	if (rc)
		sv_report_destroy(report);
	return rc;
}

int sv_report_read(const struct sv_report_params *params, struct sv_report **report_ret,
		   struct sv_err *err)
{
	struct stat st;
	struct unlock *unlock = NULL;
	if (stat(params->what, &st) < 0)
		return sv_fail(err, SV_E_NOT_FOUND, errno, params->what, "cannot open %s",
			       params->what);
	int rc = unlock_create(params->unlock, &unlock, err);
	if (rc)
		return rc;
	rc = S_ISDIR(st.st_mode) ? report_folder(params, unlock, report_ret, err)
				 : report_map(params, unlock, report_ret, err);
	if (!rc)
		rc = complete(params, unlock, *report_ret, err);
	unlock_destroy(unlock);
	return rc;
}
