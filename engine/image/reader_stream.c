/* reader_stream.c - the stored stream of an image: its files, also when some are lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/reader_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stream is BASE, or BASE.NNN in order: sizes of those the manifest names. */
static int sizes_of_manifest(const struct image_reader *r, uint64_t **sizes, size_t *n)
{
	size_t base = strlen(r->base);
	*n = 0;
	*sizes = calloc(r->m.n_files + 1, sizeof(**sizes));
	if (!*sizes)
		return SV_E_NOMEM;
	for (size_t i = 0; i < r->m.n_files; i++) {
		const struct manifest_file *f = &r->m.files[i];
		if (!strncmp(f->name, r->base, base) && (!f->name[base] || f->name[base] == '.'))
			(*sizes)[(*n)++] = f->size;
	}
	return 0;
}

static int say_file(struct image_reader *r, const struct volume_info *v)
{
	if (v->missing)
		return reader_say(r, "%s is missing", v->name);
	return v->present != v->size
		       ? reader_say(r, "%s has %llu bytes instead of %llu", v->name,
				    (unsigned long long)v->present, (unsigned long long)v->size)
		       : 0;
}

static int say_files(struct image_reader *r)
{
	struct volume_info v;
	int rc = 0;
	for (size_t i = 0; !rc && i < volumes_reader_count(r->stream); i++) {
		volumes_reader_info(r->stream, i, &v);
		rc = say_file(r, &v);
	}
	if (!rc && volumes_reader_stray(r->stream, v.name))
		rc = reader_say(r, "%s is no part of the image", v.name);
	return rc;
}

/* The files r->base names. */
static int open_files(struct image_reader *r, const struct index *ix, struct sv_err *err)
{
	uint64_t *sizes = NULL;
	struct volumes_known known = {.total = ix->has_foot ? ix->foot.stream_len : 0,
				      .volume_size = ix->has_head ? ix->head.volume_size : 0};
	int rc = sizes_of_manifest(r, &sizes, &known.n);
	known.sizes = sizes;
	if (!rc)
		rc = volumes_reader_open_known(r->dirfd, r->base, &known, &r->stream, err);
	free(sizes);
	if (!rc)
		rc = say_files(r);
	return rc == SV_E_DATA ? sv_err_recode(err, SV_E_DIFFERS) : rc;
}

static int check_length(struct image_reader *r, const struct index *ix)
{
	uint64_t is = volumes_reader_size(r->stream);
	if (!ix->has_foot || ix->foot.stream_len == is)
		return 0;
	return reader_say(r, "%s has %llu bytes instead of %llu", r->base, (unsigned long long)is,
			  (unsigned long long)ix->foot.stream_len);
}

static int open_known(struct image_reader *r, const struct index *ix, struct sv_err *err)
{
	r->codec = codec_find(r->m.info.codec);
	if (!r->codec)
		return sv_fail(err, SV_E_FORMAT, 0, r->path, "%s has an unknown codec: %s", r->path,
			       r->m.info.codec);
	snprintf(r->base, sizeof(r->base), NAME_STREAM "%s", r->codec->extension);
	int rc = open_files(r, ix, err);
	if (rc == SV_E_NOT_FOUND)
		return sv_err_recode(err, SV_E_DIFFERS);
	return rc ? rc : check_length(r, ix);
}

/* ---- without side files ---- */

static const char *const guessed[] = {"zstd", "xz"};

static bool named_after(const struct image_reader *r, const struct codec_ops *codec)
{
	size_t len = strlen(r->base), ext = strlen(codec->extension);
	return len > ext && !strcmp(r->base + len - ext, codec->extension);
}

/* By the stream's first bytes, or by its name where these are lost. */
static int guess_codec(struct image_reader *r, struct sv_err *err)
{
	struct volume_info first;
	volumes_reader_info(r->stream, 0, &first);
	for (size_t i = 0; first.missing && i < SV_ARRAY(guessed); i++)
		if (named_after(r, codec_find(guessed[i]))) {
			r->codec = codec_find(guessed[i]);
			return 0;
		}
	return reader_guess_codec(r->stream, &r->codec, err);
}

/* By its name, or by the file that was given. */
static int open_unknown(struct image_reader *r, const struct index *ix, struct sv_err *err)
{
	int rc = SV_E_NOT_FOUND;
	if (r->lone)
		rc = open_files(r, ix, err);
	for (size_t i = 0; !r->lone && rc == SV_E_NOT_FOUND && i < SV_ARRAY(guessed); i++) {
		struct sv_err why = {0};
		snprintf(r->base, sizeof(r->base), NAME_STREAM "%s",
			 codec_find(guessed[i])->extension);
		rc = open_files(r, ix, &why);
		if (rc && rc != SV_E_NOT_FOUND && err)
			*err = why;
	}
	if (rc == SV_E_NOT_FOUND)
		return sv_fail(err, rc, 0, r->path, "there is no image in %s", r->path);
	if (rc)
		return rc;
	struct sv_err why = {0};
	rc = guess_codec(r, &why);
	if (rc == SV_E_DATA && r->lone)
		return sv_fail(err, SV_E_FORMAT, 0, r->path, "%s is no image of a disk", r->path);
	if (rc == SV_E_DATA)
		return sv_fail(err, SV_E_DIFFERS, 0, r->path,
			       "%s is damaged: nothing in it can be recognised", r->path);
	if (rc && err)
		*err = why;
	return rc ? rc : reader_identify_stream(r, err);
}

int reader_open_stream(struct image_reader *r, const struct index *ix, struct sv_err *err)
{
	return r->has_manifest || ix->has_head ? open_known(r, ix, err) : open_unknown(r, ix, err);
}
