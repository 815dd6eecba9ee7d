/* files.h - whose bytes are these? From lost areas of a volume to the files they hit */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FILES_H
#define SV_FSMAP_FILES_H

#include "engine/util/err.h"
#include "engine/util/extent.h"

#include <stdatomic.h>

struct blk_dev;
struct fsmap_how;

/* What a file loses. */
enum files_kind {
	FILES_CONTENT, /* bytes of its content, or of one of its streams */
	FILES_MAP,     /* the note of where content lies: these bytes cannot be found any more */
	FILES_RECORD,  /* its inode or MFT record: all of it cannot be found any more */
	FILES_ENTRIES, /* of a folder: names in it */
	FILES_ATTRS,   /* extended attributes, access rights */
	FILES_SLACK,   /* space behind its end, or never written: nothing that counts */
};

struct files_loss {
	uint64_t id; /* of the file: inode, MFT record, first cluster, number in the catalog */
	enum files_kind kind;
	uint64_t start, len; /* bytes of the file; 0, 0 where the kind has none */
	uint64_t at, at_len; /* bytes of the volume that were lost for it */
	char *stream;	     /* name of the stream (UTF-8); NULL = the content itself */
};

/* A file that was hit. */
struct files_file {
	uint64_t id;
	char **paths; /* "/home/me/letter"; all names, as far as they were found; bytes as on disk,
			 NTFS, FAT, exFAT and HFS+ as UTF-8 */
	size_t n_paths;
	uint64_t size; /* of the content in bytes, 0 when not known */
	bool folder;
	size_t first, n; /* its losses */
};

/* A lost area that belongs to no file. */
enum files_area_kind {
	FILES_AREA_METADATA, /* the filesystem's own */
	FILES_AREA_FREE,     /* proven unused: nothing is lost */
	FILES_AREA_UNKNOWN,  /* cannot tell: what would tell is lost itself, or says nothing */
};
struct files_area {
	enum files_area_kind kind;
	uint64_t start, len; /* bytes of the volume, ascending */
	const char *what;    /* METADATA: constant words ("an inode table"); else NULL */
};

/* The answer. Bytes of the lost areas are in `losses` (perhaps in several), in one area, or in a
 * volume inside. */
struct fsmap_files {
	char fs[32];	   /* libblkid's type name, "" when unknown */
	char label[256];   /* "" when none */
	char reason[240];  /* why all of it is unknown; "" when it could be looked into */
	char caution[240]; /* why names or owners may be missing; "" when nothing stands against
			      the list */
	struct files_file *files; /* by path */
	size_t n_files;
	struct files_loss *losses; /* by file, kind, stream, start */
	size_t n_losses;
	struct files_area *areas;
	size_t n_areas;
	uint64_t metadata, free, unknown, in_files,
		in_inner;	   /* bytes of `lost` in each; a byte counts once */
	struct files_inner *inner; /* what stands in this one, and was hit */
	size_t n_inner;
};

/* A volume inside of another one: a logical volume, what LUKS holds. Its files are in bytes of its
 * own. */
struct files_inner {
	char name[160]; /* "vg0/root", "LUKS2" */
	uint64_t size, lost;
	/* where it could not be put together (its reason says why): without areas, because its
	 * bytes are unknown ones of the outer volume. Owned. */
	struct fsmap_files *files;
};

/*
 * Who owns the bytes of `lost` (a normal list, in bytes of the volume)? `vol` may hold anything
 * there: nothing of it is believed. One pass over the filesystem's metadata; what is kept in memory
 * is what was hit and a few bytes per folder. Never fails for what is on the disk. *stop (may be
 * NULL) ends it early: SV_E_STOPPED. SV_E_NOMEM. Encrypted volumes are opened, and
 * other volumes found, by `how`, as by fsmap_read(); what is read of others is taken as good.
 * Release with fsmap_files_destroy().
 */
int fsmap_files_read(struct blk_dev *vol, const struct sv_extents *lost,
		     const struct fsmap_how *how, const atomic_int *stop,
		     struct fsmap_files **files_ret, struct sv_err *err);
void fsmap_files_destroy(struct fsmap_files *files);

/* "content", "map", "record", "entries", "attributes", "slack"; "metadata", "free", "unknown". */
const char *files_kind_name(enum files_kind kind);
const char *files_area_name(enum files_area_kind kind);

#endif
