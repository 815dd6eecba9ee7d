/* xfs_record.c - XFS: the records of a log that has to be replayed: whose free space do they
 * change? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

/* Kernel xfs_log_format.h, struct xlog_rec_header and xlog_rec_ext_header. */
enum {
	REC_VERSION = 8,
	REC_LEN = 12,
	REC_WORDS = 44, /* the words that cycles stand in place of */
	REC_UUID = 304,
	REC_SIZE = 320,
	REC_STRUCT_64 = 328, /* its length, as the CRC counts it: with the padding of 64 bit */
	REC_STRUCT_32 = 324, /* kernels */
	EXT_WORDS = 4,
	EXT_STRUCT = 260,
	SECTORS_PER_HEADER = 64,
	SECTOR = 512,
	MAX_LEN = 256 * 1024,
};

enum {
	SB_UUID = 32, /* in the superblock; not the one of its metadata */
};

/* What is looked for: a buffer's log item (type, then the address) and the AGF itself. */
enum {
	ITEM_BUFFER = 0x123c,
	ITEM_ADDRESS = 8,
	ITEM_LEN = 16,
	AGF_LEN = 12,
};
#define MAGIC_AGF 0x58414746u

static int unfollowable(struct xfs_fs *fs)
{
	return fsmap_whole(fs->r, "its log cannot be followed to its end");
}

/* Sectors of the ring. */
static int read_ring(struct xfs_fs *fs, uint32_t sector, uint32_t count, uint8_t *buf)
{
	uint32_t here = SV_MIN(count, fs->log_sectors - sector);
	int ret = fsmap_read_hint(fs->r, buf, (size_t)here * SECTOR,
				  fs->log_start + (uint64_t)sector * SECTOR, "the log");
	if (!ret && count > here)
		ret = fsmap_read_hint(fs->r, buf + (size_t)here * SECTOR,
				      (size_t)(count - here) * SECTOR, fs->log_start, "the log");
	return ret;
}

static uint32_t record_crc(const uint8_t *record, uint32_t header, uint32_t len, size_t fixed)
{
	static const uint8_t zero[4];
	uint32_t crc = sv_crc32c(~0u, record, XFS_REC_CRC);
	crc = sv_crc32c(crc, zero, sizeof(zero));
	crc = sv_crc32c(crc, record + XFS_REC_CRC + 4, fixed - XFS_REC_CRC - 4);
	for (uint32_t i = 1; i < (len + MAX_LEN / 8 - 1) / (MAX_LEN / 8) && i < header; i++)
		crc = sv_crc32c(crc, record + (size_t)i * SECTOR, EXT_STRUCT);
	return ~sv_crc32c(crc, record + (size_t)header * SECTOR, len);
}

/* Records of old kernels and of mkfs have none. */
static bool record_crc_ok(const uint8_t *record, uint32_t header)
{
	uint32_t want = get_le32(record + XFS_REC_CRC), len = get_be32(record + REC_LEN);
	return !want || record_crc(record, header, len, REC_STRUCT_64) == want ||
	       record_crc(record, header, len, REC_STRUCT_32) == want;
}

static bool header_ok(const struct xfs_fs *fs, uint32_t sector, const uint8_t *h)
{
	uint32_t version = get_be32(h + REC_VERSION), len = get_be32(h + REC_LEN);
	return get_be32(h) == XFS_REC_MAGIC && (version == 1 || (version == 2 && fs->log_v2)) &&
	       len > 0 && len <= MAX_LEN && get_be32(h + REC_SIZE) <= MAX_LEN &&
	       get_be32(h + XFS_REC_LSN) == get_be32(h + XFS_REC_CYCLE) &&
	       get_be32(h + XFS_REC_LSN + 4) == sector &&
	       memcmp(h + REC_UUID, fs->sb + SB_UUID, 16) == 0;
}

/* Kernel xlog_logrec_hblks(). */
static uint32_t header_sectors(const uint8_t *h)
{
	uint32_t size = get_be32(h + REC_SIZE), per_header = SECTORS_PER_HEADER * SECTOR;
	if (get_be32(h + REC_VERSION) == 1 || size <= per_header)
		return 1;
	return (size + per_header - 1) / per_header;
}

int xfs_record_read(struct xfs_fs *fs, uint32_t sector, uint8_t *buf, uint32_t *header,
		    uint32_t *total)
{
	int ret = read_ring(fs, sector, 1, buf);
	if (ret)
		return ret;
	if (!header_ok(fs, sector, buf))
		return unfollowable(fs);
	*header = header_sectors(buf);
	*total = *header + (get_be32(buf + REC_LEN) + SECTOR - 1) / SECTOR;
	if (*total >= fs->log_sectors || *total - *header > *header * SECTORS_PER_HEADER)
		return unfollowable(fs);
	ret = read_ring(fs, sector, *total, buf);
	if (!ret && !record_crc_ok(buf, *header))
		ret = unfollowable(fs);
	return ret;
}

/* Put back the words that cycles stand in place of. */
static void unpack(uint8_t *record, uint32_t header, uint32_t total)
{
	for (uint32_t i = 0; i < total - header; i++) {
		const uint8_t *words = record + REC_WORDS;
		if (i >= SECTORS_PER_HEADER)
			words = record + (size_t)(i / SECTORS_PER_HEADER) * SECTOR + EXT_WORDS;
		memcpy(record + (size_t)(header + i) * SECTOR,
		       words + (size_t)(i % SECTORS_PER_HEADER) * 4, 4);
	}
}

static void touch(struct xfs_fs *fs, uint64_t ag)
{
	if (ag >= fs->ags || xfs_is_touched(fs, (uint32_t)ag))
		return;
	fs->touched[ag / 8] |= (uint8_t)(1u << ag % 8);
	fs->touched_n++;
}

/* The address, in sectors of 512 bytes, is that of an AG's header of free space. */
static void touch_address(struct xfs_fs *fs, uint64_t address)
{
	uint64_t header = fs->sector_size / SECTOR;
	uint64_t ag = (uint64_t)fs->ag_blocks * (fs->block_size / SECTOR);
	if (address >= header && (address - header) % ag == 0)
		touch(fs, (address - header) / ag);
}

static uint64_t get_be64_or_le64(const uint8_t *p, bool little)
{
	return little ? get_le64(p) : get_be64(p);
}

/*
 * Everything stands at multiples of four. Whatever looks like a logged AGF is taken for one:
 * operations need not be told apart, nor transactions that were never committed. A log item that
 * is split between two records is followed by the AGF's own bytes in one piece.
 */
static void scan_words(struct xfs_fs *fs, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at + AGF_LEN <= len; at += 4) {
		const uint8_t *p = data + at;
		bool little = get_le16(p) == ITEM_BUFFER;
		if (get_be32(p) == MAGIC_AGF && get_be32(p + 4) == 1)
			touch(fs, get_be32(p + 8));
		else if ((little || get_be16(p) == ITEM_BUFFER) && at + ITEM_LEN <= len)
			touch_address(fs, get_be64_or_le64(p + ITEM_ADDRESS, little));
	}
}

/* A record of `total` sectors is followed by the next until the head is met exactly. */
static int follow(struct xfs_fs *fs, uint32_t sector, uint32_t left, uint8_t *record)
{
	uint32_t header, total;
	while (left > 0) {
		int ret = xfs_record_read(fs, sector, record, &header, &total);
		if (ret)
			return ret;
		if (total > left || get_le32(record + XFS_REC_CRC) == 0)
			return unfollowable(fs);
		unpack(record, header, total);
		scan_words(fs, record + (size_t)header * SECTOR, (size_t)(total - header) * SECTOR);
		left -= total;
		sector = (sector + total) % fs->log_sectors;
	}
	return 0;
}

int xfs_records_scan(struct xfs_fs *fs, uint32_t tail, uint32_t cycle, uint32_t head)
{
	uint8_t first[SECTOR], *record;
	if (tail >= fs->log_sectors)
		return unfollowable(fs);
	int ret = read_ring(fs, tail, 1, first);
	if (ret)
		return ret;
	if (get_be32(first) != XFS_REC_MAGIC || get_be32(first + XFS_REC_CYCLE) != cycle)
		return unfollowable(fs);
	record = malloc(XFS_RECORD_MAX);
	if (!record)
		return SV_E_NOMEM;
	uint32_t left = head > tail ? head - tail : head + fs->log_sectors - tail;
	ret = follow(fs, tail, left, record);
	free(record);
	return ret;
}
