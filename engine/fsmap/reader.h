/* reader.h - what a map reader of one filesystem implements and may call; private to engine/fsmap
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_READER_H
#define SV_FSMAP_READER_H

#include "engine/fsmap/fsmap.h"

struct fsmap_reader; /* one reading of one volume; made by fsmap_read() */
struct owners;
struct fsmap_files;

/* A reader returns 0 (map stands), FSMAP_IS_WHOLE (after fsmap_whole()), or SV_E_NOMEM. */
#define FSMAP_IS_WHOLE 1

/* One filesystem. Registered in the const array of registry.c, ordered; the first whose `types`
 * holds libblkid's name is asked. */
struct fsmap_ops {
	const char *name;
	const char *const *types; /* NULL-terminated libblkid type names */
	int (*read)(struct fsmap_reader *r);
	bool container; /* a union is never its own, but of what is inside */
	/* Who owns the lost bytes (owners.h)? Whole: nothing can be told. NULL: not looked for. */
	int (*files)(struct fsmap_reader *r, struct owners *o);
};

extern const struct fsmap_ops fsmap_ext_ops, fsmap_ntfs_ops, fsmap_fat_ops, fsmap_swap_ops;
extern const struct fsmap_ops fsmap_exfat_ops, fsmap_xfs_ops, fsmap_f2fs_ops, fsmap_hfsplus_ops,
	fsmap_apfs_ops;
extern const struct fsmap_ops fsmap_btrfs_ops, fsmap_lvm_ops, fsmap_luks_ops, fsmap_bitlk_ops;
extern const struct fsmap_ops fsmap_mdraid_ops;

/* fsmap_read() without the probe: this reader, under this type name. For tests and fuzzers. */
int fsmap_read_as(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
		  struct fsmap **map_ret, struct sv_err *err);
int fsmap_read_with(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
		    const struct fsmap_how *how, struct fsmap **map_ret, struct sv_err *err);

/* fsmap_files_read() without the probe; `_as` without keys and others, too. For tests and fuzzers.
 */
int fsmap_files_read_as(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
			const struct sv_extents *lost, struct fsmap_files **files_ret);
int fsmap_files_read_with(struct blk_dev *vol, const struct fsmap_ops *ops, const char *type,
			  const struct fsmap_how *how, const struct sv_extents *lost,
			  struct fsmap_files **files_ret);

/* The reader for a libblkid type name, NULL when there is none. */
const struct fsmap_ops *fsmap_ops_find(const char *type);
/* All readers, in order; NULL after the last. */
const struct fsmap_ops *fsmap_ops_at(size_t i);

/* The volume's size in bytes, sector size, and libblkid's type name. */
uint64_t fsmap_size(const struct fsmap_reader *r);
uint32_t fsmap_sector_size(const struct fsmap_reader *r);
const char *fsmap_type(const struct fsmap_reader *r);

/*
 * Read metadata: records the range (it must be in the finished map) and adds the bytes to the
 * digest. Returns 0; an unreadable or out-of-range block calls fsmap_whole() itself with `what` in
 * the reason and returns FSMAP_IS_WHOLE. SV_E_NOMEM.
 */
int fsmap_read_meta(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what);

/* The same for one of several copies of the same metadata: an unreadable one is no doubt yet, *ok
 * says so. The range must be in the map either way. */
int fsmap_read_copy(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what,
		    bool *ok);

/* The same for bytes that need not be used afterwards (a bitmap's copy in a log, a file's head):
 * only digest, no self-check. */
int fsmap_read_hint(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what);

/* What must be read for a map, but may be lost where owners are searched for: then *ok is false.
 * Else like fsmap_read_meta(). */
int fsmap_read_maybe(struct fsmap_reader *r, void *buf, size_t len, uint64_t off, const char *what,
		     bool *ok);

/* This range is proven free. Out-of-range is whole. 0, FSMAP_IS_WHOLE or SV_E_NOMEM. */
int fsmap_mark_free(struct fsmap_reader *r, uint64_t off, uint64_t len);

/* This range is used whatever was or will be marked free (wins over fsmap_mark_free, in any order).
 */
int fsmap_mark_used(struct fsmap_reader *r, uint64_t off, uint64_t len);

/* Whether some of the list, which becomes normal, was marked free so far. 0 or SV_E_NOMEM. */
int fsmap_frees_any(struct fsmap_reader *r, struct sv_extents *list, bool *any);

/* Mark free by a bitmap: bit i (LSB first in each byte) stands for [base + i * unit, + unit); 0 =
 * free. Bits from `first_bit` up to `bits`. */
int fsmap_mark_bitmap(struct fsmap_reader *r, const uint8_t *bitmap, uint64_t first_bit,
		      uint64_t bits, uint64_t base, uint64_t unit);

/*
 * Another volume inside of this one, in segments of which some or all columns are places of
 * fsmap_device(), is probed and mapped, and what that map has for free is marked free here, as far
 * as it is here. Whatever is in doubt about it stays used and makes the outer map a union, with a
 * reason that has `name` in it; a suspended system in it makes the outer volume whole. At most
 * FSMAP_DEPTH volumes stand in each other. 0, FSMAP_IS_WHOLE or SV_E_NOMEM.
 */
#define FSMAP_DEPTH 5
struct blk_dev *fsmap_device(const struct fsmap_reader *r);
int fsmap_read_inner(struct fsmap_reader *r, const char *name, const struct blk_segment *segments,
		     size_t n);

/*
 * The same for one piece that all the rest is there for. The map then tells what is inside, `title`
 * in front; where that is read whole, so is all of this.
 */
int fsmap_read_content(struct fsmap_reader *r, const char *title, const struct blk_piece *piece);

/* The same for a piece that has to be decrypted; `title`: "LUKS2". */
struct fsmap_decrypted {
	const char *title;
	struct blk_piece data; /* what is encrypted */
	const struct blk_crypt_params *crypt;
	/* Its parts, in the order in which they are the volume inside; none: as it is. data.start
	 * is 0 then. */
	const struct blk_piece *order;
	size_t n;
	const struct sv_extents *blank; /* these places inside hold zeros; may be empty */
};
int fsmap_read_decrypted(struct fsmap_reader *r, const struct fsmap_decrypted *how);

/*
 * Containers have one way to read them for both, the map and the search for owners (then this is
 * them, else NULL): there, fsmap_read_inner() and fsmap_read_decrypted() search in the volume
 * inside for what was lost of it, and what is marked free, and not used, is told by
 * fsmap_tell_free().
 */
struct owners *fsmap_owners(const struct fsmap_reader *r);
int fsmap_tell_free(struct fsmap_reader *r);

/* What is seen here when the 4 KiB at `off` are zeros; what cannot be read is whole. 0,
 * FSMAP_IS_WHOLE or SV_E_NOMEM. */
int fsmap_probe_without(struct fsmap_reader *r, uint64_t off, struct fsmap_probe *probe);

/* The keys that there are; NULL: none. */
struct unlock *fsmap_unlock(const struct fsmap_reader *r);
/* The volume in words, for whoever is asked for its passphrase: `title` is its kind. */
void fsmap_name_volume(const struct fsmap_reader *r, const char *title, char *text, size_t len);

/* `ntfs_union` of how it is read. */
bool fsmap_wants_ntfs_union(const struct fsmap_reader *r);

/* Whether there is a source of other volumes, and one of its volumes; see others.h. 0 or
 * SV_E_NOMEM. */
bool fsmap_has_others(const struct fsmap_reader *r);
int fsmap_find_other(struct fsmap_reader *r, const char *type, const char *uuid,
		     enum others_found *found_ret, struct blk_dev **dev_ret);
/* It helps; or it does not, for this reason: `joined` and `apart` in fsmap.h. */
void fsmap_join(struct fsmap_reader *r);
void fsmap_miss(struct fsmap_reader *r, const char *why);
/* Read the metadata of another volume through a reader of its own; what is read goes into the
 * digest of this one. What `look` returns; after FSMAP_IS_WHOLE its reason is in `why`. */
typedef int (*fsmap_look)(struct fsmap_reader *other, void *arg);
int fsmap_look_at(struct fsmap_reader *r, struct blk_dev *dev, fsmap_look look, void *arg,
		  char *why, size_t len);

/* It is encrypted, and its key would open it. */
void fsmap_set_locked(struct fsmap_reader *r);

/* More of what is told of the content, for people: `inside` in fsmap.h. */
void fsmap_tell(struct fsmap_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Doubt: the volume is read whole, for this reason. Returns FSMAP_IS_WHOLE. The first reason
 * stands. */
int fsmap_whole(struct fsmap_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same where what is inside can be told all the same: in a search it is a caution, and 0. */
int fsmap_doubt(struct fsmap_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The map is a union because of ...; the first reason stands. */
void fsmap_union(struct fsmap_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void fsmap_set_block_size(struct fsmap_reader *r, uint32_t block_size);
/* This volume holds a suspended system. */
void fsmap_set_hibernated(struct fsmap_reader *r);
/* See `unsettled` in fsmap.h; every union of a filesystem is that by itself. */
void fsmap_set_unsettled(struct fsmap_reader *r);
bool fsmap_is_unsettled(const struct fsmap_reader *r);

#endif
