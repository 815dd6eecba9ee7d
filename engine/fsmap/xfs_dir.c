/* xfs_dir.c - XFS: the names in a folder, in its inode or in its blocks, as far as they are there
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Kernel xfs_da_format.h: xfs_dir2_sf_hdr, xfs_dir2_data_hdr, xfs_dir3_data_hdr and entries. */
enum {
	SF_COUNT = 0,
	SF_LONG = 1, /* not 0: numbers have 8 bytes */
	SF_PARENT = 2,
	SF_NAME = 3, /* in an entry: behind the length of the name and an offset */

	D_CRC = 4,
	D_ADDRESS = 8,
	D_UUID = 24,
	D_OWNER = 40,
	HEADER_V4 = 16,
	HEADER_V5 = 64,

	E_NAME_LEN = 8,
	E_NAME = 9,
	E_MIN = 12, /* number, length, a name of one byte, tag */
	TAG = 2,    /* the entry's place in the block, at its end */
	UNUSED_LEN = 2,
	UNIT = 8,
	UNUSED = 0xffff,

	TAIL = 8, /* of a folder of one block: number of hashes, each of 8 bytes before it */
	TYPE_FOLDER = 2,

	SECTOR = 512,
	BLOCK_MAX = 65536,
};
#define MAGIC_BLOCK_V4 0x58443242u /* XD2B: the only one */
#define MAGIC_BLOCK_V5 0x58444233u /* XDB3 */
#define MAGIC_DATA_V4  0x58443244u /* XD2D: one of several */
#define MAGIC_DATA_V5  0x58444433u /* XDD3 */
#define NONE	       UINT64_MAX

static void caution(const struct xfs_dir *d)
{
	owners_caution(d->o, "folder %" PRIu64 " is damaged: names in it may be missing", d->inode);
}

static int tell(const struct xfs_dir *d, uint64_t inode, const uint8_t *name, size_t len)
{
	const struct xfs_dir_entry entry = {.inode = inode,
					    .name = (const char *)name,
					    .len = len,
					    .folder = d->fs->ftype && name[len] == TYPE_FOLDER};
	if (len == 1 && *name == '.')
		return 0;
	return d->entry(d->arg, &entry);
}

/* ---- in the inode ---- */

static uint64_t short_number(const uint8_t *p, bool wide)
{
	return wide ? get_be64(p) : get_be32(p);
}

static int read_short(const struct xfs_dir *d, const struct xfs_fork_place *fork)
{
	const uint8_t *p = fork->p;
	size_t size = SV_MIN(fork->len, get_be64(d->raw + XFS_I_SIZE)), type = d->fs->ftype;
	bool wide = size > SF_LONG && p[SF_LONG];
	size_t number = wide ? 8 : 4, pos = SF_PARENT + number;
	static const uint8_t dots[] = {'.', '.', TYPE_FOLDER};
	if (pos > size) {
		caution(d);
		return 0;
	}
	int rc = tell(d, short_number(p + SF_PARENT, wide), dots, 2);
	for (unsigned int i = 0; !rc && i < p[SF_COUNT]; i++) {
		size_t len = pos < size ? p[pos] : 0, all = SF_NAME + len + type + number;
		if (!len || all > size - pos) {
			caution(d);
			break;
		}
		rc = tell(d, short_number(p + pos + SF_NAME + len + type, wide), p + pos + SF_NAME,
			  len);
		pos += all;
	}
	return rc;
}

/* ---- in blocks ---- */

static bool readable(const struct xfs_dir *d, size_t at, size_t len)
{
	for (size_t s = at / SECTOR; s <= (at + len - 1) / SECTOR; s++)
		if (d->lost[s])
			return false;
	return true;
}

static bool block_ok(const struct xfs_dir *d)
{
	const uint8_t *b = d->block;
	uint32_t magic = get_be32(b);
	if (!d->fs->v5)
		return magic == MAGIC_BLOCK_V4 || magic == MAGIC_DATA_V4;
	return (magic == MAGIC_BLOCK_V5 || magic == MAGIC_DATA_V5) &&
	       get_be64(b + D_OWNER) == d->inode &&
	       memcmp(b + D_UUID, d->fs->uuid, sizeof(d->fs->uuid)) == 0 &&
	       (!readable(d, 0, d->fs->dir_block) || xfs_crc_ok(b, d->fs->dir_block, D_CRC));
}

/* Where the entries end. */
static size_t entries_end(const struct xfs_dir *d)
{
	size_t size = d->fs->dir_block, tail = size - TAIL;
	uint32_t magic = get_be32(d->block), hashes = get_be32(d->block + tail);
	if (magic != MAGIC_BLOCK_V4 && magic != MAGIC_BLOCK_V5)
		return size;
	return readable(d, tail, TAIL) && hashes <= tail / 8 ? tail - (size_t)hashes * 8 : size;
}

/* Of what stands at `pos`; 0: nothing that makes sense. */
static size_t entry_len(const struct xfs_dir *d, size_t pos, size_t end)
{
	const uint8_t *e = d->block + pos;
	size_t len = get_be16(e + UNUSED_LEN);
	if (get_be16(e) != UNUSED)
		len = sv_round_up((size_t)E_NAME + e[E_NAME_LEN] + d->fs->ftype + TAG, UNIT);
	if (len < UNIT || len % UNIT || len > end - pos)
		return 0;
	if (get_be16(e) == UNUSED && !readable(d, pos, len))
		return len;
	return get_be16(e + len - TAG) == pos ? len : 0;
}

/*
 * From the first entry on as long as each can be read: behind one that is lost it is not known
 * where the next begins, and names that were deleted look like others.
 */
static int read_entries(const struct xfs_dir *d)
{
	size_t pos = d->fs->v5 ? HEADER_V5 : HEADER_V4, end = entries_end(d);
	int rc = 0;
	for (size_t len; !rc && pos + UNIT < end && readable(d, pos, E_MIN); pos += len) {
		const uint8_t *e = d->block + pos;
		bool unused = get_be16(e) == UNUSED;
		len = entry_len(d, pos, end);
		if (len && !unused && !readable(d, pos, len))
			break;
		if (!len || (!unused && !e[E_NAME_LEN])) {
			caution(d);
			break;
		}
		if (!unused)
			rc = tell(d, get_be64(e), e + E_NAME, e[E_NAME_LEN]);
	}
	return rc;
}

/* The block that was gathered. What of it is lost has been noted when the inodes were read. */
static int finish_block(struct xfs_dir *d)
{
	bool none = d->at == NONE || !readable(d, 0, HEADER_V5);
	int rc = 0;
	if (!none && !block_ok(d))
		caution(d);
	else if (!none)
		rc = read_entries(d);
	d->at = NONE;
	memset(d->lost, true, BLOCK_MAX / SECTOR);
	return rc;
}

/* [off, off + len) of the block, which stands at this byte of the volume. */
static int gather(struct xfs_dir *d, size_t off, size_t len, uint64_t at)
{
	int rc = owners_touch(d->o, at, len)
			 ? FSMAP_IS_WHOLE
			 : fsmap_read_hint(d->fs->r, d->block + off, len, at, "a folder");
	if (rc > 0 && len > SECTOR) {
		for (size_t i = 0; i < len && rc >= 0; i += SECTOR)
			rc = gather(d, off + i, SECTOR, at + i);
		return SV_MIN(rc, 0);
	}
	for (size_t i = 0; !rc && i < len; i += SECTOR)
		d->lost[(off + i) / SECTOR] = false;
	return SV_MIN(rc, 0);
}

static int on_run(void *arg, const struct xfs_run *run)
{
	struct xfs_dir *d = arg;
	uint64_t bs = d->fs->block_size, size = d->fs->dir_block;
	int rc = 0;
	for (uint64_t i = 0; !rc && i < run->len && !owners_stopped(d->o); i += bs) {
		uint64_t pos = run->start + i;
		if (pos >= XFS_DIR_INDEX || !*d->budget)
			return 0;
		--*d->budget;
		if (d->at != sv_round_down(pos, size))
			rc = finish_block(d);
		d->at = sv_round_down(pos, size);
		if (!rc)
			rc = gather(d, (size_t)(pos % size), (size_t)bs, run->at + i);
	}
	return rc;
}

/* That the list is lost has been noted when the inodes were read. */
static int on_lost_list(void *arg, uint64_t at, uint64_t start, uint64_t end)
{
	(void)arg;
	(void)at;
	(void)start;
	(void)end;
	return 0;
}

int xfs_dir_read(struct xfs_dir *d, uint64_t inode)
{
	const struct xfs_extents_visit visit = {.arg = d, .run = on_run, .lost = on_lost_list};
	struct xfs_fork_place fork;
	bool damaged = false;
	d->inode = inode;
	d->at = NONE;
	int rc = xfs_inode_load(d->fs, inode, d->raw);
	if (rc)
		return SV_MIN(rc, 0);
	if (!xfs_fork_find(d->fs, d->raw, XFS_FORK_CONTENT, &fork, &damaged))
		return 0;
	if (fork.format == XFS_FORMAT_LOCAL)
		return read_short(d, &fork);
	rc = xfs_extents_walk(d->fs, inode, d->raw, XFS_FORK_CONTENT, d->budget, &visit, &damaged);
	return rc ? rc : finish_block(d);
}

int xfs_dir_open(struct xfs_dir *d)
{
	d->raw = malloc(d->fs->inode_size);
	d->block = malloc(BLOCK_MAX);
	d->lost = malloc(BLOCK_MAX / SECTOR);
	if (!d->raw || !d->block || !d->lost)
		return SV_E_NOMEM;
	memset(d->lost, true, BLOCK_MAX / SECTOR);
	return 0;
}

void xfs_dir_close(struct xfs_dir *d)
{
	free(d->raw);
	free(d->block);
	free(d->lost);
}
