/* sample.h - small random disks, saved through the image writer and compared through the reader */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "engine/image/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A disk whose every byte and kind is known; all made from the seed. */
struct sample {
	uint64_t seed;
	uint8_t *raw;
	struct sv_runs runs; /* outcome: data, zero, free, bad, absent */
	struct sv_runs plan;
	struct image_create create; /* path NULL: the caller's */
};

/* seed also decides about sizes of runs and content. frame_size 0: the codec's default. */
void sample_make(struct sample *s, uint64_t seed, const char *codec, uint32_t frame_size,
		 uint64_t size);
void sample_drop(struct sample *s);

uint64_t sample_frames(const struct sample *s);

/* Append frames [from, to) as a save would. */
int sample_append(const struct sample *s, struct image_writer *w, uint64_t from, uint64_t to,
		  struct sv_err *err);
/* The whole of it, from where the writer stands to the final name; asserts that all goes well. */
void sample_finish(const struct sample *s, struct image_writer *w);
void sample_save(struct sample *s, const char *path, uint64_t volume_size);

/* What an open image must be. Asserts. */
void sample_check_info(const struct sample *s, const struct image_reader *r);
void sample_check_runs(const struct sample *s, const struct image_reader *r);
void sample_check_digests(const struct sample *s, struct image_reader *r);
/* Decode every frame: each is either as it was or fails. Returns how many fail. */
uint64_t sample_check_frames(const struct sample *s, struct image_reader *r);
/* All of the above on a whole image, and its files, and the image as a block device. */
void sample_check_image(const struct sample *s, const char *path);

/* A small generator, the same everywhere. */
uint64_t sample_random(uint64_t *state);

#endif
