/* f2fs_image.c - F2FS volumes for tests, made without a mount, and whose of them lost bytes were */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/f2fs_image.h"

#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"
#include "tests/lib/found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096ull
#define SB    1024u

static const char *const options[F2FS_KINDS] = {
	[F2FS_EXTRA] =
		"-O extra_attr,inode_checksum,flexible_inline_xattr,inode_crtime,sb_checksum",
	[F2FS_WIDE] = "-i -O extra_attr,quota,lost_found",
	[F2FS_PACKED] = "-O extra_attr,compression",
	[F2FS_PLAIN] = "",
};

static void read_nodes(struct f2fs_image *m, const char *dir)
{
	char path[128];
	fixture_must(dir, "dump.f2fs -n 0~4000 img");
	snprintf(path, sizeof(path), "%s/dump_nat", dir);
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	while (m->n < SV_ARRAY(m->node) &&
	       fscanf(in, " nid:%u ino:%u offset:%*u blkaddr:%u pack:%*u", &m->node[m->n].id,
		      &m->node[m->n].inode, &m->node[m->n].block) == 3)
		m->n++;
	fclose(in);
	assert_true(m->n > 90 && m->n < SV_ARRAY(m->node));
}

struct f2fs_image f2fs_load(const char *dir, enum f2fs_kind kind)
{
	struct f2fs_image m = {0};
	fixture_must(
		dir,
		"[ -e kind%d ] || { rm -rf img tree && truncate -s 140M img && mkfs.f2fs -q %s "
		"img && mkdir -p tree/sub tree/deep/a/b && for i in $(seq 80); do "
		"head -c $((i * 997)) /dev/urandom >tree/sub/f$i; done && "
		"head -c 13M /dev/urandom >tree/large && ln tree/large tree/sub/twin && "
		"head -c 30000 /dev/urandom >tree/deep/a/b/below && "
		"{ sload.f2fs -f tree img || fsck.f2fs --dry-run img; } && mv img kind%d; } && ln "
		"-sf kind%d img",
		kind, options[kind], kind, kind);
	m.mem = fixture_load(dir, "img", 512);
	m.data = blk_mem_data(m.mem);
	read_nodes(&m, dir);
	return m;
}

void f2fs_done(struct f2fs_image *m)
{
	blk_close(m->mem);
}

uint64_t f2fs_area(const struct f2fs_image *m, unsigned int i)
{
	return get_le32(m->data + SB + 76 + 4 * i) * BLOCK;
}

uint64_t f2fs_node_at(const struct f2fs_image *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->node[i].id == id)
			return m->node[i].block * BLOCK;
	fail_msg("no node %u", id);
	return 0;
}

uint32_t f2fs_inode_of(const char *dir, const char *name)
{
	char *text, *at, look[80];
	assert_int_equal(fixture_run(dir, &text, "fsck.f2fs --dry-run -t img"), 0);
	snprintf(look, sizeof(look), "-- %s <ino = 0x", name);
	at = strstr(text, look);
	assert_non_null(at);
	uint32_t inode = (uint32_t)strtoul(at + strlen(look), NULL, 16);
	free(text);
	return inode;
}

uint8_t *f2fs_address_of(const struct f2fs_image *m, uint32_t inode, unsigned int i)
{
	uint8_t *raw = m->data + f2fs_node_at(m, inode);
	size_t extra = raw[3] & 0x20 ? get_le16(raw + 360) : 0;
	return raw + 360 + extra + 4 * (size_t)i;
}

uint64_t f2fs_content_at(const struct f2fs_image *m, uint32_t inode, unsigned int i)
{
	return get_le32(f2fs_address_of(m, inode, i)) * BLOCK;
}

uint64_t f2fs_below(const struct f2fs_image *m, uint64_t node, unsigned int i)
{
	return f2fs_node_at(m, get_le32(m->data + node + i * 4ull));
}

uint8_t *f2fs_table_entry(const struct f2fs_image *m, uint32_t id)
{
	uint8_t *e = m->data + f2fs_area(m, 2) + id / 455 * BLOCK + id % 455 * 9ull;
	assert_int_equal(get_le32(e + 5) * BLOCK, f2fs_node_at(m, id));
	return e;
}

uint64_t f2fs_summary_at(const struct f2fs_image *m, uint64_t at)
{
	uint64_t block = (at - f2fs_area(m, 4)) / BLOCK;
	return f2fs_area(m, 3) + block / 512 * BLOCK + block % 512 * 7;
}

struct fsmap_files *f2fs_ask(const struct f2fs_image *m, const struct sv_extent *lost, size_t n)
{
	struct sv_extents list = {0};
	struct fsmap_files *found = NULL;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sv_extents_add(&list, lost[i].start, lost[i].len), 0);
	sv_extents_normalise(&list);
	assert_int_equal(fsmap_files_read_as(m->mem, &fsmap_f2fs_ops, "f2fs", &list, &found), 0);
	found_promises(found, &list);
	sv_extents_clear(&list);
	return found;
}

const struct files_file *f2fs_file_of(const struct fsmap_files *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < f->files[i].n_paths; k++)
			if (!strcmp(f->files[i].paths[k], path))
				return &f->files[i];
	fail_msg("%s was not hit (%zu files, %s%s)", path, f->n_files, f->reason, f->caution);
	return NULL;
}

void f2fs_expect(const struct fsmap_files *f, const char *path, enum files_kind kind,
		 uint64_t start, uint64_t len)
{
	const struct files_file *file = f2fs_file_of(f, path);
	const struct files_loss *loss = &f->losses[file->first];
	assert_int_equal(file->n, 1);
	assert_int_equal(loss->kind, kind);
	assert_int_equal(loss->start, start);
	assert_int_equal(loss->len, len);
}

void f2fs_expect_one(const struct f2fs_image *m, uint64_t at, uint64_t lost_len, const char *path,
		     enum files_kind kind, uint64_t start, uint64_t len)
{
	const struct sv_extent lost = {at, lost_len};
	struct fsmap_files *f = f2fs_ask(m, &lost, 1);
	f2fs_expect(f, path, kind, start, len);
	assert_int_equal(f->n_files, 1);
	assert_int_equal(f->in_files, lost_len);
	assert_string_equal(f->caution, "");
	fsmap_files_destroy(f);
}

void f2fs_expect_area(const struct f2fs_image *m, uint64_t at, enum files_area_kind kind,
		      bool caution)
{
	const struct sv_extent lost = {at, 512};
	struct fsmap_files *f = f2fs_ask(m, &lost, 1);
	if (f->n_files != 0 || f->n_areas != 1 || f->areas[0].kind != kind ||
	    (*f->caution != '\0') != caution)
		fail_msg("byte %zu: %zu files, %zu areas, kind %d, %s%s", (size_t)at, f->n_files,
			 f->n_areas, f->n_areas ? (int)f->areas[0].kind : -1, f->reason,
			 f->caution);
	fsmap_files_destroy(f);
}
