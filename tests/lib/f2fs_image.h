/* f2fs_image.h - F2FS volumes for tests, made without a mount, and whose of them lost bytes were */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_F2FS_IMAGE_H
#define TESTS_F2FS_IMAGE_H

#include "engine/fsmap/files.h"
#include "engine/io/blk.h"

/* All functions end the running test when something does not work. Places are in bytes. */

/* Old inodes; those with more and with checksums; a large table; compression. */
enum f2fs_kind { F2FS_PLAIN, F2FS_EXTRA, F2FS_WIDE, F2FS_PACKED, F2FS_KINDS };

/* A volume in memory, and which node is where by dump.f2fs. */
struct f2fs_image {
	struct blk_dev *mem;
	uint8_t *data;
	struct {
		uint32_t id, inode, block;
	} node[400];
	size_t n;
};

/* dir/img: /sub/f1 to f80 (of 997 bytes more each), /large (13 MiB, with indirect nodes; also
 * /sub/twin), /deep/a/b/below. Each kind is made once in a folder. */
struct f2fs_image f2fs_load(const char *dir, enum f2fs_kind kind);
void f2fs_done(struct f2fs_image *m);

/* The inode of a name of dir/img, by the tree that fsck.f2fs shows. */
uint32_t f2fs_inode_of(const char *dir, const char *name);

/* Checkpoints, segment information, table of nodes, summaries, main area. */
uint64_t f2fs_area(const struct f2fs_image *m, unsigned int i);
uint64_t f2fs_node_at(const struct f2fs_image *m, uint32_t id);
/* Address number i of an inode, and the byte it leads to. */
uint8_t *f2fs_address_of(const struct f2fs_image *m, uint32_t inode, unsigned int i);
uint64_t f2fs_content_at(const struct f2fs_image *m, uint32_t inode, unsigned int i);
/* Where the node is whose number is the i-th from the byte `node` on. */
uint64_t f2fs_below(const struct f2fs_image *m, uint64_t node, unsigned int i);
/* The entry of a node in the table; of a young volume all blocks are the first copies. */
uint8_t *f2fs_table_entry(const struct f2fs_image *m, uint32_t id);
/* What the summary area has for the block at this byte; some segments have theirs in the
 * checkpoint. */
uint64_t f2fs_summary_at(const struct f2fs_image *m, uint64_t at);

/* Search for the owners of these bytes, and what files.h promises of any answer. */
struct fsmap_files *f2fs_ask(const struct f2fs_image *m, const struct sv_extent *lost, size_t n);
const struct files_file *f2fs_file_of(const struct fsmap_files *f, const char *path);
/* The one loss of that file. */
void f2fs_expect(const struct fsmap_files *f, const char *path, enum files_kind kind,
		 uint64_t start, uint64_t len);
/* Lost alone, these bytes lead to this file alone, and no caution is needed. */
void f2fs_expect_one(const struct f2fs_image *m, uint64_t at, uint64_t lost_len, const char *path,
		     enum files_kind kind, uint64_t start, uint64_t len);
/* Lost alone, they are nothing but that. */
void f2fs_expect_area(const struct f2fs_image *m, uint64_t at, enum files_area_kind kind,
		      bool caution);

#endif
