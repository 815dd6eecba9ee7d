/* rescue_book.c - what a rescue keeps between runs: the mapfile, and a side file with identities */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SIDE_VERSION 1
#define SIDE_LIMIT   (64u << 10)

static int store_code(int rc, struct sv_err *err)
{
	if (rc == SV_E_NOSPC)
		return sv_err_recode(err, SV_E_STORE_FULL);
	if (rc == SV_E_IO || rc == SV_E_NOT_FOUND)
		return sv_err_recode(err, SV_E_STORE);
	return rc;
}

/* ---- the side file ---- */

static json_t *end_json(const struct book_end *end)
{
	char *name = sv_text_clean(end->name), *model = sv_text_clean(end->model);
	json_t *o = NULL;
	if (name && model)
		o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b}", "name", name, "model", model,
			      "serial", end->serial, "wwn", end->wwn, "size", (json_int_t)end->size,
			      "device", end->is_device);
	free(name);
	free(model);
	return o;
}

static char *side_text(const struct book *b)
{
	json_t *source = end_json(&b->source), *target = end_json(&b->target);
	json_t *o = json_pack("{s:i, s:s, s:o, s:o, s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "v",
			      SIDE_VERSION, "tool", "salvor " SALVOR_VERSION, "source", source,
			      "target", target, "sector_size", (json_int_t)b->sector_size, "made",
			      b->made, "started", (json_int_t)b->started, "seconds",
			      (json_int_t)b->seconds, "reads", (json_int_t)b->reads, "failed_reads",
			      (json_int_t)b->failed_reads, "slow_bytes", (json_int_t)b->slow_bytes);
	char *text = o ? json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
	json_decref(o);
	return text;
}

static void take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));
	snprintf(out, cap, "%s", s ? s : "");
}

static uint64_t take_number(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));
	return v > 0 ? (uint64_t)v : 0;
}

static bool take_end(const json_t *o, struct book_end *end)
{
	memset(end, 0, sizeof(*end));
	take_text(o, "name", end->name, sizeof(end->name));
	take_text(o, "model", end->model, sizeof(end->model));
	take_text(o, "serial", end->serial, sizeof(end->serial));
	take_text(o, "wwn", end->wwn, sizeof(end->wwn));
	end->size = take_number(o, "size");
	end->is_device = json_is_true(json_object_get(o, "device"));
	return json_is_object(o) && end->size;
}

/* A disk is known by its serial number, one without by its size; a file by its place. */
static bool same_end(const struct book_end *then, const struct book_end *now)
{
	if (then->is_device != now->is_device)
		return false;
	if (!now->is_device)
		return !strcmp(then->name, now->name);
	return !strcmp(then->serial, now->serial) && !strcmp(then->wwn, now->wwn) &&
	       then->size == now->size;
}

static int refuse_end(const struct book *b, const char *what, const struct book_end *then,
		      const struct book_end *now, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, b->path,
		       "%s belongs to the %s %.160s%s%s, not to %.160s%s%s", b->path, what,
		       *then->model ? then->model : then->name, *then->serial ? ", serial " : "",
		       then->serial, now->name, *now->serial ? ", serial " : "", now->serial);
}

static int check_side(struct book *b, const json_t *o, struct sv_err *err)
{
	struct book_end source, target;
	if (!take_end(json_object_get(o, "source"), &source) ||
	    !take_end(json_object_get(o, "target"), &target))
		return sv_fail(err, SV_E_REFUSED, 0, b->side_name,
			       "%s does not say which disk it is about", b->side_name);
	if (!same_end(&source, &b->source) || source.size != b->source.size)
		return refuse_end(b, "source", &source, &b->source, err);
	if (take_number(o, "sector_size") != b->sector_size)
		return sv_fail(err, SV_E_REFUSED, 0, b->path,
			       "%s belongs to a disk with sectors of %llu bytes", b->path,
			       (unsigned long long)take_number(o, "sector_size"));
	if (!same_end(&target, &b->target))
		return refuse_end(b, "copy", &target, &b->target, err);
	return 0;
}

static int read_side(struct book *b, struct sv_err *err)
{
	char *text = NULL;
	size_t len = 0;
	struct sv_err why = {0};
	int rc = store_read_file(b->dirfd, b->side_name, SIDE_LIMIT, &text, &len, &why);
	if (rc == SV_E_NOT_FOUND)
		return 0;
	if (rc) {
		*err = why;
		return rc == SV_E_DATA ? sv_err_recode(err, SV_E_REFUSED) : store_code(rc, err);
	}
	json_t *o = json_loadb(text, len, 0, NULL);
	free(text);
	if (!o || take_number(o, "v") != SIDE_VERSION)
		rc = sv_fail(err, SV_E_REFUSED, 0, b->side_name,
			     "%s is no side file of a rescue, or of a newer one", b->side_name);
	else
		rc = check_side(b, o, err);
	b->has_side = !rc;
	b->made = json_is_true(json_object_get(o, "made"));
	b->started = (time_t)take_number(o, "started");
	b->seconds = take_number(o, "seconds");
	b->reads = take_number(o, "reads");
	b->failed_reads = take_number(o, "failed_reads");
	json_decref(o);
	return rc;
}

/* ---- the mapfile ---- */

static int read_map(struct book *b, uint32_t unit, struct sv_err *err)
{
	char *text = NULL;
	size_t len = 0;
	struct mapfile_head head;
	struct sv_err why = {0};
	int rc = store_read_file(b->dirfd, b->name, MAPFILE_LIMIT, &text, &len, &why);
	if (rc == SV_E_NOT_FOUND) {
		b->fresh = true;
		return rmap_create(b->source.size, &b->map) ? sv_fail_nomem(err) : 0;
	}
	if (!rc)
		rc = mapfile_parse(b->path, text, len, b->source.size, unit, &b->map, &head, &why);
	free(text);
	if (!rc)
		return 0;
	*err = why;
	return rc == SV_E_DATA ? sv_err_recode(err, SV_E_REFUSED) : store_code(rc, err);
}

static int split_path(const char *path, struct book *b, struct sv_err *err)
{
	char *for_dir = strdup(path), *for_base = strdup(path);
	b->path = strdup(path);
	b->name = for_base ? strdup(basename(for_base)) : NULL;
	if (b->name && asprintf(&b->side_name, "%s.salvor.json", b->name) < 0)
		b->side_name = NULL;
	int rc = 0;
	if (!for_dir || !b->path || !b->side_name) {
		rc = sv_fail_nomem(err);
	} else {
		const char *dir = dirname(for_dir);
		b->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (b->dirfd < 0)
			rc = sv_fail(err, errno == ENOENT ? SV_E_NOT_FOUND : SV_E_STORE, errno, dir,
				     "cannot open the folder %s of the mapfile", dir);
	}
	free(for_dir);
	free(for_base);
	return rc;
}

int book_open(const char *path, const struct book_end *source, const struct book_end *target,
	      uint32_t sector_size, uint32_t unit, struct book *b, struct sv_err *err)
{
	*b = (struct book){
		.dirfd = -1, .source = *source, .target = *target, .sector_size = sector_size};
	int rc = split_path(path, b, err);
	if (!rc)
		rc = read_map(b, unit, err);
	/* a side file without its map tells nothing */
	if (!rc && !b->fresh)
		rc = read_side(b, err);
	if (!rc && !b->started)
		b->started = time(NULL);
	return rc;
}

static void local_time(time_t t, char out[32])
{
	struct tm tm;
	if (!localtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		*out = '\0';
}

static int write_side(struct book *b, struct sv_err *err)
{
	char *text = side_text(b);
	if (!text)
		return sv_fail_nomem(err);
	int rc = store_write_file(b->dirfd, b->side_name, text, strlen(text), NULL, NULL, err);
	free(text);
	return rc;
}

int book_save(struct book *b, const struct mapfile_head *head, const char *phase,
	      struct sv_err *err)
{
	char started[32], now[32], command[1200];
	size_t len = 0;
	snprintf(command, sizeof(command), "salvor rescue %s %s %s", b->source.name, b->target.name,
		 b->path);
	local_time(b->started, started);
	local_time(time(NULL), now);
	struct mapfile_notes notes = {
		.command = command, .start_time = started, .now = now, .phase = phase};
	char *text = mapfile_format(b->map, head, &notes, &len);
	if (!text)
		return sv_fail_nomem(err);
	/* the side file first: a map alone would pass for one of another tool */
	int rc = write_side(b, err);
	if (!rc)
		rc = store_write_file(b->dirfd, b->name, text, len, NULL, NULL, err);
	free(text);
	return store_code(rc, err);
}

void book_remove(struct book *b)
{
	unlinkat(b->dirfd, b->name, 0);
	unlinkat(b->dirfd, b->side_name, 0);
}

bool book_is_volatile(const struct book *b)
{
	struct statfs fs;
	return fstatfs(b->dirfd, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

void book_close(struct book *b)
{
	if (b->path && b->dirfd >= 0)
		close(b->dirfd);
	free(b->path);
	free(b->name);
	free(b->side_name);
	rmap_destroy(b->map);
	memset(b, 0, sizeof(*b));
}
