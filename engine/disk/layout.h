/* layout.h - the partition table of a disk, read from any blk_dev, and the edits a restore makes to
 * it */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_LAYOUT_H
#define SV_DISK_LAYOUT_H

#include "engine/io/blk.h"
#include "engine/util/bytes.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"

struct layout_part {
	int number;	/* as the kernel numbers it */
	uint64_t start; /* bytes from the start of the disk */
	uint64_t size;	/* bytes */
	char type[40];	/* GPT: type GUID, lower case; msdos: "0x83"; others "" */
	char name[128]; /* GPT partition name, UTF-8 */
	bool logical, extended;
	const char *raw; /* what it is, when partitions of its type are always read whole: "a BIOS
			    boot partition"; NULL otherwise. Constant */
};

struct layout {
	char table[16]; /* libparted's name: "gpt" "msdos" "mac" ...; "none" = no table (maybe a
			   filesystem on the bare device); "unknown" = damaged */
	uint64_t size;
	uint32_t sector_size;
	bool primary_gpt_dead; /* the primary GPT was unusable; this was read from the backup */
	bool backup_gpt_dead;  /* the backup is missing or damaged */
	char doubt[240]; /* why the table could not be trusted: everything is then read whole; ""
			    when fine */
	struct layout_part
		*v; /* ascending by start; an extended partition is listed, its logicals too */
	size_t n;
	struct sv_extents always; /* bytes outside partitions that must be read: table areas, EBRs,
				     gaps, last MiB; normal list */
};

/*
 * Read table and partitions through libparted on a sparse memfd copy (DESIGN section 2), in a child
 * process or under one lock (libparted has global state and may abort on hostile tables). Never
 * fails for what is on the disk: doubt is set instead. SV_E_NOMEM, SV_E_IO when even the first
 * sector cannot be read, SV_E_FAILED when the system gives no process or pipe for libparted. A FAT
 * or NTFS boot sector with 55AA at LBA 0 is "none", not msdos. Large unpartitioned areas are in
 * `always` too (default: read; zero blocks cost nothing).
 */
int layout_read(struct blk_dev *disk, struct layout **layout_ret, struct sv_err *err);
void layout_destroy(struct layout *layout);
/* The partition of that number; NULL when there is none. */
const struct layout_part *layout_find(const struct layout *layout, int number);

/* For a raw file: 4096 if a GPT header stands at 4096 and not at 512, else 512. */
uint32_t layout_guess_sector_size(struct blk_dev *file);

/*
 * A restore onto a larger disk: bytes to write instead of the image's. `head` holds the image's
 * first `head_len` bytes (at least 34 sectors; 1 MiB when the disk has that), changed in place:
 * primary header (alternate LBA, last usable LBA, CRC), protective MBR size where it is a plain
 * protective entry. `tail` receives the moved backup (array, then header in the very last sector):
 * *tail_off is its byte offset on the target, *tail_len its length. Raw bytes otherwise: unknown
 * attributes and hybrid MBRs survive. `old_backup` is the range on the target where the image's own
 * backup GPT would have been written (to be left as it is or zeroed by the caller). If the primary
 * is dead in the image, it is rebuilt from `image_tail` (the image's last bytes, `image_tail_len`).
 * 0 with *tail_len 0 when the image has no GPT. SV_E_DATA when the GPT is in doubt. SV_E_NOMEM.
 */
struct layout_move {
	uint8_t *tail; /* free() */
	size_t tail_len;
	uint64_t tail_off;
	struct sv_extent old_backup;
};
int layout_move_gpt(uint8_t *head, size_t head_len, const uint8_t *image_tail,
		    size_t image_tail_len, uint64_t image_size, uint64_t target_size,
		    uint32_t sector_size, struct layout_move *move, struct sv_err *err);

/* Both ends of a disk with a new GPT that holds one partition, which ends a MiB before the disk. */
struct layout_new {
	uint64_t part_start, part_size; /* bytes, whole MiB */
	uint8_t *head, *tail;		/* free() */
	size_t head_len, tail_len;
	uint64_t tail_off;
};
enum layout_type { LAYOUT_BASIC_DATA, LAYOUT_LINUX };
#define LAYOUT_NEW_MIN (16 * SV_MIB) /* smaller disks are refused */
/* Identifiers are random. SV_E_REFUSED for a disk that is too small, SV_E_FAILED when the kernel
 * gives no random bytes, SV_E_NOMEM. */
int layout_new_gpt(uint64_t size, uint32_t sector_size, enum layout_type type, const char *name,
		   struct layout_new *layout_ret, struct sv_err *err);

#endif
