/* ext_journal.c - ext3/4: the journal (jbd2): where it lies, is there something to replay? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel include/linux/jbd2.h, struct journal_superblock_s, big endian. */
enum {
	JS_MAGIC = 0x00,
	JS_TYPE = 0x04,
	JS_BLOCK_SIZE = 0x0c,
	JS_MAX_LEN = 0x10,
	JS_FIRST = 0x14,
	JS_START = 0x1c,
	JS_ERRNO = 0x20,
	JS_INCOMPAT = 0x28,
	JS_RO_COMPAT = 0x2c,
	JS_FC_BLOCKS = 0x54,
	JS_CHECKSUM = 0xfc,
	JS_LEN = 1024,

	TYPE_SUPER_V1 = 3,
	TYPE_SUPER_V2 = 4,

	JI_64BIT = 2,
	JI_CSUM_V2 = 8,
	JI_CSUM_V3 = 0x10,
	JI_FAST_COMMIT = 0x20,
	JI_KNOWN = 0x3f, /* revoke 64bit async csum_v2 csum_v3 fast_commit */
};
#define JBD2_MAGIC 0xc03b3998u

enum {
	DEFAULT_FC_BLOCKS = 256,
	MIN_LOG_BLOCKS = 1024, /* kernel JBD2_MIN_JOURNAL_BLOCKS: a log is not cut shorter */
};

enum {
	SB_JOURNAL_INUM = 0xe0, /* in the filesystem's superblock */
	SB_JOURNAL_DEV = 0xe4,
};

static bool super_csum_ok(const uint8_t *js)
{
	uint8_t copy[JS_LEN];
	memcpy(copy, js, JS_LEN);
	put_le32(copy + JS_CHECKSUM, 0);
	return sv_crc32c(~0u, copy, JS_LEN) == get_be32(js + JS_CHECKSUM);
}

/* Kernel journal_tag_bytes(): version 2 checksums made every tag two bytes longer than meant. */
static void set_tags(struct ext_fs *fs, uint32_t incompat)
{
	struct ext_log *log = &fs->log;
	bool v2 = incompat & JI_CSUM_V2;
	log->tags_v3 = incompat & JI_CSUM_V3;
	log->tags_64bit = incompat & JI_64BIT;
	log->tag_bytes = log->tags_v3 ? 16 : 8 + (log->tags_64bit ? 4 : 0) + (v2 ? 2 : 0);
	log->desc_end = fs->block_size - (v2 || log->tags_v3 ? 4 : 0);
}

/* Kernel journal_load_superblock(): fast commits have the end of the journal. */
static int set_range(struct ext_fs *fs, const uint8_t *js, uint32_t incompat)
{
	struct ext_log *log = &fs->log;
	uint32_t fc = 0;
	log->first = get_be32(js + JS_FIRST);
	log->max = get_be32(js + JS_MAX_LEN);
	if (incompat & JI_FAST_COMMIT) {
		fc = get_be32(js + JS_FC_BLOCKS);
		if (!fc)
			fc = DEFAULT_FC_BLOCKS;
	}
	if (get_be32(js + JS_BLOCK_SIZE) != fs->block_size || log->max > log->file.blocks ||
	    log->first < 1 || log->first >= log->max || fc >= log->max)
		return fsmap_whole(fs->r, "its journal's size is out of range");
	log->last = log->max - fc >= MIN_LOG_BLOCKS ? log->max - fc : log->max;
	if (log->first >= log->last)
		return fsmap_whole(fs->r, "its journal's size is out of range");
	return 0;
}

static int check_super(struct ext_fs *fs, const uint8_t *js)
{
	uint32_t type = get_be32(js + JS_TYPE), incompat = 0, ro_compat = 0;
	if (get_be32(js + JS_MAGIC) != JBD2_MAGIC ||
	    (type != TYPE_SUPER_V1 && type != TYPE_SUPER_V2))
		return fsmap_whole(fs->r, "its journal has no superblock");
	if (type == TYPE_SUPER_V2) {
		incompat = get_be32(js + JS_INCOMPAT);
		ro_compat = get_be32(js + JS_RO_COMPAT);
	}
	if (incompat & ~(uint32_t)JI_KNOWN || ro_compat)
		return fsmap_whole(fs->r, "its journal uses unknown features (0x%" PRIx32 ")",
				   incompat | ro_compat);
	if (incompat & JI_CSUM_V2 && incompat & JI_CSUM_V3)
		return fsmap_whole(fs->r, "its journal has checksums of two versions");
	if (incompat & (JI_CSUM_V2 | JI_CSUM_V3) && !super_csum_ok(js))
		return fsmap_whole(fs->r, "its journal's superblock has a wrong checksum");
	if (get_be32(js + JS_ERRNO))
		return fsmap_whole(fs->r, "its journal was stopped by an error");
	set_tags(fs, incompat);
	return set_range(fs, js, incompat);
}

int ext_journal_read(struct ext_fs *fs, uint32_t index, uint32_t count, void *buf)
{
	uint64_t left, block = ext_file_block(&fs->log.file, index, &left);
	if (count > left)
		return fsmap_whole(fs->r, "its journal is shorter than it says");
	return fsmap_read_meta(fs->r, buf, (size_t)count * fs->block_size, block * fs->block_size,
			       "the journal");
}

static int check_log(struct ext_fs *fs)
{
	uint8_t js[JS_LEN];
	const struct ext_file *file = &fs->log.file;
	int ret = fsmap_read_meta(fs->r, js, sizeof(js),
				  ext_file_block(file, 0, NULL) * fs->block_size, "the journal");
	if (!ret)
		ret = check_super(fs, js);
	if (!ret && get_be32(js + JS_START))
		fs->dirty = true;
	for (size_t i = 0; !ret && i < file->n; i++)
		ret = ext_mark_used(fs, file->v[i].physical, file->v[i].count);
	return ret;
}

void ext_journal_clear(struct ext_fs *fs)
{
	ext_file_clear(&fs->log.file);
	free(fs->log.tags);
	fs->log = (struct ext_log){0};
}

int ext_journal_check(struct ext_fs *fs)
{
	uint32_t inum = get_le32(fs->sb + SB_JOURNAL_INUM);
	if (!(fs->compat & EXT_COMPAT_HAS_JOURNAL))
		return 0;
	/* An external log of a clean filesystem is not needed: the kernel sets RECOVER before it
	 * writes there, and wipes a log it finds without RECOVER. */
	if (!inum)
		return fs->dirty
			       ? fsmap_whole(fs->r, "it was not shut down cleanly and its journal "
						    "is on another device")
			       : 0;
	int ret = ext_file_read(fs, inum, "the journal", &fs->log.file);
	return ret ? ret : check_log(fs);
}
