/* ext_image.c - small ext2/3/4 images for tests, and what dumpe2fs says about them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/ext_image.h"

#include "engine/util/bytes.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FILE (48 * 1024)

char *ext_dir_create(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = NULL;
	assert_true(asprintf(&dir, "%s/salvor-ext-XXXXXX", tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(dir));
	return dir;
}

void ext_dir_remove(char *dir)
{
	ext_must("rm -rf '%s'", dir);
	free(dir);
}

static int run(const char *fmt, va_list ap)
{
	char *line = NULL, *quiet = NULL;
	assert_true(vasprintf(&line, fmt, ap) > 0);
	assert_true(asprintf(&quiet,
			     "out=$({ %s; } 2>&1 </dev/null) || { rc=$?; "
			     "printf '%%s\\n' \"$out\"; exit $rc; }",
			     line) > 0);
	int status = system(quiet);
	if (status)
		fprintf(stderr, "failed: %s\n", line);
	free(quiet);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int ext_run(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = run(fmt, ap);
	va_end(ap);
	return rc;
}

void ext_must(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = run(fmt, ap);
	va_end(ap);
	assert_int_equal(rc, 0);
}

uint64_t ext_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void file_name(char *path, size_t len, const char *dir, int i)
{
	snprintf(path, len, "%s/d%d/file-%d", dir, i % 10, i);
}

static void write_file(const char *path, uint64_t *seed, int i)
{
	static uint8_t noise[MAX_FILE];
	size_t len = ext_random(seed) % MAX_FILE;
	for (size_t at = 0; at < sizeof(noise); at += 8)
		put_le64(noise + at, ext_random(seed));
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	if (i % 11 == 0) /* a hole in front */
		assert_int_equal(fseek(f, 256 * 1024, SEEK_SET), 0);
	assert_int_equal(fwrite(noise, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

void ext_tree_create(const char *dir, int files)
{
	char path[512];
	uint64_t seed = 42;
	assert_int_equal(mkdir(dir, 0755), 0);
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/d%d", dir, i);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "%s/link-%d", dir, i);
		assert_int_equal(symlink(i % 2 ? "d1"
					       : "d1/a-target-that-does-not-fit-into-the-"
						 "inode-itself-because-it-is-too-long-for-it",
					 path),
				 0);
	}
	for (int i = 0; i < files; i++) {
		file_name(path, sizeof(path), dir, i);
		write_file(path, &seed, i);
	}
}

void ext_tree_remove_script(const char *path, int files)
{
	char name[64];
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < files; i += 2) {
		file_name(name, sizeof(name), "", i);
		fprintf(f, "rm %s\n", name);
	}
	assert_int_equal(fclose(f), 0);
}

/* "  Free blocks: 5-9, 12" and, in front of all groups, sizes of blocks and clusters */
struct dump {
	uint64_t block_size, cluster_size;
	struct sv_extents *free;
};

static void parse_ranges(struct dump *d, const char *text)
{
	uint64_t ratio = d->cluster_size ? d->cluster_size / d->block_size : 1;
	while (*text && *text != '\n') {
		char *end;
		uint64_t first = strtoull(text, &end, 10), last = first;
		if (end == text)
			break;
		if (*end == '-')
			last = strtoull(end + 1, &end, 10);
		uint64_t count = last - first + ratio; /* ranges name clusters by first block */
		assert_int_equal(
			sv_extents_add(d->free, first * d->block_size, count * d->block_size), 0);
		text = end + strspn(end, ", ");
	}
}

static void parse_line(struct dump *d, const char *line)
{
	if (strncmp(line, "Block size:", 11) == 0)
		d->block_size = strtoull(line + 11, NULL, 10);
	else if (strncmp(line, "Cluster size:", 13) == 0)
		d->cluster_size = strtoull(line + 13, NULL, 10);
	else if (strncmp(line, "  Free blocks: ", 15) == 0)
		parse_ranges(d, line + 15);
}

void ext_oracle_free(const char *image, struct sv_extents *free_list)
{
	char cmd[600], *line = NULL;
	size_t cap = 0;
	struct dump d = {.free = free_list};
	snprintf(cmd, sizeof(cmd), "dumpe2fs '%s' 2>/dev/null", image);
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	while (getline(&line, &cap, f) > 0)
		parse_line(&d, line);
	free(line);
	assert_int_equal(pclose(f), 0);
	assert_true(d.block_size >= 1024);
	sv_extents_normalise(free_list);
}

void ext_oracle_used(const char *image, uint64_t size, struct sv_extents *used)
{
	struct sv_extents free_list = {0};
	ext_oracle_free(image, &free_list);
	assert_int_equal(sv_extents_remove(&free_list, 0, SV_MIB), 0);
	assert_int_equal(sv_extents_remove(&free_list, size - SV_MIB, SV_MIB), 0);
	assert_int_equal(sv_extents_invert(used, &free_list, size), 0);
	sv_extents_clear(&free_list);
}

struct fsmap *ext_map(const char *image)
{
	struct blk_dev *dev = NULL;
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	assert_int_equal(blk_file_open(image, BLK_FILE_BUFFERED, 0, 0, &dev, &err), 0);
	assert_int_equal(fsmap_read(dev, NULL, &map, &err), 0);
	blk_close(dev);
	return map;
}
