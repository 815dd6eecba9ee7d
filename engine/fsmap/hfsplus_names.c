/* hfsplus_names.c - HFS+: the names of files that were hit, from the catalog */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/hfsplus_files.h"

#include "engine/util/bytes.h"
#include "engine/util/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* TN1150, "Hard Links"; of folders: xnu's hfs_format.h. */
#define TYPE_LINK	 0x686c6e6b6866732bull /* "hlnkhfs+" */
#define TYPE_FOLDER_LINK 0x666472704d414353ull /* "fdrpMACS" */

#define INODES_MAX ((size_t)1 << 20) /* 16 MiB of them */

/* What has several names: links tell `number`, which is in the only name that is no link. */
struct inode {
	uint32_t number, id;
	bool folder;
};

/* What the catalog says of a file that was hit. */
struct about {
	uint64_t size;
	uint32_t parent;
	struct sv_digest name;
	bool named;
	bool wants_thread, has_thread;
};

struct namer {
	struct hfsplus_finder *f;
	struct about *about;
	struct inode *inodes;
	size_t n, cap;
	struct names *names;
};

/* ---- a record ---- */

enum what { NOTHING, FOLDER, FILE_RECORD, LINK, FOLDER_LINK };

/* What a record of the catalog names: threads, too. */
struct entry {
	enum what what;
	uint32_t id;
	uint32_t number; /* of a link */
	struct hfsplus_name name;
	const uint8_t *data; /* of the record of a file or folder; NULL: it is a thread */
};

static enum what what_file(const uint8_t *data)
{
	uint64_t type = get_be64(data + HFSPLUS_C_TYPE);
	return type == TYPE_LINK ? LINK : type == TYPE_FOLDER_LINK ? FOLDER_LINK : FILE_RECORD;
}

static struct entry entry_of(const uint8_t *record, uint32_t key, const uint8_t *data, uint32_t len)
{
	struct entry e = {0};
	unsigned int kind = len < 2 ? 0 : get_be16(data);
	if (!hfsplus_name_of(record, key, &e.name))
		return e;
	if ((kind == HFSPLUS_C_FILE && len >= HFSPLUS_C_FILE_SIZE) ||
	    (kind == HFSPLUS_C_FOLDER && len >= HFSPLUS_C_FOLDER_SIZE)) {
		e.id = get_be32(data + HFSPLUS_C_ID);
		e.data = data;
		e.what = kind == HFSPLUS_C_FILE ? what_file(data) : FOLDER;
		e.number = get_be32(data + HFSPLUS_C_LINK);
	} else if (kind == HFSPLUS_C_FILE_THREAD || kind == HFSPLUS_C_FOLDER_THREAD) {
		e.id = e.name.parent;
		if (hfsplus_thread_name(data, len, &e.name))
			e.what = kind == HFSPLUS_C_FILE_THREAD ? FILE_RECORD : FOLDER;
	}
	return e;
}

/* "iNode123", "dir_123" */
static bool number_in(const struct hfsplus_name *name, const char *before, uint32_t *number)
{
	uint64_t value = 0;
	uint32_t i = 0;
	for (; before[i]; i++)
		if (i >= name->chars || get_be16(name->text + 2 * i) != (uint8_t)before[i])
			return false;
	for (; i < name->chars; i++) {
		uint32_t digit = get_be16(name->text + 2 * i) - (uint32_t)'0';
		value = value * 10 + digit;
		if (digit > 9 || value > UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

/* It stands where nobody looks, and its links are its names. */
static bool is_inode(const struct namer *n, const struct entry *e, uint32_t *number)
{
	const struct hfsplus_finder *f = n->f;
	if (e->what == FOLDER)
		return f->private_folders && e->name.parent == f->private_folders &&
		       number_in(&e->name, "dir_", number);
	return e->what == FILE_RECORD && f->private_files && e->name.parent == f->private_files &&
	       number_in(&e->name, "iNode", number);
}

/* ---- first: sizes, and what has several names ---- */

static int add_inode(struct namer *n, const struct entry *e, uint32_t number)
{
	if (e->what == FILE_RECORD && owners_find(n->f->o, e->id) == SIZE_MAX)
		return 0;
	if (n->n == INODES_MAX) {
		owners_caution(n->f->o, "more hard links than can be followed");
		return 0;
	}
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 64;
		struct inode *v = reallocarray(n->inodes, cap, sizeof(*v));
		if (!v)
			return SV_E_NOMEM;
		n->inodes = v;
		n->cap = cap;
	}
	n->inodes[n->n++] = (struct inode){number, e->id, e->what == FOLDER};
	return 0;
}

/* A record and its thread have the same name, or one of them is wrong. */
static void compare_names(const struct namer *n, struct about *about, const struct entry *e)
{
	struct sv_digest name = sv_xxh3_128(e->name.text, 2 * (size_t)e->name.chars, 0);
	if (about->named &&
	    (about->parent != e->name.parent || memcmp(&name, &about->name, sizeof(name)) != 0))
		owners_caution(n->f->o, "the catalog is damaged: it has two names of file %" PRIu32,
			       e->id);
	about->named = true;
	about->parent = e->name.parent;
	about->name = name;
}

static int meet(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data, uint32_t len)
{
	struct namer *n = arg;
	struct entry e = entry_of(record, key, data, len);
	size_t i = e.what ? owners_find(n->f->o, e.id) : SIZE_MAX;
	uint32_t number;
	if (i != SIZE_MAX) {
		compare_names(n, &n->about[i], &e);
		n->about[i].has_thread = n->about[i].has_thread || !e.data;
		n->about[i].wants_thread =
			n->about[i].wants_thread ||
			(e.data && get_be16(data + HFSPLUS_C_FLAGS) & HFSPLUS_FLAG_THREAD);
		if (e.data && e.what != FOLDER)
			n->about[i].size = get_be64(data + HFSPLUS_C_DATA + HFSPLUS_F_LEN);
	}
	return is_inode(n, &e, &number) ? add_inode(n, &e, number) : 0;
}

/* Numbers that are wrong have none. */
static void miss_threads(const struct namer *n)
{
	const struct hfsplus_finder *f = n->f;
	for (size_t i = 0; !f->catalog.lost && i < owners_count(f->o); i++)
		if (n->about[i].wants_thread && !n->about[i].has_thread)
			owners_caution(f->o,
				       "the catalog is damaged: it does not know file %" PRIu64,
				       owners_id(f->o, i));
}

static int by_number(const void *pa, const void *pb)
{
	const struct inode *a = pa, *b = pb;
	if (a->folder != b->folder)
		return a->folder ? 1 : -1;
	return (a->number > b->number) - (a->number < b->number);
}

static uint32_t find_inode(const struct namer *n, const struct entry *e)
{
	const struct inode key = {.number = e->number, .folder = e->what == FOLDER_LINK};
	const struct inode *found =
		n->n ? bsearch(&key, n->inodes, n->n, sizeof(key), by_number) : NULL;
	return found ? found->id : 0;
}

/* ---- then the names, for names_find() ---- */

static int name_entry(void *arg, const uint8_t *record, uint32_t key, const uint8_t *data,
		      uint32_t len)
{
	struct namer *n = arg;
	struct entry e = entry_of(record, key, data, len);
	uint32_t number;
	if (!e.what || is_inode(n, &e, &number))
		return 0;
	if (e.what == LINK || e.what == FOLDER_LINK)
		e.id = find_inode(n, &e);
	bool folder = e.what == FOLDER || e.what == FOLDER_LINK;
	if (!e.id || (!folder && owners_find(n->f->o, e.id) == SIZE_MAX))
		return 0;
	char *name = owners_utf8_hfs(e.name.text, e.name.chars);
	if (!name)
		return SV_E_NOMEM;
	names_enter(n->names, e.name.parent);
	int rc = names_entry(n->names, e.id, name, strlen(name), folder);
	free(name);
	return rc;
}

static int read_all(void *arg, struct names *names)
{
	struct namer *n = arg;
	n->names = names;
	return hfsplus_nodes_walk(&n->f->catalog, name_entry, n);
}

static int find_size(void *arg, uint64_t id, uint64_t *size)
{
	const struct namer *n = arg;
	size_t i = owners_find(n->f->o, id);
	*size = i == SIZE_MAX ? 0 : n->about[i].size;
	return 0;
}

static int find_names(struct namer *n)
{
	struct names names = {.o = n->f->o,
			      .dirs = &n->f->dirs,
			      .root = HFSPLUS_ROOT,
			      .arg = n,
			      .read_all = read_all,
			      .size = find_size};
	int rc = hfsplus_nodes_walk(&n->f->catalog, meet, n);
	miss_threads(n);
	if (n->n)
		qsort(n->inodes, n->n, sizeof(*n->inodes), by_number);
	names_dirs_sort(&n->f->dirs);
	return rc ? rc : names_find(&names);
}

int hfsplus_names_find(struct hfsplus_finder *f)
{
	struct namer n = {.f = f};
	if (!owners_count(f->o))
		return 0;
	n.about = calloc(owners_count(f->o), sizeof(*n.about));
	int rc = n.about ? find_names(&n) : SV_E_NOMEM;
	free(n.about);
	free(n.inodes);
	return rc;
}
