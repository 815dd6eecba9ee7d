/* ntfs.h - what the files of the NTFS map reader share; private to ntfs*.c */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_NTFS_H
#define SV_FSMAP_NTFS_H

#include "engine/fsmap/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * On-disk structures: the NTFS documentation of the linux-ntfs project (FILE record, attribute,
 * run list, attribute list, $Volume, restart page) and kernel fs/ntfs3/ntfs.h. All little endian.
 *
 * Functions return as fsmap readers do: 0, FSMAP_IS_WHOLE or SV_E_NOMEM. Damage is noted by
 * ntfs_doubt(), which does not end the reading by itself: the search for a hibernated Windows goes
 * on, because that concerns the other volumes too.
 */

#define NTFS_BLOCK	   512u	      /* fixup stride, whatever the sector size */
#define NTFS_RECORD_MAX	   65536u     /* of a FILE record, in bytes */
#define NTFS_RUNS_MAX	   (1u << 20) /* of one stream that is read */
#define NTFS_ATTR_LIST_MAX 262144u    /* bytes, the limit of Windows itself */
#define NTFS_HOLE	   UINT64_MAX
#define NTFS_PIECE	   (1024u * 1024) /* bytes of a stream read at once */

/* flags of an attribute that change how its content is stored */
#define NTFS_ATTR_COMPRESSED 0x00ff
#define NTFS_ATTR_ENCRYPTED  0x4000
#define NTFS_ATTR_SPARSE     0x8000

enum ntfs_attr_type {
	NTFS_AT_ATTRIBUTE_LIST = 0x20,
	NTFS_AT_FILE_NAME = 0x30,
	NTFS_AT_VOLUME_INFORMATION = 0x70,
	NTFS_AT_DATA = 0x80,
	NTFS_AT_BITMAP = 0xb0,
};

enum ntfs_record_number {
	NTFS_REC_MFT = 0,
	NTFS_REC_LOGFILE = 2,
	NTFS_REC_VOLUME = 3,
	NTFS_REC_ROOT = 5,
	NTFS_REC_BITMAP = 6,
	NTFS_REC_BADCLUS = 8,
};

/* Clusters [vcn, vcn + len) of a stream lie at lcn, or nowhere (NTFS_HOLE). */
struct ntfs_run {
	uint64_t vcn, lcn, len;
};

/* The content of one attribute that is read: gap-free runs, or its bytes where it is resident.
 * Zero-initialised = empty; released with ntfs_stream_clear(). */
struct ntfs_stream {
	const char *what; /* for sentences */
	struct ntfs_run *runs;
	size_t n, cap;
	uint64_t clusters; /* mapped so far */
	uint8_t *resident; /* owned; NULL when the runs count */
	uint64_t size;	   /* bytes */
	uint64_t valid;	   /* bytes that were ever written; the rest reads as zeros */
};

/* A part of a stream in memory. Zero-initialised but for `stream`; the owner frees buf. */
struct ntfs_window {
	struct ntfs_stream *stream;
	uint8_t *buf; /* NTFS_PIECE bytes */
	uint64_t start;
	size_t len;
};

struct ntfs_vol {
	struct fsmap_reader *r;
	uint32_t cluster;  /* bytes */
	uint32_t record;   /* bytes of a FILE record */
	uint64_t clusters; /* whole clusters of the volume */
	uint64_t mft_lcn, mirror_lcn;
	uint8_t *record0;  /* of the $MFT or its mirror, fixups undone */
	bool partly;	   /* what cannot be read of a log that was emptied does not matter */
	bool mirrored;	   /* record0 came from $MFTMirr, the original is damaged */
	uint64_t hiberfil; /* record number, 0 while none was met */
	bool hibernated;
	bool unite;	   /* not shut down cleanly is a reason for a union, not for a doubt */
	bool log_in_use;   /* its log has not been closed, and will be replayed */
	char unclean[120]; /* with `unite`: why; "" while it looks clean */
	char doubt[240];   /* the first doubt, "" while there is none */
	struct ntfs_stream mft, mft_bitmap, bitmap;
};

/* An attribute inside a FILE record; the pointers are into the record. */
struct ntfs_attr {
	uint32_t type;
	uint16_t flags;
	const uint8_t *name; /* UTF-16LE */
	size_t name_len;     /* characters */
	bool resident;
	const uint8_t *value;	     /* resident: the value; else the run list */
	size_t value_len;	     /* bytes at `value` */
	uint64_t lowest, end;	     /* VCNs [lowest, end) are in this run list */
	uint64_t alloc, size, valid; /* bytes; only where lowest is 0 */
	uint8_t unit_shift;	     /* log2 of the clusters of a compression unit; 0 = none */
};

/* Note why the map cannot be believed; the first reason stands. Returns FSMAP_IS_WHOLE. */
int ntfs_doubt(struct ntfs_vol *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Note that it was not shut down cleanly, for this reason. 0 with v->unite, else that is a doubt.
 */
int ntfs_unclean(struct ntfs_vol *v, const char *why);

/* ntfs_boot.c: sizes and places from the boot sector (or its copy) at that byte of the volume. */
int ntfs_boot_read(struct ntfs_vol *v, uint64_t at);

/* ---- ntfs_record.c: FILE records in memory ---- */

/* Undo the fixups of a structure of `len` bytes; false when it is torn or malformed. */
bool ntfs_fixup(uint8_t *buf, size_t len);
/* true when a record of `len` bytes is whole; undoes its fixups. */
bool ntfs_record_open(uint8_t *rec, uint32_t len);
bool ntfs_record_in_use(const uint8_t *rec);
bool ntfs_record_is_folder(const uint8_t *rec);
/* The record this one extends; 0 when it is a base record. */
uint64_t ntfs_record_base(const uint8_t *rec);
/* The attribute at `p`, which has `room` bytes: its length; 0 = it ends there, -1 = damaged. */
int ntfs_attr_parse(const uint8_t *p, uint32_t room, struct ntfs_attr *a);
/* Walk the attributes: *pos 0 to start. 1 = *a is the next, 0 = no more, -1 = damaged. */
int ntfs_attr_next(const uint8_t *rec, uint32_t len, uint32_t *pos, struct ntfs_attr *a);
bool ntfs_name_is(const uint8_t *name, size_t name_len, const char *ascii);

/* ---- ntfs_runs.c: run lists and streams ---- */

struct ntfs_run_iter {
	const uint8_t *p, *limit;
	uint64_t vcn;
	int64_t lcn;
};
void ntfs_runs_start(struct ntfs_run_iter *it, const struct ntfs_attr *a);
/* 1 = *run is the next, 0 = end of the list, -1 = malformed or outside of [0, clusters). */
int ntfs_runs_next(struct ntfs_run_iter *it, uint64_t clusters, struct ntfs_run *run);

void ntfs_stream_clear(struct ntfs_stream *s);
/* Take the next piece of the attribute; demands that it follows what is there, without holes. */
int ntfs_stream_append(struct ntfs_vol *v, struct ntfs_stream *s, const struct ntfs_attr *a);
/* Bytes that have a place by now. */
uint64_t ntfs_stream_mapped(const struct ntfs_vol *v, const struct ntfs_stream *s);
/* Read [off, off + len), which must be mapped; as metadata, or as a hint. */
int ntfs_stream_read(struct ntfs_vol *v, struct ntfs_stream *s, void *buf, size_t len, uint64_t off,
		     bool hint);
/* The byte of the volume at which byte `off` of the stream lies; *len: how many lie there in one
 * piece. off must be mapped, and the stream not resident. */
uint64_t ntfs_stream_place(const struct ntfs_vol *v, const struct ntfs_stream *s, uint64_t off,
			   uint64_t *len);
/* Bring the piece that holds byte `off` (inside the stream) into the window. */
int ntfs_window_seek(struct ntfs_vol *v, struct ntfs_window *w, uint64_t off);

/* ---- ntfs_mft.c: from record numbers to streams ---- */

/* The $MFT itself. */
int ntfs_mft_load(struct ntfs_vol *v);
/* Read a record and undo its fixups; `rec` holds v->record bytes. */
int ntfs_record_read(struct ntfs_vol *v, uint64_t number, uint8_t *rec);
/* The attribute of a record, gathered over its extension records where it has an attribute list. */
int ntfs_stream_load(struct ntfs_vol *v, struct ntfs_stream *s, uint64_t number, uint32_t type,
		     const char *name);

/* ---- ntfs_state.c: was it shut down cleanly? ---- */

int ntfs_volume_check(struct ntfs_vol *v);
int ntfs_log_check(struct ntfs_vol *v);
/* Look into the hiberfil.sys the walk met; sets v->hibernated. */
int ntfs_hiberfil_check(struct ntfs_vol *v);

/*
 * ntfs_walk.c: every cluster of every record must be used in $Bitmap; in a union it is used
 * whatever $Bitmap says, and what freed records hold, too. Goes on after a doubt, looking for
 * hiberfil.sys only.
 */
int ntfs_walk(struct ntfs_vol *v);
/* Look whether this name (a $FILE_NAME) of record `owner` is hiberfil.sys. */
void ntfs_note_name(struct ntfs_vol *v, uint64_t owner, const struct ntfs_attr *a);

/* ntfs_log.c: in a union, what the log may bring back or write to is used. Wants $Bitmap and $MFT.
 */
int ntfs_log_unite(struct ntfs_vol *v);

/*
 * ntfs_shadow.c: shadow copies (restore points, previous versions of files) need what was deleted
 * since and is free by now. Every range that one of them may hold, in order; what `fn` returns but
 * 0 ends it. Damage is a doubt.
 */
typedef int ntfs_shadow_fn(void *arg, uint64_t off, uint64_t len);
int ntfs_shadow_walk(struct ntfs_vol *v, ntfs_shadow_fn *fn, void *arg);
/* All that is used. */
int ntfs_shadow_keep(struct ntfs_vol *v);

/* ---- ntfs_files.c: who owns lost bytes (owners.h) ---- */
struct owners;
int ntfs_files_find(struct fsmap_reader *r, struct owners *o);

#endif
