/* table_disk.c - disks with partition tables for unit tests, made by the usual tools */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/table_disk.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int table_sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

void table_read_line(const char *cmd, char *out, size_t cap)
{
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	*out = '\0';
	if (fgets(out, (int)cap, f))
		out[strcspn(out, "\n")] = '\0';
	pclose(f);
}

/* false when such a disk cannot be made here */
bool table_disk_make(struct table_disk *f, uint64_t size, uint32_t ss)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->file, sizeof(f->file), "/tmp/salvor-layout-XXXXXX");
	int fd = mkstemp(f->file);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	f->size = size;
	f->ss = ss;
	snprintf(f->node, sizeof(f->node), "%s", f->file);
	if (ss == 512)
		return true;
	char cmd[160];
	snprintf(cmd, sizeof(cmd), "losetup -f --show --sector-size %u %s 2>/dev/null", ss,
		 f->file);
	table_read_line(cmd, f->node, sizeof(f->node));
	if (*f->node) {
		/* the soft read-only flag of an earlier user outlives its file */
		table_sh("blockdev --setrw %s", f->node);
		return true;
	}
	unlink(f->file);
	print_message("no loop device: 4096 byte sectors not tested\n");
	return false;
}

void table_disk_remove(struct table_disk *f)
{
	if (strcmp(f->file, f->node))
		table_sh("losetup -d %s", f->node);
	unlink(f->file);
}

/* The disk's bytes in memory; the tools' writes to the loop device are flushed first. */
struct blk_dev *table_disk_load(struct table_disk *f)
{
	struct blk_dev *mem;
	table_sh("blockdev --flushbufs %s 2>/dev/null", f->node);
	int fd = open(f->file, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(blk_mem_create(NULL, f->size, f->ss, &mem), 0);
	assert_int_equal(pread(fd, blk_mem_data(mem), f->size, 0), (ssize_t)f->size);
	close(fd);
	return mem;
}

struct layout *layout_of(struct blk_dev *mem)
{
	struct sv_err err = {0};
	struct layout *l = NULL;
	assert_int_equal(layout_read(mem, &l, &err), 0);
	assert_non_null(l);
	assert_int_equal(l->size, mem->size);
	return l;
}

/* What is outside of partitions must be in `always`, what is inside only in the last MiB. */
void check_always(const struct layout *l)
{
	uint64_t step = l->sector_size, last = l->size - SV_MIB;
	for (uint64_t at = 0; at + step <= l->size; at += step) {
		bool in = false;
		for (size_t i = 0; i < l->n; i++)
			in |= !l->v[i].extended && at - l->v[i].start < l->v[i].size;
		if (sv_extents_contain(&l->always, at, step) != (!in || at >= last))
			fail_msg("byte %llu: wrong in always", (unsigned long long)at);
	}
}

/* Partition a disk with a shell command ("%s" is the disk) and compare with sfdisk. */
struct layout *table_disk_layout(struct table_disk *f, uint32_t ss, const char *script)
{
	char cmd[1024];
	if (!table_disk_make(f, DISK_SIZE, ss))
		return NULL;
	snprintf(cmd, sizeof(cmd), "d=%s; ( %s ) >/dev/null 2>&1", f->node, script);
	assert_int_equal(system(cmd), 0);
	struct blk_dev *mem = table_disk_load(f);
	struct layout *l = layout_of(mem);
	blk_close(mem);
	return l;
}

/* A header whose fields were changed, sealed again. */
void table_seal(uint8_t *sector)
{
	put_le32(sector + 16, 0);
	put_le32(sector + 16, sv_crc32(sector, get_le32(sector + 12)));
}

void table_seal_array(uint8_t *sector, const uint8_t *array)
{
	put_le32(sector + 88,
		 sv_crc32(array, (size_t)get_le32(sector + 80) * get_le32(sector + 84)));
	table_seal(sector);
}
