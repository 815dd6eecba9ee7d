/* f2fs_nat.c - F2FS: the table of nodes: where is the node of that number? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

/* Kernel f2fs_fs.h, struct f2fs_nat_entry: a version, an inode, a block. */
enum {
	NAT_INODE = 1,
	NAT_BLOCK = 5,
	ENTRIES = F2FS_BLOCK / F2FS_NAT_ENTRY, /* in a block */
};

static struct f2fs_entry parse(const uint8_t *p)
{
	return (struct f2fs_entry){.inode = get_le32(p + NAT_INODE),
				   .block = get_le32(p + NAT_BLOCK)};
}

int f2fs_nat_open(struct f2fs_finder *f)
{
	int rc = f2fs_cp_nat_journal(&f->f, f->nat_journal, &f->n_nat_journal);
	f->nat_cached = UINT64_MAX;
	if (rc <= 0)
		return rc;
	f->n_nat_journal = 0;
	f->f.doubt = true;
	owners_caution(f->o, "the newest part of its table of nodes is lost: an older state may "
			     "be told");
	return 0;
}

static uint64_t table_blocks(const struct f2fs *f)
{
	return f2fs_blocks(&f->nat) / 2;
}

/* node.c, current_nat_addr(): two copies of each segment stand behind each other. */
static uint64_t block_at(const struct f2fs *f, uint64_t i)
{
	bool second = f->nat_which[i / 8] >> (7 - i % 8) & 1;
	return f->nat.start + 2 * i - i % F2FS_SEGMENT + (second ? F2FS_SEGMENT : 0);
}

static const uint8_t *in_journal(const struct f2fs_finder *f, uint32_t id)
{
	for (unsigned int i = f->n_nat_journal; i-- > 0;) {
		const uint8_t *change = f->nat_journal + i * F2FS_NAT_CHANGE;
		if (get_le32(change) == id)
			return change + 4;
	}
	return NULL;
}

/* A block of the table into f->nat. FSMAP_IS_WHOLE: not all of it can be read. */
static int load_block(struct f2fs_finder *f, uint64_t i)
{
	if (f->nat_cached == i)
		return 0;
	f->nat_cached = UINT64_MAX;
	int rc = fsmap_read_hint(f->f.r, f->nat, F2FS_BLOCK, f2fs_offset(block_at(&f->f, i)),
				 "the table of nodes");
	if (!rc)
		f->nat_cached = i;
	return rc;
}

int f2fs_nat_find(struct f2fs_finder *f, uint32_t id, struct f2fs_entry *entry)
{
	uint64_t i = id / ENTRIES;
	size_t off = (size_t)(id % ENTRIES) * F2FS_NAT_ENTRY;
	uint8_t one[F2FS_NAT_ENTRY];
	const uint8_t *change = in_journal(f, id);
	*entry = (struct f2fs_entry){0};
	if (!id || i >= table_blocks(&f->f)) /* what was never written has a summary of 0 */
		return 0;
	int rc = change ? 0 : load_block(f, i);
	if (!rc)
		*entry = parse(change ? change : f->nat + off);
	if (rc <= 0)
		return rc;
	rc = fsmap_read_hint(f->f.r, one, sizeof(one), f2fs_offset(block_at(&f->f, i)) + off,
			     "the table of nodes");
	if (rc > 0)
		owners_caution(f->o, "a part of its table of nodes is lost: what these own is not "
				     "known");
	if (!rc)
		*entry = parse(one);
	return rc;
}

static int walk_block(struct f2fs_finder *f, uint64_t i, f2fs_nat_visit *visit, void *arg)
{
	struct f2fs_entry entry;
	int rc = 0;
	for (uint64_t k = 0; !rc && k < ENTRIES; k++) {
		uint64_t id = i * ENTRIES + k;
		if (id > UINT32_MAX)
			break;
		rc = f2fs_nat_find(f, (uint32_t)id, &entry);
		if (rc > 0)
			rc = 0;
		else if (!rc && entry.block != 0 && f2fs_in_main(&f->f, entry.block))
			rc = visit(f, (uint32_t)id, &entry, arg);
	}
	return rc;
}

int f2fs_nat_walk(struct f2fs_finder *f, f2fs_nat_visit *visit, void *arg)
{
	int rc = 0;
	for (uint64_t i = 0; !rc && i < table_blocks(&f->f) && !owners_stopped(f->o); i++)
		rc = walk_block(f, i, visit, arg);
	return SV_MIN(rc, 0);
}
