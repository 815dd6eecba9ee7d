/* layout_int.h - what the table parsers share: building a layout, and what each of them found */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_LAYOUT_INT_H
#define SV_DISK_LAYOUT_INT_H

#include "engine/disk/layout.h"

/* An MBR or EBR: four entries of 16 bytes at 446, 55 AA at 510 (UEFI 2.10 section 5.2.1). */
#define MBR_TABLE    446
#define MBR_ENTRY    16
#define MBR_ENTRIES  4
#define MBR_TYPE     4	/* byte in an entry: partition type */
#define MBR_START    8	/* le32: first sector */
#define MBR_COUNT    12 /* le32: number of sectors */
#define MBR_TYPE_GPT 0xee

/* Append a partition. SV_E_NOMEM. */
int layout_add(struct layout *layout, const struct layout_part *part);

/* Set the doubt; the first one stays. */
void layout_doubt(struct layout *layout, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Pieces of the disk that libparted sees: a list of (offset, bytes), later ones over earlier ones.
 */
struct layout_piece {
	uint64_t off;
	size_t len;
	uint8_t *data; /* owned */
};
struct layout_pieces {
	struct layout_piece *v;
	size_t n;
};
/* Takes a copy. SV_E_NOMEM. */
int layout_pieces_add(struct layout_pieces *pieces, uint64_t off, const void *data, size_t len);
void layout_pieces_clear(struct layout_pieces *pieces);

/* What LBA 0 claims to be. */
enum boot_sector {
	BOOT_OTHER,	 /* no 55 AA, or a table no one would accept */
	BOOT_GPT,	 /* an entry of type EE */
	BOOT_MSDOS,	 /* a partition table, maybe empty */
	BOOT_FILESYSTEM, /* a FAT, exFAT, NTFS or BitLocker boot sector */
	BOOT_AMBIGUOUS,	 /* such a boot sector and a plausible table in one */
};
/* `mbr`: 512 bytes; sectors of the disk in units of sector_size. */
enum boot_sector boot_sector_classify(const uint8_t *mbr, uint64_t sectors, uint32_t sector_size);

/*
 * Partitions of an MBR and its EBR chain (kernel block/partitions/msdos.c numbers them so). Every
 * EBR read is added to `pieces`. Sets layout->table and maybe a doubt. SV_E_NOMEM.
 */
int msdos_read(struct blk_dev *disk, const uint8_t *mbr, struct layout *layout,
	       struct layout_pieces *pieces);

/*
 * Partitions of a GPT, from the primary or its backup; a rebuilt primary is added to `pieces`. Sets
 * layout->table and maybe a doubt. SV_E_NOMEM.
 */
int gpt_read(struct blk_dev *disk, struct layout *layout, struct layout_pieces *pieces);
/* true when a GPT header with good checksums stands at that LBA */
bool gpt_stands_at(struct blk_dev *disk, uint32_t sector_size, uint64_t lba);

/* ---- libparted's view ---- */

struct parted_part {
	int32_t number;
	bool logical, extended;
	uint64_t start, size; /* bytes */
};
#define PARTED_MAX 512
struct parted_view {
	char table[16];	 /* "" when libparted recognises nothing */
	bool died;	 /* the child crashed, hung or broke off */
	bool unreadable; /* a table of that name is there, but libparted cannot read it */
	uint32_t n;
	struct parted_part v[PARTED_MAX];
};
/*
 * Ask libparted, in a child process, about a disk of `size` bytes that holds `pieces` and zeros
 * elsewhere. view_ret: free(). SV_E_NOMEM, SV_E_FAILED when no child could be made.
 */
int parted_look(uint64_t size, uint32_t sector_size, const struct layout_pieces *pieces,
		struct parted_view **view_ret, struct sv_err *err);

#endif
