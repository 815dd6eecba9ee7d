/* owners.h - what a reader that looks for the owners of lost bytes may call; private to
 * engine/fsmap */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_OWNERS_H
#define SV_FSMAP_OWNERS_H

#include "engine/fsmap/files.h"
#include "engine/fsmap/reader.h"

/*
 * One search, which a reader's files() is given. Everything returns 0 or SV_E_NOMEM
 * (owners_stopped() but no more than that ends a search early), unless it says otherwise. Offsets
 * in bytes of the volume.
 */
struct owners;

/* The volume's size, the lost list. */
const struct sv_extents *owners_lost(const struct owners *o);
bool owners_stopped(const struct owners *o);

/* Whether any byte of [at, at + len) is lost. */
bool owners_touch(const struct owners *o, uint64_t at, uint64_t len);

/* Whose loss it is, and how. */
struct owners_file {
	uint64_t id;
	enum files_kind kind;
	const char *stream; /* copied; NULL = the content */
};

/* [at, at + len) holds bytes of a file from `start` on, of a content of `size` bytes: what lies
 * behind that is slack. */
int owners_run(struct owners *o, const struct owners_file *file, uint64_t at, uint64_t len,
	       uint64_t start, uint64_t size);
/* [at, at + len) is lost in part, and with it [start, start + span) of the file. */
int owners_lose(struct owners *o, const struct owners_file *file, uint64_t at, uint64_t len,
		uint64_t start, uint64_t span);
/* How many losses were noted so far: more after a call, and it was hit. */
size_t owners_losses(const struct owners *o);
/* [at, at + len) is the filesystem's own; `what` is constant. */
int owners_metadata(struct owners *o, uint64_t at, uint64_t len, const char *what);
/* [at, at + len) is proven free. */
int owners_free(struct owners *o, uint64_t at, uint64_t len);
/* dst (empty) = what is lost and has no owner so far: ask whether that is free. */
int owners_rest(struct owners *o, struct sv_extents *dst);
/* Why the list may be incomplete; the first stands. */
void owners_caution(struct owners *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A volume in this one that cannot be put together, for this reason; `where`: its bytes here, which
 * stay unknown. */
int owners_untold(struct owners *o, const char *name, const struct sv_extents *where,
		  const char *reason);

/* ---- names: after all losses are known ---- */

/* Gather the files; from now on no more losses. */
int owners_seal(struct owners *o);
size_t owners_count(const struct owners *o);
uint64_t owners_id(const struct owners *o, size_t i);
/* The file of that id; SIZE_MAX when it was not hit. */
size_t owners_find(const struct owners *o, uint64_t id);
void owners_describe(struct owners *o, size_t i, uint64_t size, bool folder);
/* Takes path over. Names beyond some are left out. */
int owners_name(struct owners *o, size_t i, char *path);

/* ---- folders: from ids to paths ---- */

struct folder {
	uint64_t id, parent;
	char *name; /* owned; NULL = not known */
};
/* Zero-initialised = empty. Sorted by folders_sort(). */
struct folders {
	struct folder *v;
	size_t n, cap;
	uint64_t root;
};
/* `name` is copied, and may be NULL. */
int folders_add(struct folders *list, uint64_t id, uint64_t parent, const char *name, size_t len);
void folders_sort(struct folders *list);
struct folder *folders_find(const struct folders *list, uint64_t id);
void folders_clear(struct folders *list);
/* "/home/me" + "/" + name. A folder whose name is not known, and a ring, give "/?ID/...". NULL: out
 * of memory. */
char *folders_path(const struct folders *list, uint64_t parent, const char *name, size_t len);

/* Where a folder of that id stands: *parent and *name (malloc'd), which stays NULL where that
 * cannot be told. 0 or SV_E_NOMEM. */
typedef int folders_find_fn(void *arg, uint64_t id, uint64_t *parent, char **name);
/* Add the folders of these ids and all above them, up to the root. `ids` is used up. */
int folders_climb(struct folders *list, uint64_t *ids, size_t n, folders_find_fn *find, void *arg);

/* ---- links: names of files that were hit, until the folders above them are known ---- */

struct owners_link {
	size_t file; /* which of them */
	uint64_t parent;
	char *name; /* owned */
};
/* Zero-initialised = empty. */
struct owners_links {
	struct owners_link *v;
	size_t n, cap;
};
/* `name` is copied. */
int links_add(struct owners_links *list, size_t file, uint64_t parent, const char *name,
	      size_t len);
/* folders_climb() from all their parents. */
int links_climb(const struct owners_links *list, struct folders *folders, folders_find_fn *find,
		void *arg);
/* Give the files their paths. */
int links_name(const struct owners_links *list, const struct folders *folders, struct owners *o);
void links_clear(struct owners_links *list);

/* UTF-16LE as UTF-8; lone halves become U+FFFD. The caller frees; NULL = out of memory. */
char *owners_utf8(const uint8_t *name, size_t chars);
/* The same for UTF-16BE of HFS+, where '/' stands for ':', and a zero is a letter: U+2400, as Linux
 * shows it. */
char *owners_utf8_hfs(const uint8_t *name, size_t chars);

#endif
