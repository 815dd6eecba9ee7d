/* f2fs_cp.c - F2FS: the checkpoint a mount would take, and what it says of the segments itself */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

/* Kernel f2fs_fs.h, struct f2fs_checkpoint. */
enum {
	CP_VERSION = 0,
	CP_VALID_BLOCKS = 16,
	CP_NODE_SEGMENTS = 36, /* where each of the logs of nodes goes on: segment, ... */
	CP_NODE_OFFSETS = 68,  /* ... and block in it */
	CP_DATA_SEGMENTS = 84,
	CP_DATA_OFFSETS = 116,
	CP_FLAGS = 132,
	CP_PACK_BLOCKS = 136,
	CP_SUMMARIES_AT = 140, /* block of the pack */
	CP_VALID_NODES = 144,
	CP_SIT_BITMAP_SIZE = 156,
	CP_NAT_BITMAP_SIZE = 160,
	CP_CHECKSUM_AT = 164,
	CP_HOW = 176, /* each of the logs goes on: in a row, or in gaps */
	CP_BITMAPS = 192,
	CP_LAST_CHECKSUM_AT = F2FS_BLOCK - 4,

	WARM_NODES = 1, /* the log of nodes that are synced */

	FLAG_UNMOUNTED = 0x1,
	FLAG_COMPACT = 0x4, /* the journals stand together */
	FLAG_ERROR = 0x8,
	FLAG_NEEDS_FSCK = 0x10,
	FLAG_FASTBOOT = 0x20, /* the summaries of nodes are in the pack, as after an unmount */
	FLAG_NODES_HAVE_CRC = 0x40,
	FLAG_NODES_HAVE_NO_CRC = 0x200,
	FLAG_LARGE_NAT_BITMAP = 0x400,
	FLAG_DISABLED = 0x1000,
	FLAG_DISABLED_QUICK = 0x2000,
	FLAG_RESIZING = 0x4000,

	/* struct f2fs_summary_block: 512 summaries of 7 bytes, then a journal */
	JOURNAL_AT = 3584,
	JOURNAL_SIZE = 507,
	SUMMARY = 7,
	HOT_DATA = 0,  /* the summary whose journal is that of the NAT */
	COLD_DATA = 2, /* and that of the SIT */
	DATA_LOGS = 3, /* and as many of nodes behind them */
	ALL_LOGS = 6,
	IN_GAPS = 1,
	SUMMARIES_END = F2FS_BLOCK - 5, /* of a block of those that stand together */
};

static uint32_t cp32(const struct f2fs *f, size_t off)
{
	return get_le32(f->head + off);
}

static uint32_t flags(const struct f2fs *f)
{
	return cp32(f, CP_FLAGS);
}

/* checkpoint.c, f2fs_checkpoint_chksum(): all of the block but the checksum itself. */
static bool is_sealed(const uint8_t *block)
{
	uint32_t at = get_le32(block + CP_CHECKSUM_AT);
	if (at < CP_BITMAPS || at > CP_LAST_CHECKSUM_AT)
		return false;
	uint32_t crc = sv_crc32_raw(F2FS_MAGIC, block, at);
	if (at < CP_LAST_CHECKSUM_AT)
		crc = sv_crc32_raw(crc, block + at + 4, F2FS_BLOCK - at - 4);
	return crc == get_le32(block + at);
}

uint32_t f2fs_cp_sealed(const uint8_t *block)
{
	uint32_t blocks = get_le32(block + CP_PACK_BLOCKS);
	return is_sealed(block) && blocks >= 2 && blocks <= F2FS_SEGMENT ? blocks : 0;
}

/* checkpoint.c, validate_checkpoint(): a pack is whole when its first and its last block are, and
 * of one version. */
static int read_pack(struct f2fs *f, uint64_t at, uint8_t *block, bool *whole)
{
	uint8_t last[F2FS_BLOCK];
	*whole = false;
	int ret = fsmap_read_meta(f->r, block, F2FS_BLOCK, f2fs_offset(at), "a checkpoint");
	uint32_t blocks = ret ? 0 : f2fs_cp_sealed(block);
	if (!blocks)
		return ret;
	ret = fsmap_read_meta(f->r, last, sizeof(last), f2fs_offset(at + blocks - 1),
			      "the end of a checkpoint");
	*whole = !ret && is_sealed(last) &&
		 get_le64(last + CP_VERSION) == get_le64(block + CP_VERSION);
	return ret;
}

/* The newer one of two; of equals the first (checkpoint.c, f2fs_get_valid_checkpoint()). */
static int choose_pack(struct f2fs *f)
{
	uint8_t second[F2FS_BLOCK];
	bool have_first, have_second;
	f->pack = f->cp.start;
	f->head = malloc(F2FS_BLOCK);
	if (!f->head)
		return SV_E_NOMEM;
	int ret = read_pack(f, f->pack, f->head, &have_first);
	if (!ret)
		ret = read_pack(f, f->pack + F2FS_SEGMENT, second, &have_second);
	if (ret)
		return ret;
	if (!have_first && !have_second)
		return fsmap_whole(f->r, "it has no valid checkpoint");
	if (have_second && (!have_first || get_le64(second + CP_VERSION) > get_le64(f->head))) {
		memcpy(f->head, second, F2FS_BLOCK);
		f->pack += F2FS_SEGMENT;
	}
	return 0;
}

static const char *flaw(const struct f2fs *f)
{
	if (flags(f) & (FLAG_ERROR | FLAG_NEEDS_FSCK))
		return "it is marked as needing a check";
	if (flags(f) & (FLAG_DISABLED | FLAG_DISABLED_QUICK))
		return "its checkpoints are switched off";
	return flags(f) & FLAG_RESIZING ? "its size was being changed" : NULL;
}

static int check_flags(struct f2fs *f)
{
	const char *why = flaw(f);
	if (!why)
		return 0;
	f->doubt = true;
	return fsmap_doubt(f->r, "%s", why);
}

/* Of what begins with the first block, which is at hand; `at`: byte of that. */
static int read_bitmap(struct f2fs *f, uint64_t at, uint32_t size, uint8_t **bits_ret)
{
	size_t here = at < F2FS_BLOCK ? SV_MIN((size_t)(F2FS_BLOCK - at), (size_t)size) : 0;
	if (at + size > (1 + (uint64_t)f->cp_payload) * F2FS_BLOCK)
		return fsmap_whole(f->r, "its checkpoint has no room for its bitmaps");
	uint8_t *bits = *bits_ret = malloc(size);
	if (!bits)
		return SV_E_NOMEM;
	if (here)
		memcpy(bits, f->head + at, here);
	if (here == size)
		return 0;
	return fsmap_read_meta(f->r, bits + here, size - here, f2fs_offset(f->pack) + at + here,
			       "a bitmap of the checkpoint");
}

/* segment.h and f2fs.h, __bitmap_ptr(): where it is depends on what has no room beside it. */
static int read_sit_bitmap(struct f2fs *f)
{
	uint32_t size = cp32(f, CP_SIT_BITMAP_SIZE);
	uint64_t at = CP_BITMAPS;
	if (size != (f->sit.segments / 2 << F2FS_SEGMENT_SHIFT) / 8)
		return fsmap_whole(f->r, "its checkpoint does not fit its segment information");
	if (flags(f) & FLAG_LARGE_NAT_BITMAP)
		at += 4 + (uint64_t)cp32(f, CP_NAT_BITMAP_SIZE);
	else if (f->cp_payload)
		at = F2FS_BLOCK;
	return read_bitmap(f, at, size, &f->sit_which);
}

static int read_nat_bitmap(struct f2fs *f)
{
	uint32_t size = cp32(f, CP_NAT_BITMAP_SIZE);
	uint64_t at = CP_BITMAPS;
	if (!size || size != (f->nat.segments / 2 << F2FS_SEGMENT_SHIFT) / 8)
		return fsmap_whole(f->r, "its checkpoint does not fit its table of nodes");
	if (flags(f) & FLAG_LARGE_NAT_BITMAP)
		at += 4;
	else if (!f->cp_payload)
		at += cp32(f, CP_SIT_BITMAP_SIZE);
	return read_bitmap(f, at, size, &f->nat_which);
}

/* recovery.c and node.h, is_recoverable_dnode(): what makes a node one of after the checkpoint. */
static void know_version(struct f2fs *f)
{
	f->version = get_le64(f->head + CP_VERSION);
	f->version_mask = ~0ull;
	if (flags(f) & FLAG_NODES_HAVE_NO_CRC)
		f->version_mask = 0xffffffffu;
	else if (flags(f) & FLAG_NODES_HAVE_CRC)
		f->version |= (uint64_t)cp32(f, cp32(f, CP_CHECKSUM_AT)) << 32;
}

int f2fs_cp_read(struct f2fs *f)
{
	int ret = choose_pack(f);
	return ret ? ret : f2fs_cp_take(f);
}

int f2fs_cp_take(struct f2fs *f)
{
	know_version(f);
	f->clean = flags(f) & FLAG_UNMOUNTED;
	int ret = check_flags(f);
	if (!ret && f->hit)
		ret = read_nat_bitmap(f);
	if (!ret)
		ret = read_sit_bitmap(f);
	if (ret > 0 && f->nat_which) { /* what is free is not all there is to tell */
		free(f->sit_which);
		f->sit_which = NULL;
		ret = 0;
	}
	return ret;
}

uint64_t f2fs_cp_blocks(const struct f2fs *f)
{
	return get_le64(f->head + CP_VALID_BLOCKS);
}

uint32_t f2fs_cp_nodes(const struct f2fs *f)
{
	return cp32(f, CP_VALID_NODES);
}

uint64_t f2fs_cp_next_node(const struct f2fs *f)
{
	uint64_t segment = cp32(f, CP_NODE_SEGMENTS + 4 * WARM_NODES);
	return f->main.start + (segment << F2FS_SEGMENT_SHIFT) +
	       get_le16(f->head + CP_NODE_OFFSETS + 2 * WARM_NODES);
}

/* ---- summaries: segment.c, read_compacted_summaries() and read_normal_summaries() ---- */

static bool has_node_summaries(const struct f2fs *f)
{
	return flags(f) & (FLAG_UNMOUNTED | FLAG_FASTBOOT);
}

/* The block of the pack with the summary of a log; what would be before the pack is too high. */
static uint32_t summary_block(const struct f2fs *f, int log)
{
	uint32_t behind = has_node_summaries(f) ? ALL_LOGS : DATA_LOGS;
	return cp32(f, CP_PACK_BLOCKS) - (behind + 1) + (uint32_t)log;
}

/* A journal of entries of `size`, in the summary of a log, or where they stand together the i-th.
 */
static int read_journal(struct f2fs *f, int log, uint32_t i, size_t size, uint8_t *journal,
			unsigned int *n)
{
	uint8_t block[F2FS_BLOCK];
	bool compact = flags(f) & FLAG_COMPACT;
	uint32_t at = compact ? cp32(f, CP_SUMMARIES_AT) : summary_block(f, log);
	uint32_t off = compact ? JOURNAL_SIZE * i : JOURNAL_AT;
	if (at >= cp32(f, CP_PACK_BLOCKS))
		return fsmap_whole(f->r, "its checkpoint has no summaries");
	int ret = fsmap_read_meta(f->r, block, sizeof(block), f2fs_offset(f->pack + at),
				  "the summaries of a checkpoint");
	if (ret)
		return ret;
	*n = get_le16(block + off);
	if (*n > (JOURNAL_SIZE - 2) / size)
		return fsmap_whole(f->r, "its checkpoint's journal is damaged");
	memcpy(journal, block + off + 2, *n * size);
	return 0;
}

int f2fs_cp_journal(struct f2fs *f, uint8_t journal[F2FS_SIT_JOURNAL * F2FS_JOURNAL_ENTRY],
		    unsigned int *n)
{
	return read_journal(f, COLD_DATA, 1, F2FS_JOURNAL_ENTRY, journal, n);
}

int f2fs_cp_nat_journal(struct f2fs *f, uint8_t journal[F2FS_NAT_JOURNAL * F2FS_NAT_CHANGE],
			unsigned int *n)
{
	return read_journal(f, HOT_DATA, 0, F2FS_NAT_CHANGE, journal, n);
}

/* How many summaries of a log stand with those of the others. */
static uint32_t n_known(const struct f2fs *f, int log)
{
	uint32_t n = get_le16(f->head + CP_DATA_OFFSETS + 2 * log);
	bool all = f->head[CP_HOW + log] == IN_GAPS || !(flags(f) & FLAG_COMPACT);
	return all ? F2FS_SEGMENT : SV_MIN(n, F2FS_SEGMENT);
}

int f2fs_cp_log(const struct f2fs *f, uint32_t segment, uint32_t *known)
{
	for (int log = 0; log < ALL_LOGS; log++) {
		size_t i = (size_t)log % DATA_LOGS;
		bool data = log < DATA_LOGS;
		if (cp32(f, (data ? CP_DATA_SEGMENTS : CP_NODE_SEGMENTS) + 4 * i) != segment)
			continue;
		*known = data ? n_known(f, log) : has_node_summaries(f) ? F2FS_SEGMENT : 0;
		return log;
	}
	return -1;
}

bool f2fs_cp_summary(const struct f2fs *f, int log, uint32_t i, uint64_t *at)
{
	const uint32_t first = (SUMMARIES_END - 2 * JOURNAL_SIZE) / SUMMARY;
	const uint32_t per_block = SUMMARIES_END / SUMMARY;
	uint32_t block = summary_block(f, log), off = i * SUMMARY;
	if (flags(f) & FLAG_COMPACT && log < DATA_LOGS) {
		for (int k = 0; k < log; k++)
			i += n_known(f, k);
		block = cp32(f, CP_SUMMARIES_AT) + (i < first ? 0 : 1 + (i - first) / per_block);
		off = i < first ? 2 * JOURNAL_SIZE + i * SUMMARY
				: (i - first) % per_block * SUMMARY;
	}
	*at = f2fs_offset(f->pack + block) + off;
	return block < cp32(f, CP_PACK_BLOCKS);
}
