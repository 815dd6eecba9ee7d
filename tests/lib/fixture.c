/* fixture.c - real filesystems for the tests of map readers, and what other tools say of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char *read_stream(FILE *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	assert_non_null(memory);
	char buf[65536];
	size_t n;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, memory);
	fclose(memory);
	return text;
}

static int run_command(const char *dir, char **out, const char *command)
{
	char *line = NULL;
	assert_true(asprintf(&line,
			     "cd '%s' && export LC_ALL=C PATH=\"$PATH:/usr/sbin:/sbin\" && exec "
			     "2>&1 </dev/null && %s",
			     dir, command) > 0);
	FILE *f = popen(line, "re");
	assert_non_null(f);
	*out = read_stream(f);
	int status = pclose(f);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int fixture_run(const char *dir, char **out, const char *fmt, ...)
{
	char *command = NULL, *text;
	va_list ap;
	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	int status = run_command(dir, &text, command);
	free(command);
	if (out)
		*out = text;
	else
		free(text);
	return status;
}

void fixture_must(const char *dir, const char *fmt, ...)
{
	char *command = NULL, *text;
	va_list ap;
	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	int status = run_command(dir, &text, command);
	if (status)
		fail_msg("%s: exit %d: %s", command, status, text);
	free(command);
	free(text);
}

uint64_t fixture_number(const char *output, const char *label)
{
	const char *at = strstr(output, label);
	if (!at)
		fail_msg("\"%s\" is not in: %s", label, output);
	at += strlen(label);
	at += strcspn(at, "0123456789");
	return strtoull(at, NULL, 10);
}

struct blk_dev *fixture_open(const char *dir, const char *name, uint32_t sector_size)
{
	char path[256];
	struct blk_dev *dev = NULL;
	struct sv_err err = {0};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (blk_file_open(path, BLK_FILE_BUFFERED, sector_size, 0, &dev, &err))
		fail_msg("%s", err.text);
	return dev;
}

struct blk_dev *fixture_load(const char *dir, const char *name, uint32_t sector_size)
{
	struct blk_dev *file = fixture_open(dir, name, sector_size), *memory = NULL;
	assert_int_equal(blk_mem_create(NULL, file->size, sector_size, &memory), 0);
	assert_int_equal(blk_pread(file, blk_mem_data(memory), file->size, 0, NULL), 0);
	blk_close(file);
	return memory;
}

void fixture_empty(const char *dir, const char *name, uint64_t size)
{
	fixture_must(dir, "rm -f '%s' && truncate -s %" PRIu64 " '%s'", name, size, name);
}

void fixture_check_map(const struct fsmap *map)
{
	uint64_t edge = SV_MIN(map->size, SV_MIB), end = 0;
	for (size_t i = 0; i < map->used.n; i++) {
		const struct sv_extent *e = &map->used.v[i];
		assert_true(e->len > 0);
		assert_true(i == 0 || e->start > end);
		assert_true(sv_range_ok(e->start, e->len, map->size));
		end = e->start + e->len;
	}
	assert_false(map->used.unsorted);
	if (edge) {
		assert_true(sv_extents_contain(&map->used, 0, edge));
		assert_true(sv_extents_contain(&map->used, map->size - edge, edge));
	}
	if (map->state == FSMAP_WHOLE)
		assert_int_equal(sv_extents_total(&map->used), map->size);
	assert_int_equal(map->reason[0] == '\0', map->state == FSMAP_EXACT);
}

struct fsmap *fixture_map(struct blk_dev *vol)
{
	struct fsmap *map = NULL;
	struct sv_err err = {0};
	if (fsmap_read(vol, NULL, &map, &err))
		fail_msg("%s", err.text);
	assert_int_equal(map->size, vol->size);
	fixture_check_map(map);
	return map;
}

/* "ADDRESS|a" and "ADDRESS|f" lines after two of header; the first line of data ends with the unit.
 */
static uint64_t parse_blkls(char *text, uint8_t *bits, uint64_t cap)
{
	uint64_t units = 0;
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *bar = strchr(line, '|');
		if (!bar || line[0] < '0' || line[0] > '9' || (bar[1] != 'a' && bar[1] != 'f'))
			continue;
		uint64_t unit = strtoull(line, NULL, 10);
		assert_true(unit < cap);
		if (bar[1] == 'a')
			bits[unit / 8] |= (uint8_t)(1u << unit % 8);
		units = SV_MAX(units, unit + 1);
	}
	return units;
}

static const char *unit_label(const char *type)
{
	if (strncmp(type, "fat", 3) == 0)
		return "\nSector Size:";
	return strcmp(type, "ntfs") == 0 ? "\nCluster Size:" : "\nBlock Size:";
}

uint8_t *fixture_blkls(const char *dir, const char *name, const char *type, uint64_t *units,
		       uint32_t *unit)
{
	char *text;
	struct blk_dev *dev = fixture_open(dir, name, 512);
	uint64_t cap = dev->size / 512 + 1;
	blk_close(dev);
	int status = fixture_run(dir, &text, "fsstat -f %s '%s'", type, name);
	if (status)
		fail_msg("fsstat: %s", text);
	*unit = (uint32_t)fixture_number(text, unit_label(type));
	free(text);
	status = fixture_run(dir, &text, "blkls -e -l -f %s '%s'", type, name);
	if (status)
		fail_msg("blkls: %s", text);
	uint8_t *bits = calloc(1, (size_t)(cap / 8 + 1));
	assert_non_null(bits);
	*units = parse_blkls(text, bits, cap);
	free(text);
	assert_true(*units > 0);
	return bits;
}

uint8_t *fixture_bitmap(const struct fsmap *map, uint32_t unit, uint64_t units)
{
	uint8_t *bits = calloc(1, (size_t)(units / 8 + 1));
	assert_non_null(bits);
	for (size_t i = 0; i < map->used.n; i++) {
		uint64_t end = map->used.v[i].start + map->used.v[i].len;
		uint64_t last = SV_MIN((end - 1) / unit + 1, units);
		for (uint64_t u = map->used.v[i].start / unit; u < last; u++)
			bits[u / 8] |= (uint8_t)(1u << u % 8);
	}
	return bits;
}

void fixture_copy_used(const struct fsmap *map, const char *dir, const char *name, const char *copy)
{
	char path[256];
	struct blk_dev *source = fixture_open(dir, name, 512), *target = NULL;
	uint8_t *buf = malloc(map->size);
	assert_non_null(buf);
	memset(buf, 0xa5, map->size);
	for (size_t i = 0; i < map->used.n; i++)
		assert_int_equal(blk_pread(source, buf + map->used.v[i].start, map->used.v[i].len,
					   map->used.v[i].start, NULL),
				 0);
	fixture_must(dir, "rm -f '%s'", copy);
	scratch_path(path, sizeof(path), dir, copy);
	assert_int_equal(blk_file_open(path, BLK_FILE_WRITE | BLK_FILE_CREATE | BLK_FILE_BUFFERED,
				       512, map->size, &target, NULL),
			 0);
	assert_int_equal(blk_pwrite(target, buf, map->size, 0, NULL), 0);
	blk_close(target);
	blk_close(source);
	free(buf);
}

struct fsmap *fixture_exact(const char *dir, const char *name, const char *type, uint32_t block,
			    const char *what)
{
	struct blk_dev *vol = fixture_open(dir, name, 512);
	struct fsmap *map = fixture_map(vol);
	blk_close(vol);
	if (map->state != FSMAP_EXACT)
		fail_msg("%s: %s", what, map->reason);
	assert_string_equal(map->fs, type);
	assert_int_equal(map->block_size, block);
	return map;
}

void fixture_same_as_oracle(const struct fsmap *map, const char *dir, const char *name,
			    const char *top)
{
	char *text;
	uint64_t start, len;
	struct sv_extents gone = {0}, used = {0};
	int status = fixture_run(dir, &text, "python3 '%s/tests/lib/oracle.py' free %s '%s'", top,
				 map->fs, name);
	if (status)
		fail_msg("oracle.py: %s", text);
	for (char *line = text; sscanf(line, "%" SCNu64 " %" SCNu64, &start, &len) == 2;
	     line = strchr(line, '\n') + 1)
		assert_int_equal(sv_extents_add(&gone, start, len), 0);
	assert_int_equal(sv_extents_remove(&gone, 0, SV_MIB), 0);
	assert_int_equal(sv_extents_remove(&gone, map->size - SV_MIB, SV_MIB), 0);
	assert_int_equal(sv_extents_invert(&used, &gone, map->size), 0);
	assert_int_equal(map->used.n, used.n);
	assert_memory_equal(map->used.v, used.v, used.n * sizeof(*used.v));
	sv_extents_clear(&gone);
	sv_extents_clear(&used);
	free(text);
}
