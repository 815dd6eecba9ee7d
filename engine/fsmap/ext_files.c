/* ext_files.c - ext2/3/4: one pass over the inode tables, and who owns the bytes that were lost */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel fs/ext4/ext4.h, struct ext4_super_block, and the inodes it keeps for itself. */
enum {
	SB_STATE = 0x3a,
	SB_FIRST_INODE = 0x54,
	SB_REV = 0x4c,
	SB_USR_QUOTA = 0x240,
	SB_GRP_QUOTA = 0x244,
	SB_PRJ_QUOTA = 0x26c,
	SB_ORPHAN_FILE = 0x280,

	COMPAT_FAST_COMMIT = 0x400,
	COMPAT_ORPHAN_FILE = 0x1000,
	STATE_VALID = 1,

	INODE_RESIZE = 7,
	INODE_JOURNAL = 8,
	OLD_FIRST_INODE = 11,

	MODE_TYPE = 0xf000,
	MODE_FILE = 0x8000,
	MODE_DIR = 0x4000,
	MODE_LINK = 0xa000,
};

#define PIECE ((size_t)128 * 1024) /* of an inode table, read at once */

struct finder {
	struct ext_fs *fs;
	struct owners *o;
	struct names_dirs dirs;
	uint64_t budget;
	bool trusted;	/* what the bitmaps call free is */
	uint8_t *piece; /* PIECE bytes */
	uint8_t *bits;	/* two blocks */
	/* the inode at hand */
	struct owners_file file;
	uint64_t size;
	const char *own; /* the filesystem's: what it is; NULL = a file */
};

/* ---- one inode ---- */

static int on_run(void *arg, const struct ext_run *run)
{
	struct finder *f = arg;
	uint64_t bs = f->fs->block_size;
	if (f->own)
		return owners_metadata(f->o, run->physical * bs, run->count * bs, f->own);
	return owners_run(f->o, &f->file, run->physical * bs, run->count * bs, run->logical * bs,
			  f->size);
}

static int on_lost_list(void *arg, uint64_t block, uint64_t logical, uint64_t end)
{
	struct finder *f = arg;
	uint64_t bs = f->fs->block_size;
	uint64_t start = SV_MIN(logical * bs, f->size), stop = SV_MIN(end * bs, f->size);
	struct owners_file file = {.id = f->file.id, .kind = FILES_MAP};
	if (f->own)
		return owners_metadata(f->o, block * bs, bs, f->own);
	return owners_lose(f->o, &file, block * bs, bs, start, stop > start ? stop - start : 0);
}

static const char *own_name(const struct ext_fs *fs, uint32_t inode)
{
	uint32_t first =
		get_le32(fs->sb + SB_REV) ? get_le32(fs->sb + SB_FIRST_INODE) : OLD_FIRST_INODE;
	if (inode == INODE_JOURNAL)
		return "the journal";
	if (inode == INODE_RESIZE)
		return "room for group descriptors";
	if (inode == get_le32(fs->sb + SB_USR_QUOTA) || inode == get_le32(fs->sb + SB_GRP_QUOTA) ||
	    inode == get_le32(fs->sb + SB_PRJ_QUOTA))
		return "quotas";
	if (fs->compat & COMPAT_ORPHAN_FILE && inode == get_le32(fs->sb + SB_ORPHAN_FILE))
		return "the list of orphans";
	return inode < first && inode != EXT_ROOT_INODE ? "a file of its own" : NULL;
}

/* Short links and small files are in the inode itself; devices and pipes have nothing. */
static bool has_blocks(const uint8_t *raw, uint64_t size)
{
	uint32_t flags = get_le32(raw + EXT_I_FLAGS);
	uint16_t type = get_le16(raw + EXT_I_MODE) & MODE_TYPE;
	if (flags & EXT_FLAG_INLINE)
		return false;
	if (type == MODE_LINK)
		return flags & EXT_FLAG_EXTENTS || size >= EXT_I_BLOCK_LEN;
	return type == MODE_FILE || type == MODE_DIR;
}

static int take_attributes(struct finder *f, const uint8_t *raw)
{
	struct owners_file file = {.id = f->file.id, .kind = FILES_ATTRS};
	uint64_t block = get_le32(raw + EXT_I_ACL_LO), bs = f->fs->block_size;
	if (f->fs->incompat & EXT_INCOMPAT_64BIT)
		block |= (uint64_t)get_le16(raw + EXT_I_ACL_HI) << 32;
	if (!block || block >= f->fs->blocks)
		return 0;
	return owners_lose(f->o, &file, block * bs, bs, 0, 0);
}

static int take_inode(struct finder *f, uint32_t inode, const uint8_t *raw)
{
	const struct ext_visit visit = {.arg = f, .run = on_run, .lost = on_lost_list};
	bool damaged = false, folder = (get_le16(raw + EXT_I_MODE) & MODE_TYPE) == MODE_DIR;
	f->file = (struct owners_file){.id = inode, .kind = folder ? FILES_ENTRIES : FILES_CONTENT};
	f->size = get_le32(raw + EXT_I_SIZE_LO) | (uint64_t)get_le32(raw + EXT_I_SIZE_HI) << 32;
	f->own = own_name(f->fs, inode);
	int rc = take_attributes(f, raw);
	if (!rc && folder)
		rc = names_dirs_add(&f->dirs, inode);
	if (!rc && has_blocks(raw, f->size))
		rc = ext_tree_walk(f->fs, inode, raw, &f->budget, &visit, &damaged);
	if (damaged)
		owners_caution(f->o, "the list of blocks of inode %" PRIu32 " is damaged", inode);
	return rc;
}

/* Deleted inodes keep their lists; only a name counts. */
static int look_at_inode(struct finder *f, uint32_t inode, uint8_t *raw)
{
	if (!get_le16(raw + EXT_I_LINKS) || !get_le16(raw + EXT_I_MODE))
		return 0;
	if (!ext_inode_csum_ok(f->fs, ext_inode_seed(f->fs, inode, raw), raw)) {
		owners_caution(f->o, "inode %" PRIu32 " is damaged: what it owns is not known",
			       inode);
		return 0;
	}
	return take_inode(f, inode, raw);
}

/* ---- inode tables ---- */

/* Which inodes of a group are in use, for those that are lost; false when that is lost, too. */
static int load_inode_bitmap(struct finder *f, const struct ext_group *desc, bool *known)
{
	uint64_t bs = f->fs->block_size;
	int rc = fsmap_read_hint(f->fs->r, f->bits, bs, desc->inode_bitmap * bs, "inode bitmap");
	*known = !rc;
	return SV_MIN(rc, 0);
}

static int lose_inode(struct finder *f, uint64_t group, uint32_t index,
		      const struct ext_group *desc, uint64_t at)
{
	struct ext_fs *fs = f->fs;
	uint64_t inode = group * fs->inodes_per_group + index + 1;
	struct owners_file file = {.id = inode, .kind = FILES_RECORD};
	bool known;
	int rc = load_inode_bitmap(f, desc, &known);
	if (rc)
		return rc;
	if (!known)
		owners_caution(f->o, "inodes are lost, and the bitmap that says which of them were "
				     "in use");
	if (!known || !(f->bits[index / 8] >> index % 8 & 1) || own_name(fs, (uint32_t)inode))
		return owners_metadata(f->o, at, fs->inode_size, "an inode table");
	return owners_lose(f->o, &file, at, fs->inode_size, 0, 0);
}

static int single_inode(struct finder *f, uint64_t group, uint32_t index,
			const struct ext_group *desc)
{
	struct ext_fs *fs = f->fs;
	uint64_t at = desc->inode_table * fs->block_size + (uint64_t)index * fs->inode_size;
	if (owners_touch(f->o, at, fs->inode_size))
		return lose_inode(f, group, index, desc, at);
	int rc = fsmap_read_hint(fs->r, f->piece, fs->inode_size, at, "an inode");
	if (rc > 0)
		owners_caution(f->o, "an inode table cannot be read");
	return rc ? SV_MIN(rc, 0)
		  : look_at_inode(f, (uint32_t)(group * fs->inodes_per_group + index + 1),
				  f->piece);
}

/* Inodes [first, first + n) of a group: at once, or where some are lost one by one. */
static int table_piece(struct finder *f, uint64_t group, const struct ext_group *desc,
		       uint32_t first, uint32_t n)
{
	struct ext_fs *fs = f->fs;
	size_t len = (size_t)n * fs->inode_size;
	uint64_t at = desc->inode_table * fs->block_size + (uint64_t)first * fs->inode_size;
	int rc = owners_touch(f->o, at, len) ? FSMAP_IS_WHOLE
					     : fsmap_read_hint(fs->r, f->piece, len, at, "inodes");
	bool whole = !rc;
	for (uint32_t i = 0; rc >= 0 && i < n; i++) {
		uint64_t inode = group * fs->inodes_per_group + first + i + 1;
		rc = whole ? look_at_inode(f, (uint32_t)inode,
					   f->piece + (size_t)i * fs->inode_size)
			   : single_inode(f, group, first + i, desc);
	}
	return rc;
}

static int take_tables(struct finder *f, const struct ext_group *desc)
{
	uint64_t bs = f->fs->block_size, used = (uint64_t)desc->inodes * f->fs->inode_size;
	uint64_t table = desc->inode_table * bs;
	int rc = owners_metadata(f->o, desc->block_bitmap * bs, bs, "a block bitmap");
	if (!rc)
		rc = owners_metadata(f->o, desc->inode_bitmap * bs, bs, "an inode bitmap");
	if (!rc)
		rc = owners_metadata(f->o, table + used, f->fs->itable_blocks * bs - used,
				     "an unused part of an inode table");
	return rc;
}

static int scan_group(struct finder *f, uint64_t group)
{
	struct ext_fs *fs = f->fs;
	struct ext_group desc;
	uint64_t bs = fs->block_size,
		 base = SV_MIN(ext_group_base(fs, group), ext_group_blocks(fs, group));
	int rc = owners_metadata(f->o, ext_group_first(fs, group) * bs, base * bs,
				 "a superblock or group descriptors");
	if (rc)
		return rc;
	rc = ext_group_find(fs, group, &desc);
	if (rc > 0)
		owners_caution(f->o,
			       "the descriptor of group %" PRIu64
			       " is lost: its inodes are not known",
			       group);
	if (rc)
		return SV_MIN(rc, 0);
	if (fs->dirty) /* the counts are as old as anything */
		desc.inodes = fs->inodes_per_group;
	rc = take_tables(f, &desc);
	uint32_t step = (uint32_t)(PIECE / fs->inode_size);
	for (uint32_t i = 0; !rc && i < desc.inodes && !owners_stopped(f->o); i += step)
		rc = table_piece(f, group, &desc, i, SV_MIN(step, desc.inodes - i));
	return rc;
}

/* ---- what is free ---- */

/* Clear bits of [piece] in this group, as bytes of the piece. */
static int free_in_group(struct finder *f, uint64_t group, const struct sv_extent *piece)
{
	struct ext_fs *fs = f->fs;
	uint64_t unit = (uint64_t)fs->block_size * fs->ratio;
	uint64_t base = ext_group_first(fs, group) * fs->block_size;
	uint64_t whole = base + ext_group_blocks(fs, group) / fs->ratio * unit;
	uint64_t start = SV_MAX(piece->start, base), end = SV_MIN(piece->start + piece->len, whole);
	int rc = 0;
	while (!rc && start < end) {
		uint64_t bit = (start - base) / unit, next = SV_MIN(base + (bit + 1) * unit, end);
		if (!(f->bits[bit / 8] >> bit % 8 & 1))
			rc = owners_free(f->o, start, next - start);
		start = next;
	}
	return rc;
}

static int free_of_group(struct finder *f, uint64_t group, const struct sv_extents *rest)
{
	struct ext_fs *fs = f->fs;
	struct ext_group desc;
	uint64_t from = ext_group_first(fs, group) * fs->block_size;
	uint64_t to = from + ext_group_blocks(fs, group) * fs->block_size;
	size_t i = sv_extents_seek(rest, from);
	if (i == rest->n || rest->v[i].start >= to)
		return 0;
	int rc = ext_group_find(fs, group, &desc);
	if (!rc)
		rc = ext_group_bitmap(fs, group, &desc, f->bits);
	for (; !rc && i < rest->n && rest->v[i].start < to; i++)
		rc = free_in_group(f, group, &rest->v[i]);
	return SV_MIN(rc, 0);
}

static int find_free(struct finder *f)
{
	struct sv_extents rest = {0};
	int rc = owners_rest(f->o, &rest);
	for (uint64_t g = 0; !rc && g < f->fs->groups; g++)
		rc = free_of_group(f, g, &rest);
	sv_extents_clear(&rest);
	return rc;
}

/* ---- the filesystem ---- */

/* Where mke2fs puts the first copy of the superblock, by the size of blocks. */
static int read_layout(struct ext_fs *fs)
{
	static const struct {
		uint32_t block_size;
		uint64_t block;
	} copies[] = {{1024, 8193}, {2048, 16384}, {4096, 32768}};
	int rc = ext_super_layout(fs, EXT_SUPER_OFFSET);
	for (size_t i = 0; rc > 0 && i < SV_ARRAY(copies); i++) {
		uint64_t at = copies[i].block * copies[i].block_size;
		if (!sv_range_ok(at, sizeof(fs->sb), fsmap_size(fs->r)))
			continue;
		rc = ext_super_layout(fs, at);
		if (!rc && (fs->block_size != copies[i].block_size || fs->groups < 2 ||
			    ext_group_first(fs, 1) != copies[i].block))
			rc = FSMAP_IS_WHOLE;
	}
	return rc;
}

/* Whether the bitmaps can be believed about what is free: after a crash only with the log. */
static int judge_state(struct finder *f)
{
	struct ext_fs *fs = f->fs;
	int rc = 0;
	fs->dirty = fs->incompat & EXT_INCOMPAT_RECOVER;
	f->trusted = get_le16(fs->sb + SB_STATE) == STATE_VALID;
	bool clean = f->trusted && !fs->dirty;
	if (fs->compat & EXT_COMPAT_HAS_JOURNAL)
		rc = ext_journal_check(fs);
	if (!rc && fs->dirty)
		rc = ext_log_scan(fs);
	if (fs->dirty)
		f->trusted = f->trusted && !rc && !(fs->compat & COMPAT_FAST_COMMIT);
	if (fs->dirty || !clean)
		owners_caution(f->o, "it was not shut down cleanly: what its journal still holds "
				     "is not in this list");
	return SV_MIN(rc, 0);
}

static int find_owners(struct finder *f)
{
	struct ext_fs *fs = f->fs;
	int rc = read_layout(fs);
	if (rc)
		return rc;
	f->budget = fs->blocks;
	fs->gdt = malloc(fs->block_size);
	f->piece = malloc(PIECE);
	f->bits = malloc(2 * (size_t)fs->block_size);
	if (!fs->gdt || !f->piece || !f->bits)
		return SV_E_NOMEM;
	rc = judge_state(f);
	if (!rc)
		rc = owners_metadata(f->o, 0, fs->first_block * fs->block_size, "the boot area");
	for (uint64_t g = 0; !rc && g < fs->groups && !owners_stopped(f->o); g++)
		rc = scan_group(f, g);
	if (!rc && f->trusted)
		rc = find_free(f);
	if (!rc)
		rc = owners_seal(f->o);
	return rc ? rc : ext_names_find(fs, f->o, &f->dirs, &f->budget);
}

int ext_files_find(struct fsmap_reader *r, struct owners *o)
{
	struct ext_fs *fs = calloc(1, sizeof(*fs));
	struct finder f = {.fs = fs, .o = o};
	if (!fs)
		return SV_E_NOMEM;
	fs->r = r;
	fs->gdt_cached = ~0ull;
	int rc = find_owners(&f);
	names_dirs_clear(&f.dirs);
	ext_journal_clear(fs);
	free(fs->gdt);
	free(f.piece);
	free(f.bits);
	free(fs);
	return rc;
}
