/* btrfs_content.c - Btrfs: one pass over a tree of files, and whose content was hit */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/btrfs_files.h"

#include "engine/util/bytes.h"

#include <inttypes.h>

/* A pass over one tree, or over its log. */
struct pass {
	struct btrfs_search *s;
	size_t tree;
	const char *what;
	bool log;
	uint64_t before[BTRFS_LEVELS]; /* s->events when the node of that level was entered */
};

/* ---- extents of files ---- */

static void say_damaged(struct pass *p, uint64_t inode)
{
	p->s->all_files = false;
	owners_caution(p->s->o, "an extent of inode %" PRIu64 " is damaged", inode);
}

/* The part of an extent that a file refers to. */
struct part {
	struct sv_extent disk; /* logical, all of the extent */
	uint64_t offset, len;  /* in what it unpacks to */
	uint64_t start;	       /* in the file */
	bool packed, empty;
};

/* false: the item makes no sense. */
static bool parse_part(struct pass *p, const struct btrfs_key *key, const uint8_t *data,
		       struct part *part)
{
	uint64_t end;
	*part = (struct part){.disk = {get_le64(data + BTRFS_FILE_DISK_BYTENR),
				       get_le64(data + BTRFS_FILE_DISK_LEN)},
			      .offset = get_le64(data + BTRFS_FILE_OFFSET),
			      .len = get_le64(data + BTRFS_FILE_NUM_BYTES),
			      .start = key->offset,
			      .packed = data[BTRFS_FILE_COMPRESSION] ||
					data[BTRFS_FILE_COMPRESSION + 1] ||
					get_le16(data + BTRFS_FILE_COMPRESSION + 2),
			      .empty = data[BTRFS_FILE_TYPE] == BTRFS_FILE_PREALLOC};
	uint64_t unpacked = part->packed ? get_le64(data + BTRFS_FILE_RAM_LEN) : part->disk.len;
	return part->disk.len && part->len && sv_add_ok(part->start, part->len, &end) &&
	       sv_range_ok(part->offset, part->len, unpacked) &&
	       btrfs_chunk_find(p->s->fs, part->disk.start, part->disk.len);
}

/* Space reserved for a file holds nothing yet. */
static int claim_part(struct pass *p, const struct part *part, struct owners_file *file)
{
	struct btrfs_search *s = p->s;
	int rc = btrfs_inode_find(s, p->tree, file->id);
	const struct btrfs_inode *inode = &s->inode;
	if (rc)
		return rc;
	if (!btrfs_id(s, p->tree, inode->number, &file->id)) {
		owners_caution(s->o, "numbers of inodes are too large to be told");
		return 0;
	}
	uint64_t size = inode->found ? inode->size : UINT64_MAX;
	const struct sv_extent used = {part->disk.start + part->offset, part->len};
	if (part->empty) {
		file->kind = FILES_SLACK;
		return btrfs_claim_content(s, file, inode->nosum, &used, part->start, 0);
	}
	if (!part->packed)
		return btrfs_claim_content(s, file, inode->nosum, &used, part->start, size);
	uint64_t span = part->start < size ? SV_MIN(part->len, size - part->start) : 0;
	return btrfs_claim_packed(s, file, &part->disk, part->start, span);
}

static int take_item(struct btrfs_fs *fs, const struct btrfs_key *key, const uint8_t *data,
		     uint32_t len, void *arg)
{
	struct pass *p = arg;
	struct owners_file file = {.id = key->objectid, .kind = FILES_CONTENT};
	struct part part;
	(void)fs;
	if (key->type != BTRFS_EXTENT_DATA ||
	    (len > BTRFS_FILE_TYPE && data[BTRFS_FILE_TYPE] == BTRFS_FILE_INLINE))
		return 0;
	if (len < BTRFS_FILE_LEN || data[BTRFS_FILE_TYPE] > BTRFS_FILE_PREALLOC) {
		say_damaged(p, key->objectid);
		return 0;
	}
	if (!get_le64(data + BTRFS_FILE_DISK_BYTENR))
		return 0;
	if (!parse_part(p, key, data, &part)) {
		say_damaged(p, key->objectid);
		return 0;
	}
	return btrfs_is_hurt(p->s, part.disk.start, part.disk.len) ? claim_part(p, &part, &file)
								   : 0;
}

/* ---- the tree ---- */

/* Snapshots share nodes: what nothing was hit below is gone through once. */
static int enter(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg, bool *skip)
{
	struct pass *p = arg;
	p->before[span->ref.level] = p->s->events;
	*skip = owners_stopped(p->s->o) || btrfs_nodes_has(p->s, &p->s->clean, span->ref.logical);
	return *skip ? 0 : btrfs_claim_meta(p->s, span->ref.logical, fs->node_size, p->what);
}

static int leave(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct pass *p = arg;
	(void)fs;
	return p->s->events == p->before[span->ref.level]
		       ? btrfs_nodes_add(p->s, &p->s->clean, span->ref.logical)
		       : 0;
}

static int lost(struct btrfs_fs *fs, const struct btrfs_span *span, void *arg)
{
	struct pass *p = arg;
	(void)fs;
	p->s->events++;
	p->s->all_files = false;
	if (!p->log)
		return btrfs_gaps_add(p->s, p->tree, span);
	p->s->all_log = false;
	owners_caution(p->s->o, "what was written last, in its log, is lost in part");
	return 0;
}

static int run_pass(struct btrfs_search *s, size_t tree, const struct btrfs_ref *ref, bool log)
{
	struct pass p = {
		.s = s, .tree = tree, .what = log ? "the log" : "a tree of files", .log = log};
	const struct btrfs_visit visit = {.what = p.what,
					  .enter = enter,
					  .leave = leave,
					  .item = take_item,
					  .lost = lost,
					  .arg = &p};
	return ref->logical ? btrfs_tree_visit(s->fs, ref, &visit) : 0;
}

int btrfs_content_find(struct btrfs_search *s, size_t tree)
{
	int rc = run_pass(s, tree, &s->roots[tree].ref, false);
	return rc ? rc : run_pass(s, tree, &s->roots[tree].log, true);
}
