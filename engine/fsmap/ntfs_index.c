/* ntfs_index.c - NTFS: names of lost MFT records, from the indexes of the folders */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h: struct INDEX_ROOT, INDEX_BUFFER, INDEX_HDR, NTFS_DE */
#define AT_INDEX_ROOT	0x90
#define AT_INDEX	0xa0
#define ROOT_BLOCK_SIZE 0x08
#define ROOT_HEADER	0x10
#define BUFFER_HEADER	0x18
#define HDR_FIRST	0x00
#define HDR_USED	0x04
#define DE_REF		0x00
#define DE_LEN		0x08
#define DE_KEY_LEN	0x0a
#define DE_KEY		0x10
#define BLOCK_MAX	65536u
/* Larger than any folder; indexes of hostile volumes may all be the same clusters. */
#define INDEX_BYTES_MAX (4 * SV_GIB)

static int take_entries(struct ntfs_namer *n, uint64_t dir, const uint8_t *hdr, size_t room)
{
	if (room < 16)
		return 0;
	size_t pos = get_le32(hdr + HDR_FIRST), end = SV_MIN(get_le32(hdr + HDR_USED), room);
	int rc = 0;
	while (!rc && pos <= end && end - pos >= DE_KEY) {
		const uint8_t *e = hdr + pos;
		size_t len = get_le16(e + DE_LEN), key = get_le16(e + DE_KEY_LEN);
		if (len < DE_KEY || len > end - pos || key > len - DE_KEY)
			break;
		size_t file =
			key ? owners_find(n->o, NTFS_REF_NUMBER(get_le64(e + DE_REF))) : SIZE_MAX;
		if (file != SIZE_MAX)
			rc = ntfs_names_add(n, file, dir, e + DE_KEY, key);
		pos += len;
	}
	return rc;
}

/* Blocks of the index that are not in use, and lost ones, are passed over. */
static int take_blocks(struct ntfs_namer *n, uint64_t dir, struct ntfs_stream *s, uint32_t size,
		       uint64_t *budget)
{
	uint64_t end = SV_MIN(s->size, ntfs_stream_mapped(n->v, s));
	uint8_t *block = malloc(size);
	int rc = block ? 0 : SV_E_NOMEM;
	for (uint64_t off = 0; rc >= 0 && off < end && end - off >= size && *budget >= size;
	     off += size) {
		*budget -= size;
		rc = ntfs_stream_read(n->v, s, block, size, off, true);
		if (!rc && !memcmp(block, "INDX", 4) && ntfs_fixup(block, size))
			rc = take_entries(n, dir, block + BUFFER_HEADER, size - BUFFER_HEADER);
	}
	free(block);
	return SV_MIN(rc, 0);
}

static int search_folder(struct ntfs_namer *n, uint64_t dir, uint64_t *budget)
{
	struct ntfs_stream root = {.what = "a folder"}, blocks = {.what = "a folder"};
	int rc = ntfs_record_read(n->v, dir, n->rec);
	if (!rc)
		rc = ntfs_stream_of(n->v, n->rec, AT_INDEX_ROOT, "$I30", &root);
	if (!rc && root.resident && root.size > ROOT_HEADER) {
		uint32_t size = get_le32(root.resident + ROOT_BLOCK_SIZE);
		rc = take_entries(n, dir, root.resident + ROOT_HEADER, root.size - ROOT_HEADER);
		if (!rc && sv_is_pow2(size) && size >= NTFS_BLOCK && size <= BLOCK_MAX &&
		    !ntfs_stream_of(n->v, n->rec, AT_INDEX, "$I30", &blocks))
			rc = take_blocks(n, dir, &blocks, size, budget);
	}
	ntfs_stream_clear(&root);
	ntfs_stream_clear(&blocks);
	return SV_MIN(rc, 0);
}

int ntfs_index_search(struct ntfs_namer *n)
{
	uint64_t budget = INDEX_BYTES_MAX;
	int rc = 0;
	for (size_t i = 0; !rc && i < n->dirs->n && !owners_stopped(n->o); i++)
		rc = search_folder(n, n->dirs->v[i], &budget);
	return rc;
}
