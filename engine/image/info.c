/* info.c - the plain data about an image: copying and releasing */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/manifest.h"

#include <stdlib.h>
#include <string.h>

void image_info_clear(struct image_info *info)
{
	free(info->parts);
	memset(info, 0, sizeof(*info));
}

int image_info_copy(struct image_info *dst, const struct image_info *src)
{
	*dst = *src;
	dst->parts = NULL;
	dst->n_parts = 0;
	if (!src->n_parts)
		return 0;
	dst->parts = calloc(src->n_parts, sizeof(*dst->parts));
	if (!dst->parts)
		return SV_E_NOMEM;
	memcpy(dst->parts, src->parts, src->n_parts * sizeof(*dst->parts));
	dst->n_parts = src->n_parts;
	return 0;
}

void manifest_clear(struct manifest *m)
{
	image_info_clear(&m->info);
	sv_extents_clear(&m->bad);
	free(m->files);
	memset(m, 0, sizeof(*m));
}

int manifest_add_file(struct manifest *m, const char *name, uint64_t size,
		      const uint8_t sha256[SV_SHA256_LEN])
{
	struct manifest_file *files = reallocarray(m->files, m->n_files + 1, sizeof(*files));
	if (!files)
		return SV_E_NOMEM;
	struct manifest_file *f = &files[m->n_files];
	memset(f, 0, sizeof(*f));
	memcpy(f->name, name, strnlen(name, sizeof(f->name) - 1));
	f->size = size;
	memcpy(f->sha256, sha256, sizeof(f->sha256));
	m->files = files;
	m->n_files++;
	return 0;
}

const struct manifest_file *manifest_find_file(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (!strcmp(m->files[i].name, name))
			return &m->files[i];
	return NULL;
}
