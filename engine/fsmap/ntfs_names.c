/* ntfs_names.c - NTFS: the names of files that were hit, from their own records */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/ntfs.h, struct ATTR_LIST_ENTRY */
#define ENTRY_TYPE 0x00
#define ENTRY_LEN  0x04
#define ENTRY_REF  0x10
#define ENTRY_MIN  0x1a

int ntfs_stream_of(struct ntfs_vol *v, const uint8_t *rec, uint32_t type, const char *name,
		   struct ntfs_stream *s)
{
	struct ntfs_attr a;
	uint32_t pos = 0;
	while (ntfs_attr_next(rec, v->record, &pos, &a) == 1)
		if (a.type == type && ntfs_name_is(a.name, a.name_len, name) && !a.lowest)
			return ntfs_stream_append(v, s, &a);
	return FSMAP_IS_WHOLE;
}

/* ---- all records of a file ---- */

typedef int (*record_fn)(struct ntfs_namer *n, void *arg, const uint8_t *rec);

static int follow_list(struct ntfs_namer *n, uint64_t number, const uint8_t *list, size_t size,
		       record_fn fn, void *arg)
{
	uint64_t last = number;
	int rc = 0;
	for (size_t pos = 0; rc >= 0 && size - pos >= ENTRY_MIN;) {
		size_t len = get_le16(list + pos + ENTRY_LEN);
		uint64_t ref = NTFS_REF_NUMBER(get_le64(list + pos + ENTRY_REF));
		if (len < ENTRY_MIN || len > size - pos)
			return 0;
		if (ref != number && ref != last) {
			rc = ntfs_record_read(n->v, ref, n->ext);
			if (!rc && ntfs_record_base(n->ext) == number)
				rc = fn(n, arg, n->ext);
			last = ref;
		}
		pos += len;
	}
	return SV_MIN(rc, 0);
}

static int extensions(struct ntfs_namer *n, uint64_t number, record_fn fn, void *arg)
{
	struct ntfs_stream s = {.what = "an attribute list"};
	uint8_t *list = NULL;
	int rc = ntfs_stream_of(n->v, n->rec, NTFS_AT_ATTRIBUTE_LIST, "", &s);
	if (!rc && s.size > 0 && s.size <= NTFS_ATTR_LIST_MAX) {
		list = malloc(s.size);
		rc = list ? ntfs_stream_read(n->v, &s, list, s.size, 0, true) : SV_E_NOMEM;
		if (!rc)
			rc = follow_list(n, number, list, s.size, fn, arg);
	}
	free(list);
	ntfs_stream_clear(&s);
	return SV_MIN(rc, 0);
}

/* Call fn with the record and those that extend it, as far as they can be read. */
static int each_record(struct ntfs_namer *n, uint64_t number, record_fn fn, void *arg)
{
	int rc = ntfs_record_read(n->v, number, n->rec);
	if (rc)
		return SV_MIN(rc, 0);
	rc = fn(n, arg, n->rec);
	return rc ? rc : extensions(n, number, fn, arg);
}

/* ---- names and sizes of what was hit ---- */

int ntfs_names_add(struct ntfs_namer *n, size_t file, uint64_t parent, const uint8_t *name,
		   size_t len)
{
	if (len < NTFS_NAME_TEXT || (size_t)name[NTFS_NAME_LEN] * 2 > len - NTFS_NAME_TEXT ||
	    name[NTFS_NAME_SPACE] == NTFS_SPACE_DOS)
		return 0;
	char *text = owners_utf8(name + NTFS_NAME_TEXT, name[NTFS_NAME_LEN]);
	int rc = text ? links_add(&n->links, file, parent, text, strlen(text)) : SV_E_NOMEM;
	free(text);
	return rc;
}

struct about {
	size_t file;
	uint64_t size;
	bool folder;
};

static int take_names(struct ntfs_namer *n, void *arg, const uint8_t *rec)
{
	struct about *about = arg;
	struct ntfs_attr a;
	uint32_t pos = 0;
	int rc = 0;
	about->folder = about->folder || ntfs_record_is_folder(rec);
	while (!rc && ntfs_attr_next(rec, n->v->record, &pos, &a) == 1) {
		if (a.type == NTFS_AT_FILE_NAME && a.resident && a.value_len >= NTFS_NAME_TEXT)
			rc = ntfs_names_add(n, about->file, NTFS_REF_NUMBER(get_le64(a.value)),
					    a.value, a.value_len);
		if (a.type == NTFS_AT_DATA && !a.name_len && !a.lowest)
			about->size = a.size;
	}
	return rc;
}

static int name_file(struct ntfs_namer *n, size_t i)
{
	struct about about = {.file = i};
	uint64_t id = owners_id(n->o, i);
	int rc = each_record(n, id, take_names, &about);
	owners_describe(n->o, i, about.size, about.folder);
	return rc;
}

/* ---- folders above ---- */

struct found {
	uint64_t parent;
	char *name;
};

static int take_folder(struct ntfs_namer *n, void *arg, const uint8_t *rec)
{
	struct found *found = arg;
	struct ntfs_attr a;
	uint32_t pos = 0;
	while (!found->name && ntfs_attr_next(rec, n->v->record, &pos, &a) == 1) {
		const uint8_t *v = a.value;
		if (a.type != NTFS_AT_FILE_NAME || !a.resident || a.value_len < NTFS_NAME_TEXT ||
		    (size_t)v[NTFS_NAME_LEN] * 2 > a.value_len - NTFS_NAME_TEXT ||
		    v[NTFS_NAME_SPACE] == NTFS_SPACE_DOS)
			continue;
		found->parent = NTFS_REF_NUMBER(get_le64(v));
		found->name = owners_utf8(v + NTFS_NAME_TEXT, v[NTFS_NAME_LEN]);
		if (!found->name)
			return SV_E_NOMEM;
	}
	return 0;
}

static int find_folder(void *arg, uint64_t id, uint64_t *parent, char **name)
{
	struct found found = {0};
	int rc = each_record(arg, id, take_folder, &found);
	*parent = found.parent;
	*name = found.name;
	return rc;
}

int ntfs_names_find(struct ntfs_vol *v, struct owners *o, const struct ntfs_dirs *dirs)
{
	struct ntfs_namer n = {.v = v, .o = o, .dirs = dirs, .folders = {.root = NTFS_REC_ROOT}};
	n.rec = malloc(v->record);
	n.ext = malloc(v->record);
	int rc = n.rec && n.ext ? 0 : SV_E_NOMEM;
	for (size_t i = 0; !rc && i < owners_count(o) && !owners_stopped(o); i++)
		rc = name_file(&n, i);
	if (!rc)
		rc = ntfs_index_search(&n);
	if (!rc)
		rc = links_climb(&n.links, &n.folders, find_folder, &n);
	if (!rc)
		rc = links_name(&n.links, &n.folders, o);
	links_clear(&n.links);
	folders_clear(&n.folders);
	free(n.rec);
	free(n.ext);
	return rc;
}
