/* ext_journal.c - ext3/4: the journal (jbd2): is there something to replay? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
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
	JS_CHECKSUM = 0xfc,
	JS_LEN = 1024,

	TYPE_SUPER_V1 = 3,
	TYPE_SUPER_V2 = 4,

	JI_CSUM_V2 = 8,
	JI_CSUM_V3 = 0x10,
	JI_KNOWN = 0x3f, /* revoke 64bit async csum_v2 csum_v3 fast_commit */
};
#define JBD2_MAGIC 0xc03b3998u

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

static int check_super(struct ext_fs *fs, const struct ext_file *file, const uint8_t *js)
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
	if (incompat & (JI_CSUM_V2 | JI_CSUM_V3) && !super_csum_ok(js))
		return fsmap_whole(fs->r, "its journal's superblock has a wrong checksum");
	uint32_t max = get_be32(js + JS_MAX_LEN), first = get_be32(js + JS_FIRST);
	if (get_be32(js + JS_BLOCK_SIZE) != fs->block_size || max > file->blocks || first < 1 ||
	    first >= max)
		return fsmap_whole(fs->r, "its journal's size is out of range");
	if (get_be32(js + JS_ERRNO))
		return fsmap_whole(fs->r, "its journal was stopped by an error");
	return 0;
}

static int check_log(struct ext_fs *fs, const struct ext_file *file)
{
	uint8_t js[JS_LEN];
	int ret = fsmap_read_meta(fs->r, js, sizeof(js),
				  ext_file_block(file, 0, NULL) * fs->block_size, "the journal");
	if (!ret)
		ret = check_super(fs, file, js);
	if (!ret && get_be32(js + JS_START))
		fs->dirty = true;
	return ret;
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
	struct ext_file file = {0};
	int ret = ext_file_read(fs, inum, "the journal", &file);
	if (!ret)
		ret = check_log(fs, &file);
	ext_file_clear(&file);
	return ret;
}
