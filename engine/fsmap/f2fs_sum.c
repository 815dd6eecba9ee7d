/* f2fs_sum.c - F2FS: the summaries of segments: which node has this block? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

/* Kernel f2fs_fs.h, struct f2fs_summary_block: {node, version, address in it} of each block, a
 * journal, and whether it is about nodes. */
enum {
	SUM_SIZE = 7,
	SUM_SLOT = 5,
	SUM_OF_NODES = 4091,
};

static int read_summary(struct f2fs_finder *f, uint64_t at, struct f2fs_summary *sum)
{
	uint8_t one[SUM_SIZE];
	int rc = fsmap_read_hint(f->f.r, one, sizeof(one), at, "a summary");
	if (rc)
		return rc;
	sum->id = get_le32(one);
	sum->slot = get_le16(one + SUM_SLOT);
	return 0;
}

/* A segment that is written into has its summary in the checkpoint. */
static int find_in_log(struct f2fs_finder *f, int log, uint32_t i, struct f2fs_summary *sum)
{
	uint64_t at;
	sum->of_node = log >= F2FS_NODE_LOGS;
	if (!f2fs_cp_summary(&f->f, log, i, &at))
		return FSMAP_IS_WHOLE;
	return read_summary(f, at, sum);
}

/* segment.h, GET_SUM_BLOCK(): a block of the summary area for each segment. */
int f2fs_sum_find(struct f2fs_finder *f, uint64_t block, struct f2fs_summary *sum)
{
	uint64_t segment = (block - f->f.main.start) >> F2FS_SEGMENT_SHIFT;
	uint32_t i = (block - f->f.main.start) % F2FS_SEGMENT, known;
	uint64_t at = f2fs_offset(f->f.ssa.start + segment);
	uint8_t of_nodes;
	int log = f2fs_cp_log(&f->f, (uint32_t)segment, &known);
	if (log >= 0)
		return i < known ? find_in_log(f, log, i, sum) : FSMAP_IS_WHOLE;
	if (segment >= f2fs_blocks(&f->f.ssa))
		return FSMAP_IS_WHOLE;
	int rc = fsmap_read_hint(f->f.r, &of_nodes, 1, at + SUM_OF_NODES, "a summary");
	sum->of_node = of_nodes & 1;
	return rc ? rc : read_summary(f, at + (uint64_t)i * SUM_SIZE, sum);
}
