/* disk.h - disks of this machine: identity, use, and the guards around sources and targets */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_DISK_DISK_H
#define SV_DISK_DISK_H

#include "engine/io/blk.h"
#include "engine/util/err.h"
#include "engine/util/hash.h"

/* One block device: a whole disk, or one partition of it. Plain data, copied freely. */
struct disk {
	char path[128];	    /* "/dev/sda", with the root prefix left out */
	char kname[64];	    /* kernel name, "sda", "nvme0n1p2" */
	char parent[64];    /* of a partition: kernel name of its disk; else "" */
	char model[80];	    /* "" when unknown; blanks trimmed, unprintable bytes as '_' */
	char serial[80];    /* "" when unknown; a partition has its disk's */
	char wwn[80];	    /* "" when unknown */
	char transport[16]; /* "sata", "usb", "nvme", "scsi", "mmc", "virtio", "loop", "" */
	char port[128];	    /* where it is plugged in: the sysfs bus path, shortened */
	uint64_t size;	    /* bytes */
	uint64_t start;	    /* of a partition: its first byte on the disk; else 0 */
	uint32_t sector_size, physical_sector_size;
	uint64_t diskseq; /* kernel's number of this appearance, 0 when unknown */
	int partition;	  /* its number, 0 for a whole disk */
	bool read_only, removable, rotational, duplicate_serial;
	char in_use[240]; /* why it must not be a target ("mounted on /home (sda2)", "swap", "held
			     by md0"); "" when free */
	bool boot_medium; /* this system was started from it; only disk_scan() tells */
	bool live; /* a read-write mount, active swap, or a read-write loop/LV/md lies on it: no
	       source either */
};

struct disk_list {
	struct disk *v; /* whole disks, ordered by kernel name (natural order) */
	size_t n;
};

/*
 * `root` is "" for the real machine, or a folder that holds sys/, proc/ and dev/ trees (tests).
 * Scans whole disks (no ram, zram, dm, md; loop only when backed, and not by the live system
 * itself). SV_E_NOMEM, SV_E_FAILED when sysfs cannot be read.
 */
int disk_scan(const char *root, struct disk_list *list, struct sv_err *err);
void disk_list_clear(struct disk_list *list);

/*
 * Find "/dev/..." (any link to it), "serial=...", "wwn=...": a disk or a partition node.
 * SV_E_NOT_FOUND names what was asked for; SV_E_IO when its node cannot be looked at; SV_E_REFUSED
 * for a serial that several disks report (sentence names the ports), and for what the live system
 * itself runs from.
 */
int disk_find(const char *root, const char *spec, struct disk *disk_ret, struct sv_err *err);

/*
 * The same disk or partition after it was away, under whatever name: known by serial number, WWN
 * and size; one without a name of its own (or with another's) also by the place where it is
 * plugged in. Looks at sysfs only. false: it is not there.
 */
bool disk_find_again(const char *root, const struct disk *was, struct disk *now_ret);
/* The rule behind that, for whole disks: is the one the other, plugged in again? */
bool disk_came_back(const struct disk *was, const struct disk *now);
/* The kernel gave a SCSI disk up that did not answer in time (state "offline"): it may be asked
 * again. */
void disk_wake(const char *root, const struct disk *disk);

/* Does spec mean a block device rather than a file: serial=, wwn=, or a path that is a block
 * device? What is not there is a file. SV_E_IO when it cannot be looked at. */
int disk_look(const char *spec, bool *is_device, struct sv_err *err);
/* The same where nothing hangs on it: false when it cannot be looked at. */
bool disk_is_device_spec(const char *spec);

/* The ID that --confirm-erase must be: serial; SERIAL@SIZE for a duplicate; without a serial the
 * size in bytes. out: 128 bytes. */
void disk_confirm_id(const struct disk *disk, char *out, size_t cap);
bool disk_confirm_matches(const struct disk *disk, const char *given);

/* The disk or partition (kernel name) on which a path's filesystem lies, down through loop devices,
 * dm and md; of a path that is not there yet: its folder. "" when it is none (tmpfs, network). 0 or
 * SV_E_IO. */
int disk_of_path(const char *root, const char *path, char kname[64], struct sv_err *err);
/*
 * The file that is meant: of a loop device (`disk`, or the disk of that partition) the one it is
 * made of, without a disk the one at `path`. false when there is none.
 */
struct disk_file {
	uint64_t dev, inode;
};
bool disk_file_of(const struct disk *disk, const char *path, struct disk_file *file_ret);
bool disk_file_same(const struct disk_file *a, const struct disk_file *b);
/* true when the two lie on the same physical disk (either may be a partition). */
bool disk_same(const struct disk *a, const struct disk *b);
/* true when `part` (start, size on the disk) is touched by mounted filesystem's device kname (its
 * own partition, or the disk). */
bool disk_holds(const struct disk *disk, const char *kname);

/*
 * true when nothing is on it, as far as can be told without reading all of it: its beginning, its
 * end and some hundred places spread over it are zeros. SV_E_IO.
 */
int disk_is_blank(struct blk_dev *dev, bool *blank_ret, struct sv_err *err);
/* The same of a disk that is only looked at. SV_E_NOMEM, SV_E_SOURCE. */
int disk_look_blank(const char *root, const struct disk *disk, bool *blank_ret, struct sv_err *err);

/* ---- guards ---- */

/*
 * A source may be read: refuses (SV_E_REFUSED) what is live (mounted read-write, swap, rw holder);
 * mounted read-only is allowed. Then marks the device read-only in the kernel (BLKROSET) for the
 * time of the job where DESIGN section 6 allows it: never on a disk with a rw mount or the store
 * (`store_kname` or ""). The old flag is remembered under /run/salvor and put back by
 * disk_guard_release (also called on the next start for what a kill left: disk_guard_sweep). Guard
 * is NULL-able.
 */
struct disk_guard;
int disk_guard_source(const char *root, const struct disk *disk, const char *store_kname,
		      struct disk_guard **guard_ret, struct sv_err *err);
/* true when the kernel did not take the flag for the device or one of its partitions. */
bool disk_guard_missing(const struct disk_guard *guard);
void disk_guard_release(struct disk_guard *guard);
void disk_guard_sweep(const char *root);

/* What a target was when the user confirmed it. */
struct disk_identity {
	struct disk disk;
	uint8_t head_tail[SV_SHA256_LEN]; /* SHA-256 of the first and last MiB */
};
/*
 * Check all that section 6 says of a target: not in use, not the boot medium, not `source` (may be
 * NULL), not the store (`store_kname` or ""), large enough is the caller's matter. Fills the
 * identity. `confirm` NULL = only look (dry run still gives the refusal). SV_E_REFUSED with the
 * reason.
 */
int disk_check_target(const char *root, const struct disk *target, const struct disk *source,
		      const char *store_kname, const char *confirm,
		      struct disk_identity *identity_ret, struct sv_err *err);
/*
 * Open a checked target for writing (O_EXCL), clear a soft read-only flag, and check on the opened
 * descriptor that it still is what was confirmed (identity, diskseq, head and tail). SV_E_REFUSED
 * otherwise; SV_E_TARGET when it cannot be opened.
 */
int disk_open_target(const char *root, const struct disk_identity *identity,
		     struct blk_dev **dev_ret, struct sv_err *err);
/* Ask the kernel to read the partition table again. Failure is harmless: returns false. */
bool disk_reread_table(struct blk_dev *dev);

#endif
