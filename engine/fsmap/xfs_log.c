/* xfs_log.c - XFS: the log: where does it end, and was the filesystem shut down cleanly? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/xfs.h"

#include "engine/util/bytes.h"

#include <stdlib.h>

/*
 * Kernel xfs_log_format.h, fs/xfs/xfs_log_recover.c. The log is a ring of sectors of 512 bytes. The
 * first word of each is the number of the round that wrote it (its cycle), or the magic number of a
 * record's header, whose second word is the cycle.
 */
enum {
	OP_FLAGS = 9, /* in the operation's header, at the start of a record's data */
	OP_UNMOUNT = 0x20,
	CHUNK = 256 * 1024, /* read at once */
};
#define NONE 0xffffffffu

struct scan {
	uint32_t sectors; /* seen so far */
	uint32_t first;	  /* cycle of sector 0 */
	uint32_t head;	  /* first sector of the round before; NONE */
	uint32_t last;	  /* header of the last record before the head; NONE */
	uint32_t other;	  /* and behind it */
	bool disorder;	  /* more rounds than two, or not one after the other; or not seen */
	bool lost;	  /* the sector before could not be read */
};

static uint32_t cycle_before(uint32_t cycle)
{
	return cycle - 1 == XFS_REC_MAGIC ? cycle - 2 : cycle - 1;
}

static void see_sector(struct scan *s, const uint8_t *sector)
{
	uint32_t at = s->sectors++, cycle = get_be32(sector);
	bool header = cycle == XFS_REC_MAGIC;
	if (header)
		cycle = get_be32(sector + XFS_REC_CYCLE);
	if (at == 0)
		s->first = cycle;
	if (s->head == NONE && cycle != s->first) {
		s->head = at;
		s->disorder = s->disorder || s->lost;
	}
	s->lost = false;
	if (s->head != NONE && cycle != cycle_before(s->first))
		s->disorder = true;
	if (header)
		*(s->head == NONE ? &s->last : &s->other) = at;
}

/* It matters only where the rounds meet, or where a record stands that is asked for. */
static void lose_sector(struct scan *s)
{
	if (s->sectors++ == 0)
		s->disorder = true;
	s->lost = true;
}

static int scan_piece(struct xfs_fs *fs, struct scan *s, uint8_t *buf, uint64_t at, size_t len)
{
	int ret = fsmap_read_meta(fs->r, buf, len, at, "the log");
	if (ret > 0 && fs->partly && len > 512) {
		for (size_t i = 0; i < len && ret >= 0; i += 512)
			ret = scan_piece(fs, s, buf, at + i, 512);
		return ret;
	}
	if (ret > 0 && fs->partly) {
		lose_sector(s);
		return 0;
	}
	for (size_t i = 0; !ret && i < len; i += 512)
		see_sector(s, buf + i);
	return ret;
}

static int scan_log(struct xfs_fs *fs, struct scan *s)
{
	uint8_t *buf = malloc(CHUNK);
	if (!buf)
		return SV_E_NOMEM;
	int ret = 0;
	for (uint64_t pos = 0, len = (uint64_t)fs->log_sectors * 512, n; !ret && pos < len;
	     pos += n) {
		n = SV_MIN(len - pos, CHUNK);
		ret = scan_piece(fs, s, buf, fs->log_start + pos, (size_t)n);
	}
	free(buf);
	return ret;
}

/* The record that ends the log is one of unmounting; *clean. Kernel xlog_check_unmount_rec(). */
static int check_last(struct xfs_fs *fs, const struct scan *s, uint8_t *record, bool *clean)
{
	uint32_t header, total;
	int ret = xfs_record_read(fs, s->last, record, &header, &total);
	if (ret)
		return ret;
	*clean = (s->last + total) % fs->log_sectors == s->head &&
		 get_be32(record + XFS_REC_OPS) == 1 &&
		 record[(size_t)header * 512 + OP_FLAGS] & OP_UNMOUNT;
	return 0;
}

static int replayed(struct xfs_fs *fs, const struct scan *s, const uint8_t *record)
{
	uint32_t cycle = get_be32(record + XFS_REC_TAIL_LSN);
	uint32_t tail = get_be32(record + XFS_REC_TAIL_LSN + 4);
	fs->dirty = true;
	fs->touched = calloc((fs->ags + 7u) / 8, 1);
	return fs->touched ? xfs_records_scan(fs, tail, cycle, s->head) : SV_E_NOMEM;
}

int xfs_log_check(struct xfs_fs *fs)
{
	struct scan s = {.head = NONE, .last = NONE, .other = NONE};
	bool clean = false;
	int ret = scan_log(fs, &s);
	if (ret)
		return ret;
	if (s.head == NONE) {
		s.head = 0;
		s.disorder = s.disorder || s.lost;
	}
	if (s.last == NONE)
		s.last = s.other;
	if (s.disorder || s.first == 0 || s.last == NONE)
		return fsmap_whole(fs->r, "its log has no clear end");
	uint8_t *record = malloc(XFS_RECORD_MAX);
	if (!record)
		return SV_E_NOMEM;
	ret = check_last(fs, &s, record, &clean);
	if (!ret && !clean)
		ret = replayed(fs, &s, record);
	free(record);
	return ret;
}
