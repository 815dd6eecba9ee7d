/* manifest.h - what an image says about itself, as JSON; private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_MANIFEST_H
#define SV_IMAGE_MANIFEST_H

#include "engine/image/image.h"

/* The same JSON at three moments, each with all of the one before. */
enum manifest_role {
	MANIFEST_IDENTITY, /* before the first frame: skippable frame, disk.idx */
	MANIFEST_RESULT,   /* behind the last frame: skippable frame */
	MANIFEST_FULL,	   /* manifest.json: with the digests of the files and the verdict */
};

/* A stored file and its digest. */
struct manifest_file {
	char name[256];
	uint64_t size;
	uint8_t sha256[SV_SHA256_LEN];
};

/* Bad areas listed by position; disk.idx has all. */
#define MANIFEST_BAD_AREAS 1000u

struct manifest {
	enum manifest_role role;
	struct image_info info;
	char stream[64]; /* "disk.img.zst" */
	uint64_t bad_areas;
	struct sv_extents bad; /* the first MANIFEST_BAD_AREAS of them */
	struct manifest_file *files;
	size_t n_files;
};

void manifest_clear(struct manifest *m);

/* JSON text with a final newline, malloc'ed; NULL when out of memory. Strings that are not UTF-8
 * are made so. */
char *manifest_encode(const struct manifest *m);

/* SV_E_DATA: not such a manifest. SV_E_FORMAT: a newer version. SV_E_NOMEM. m is cleared on error.
 */
int manifest_decode(const char *text, size_t len, struct manifest *m);

/* Add a file; name is cut to what fits. SV_E_NOMEM. */
int manifest_add_file(struct manifest *m, const char *name, uint64_t size,
		      const uint8_t sha256[SV_SHA256_LEN]);
const struct manifest_file *manifest_find_file(const struct manifest *m, const char *name);

/* Copy with its partitions. SV_E_NOMEM. */
int image_info_copy(struct image_info *dst, const struct image_info *src);

#endif
