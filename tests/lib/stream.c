/* stream.c - a place for streams over numbered files, and what they must be */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/stream.h"

#include "engine/util/bytes.h"
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int stream_setup(void **state)
{
	struct stream_place *c = calloc(1, sizeof(*c));
	if (!c || !scratch_make(c->dir))
		return -1;
	c->dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->data = malloc(STREAM_SIZE);
	if (c->dirfd < 0 || !c->data)
		return -1;
	uint64_t x = 88172645463325252ULL;
	for (size_t i = 0; i < STREAM_SIZE; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		c->data[i] = (uint8_t)x;
	}
	c->create =
		(struct volumes_create){.dirfd = c->dirfd, .base_name = STREAM_BASE, .digits = 3};
	*state = c;
	return 0;
}

int stream_teardown(void **state)
{
	struct stream_place *c = *state;
	close(c->dirfd);
	scratch_remove(c->dir);
	free(c->data);
	free(c);
	return 0;
}

bool stream_use_tmpfs(struct stream_place *c, uint64_t bytes)
{
	if (!scratch_tmpfs(c->dir, bytes))
		return false;
	close(c->dirfd);
	c->dirfd = c->create.dirfd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->dirfd >= 0;
}

void stream_empty(struct stream_place *c)
{
	struct volume_info info;
	struct volumes_reader *r;
	unlinkat(c->dirfd, STREAM_BASE, 0);
	while (volumes_reader_open(c->dirfd, STREAM_BASE, 0, &r, NULL) == 0) {
		for (size_t i = 0; i < volumes_reader_count(r); i++) {
			volumes_reader_info(r, i, &info);
			unlinkat(c->dirfd, info.name, 0);
		}
		volumes_reader_destroy(r);
	}
}

void stream_append(struct stream_place *c, struct volumes_writer *w, size_t from, size_t to,
		   size_t most)
{
	struct sv_err err = {0};
	while (from < to) {
		size_t piece = (size_t)rand() % most + 1;
		if (piece > to - from)
			piece = to - from;
		assert_int_equal(volumes_writer_append(w, c->data + from, piece, &err), 0);
		from += piece;
		assert_int_equal(volumes_writer_position(w), from);
		if (rand() % 8)
			continue;
		assert_int_equal(volumes_writer_sync(w, &err), 0);
		assert_int_equal(volumes_writer_synced(w), from);
	}
}

void stream_check_files(struct stream_place *c, struct volumes_writer *w, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < volumes_writer_count(w); i++) {
		struct volume_info info;
		volumes_writer_info(w, i, &info);
		assert_int_equal(info.start, at);
		int fd = openat(c->dirfd, info.name, O_RDONLY);
		assert_true(fd >= 0);
		struct stat st;
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, info.size);
		assert_true(at + info.size <= size);
		uint8_t *got = malloc(info.size + 1);
		assert_int_equal(read(fd, got, info.size + 1), info.size);
		assert_memory_equal(got, c->data + at, info.size);
		free(got);
		close(fd);
		at += info.size;
	}
	assert_int_equal(at, size);
}

void stream_check_digests(struct stream_place *c, struct volumes_writer *w)
{
	for (size_t i = 0; i < volumes_writer_count(w); i++) {
		struct volume_info info;
		struct sv_err err = {0};
		uint8_t digest[SV_SHA256_LEN];
		char ours[2 * SV_SHA256_LEN + 1], theirs[2 * SV_SHA256_LEN + 1] = "", cmd[400];
		volumes_writer_info(w, i, &info);
		assert_int_equal(volumes_writer_sha256(w, i, digest, &err), 0);
		sv_hex(ours, digest, SV_SHA256_LEN);
		snprintf(cmd, sizeof(cmd), "sha256sum '%s/%s'", c->dir, info.name);
		FILE *p = popen(cmd, "r");
		assert_non_null(p);
		assert_int_equal(fread(theirs, 1, 64, p), 64);
		pclose(p);
		assert_string_equal(ours, theirs);
	}
}
