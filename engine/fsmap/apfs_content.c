/* apfs_content.c - APFS: whose content was hit: what lies in lost places, then who has it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/apfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

#define HITS_MAX ((size_t)1 << 18)
#define SEEN_MAX ((size_t)1 << 20)

/* Apple File System Reference, j_file_extent_val_t, j_inode_val_t, j_xattr_val_t, xf_blob_t. */
enum {
	E_LEN = 0,
	E_BLOCK = 8,
	E_SIZE = 24,

	I_PARENT = 0,
	I_STREAM = 8,
	I_FLAGS = 48,
	I_MODE = 80,
	I_UNPACKED = 84, /* where its flags say so, the size of what is compressed */
	I_FIELDS = 92,
	HAS_UNPACKED = 0x40000,
	MODE_TYPE = 0xf000,
	MODE_DIR = 0x4000,

	F_DATA = 4, /* behind the number of fields, and of bytes */
	F_HEAD = 4, /* of each: type, flags, size */
	NAME_FIELD = 4,
	STREAM_FIELD = 8,

	X_FLAGS = 0,
	X_STREAM = 4,
	X_SIZE = 12,
	X_LEN = 52,
	IN_STREAM = 1,
	X_NAME_LEN = 8, /* in the key */
	X_NAME = 10,
};

#define LEN_MASK (~0ull >> 8)

/* ---- an inode's record ---- */

static void take_field(struct apfs_inode *inode, uint8_t type, const uint8_t *data, size_t len)
{
	if (type == NAME_FIELD && len) {
		len = SV_MIN(strnlen((const char *)data, len), sizeof(inode->name) - 1);
		memcpy(inode->name, data, len);
		inode->name[len] = '\0';
	}
	if (type == STREAM_FIELD && len >= 8)
		inode->size = get_le64(data);
}

bool apfs_inode_parse(const struct apfs_record *r, struct apfs_inode *inode)
{
	const uint8_t *v = r->value, *head = v + I_FIELDS + F_DATA;
	*inode = (struct apfs_inode){.found = r->len >= I_FIELDS};
	if (!inode->found)
		return false;
	inode->parent = get_le64(v + I_PARENT);
	inode->stream = get_le64(v + I_STREAM);
	inode->folder = (get_le16(v + I_MODE) & MODE_TYPE) == MODE_DIR;
	size_t n = r->len >= I_FIELDS + F_DATA ? get_le16(v + I_FIELDS) : 0;
	size_t at = I_FIELDS + F_DATA + n * F_HEAD;
	for (size_t i = 0; i < n && at <= r->len; i++) {
		size_t len = get_le16(head + i * F_HEAD + 2);
		if (len > r->len - at)
			return false;
		take_field(inode, head[i * F_HEAD], v + at, len);
		at += sv_round_up(len, 8);
	}
	inode->shown = inode->size;
	if (get_le64(v + I_FLAGS) & HAS_UNPACKED)
		inode->shown = get_le64(v + I_UNPACKED);
	return true;
}

/* ---- what was hit ---- */

int apfs_hit_add(struct apfs_search *s, const struct apfs_hit *hit)
{
	if (s->n_hits == HITS_MAX) {
		owners_caution(s->o, "more losses than can be listed");
		return 0;
	}
	if (s->n_hits == s->hits_cap) {
		size_t cap = s->hits_cap ? s->hits_cap * 2 : 64;
		struct apfs_hit *v = reallocarray(s->hits, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		s->hits = v;
		s->hits_cap = cap;
	}
	s->hits[s->n_hits++] = *hit;
	return 0;
}

static void say_damaged(struct apfs_search *s)
{
	owners_caution(s->o, "records in its tree of files are damaged");
}

static int take_extent(void *arg, const struct apfs_record *r)
{
	struct apfs_search *s = arg;
	struct apfs *a = &s->a;
	if (r->key.type != APFS_FILE_EXTENT)
		return 0;
	uint64_t len = r->len >= E_SIZE ? get_le64(r->value + E_LEN) & LEN_MASK : 0, end;
	uint64_t block = len ? get_le64(r->value + E_BLOCK) : 0;
	uint64_t count = sv_round_up(len, a->block_size) / a->block_size;
	if (!len || !sv_range_ok(block, count, a->blocks) || !sv_add_ok(r->key.number, len, &end)) {
		say_damaged(s);
		return 0;
	}
	if (!block || !apfs_wants(s, block, count))
		return 0;
	return apfs_hit_add(s, &(struct apfs_hit){.stream = r->key.id,
						  .start = r->key.number,
						  .len = len,
						  .at = block * a->block_size,
						  .at_len = count * a->block_size});
}

/* Snapshots share leaves with the volume as it is. */
static int enter(void *arg, const struct apfs_span *span, bool *skip)
{
	struct apfs_search *s = arg;
	int rc = 0;
	*skip = owners_stopped(s->o);
	if (span->level == 0 && s->views[s->current].snapshot)
		*skip = *skip || sv_extents_contain(&s->seen, span->block, 1);
	else if (span->level == 0 && s->seen.n < SEEN_MAX)
		rc = sv_extents_add(&s->seen, span->block, 1);
	return rc || *skip ? SV_MIN(rc, 0) : apfs_claim(s, span->block, 1, "a tree of files");
}

static int lost(void *arg, const struct apfs_span *span, bool damaged)
{
	struct apfs_search *s = arg;
	if (damaged)
		owners_caution(s->o, "nodes of its tree of files are damaged");
	return apfs_gaps_add(s, span);
}

/* ---- whose it is ---- */

static int by_stream(const void *pa, const void *pb)
{
	const struct apfs_hit *a = pa, *b = pb;
	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

static size_t find_hit(const struct apfs_search *s, uint64_t stream)
{
	size_t low = 0, high = s->n_hits;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->hits[mid].stream < stream)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Only what is wanted. */
static int claim_run(struct apfs_search *s, const struct owners_file *file,
		     const struct apfs_hit *hit, uint64_t size)
{
	struct sv_extent p;
	uint64_t pos = hit->at;
	int rc = 0;
	while (!rc && sv_extents_next(s->wanted, &pos, hit->at + hit->at_len, &p))
		rc = owners_run(s->o, file, p.start, p.len, hit->start + (p.start - hit->at), size);
	return rc;
}

/* The list of its extents begins in a gap. */
static int lose_map(struct apfs_search *s, struct owners_file *file, uint64_t stream, uint64_t size)
{
	const struct apfs_key key = {.id = stream, .type = APFS_FILE_EXTENT};
	const struct apfs_gap *g = size ? apfs_gap_of(s, &key) : NULL;
	if (!g)
		return 0;
	const struct apfs_key *end = &g->span.end;
	if (end->id == stream && end->type == APFS_FILE_EXTENT)
		size = SV_MIN(size, end->number);
	file->kind = FILES_MAP;
	return apfs_gap_lose(s, g, file, 0, size);
}

static int claim_stream(struct apfs_search *s, struct owners_file *file, uint64_t stream,
			uint64_t size)
{
	int rc = lose_map(s, file, stream, size);
	for (size_t i = find_hit(s, stream); !rc && i < s->n_hits && s->hits[i].stream == stream;
	     i++) {
		struct apfs_hit *h = &s->hits[i];
		uint64_t left = h->start < size ? size - h->start : 0;
		file->kind = h->kind;
		h->owned = true;
		if (h->kind == FILES_CONTENT)
			rc = claim_run(s, file, h, size);
		else if (left)
			rc = owners_lose(s->o, file, h->at, h->at_len, h->start,
					 SV_MIN(h->len, left));
	}
	return rc;
}

static int take_inode(struct apfs_search *s, const struct apfs_record *r)
{
	struct owners_file file = {0};
	struct apfs_inode inode;
	if (!apfs_inode_parse(r, &inode))
		say_damaged(s);
	if (!inode.found || !apfs_id(s->current, r->key.id, &file.id))
		return 0;
	return claim_stream(s, &file, inode.stream, inode.size);
}

static int take_attribute(struct apfs_search *s, const struct apfs_record *r)
{
	struct owners_file file = {0};
	char name[1024];
	size_t len = SV_MIN(get_le16(r->raw + X_NAME_LEN), r->raw_len - X_NAME);
	if (r->len < X_LEN || !(get_le16(r->value + X_FLAGS) & IN_STREAM) ||
	    !apfs_id(s->current, r->key.id, &file.id))
		return 0;
	len = SV_MIN(strnlen((const char *)r->raw + X_NAME, len), sizeof(name) - 1);
	memcpy(name, r->raw + X_NAME, len);
	name[len] = '\0';
	file.stream = name;
	return claim_stream(s, &file, get_le64(r->value + X_STREAM), get_le64(r->value + X_SIZE));
}

static int take_owner(void *arg, const struct apfs_record *r)
{
	struct apfs_search *s = arg;
	switch (r->key.type) {
	case APFS_INODE:
		return take_inode(s, r);
	case APFS_XATTR:
		return take_attribute(s, r);
	case APFS_ENTRY:
		return apfs_gaps_name(s, r);
	default:
		return 0;
	}
}

static int find_owners(struct apfs_search *s)
{
	const struct apfs_tree t = apfs_view_tree(s);
	const struct apfs_visit v = {.record = take_owner, .arg = s};
	int rc = 0;
	if (s->n_hits)
		qsort(s->hits, s->n_hits, sizeof(*s->hits), by_stream);
	if (!owners_stopped(s->o))
		rc = apfs_tree_visit(&t, &v);
	for (size_t i = 0; i < s->n_hits; i++)
		if (!s->hits[i].owned)
			owners_caution(s->o, "whose some of the content is, is lost");
	return rc;
}

int apfs_content_find(struct apfs_search *s)
{
	const struct apfs_tree t = apfs_view_tree(s);
	const struct apfs_visit v = {.record = take_extent, .enter = enter, .lost = lost, .arg = s};
	size_t before = s->n_gaps;
	s->n_hits = 0;
	int rc = apfs_tree_visit(&t, &v);
	if (!rc)
		rc = apfs_gaps_streams(s);
	if (!rc && (s->n_hits || s->n_gaps > before))
		rc = find_owners(s);
	if (!rc)
		rc = apfs_gaps_find(s);
	return rc;
}
