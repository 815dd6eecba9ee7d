/* format.h - structures of an image on the store (docs/image-format.md); private to engine/image */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IMAGE_FORMAT_H
#define SV_IMAGE_FORMAT_H

#include "engine/util/bytes.h"

#include <stdint.h>

#define FORMAT_VERSION 1
#define FORMAT_NAME    "salvor-image"

/* ---- names in the directory ---- */

#define NAME_STREAM   "disk.img" /* and the codec's extension */
#define NAME_INDEX    "disk.idx"
#define NAME_MANIFEST "manifest.json"
#define NAME_SUMS     "SHA256SUMS"
#define NAME_README   "README.txt"
#define NAME_REPORT   "report.txt"
#define PART_SUFFIX   ".part"

/* ---- limits, for hostile images and for our own ---- */

#define MAX_FRAME_SIZE (64 * (uint32_t)SV_MIB) /* readers hold some frames in memory */
#define MAX_FRAMES                                                                                 \
	(UINT64_C(1) << 27) /* the reference decoder of the seekable format has no more */
#define MAX_RUNS	(UINT64_C(8) << 20)   /* of a run map: 192 MiB of memory */
#define MAX_DISK_SIZE	(UINT64_C(1) << 60)   /* a run is a length and 3 bits */
#define MAX_RECORD	(32 * (size_t)SV_MIB) /* payload of one record of disk.idx */
#define MAX_JSON	(4 * (size_t)SV_MIB)  /* a manifest as a file */
#define MAX_JSON_FRAME	((size_t)SV_MIB)      /* a manifest as a skippable frame */
#define FAT_VOLUME_SIZE (4 * SV_GIB - SV_MIB)

/* ---- disk.idx: a sequence of records ---- */

/* Header of a record. `crc` is CRC32C (complete, with both inversions) of the payload, `head_crc`
 * that of the 12 bytes before it. All integers are little endian. */
struct disk_record {
	uint8_t type[4];
	uint8_t len[4]; /* of the payload */
	uint8_t crc[4];
	uint8_t head_crc[4];
};
_Static_assert(sizeof(struct disk_record) == 16, "record header");

#define RECORD_HEAD	0x58495653u /* "SVIX": first of the file */
#define RECORD_IDENTITY 0x44495653u /* "SVID": the identity manifest, JSON */
#define RECORD_PLAN	0x4c505653u /* "SVPL": runs of the plan */
#define RECORD_FRAME	0x52465653u /* "SVFR": outcome of one frame */
#define RECORD_RUNS	0x4e525653u /* "SVRN": runs of the merged map */
#define RECORD_TABLE	0x42545653u /* "SVTB": copy of the seek table */
#define RECORD_FOOT	0x444e5653u /* "SVND": last of a finished file */

struct disk_head {
	uint8_t version[4];
	uint8_t sector_size[4];
	uint8_t set_uuid[16];
	uint8_t digest_seed[8];
	uint8_t disk_size[8];
	uint8_t frame_size[4];
	uint8_t granule[4];
	uint8_t codec[16]; /* NUL-padded */
	uint8_t source_digest[16];
	uint8_t volume_size[8];
	uint8_t volume_digits[4];
	uint8_t level[4]; /* signed */
	uint8_t reserved[32];
};
_Static_assert(sizeof(struct disk_head) == 128, "head");

/* A run in a list: length << 3 | kind; it starts where the one before ended. */
#define RUN_WORD(len, kind) ((uint64_t)(len) << 3 | (unsigned int)(kind))
#define RUN_LEN(word)	    ((word) >> 3)
#define RUN_KIND(word)	    ((int)((word)&7))

/* RECORD_PLAN and RECORD_RUNS: n run words follow. */
struct disk_runs {
	uint8_t start[8]; /* of the first run */
	uint8_t n[4];
	uint8_t reserved[4];
};
_Static_assert(sizeof(struct disk_runs) == 16, "runs");
#define RUNS_PER_RECORD 65536u

/* RECORD_FRAME: n_runs run words and n_digests digests of 16 bytes follow. */
struct disk_frame {
	uint8_t number[8];
	uint8_t offset[8]; /* in the stored stream */
	uint8_t stored_len[4];
	uint8_t payload_len[4]; /* without padding: xz's "Unpadded Size"; else stored_len */
	uint8_t checksum[4];	/* low 32 bits of XXH64 of the raw frame */
	uint8_t n_runs[4];
	uint8_t n_digests[4];
	uint8_t reserved[4];
};
_Static_assert(sizeof(struct disk_frame) == 40, "frame");

/* RECORD_TABLE: n entries as in the seek table follow, frames only. */
struct disk_table {
	uint8_t first[8];  /* frame number */
	uint8_t offset[8]; /* of that frame in the stored stream */
	uint8_t n[4];
	uint8_t reserved[4];
};
_Static_assert(sizeof(struct disk_table) == 24, "table");
#define ENTRIES_PER_RECORD 65536u

struct disk_foot {
	uint8_t frames[8];
	uint8_t stream_len[8]; /* stored, with everything around the frames */
	uint8_t runs_at[8];    /* offset of the first RECORD_RUNS in this file */
	uint8_t table_at[8];
	uint8_t n_runs[8];
	uint8_t bytes[5][8]; /* data, zero, free, bad, absent */
	uint8_t edges[4]; /* CRC32C over all stored bytes before the first and behind the last frame
			   */
	uint8_t reserved[12];
};
_Static_assert(sizeof(struct disk_foot) == 96, "foot");

/* ---- Zstandard seekable format 0.1.0 (zstd, contrib/seekable_format) ---- */

#define SKIPPABLE_MAGIC	 0x184D2A50u /* our manifests */
#define SKIPPABLE_HEADER 8u	     /* magic, length */
#define SEEKTABLE_MAGIC	 0x184D2A5Eu /* the skippable frame of the table */
#define SEEKABLE_MAGIC	 0x8F92EAB1u /* the last four bytes of the file */
#define SEEKTABLE_FLAG	 0x80u	     /* entries have checksums */
#define SEEKTABLE_SPARE	 0x7Cu	     /* reserved, must be zero */

struct disk_seek_entry {
	uint8_t stored_len[4];
	uint8_t raw_len[4]; /* 0: a skippable frame */
	uint8_t checksum[4];
};
_Static_assert(sizeof(struct disk_seek_entry) == 12, "seek table entry");

struct disk_seek_foot {
	uint8_t n[4];
	uint8_t descriptor;
	uint8_t magic[4];
};
_Static_assert(sizeof(struct disk_seek_foot) == 9, "seek table footer");

/* ---- geometry of a stream ---- */

struct geometry {
	uint64_t size;
	uint32_t frame_size;
};

static inline uint64_t geometry_frames(const struct geometry *g)
{
	return g->size / g->frame_size + (g->size % g->frame_size != 0);
}

static inline uint64_t geometry_frame_len(const struct geometry *g, uint64_t n)
{
	return SV_MIN(g->frame_size, g->size - n * g->frame_size);
}

/* What every reader and writer insists on. */
static inline bool geometry_ok(const struct geometry *g)
{
	return g->size > 0 && g->size <= MAX_DISK_SIZE && g->frame_size > 0 &&
	       g->frame_size <= MAX_FRAME_SIZE && g->frame_size % 65536 == 0 &&
	       geometry_frames(g) <= MAX_FRAMES;
}

#endif
