/* stream.h - a place for streams over numbered files, and what they must be */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include "engine/io/volumes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_BASE "disk.img.zst"
#define STREAM_SIZE (11 * 1024 * 1024 + 321)

/* A directory and a stream to be put there. One thread. */
struct stream_place {
	char dir[64];
	int dirfd;
	uint8_t *data;		      /* STREAM_SIZE bytes: the stream */
	struct volumes_create create; /* one file of any size, until the test says otherwise */
};

/* Of each test in a group of cmocka's: *state is a struct stream_place. */
int stream_setup(void **state);
int stream_teardown(void **state);
#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, stream_setup, stream_teardown)

/* The directory becomes a tmpfs; false with a printed reason where that cannot be. */
bool stream_use_tmpfs(struct stream_place *c, uint64_t bytes);
/* Remove the files of the stream. */
void stream_empty(struct stream_place *c);

/* Append data[from, to) in random pieces, none larger than `most`; sync now and then. Asserts. */
void stream_append(struct stream_place *c, struct volumes_writer *w, size_t from, size_t to,
		   size_t most);

/* The files' concatenation, read with plain calls, is data[0, size). Asserts. */
void stream_check_files(struct stream_place *c, struct volumes_writer *w, size_t size);
/* Digests of the files against the tool of the system. Asserts. */
void stream_check_digests(struct stream_place *c, struct volumes_writer *w);

#endif
