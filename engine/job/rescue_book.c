/* rescue_book.c - what a rescue keeps between runs: the mapfile, and a side file with identities */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/job/rescue.h"

#include "engine/disk/places.h"
#include "engine/util/json.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static json_t *end_json(const struct sv_rescue_end *end)
{
	char *name = sv_text_clean(end->name), *model = sv_text_clean(end->model);
	json_t *o = NULL;
	if (name && model)
		o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:b}", "name", name, "model", model,
			      "serial", end->serial, "wwn", end->wwn, "size", (json_int_t)end->size,
			      "device", end->is_device, "beside", end->beside);
	free(name);
	free(model);
	return o;
}

static const char *const domains[] = {
	[SV_DOMAIN_WHOLE] = "whole",
	[SV_DOMAIN_USED] = "used",
	[SV_DOMAIN_METADATA] = "metadata",
};

static char *side_text(const struct book_side *s)
{
	json_t *o = json_pack(
		"{s:i, s:s, s:o, s:o, s:I, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "v",
		SIDE_VERSION, "tool", "salvor " SALVOR_VERSION, "source", end_json(&s->source),
		"target", end_json(&s->target), "sector_size", (json_int_t)s->sector_size, "made",
		s->made, "finished", s->finished, "started", (json_int_t)s->started, "seconds",
		(json_int_t)s->seconds, "reads", (json_int_t)s->reads, "failed_reads",
		(json_int_t)s->failed_reads, "slow_bytes", (json_int_t)s->slow_bytes, "domain",
		domains[s->domain], "done", (json_int_t)s->done, "total", (json_int_t)s->total);
	char *text = sv_json_text(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
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

static bool take_end(const json_t *o, struct sv_rescue_end *end)
{
	memset(end, 0, sizeof(*end));
	take_text(o, "name", end->name, sizeof(end->name));
	take_text(o, "model", end->model, sizeof(end->model));
	take_text(o, "serial", end->serial, sizeof(end->serial));
	take_text(o, "wwn", end->wwn, sizeof(end->wwn));
	end->size = take_number(o, "size");
	end->is_device = json_is_true(json_object_get(o, "device"));
	end->beside = json_is_true(json_object_get(o, "beside"));
	return json_is_object(o) && end->size;
}

static enum sv_domain take_domain(const json_t *o)
{
	char word[16];
	take_text(o, "domain", word, sizeof(word));
	for (size_t i = 0; i < SV_ARRAY(domains); i++)
		if (!strcmp(word, domains[i]))
			return (enum sv_domain)i;
	return SV_DOMAIN_WHOLE;
}

static bool take_side(const json_t *o, struct book_side *s)
{
	s->sector_size = (uint32_t)SV_MIN(take_number(o, "sector_size"), (uint64_t)UINT32_MAX);
	s->made = json_is_true(json_object_get(o, "made"));
	s->finished = json_is_true(json_object_get(o, "finished"));
	s->started = (time_t)take_number(o, "started");
	s->seconds = take_number(o, "seconds");
	s->reads = take_number(o, "reads");
	s->failed_reads = take_number(o, "failed_reads");
	s->domain = take_domain(o);
	s->done = take_number(o, "done");
	s->total = take_number(o, "total");
	return take_end(json_object_get(o, "source"), &s->source) &&
	       take_end(json_object_get(o, "target"), &s->target);
}

int book_read_side(int dirfd, const char *side_name, struct book_side *side, struct sv_err *err)
{
	char *text = NULL;
	size_t len = 0;
	memset(side, 0, sizeof(*side));
	int rc = store_read_file(dirfd, side_name, SIDE_LIMIT, &text, &len, err);
	if (rc == SV_E_NOT_FOUND)
		return rc;
	if (rc)
		return rc == SV_E_DATA ? sv_err_recode(err, SV_E_REFUSED) : store_code(rc, err);
	bool no_memory;
	json_t *o = sv_json_parse(text, len, 0, &no_memory);
	free(text);
	if (no_memory)
		rc = sv_fail_nomem(err);
	else if (!o || take_number(o, "v") != SIDE_VERSION)
		rc = sv_fail(err, SV_E_REFUSED, 0, side_name,
			     "%s is no side file of a rescue, or of a newer one", side_name);
	else if (!take_side(o, side))
		rc = sv_fail(err, SV_E_REFUSED, 0, side_name,
			     "%s does not say which disk it is about", side_name);
	json_decref(o);
	return rc;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A disk is known by its serial number, one without by its size; a file by its place. */
static bool same_end(const struct sv_rescue_end *then, const struct sv_rescue_end *now)
{
	if (then->is_device != now->is_device)
		return false;
	if (!now->is_device && then->beside && now->beside)
		return !strcmp(base_of(then->name), base_of(now->name));
	if (!now->is_device)
		return !strcmp(then->name, now->name);
	return !strcmp(then->serial, now->serial) && !strcmp(then->wwn, now->wwn) &&
	       then->size == now->size;
}

bool sv_rescue_is_disk(const struct sv_rescue_end *end, const struct disk *disk)
{
	return end->is_device && !strcmp(end->serial, disk->serial) &&
	       !strcmp(end->wwn, disk->wwn) && end->size == disk->size;
}

static int refuse_end(const struct book *b, const char *what, const struct sv_rescue_end *then,
		      const struct sv_rescue_end *now, struct sv_err *err)
{
	return sv_fail(err, SV_E_REFUSED, 0, b->path,
		       "%s belongs to the %s %.160s%s%s, not to %.160s%s%s", b->path, what,
		       *then->model ? then->model : then->name, *then->serial ? ", serial " : "",
		       then->serial, now->name, *now->serial ? ", serial " : "", now->serial);
}

static int check_side(const struct book *b, const struct book_side *then, struct sv_err *err)
{
	const struct book_side *now = &b->side;
	if (!same_end(&then->source, &now->source) || then->source.size != now->source.size)
		return refuse_end(b, "source", &then->source, &now->source, err);
	if (then->sector_size != now->sector_size)
		return sv_fail(err, SV_E_REFUSED, 0, b->path,
			       "%s belongs to a disk with sectors of %u bytes", b->path,
			       then->sector_size);
	if (!same_end(&then->target, &now->target))
		return refuse_end(b, "copy", &then->target, &now->target, err);
	return 0;
}

/* The figures of the runs before; the ends are those of now. */
static int read_side(struct book *b, struct sv_err *err)
{
	struct book_side then;
	struct sv_err why = {0};
	int rc = book_read_side(b->dirfd, b->side_name, &then, &why);
	if (rc == SV_E_NOT_FOUND)
		return 0;
	if (rc) {
		*err = why;
		return rc;
	}
	rc = check_side(b, &then, err);
	if (rc)
		return rc;
	then.source = b->side.source;
	then.target = b->side.target;
	b->side = then;
	b->has_side = true;
	return 0;
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
		return rmap_create(SV_MAX(b->side.source.size, 1), &b->map) ? sv_fail_nomem(err)
									    : 0;
	}
	if (!rc)
		rc = mapfile_parse(b->path, text, len, b->side.source.size, unit, &b->map, &head,
				   &why);
	free(text);
	if (!rc)
		return 0;
	*err = why;
	return rc == SV_E_DATA ? sv_err_recode(err, SV_E_REFUSED) : store_code(rc, err);
}

/* What lies in the mapfile's folder is known wherever that will be mounted. */
static void set_beside(const char *dir, struct sv_rescue_end *end)
{
	char *real = end->is_device ? NULL : realpath(dir, NULL);
	size_t len = real ? strlen(real) : 0;
	end->beside = real && !strncmp(end->name, real, len) && end->name[len] == '/' &&
		      base_of(end->name) == end->name + len + 1;
	free(real);
}

static int split_path(const char *path, struct book *b, struct sv_err *err)
{
	char *for_dir = strdup(path), *for_base = strdup(path);
	b->path = strdup(path);
	b->name = for_base ? strdup(basename(for_base)) : NULL;
	if (b->name && asprintf(&b->side_name, "%s" BOOK_SIDE_SUFFIX, b->name) < 0)
		b->side_name = NULL;
	int rc = 0;
	if (!for_dir || !b->path || !b->side_name) {
		rc = sv_fail_nomem(err);
	} else {
		const char *dir = dirname(for_dir);
		b->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		set_beside(dir, &b->side.source);
		set_beside(dir, &b->side.target);
		if (b->dirfd < 0)
			rc = sv_fail(err, errno == ENOENT ? SV_E_NOT_FOUND : SV_E_STORE, errno, dir,
				     "cannot open the folder %s of the mapfile", dir);
	}
	free(for_dir);
	free(for_base);
	return rc;
}

int book_open(const char *path, const struct sv_rescue_end *source,
	      const struct sv_rescue_end *target, uint32_t sector_size, uint32_t unit,
	      struct book *b, struct sv_err *err)
{
	*b = (struct book){
		.dirfd = -1,
		.side = {.source = *source, .target = *target, .sector_size = sector_size}};
	int rc = split_path(path, b, err);
	if (!rc)
		rc = read_map(b, unit, err);
	/* a side file without its map tells nothing */
	if (!rc && !b->fresh)
		rc = read_side(b, err);
	if (!rc && !b->side.started)
		b->side.started = time(NULL);
	return rc;
}

int book_look(const char *path, struct book *b, struct sv_err *err)
{
	*b = (struct book){.dirfd = -1};
	struct sv_err why = {0};
	int rc = split_path(path, b, err);
	if (rc)
		return rc;
	rc = book_read_side(b->dirfd, b->side_name, &b->side, &why);
	b->has_side = !rc;
	if (rc && rc != SV_E_NOT_FOUND)
		*err = why;
	else
		rc = read_map(b, 1, err);
	if (!rc && b->fresh)
		rc = sv_fail(err, SV_E_NOT_FOUND, 0, path, "there is no mapfile %s", path);
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
	char *text = side_text(&b->side);
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
	snprintf(command, sizeof(command), "salvor rescue %s %s %s", b->side.source.name,
		 b->side.target.name, b->path);
	local_time(b->side.started, started);
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
	return places_in_memory(b->dirfd);
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
