/* fuzz_image.h - an input of a fuzz target as the files of an image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include "tests/fuzz/fuzz_files.h"

#include "engine/image/index.h"
#include "engine/util/crc.h"

/*
 * Input, as pack_image.py writes it: two bytes of flags (the first is the target's own), le16
 * lengths of manifest.json, disk.idx and SHA256SUMS, these three, and up to the end the stream.
 * What has no bytes is not there at all.
 */
enum {
	FUZZ_XZ = 1,	   /* the stream is called disk.img.xz */
	FUZZ_PLAIN = 2,	   /* or disk.img; else disk.img.zst */
	FUZZ_SEAL = 4,	   /* put the checksums of disk.idx right */
	FUZZ_VOUCH = 8,	   /* SHA256SUMS is made to fit, whatever the input has for it */
	FUZZ_VOLUMES = 16, /* cut the stream in three */
	FUZZ_GAP = 32,	   /* and lose the second */
	FUZZ_DIGITS = 64,  /* whose number is written in another way */
	FUZZ_MANY = 128,   /* or cut it into more than are kept open */
};

struct fuzz_image {
	uint8_t own; /* the target's flags */
	uint8_t flags;
	const uint8_t *file[4]; /* manifest, index, sums, stream */
	size_t len[4];
};

enum { FUZZ_MANIFEST, FUZZ_INDEX, FUZZ_SUMS, FUZZ_STREAM };

static inline bool fuzz_image_take(struct fuzz_image *image, const uint8_t *data, size_t size)
{
	if (size < 8)
		return false;
	image->own = data[0];
	image->flags = data[1];
	size_t at = 8;
	for (int i = 0; i < 3; i++) {
		image->file[i] = data + at;
		image->len[i] = SV_MIN(get_le16(data + 2 + 2 * i), size - at);
		at += image->len[i];
	}
	image->file[FUZZ_STREAM] = data + at;
	image->len[FUZZ_STREAM] = size - at;
	return true;
}

/* Lengths and checksums of the records of a disk.idx, or no change would get past them. */
static inline void fuzz_seal_index(uint8_t *p, size_t size)
{
	while (size >= sizeof(struct disk_record)) {
		struct disk_record *r = (struct disk_record *)p;
		size_t room = size - sizeof(*r), len = SV_MIN(get_le32(r->len), room);
		put_le32(r->len, (uint32_t)len);
		put_le32(r->crc, ~sv_crc32c(~0u, r + 1, len));
		put_le32(r->head_crc, ~sv_crc32c(~0u, r, 12));
		p += sizeof(*r) + len;
		size = room - len;
	}
}

static inline const char *fuzz_stream_name(const struct fuzz_image *image)
{
	return image->flags & FUZZ_XZ	   ? NAME_STREAM ".xz"
	       : image->flags & FUZZ_PLAIN ? NAME_STREAM
					   : NAME_STREAM ".zst";
}

static inline void fuzz_put_stream(const struct fuzz_image *image, int dirfd)
{
	const char *name = fuzz_stream_name(image);
	const uint8_t *p = image->file[FUZZ_STREAM];
	size_t len = image->len[FUZZ_STREAM], n = image->flags & FUZZ_MANY ? 70 : 3, each = len / n;
	if (!len)
		return;
	if (!(image->flags & FUZZ_VOLUMES)) {
		fuzz_put(dirfd, name, p, len);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		char volume[32];
		snprintf(volume, sizeof(volume), "%s.%0*zu", name,
			 i == 1 && image->flags & FUZZ_DIGITS ? 5 : 3, i);
		if (i != 1 || !(image->flags & FUZZ_GAP))
			fuzz_put(dirfd, volume, p + i * each, i < n - 1 ? each : len - i * each);
	}
}

static inline void fuzz_put_index(const struct fuzz_image *image, int dirfd)
{
	size_t len = image->len[FUZZ_INDEX];
	uint8_t *copy = malloc(len + 1);
	must(copy);
	memcpy(copy, image->file[FUZZ_INDEX], len);
	if (image->flags & FUZZ_SEAL)
		fuzz_seal_index(copy, len);
	if (len)
		fuzz_put(dirfd, NAME_INDEX, copy, len);
	free(copy);
}

/* SHA256SUMS of manifest.json alone: all that a reader asks it for. */
static inline void fuzz_put_sums(const struct fuzz_image *image, int dirfd)
{
	char line[120];
	uint8_t sum[SV_SHA256_LEN];
	uint64_t size;
	struct sv_err err = {0};
	if (!(image->flags & FUZZ_VOUCH)) {
		if (image->len[FUZZ_SUMS])
			fuzz_put(dirfd, NAME_SUMS, image->file[FUZZ_SUMS], image->len[FUZZ_SUMS]);
		return;
	}
	if (store_sha256(dirfd, NAME_MANIFEST, sum, &size, &err))
		return;
	sv_hex(line, sum, sizeof(sum));
	strcat(line, "  " NAME_MANIFEST "\n");
	fuzz_put(dirfd, NAME_SUMS, line, strlen(line));
}

/* All files of the image into an empty folder. */
static inline void fuzz_image_put(const struct fuzz_image *image, int dirfd)
{
	if (image->len[FUZZ_MANIFEST])
		fuzz_put(dirfd, NAME_MANIFEST, image->file[FUZZ_MANIFEST],
			 image->len[FUZZ_MANIFEST]);
	fuzz_put_index(image, dirfd);
	fuzz_put_stream(image, dirfd);
	fuzz_put_sums(image, dirfd);
}

#endif
