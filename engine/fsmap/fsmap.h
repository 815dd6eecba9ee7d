/* fsmap.h - used-block maps: which bytes of this volume matter? */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_FSMAP_H
#define SV_FSMAP_FSMAP_H

#include "engine/fsmap/others.h"
#include "engine/fsmap/unlock.h"
#include "engine/io/blk.h"
#include "engine/util/err.h"
#include "engine/util/extent.h"
#include "engine/util/hash.h"

/*
 * The law: start all-used, free only what is proven; any doubt means whole (nothing is free).
 * Offsets are bytes from the start of the volume.
 */
enum fsmap_state {
	FSMAP_EXACT, /* clean; the map is the filesystem's own */
	FSMAP_UNION, /* not shut down cleanly, but everything the journal or its like may still need
			is in the map; or a part of it is read whole: `reason` says which */
	FSMAP_WHOLE, /* nothing is free; `reason` says why */
};

/* The map of one volume. Owned by the caller of fsmap_read(); constant afterwards, so any thread
 * may read it. */
struct fsmap {
	enum fsmap_state state;
	char fs[32]; /* libblkid's type name ("ext4", "vfat", "ntfs", "swap", "crypto_LUKS"...); ""
			when unknown */
	char label[256];     /* UTF-8, "" when none */
	char uuid[64];	     /* "" when none */
	char inside[160];    /* an encrypted volume that was opened or a disk of a mirror, and what
				is in it, other disks that were read for it; for people: "LUKS2,
				unlocked: ext4 inside"; "" when there is none */
	char reason[240];    /* why whole or union, a plain sentence fragment; "" when exact */
	uint32_t block_size; /* allocation unit in bytes, 0 when unknown */
	uint64_t size;	     /* of the volume */
	bool locked;	     /* an encrypted volume is in it that its key would open */
	unsigned int unlocked; /* encrypted volumes in it that were opened */
	unsigned int joined;   /* other volumes that were read for it, see others.h */
	char apart[200];       /* why the first of those was not that would have helped; "" */
	bool hibernated; /* holds a suspended system: the other volumes of this machine must be
			    taken as dirty */
	bool unsettled;	 /* nothing says that it was closed: what is free in it may hold bytes
			    that were about to be named by metadata not yet written */
	struct sv_extents used;	      /* normal list; everything else is proven free */
	struct sv_digest meta_digest; /* over offset, length and bytes of every metadata block the
					 reader touched, in order: resume compares it */
};

/* What kind of volume libblkid sees. "" = nothing known; ambivalent = signatures of several types,
 * which makes it whole. */
struct fsmap_probe {
	char type[32];
	char label[256];
	char uuid[64];
	bool ambivalent;
};

/*
 * Ask libblkid (through a sparse memfd that holds only what probes read; libblkid never sees the
 * device). 0 also when nothing is recognised; SV_E_IO when the volume cannot be read, SV_E_NOMEM.
 * Any thread.
 */
int fsmap_probe(struct blk_dev *vol, struct fsmap_probe *probe, struct sv_err *err);

/* What people call one of libblkid's types ("ZFS" for "zfs_member"); `type` itself where that says
 * it. Constant. */
const char *fsmap_type_name(const char *type);
/* What is on a disk of this type belongs to something that lies over it: a RAID, a pool, a cache.
 * A partition table on such a disk is not the disk's. */
bool fsmap_type_is_member(const char *type);

/* How a volume is looked at. All zeros: only what is proven counts, what is encrypted stays locked.
 */
struct fsmap_how {
	struct unlock *unlock;		   /* the keys there are; NULL = none */
	const struct fsmap_others *others; /* for what lies on several volumes; NULL = none */
	bool ntfs_union; /* an NTFS that was not shut down cleanly becomes a union, not whole */
};

/* What reasons say of `ntfs_union`, also where they stand in an image: that it was used, and that
 * it would have made a difference. */
#define FSMAP_NTFS_UNITED "as --ntfs-union asks"
#define FSMAP_NTFS_HINT	  "see --ntfs-union"

/*
 * Probe and map a volume. Never fails for what is on the disk: damage, unknown features and
 * unreadable metadata give FSMAP_WHOLE with the reason. Errors: SV_E_NOMEM only. *map_ret is
 * released with fsmap_destroy(). `vol` is only read. `how` NULL is all zeros. What went wrong with
 * the keys, unlock_result() tells.
 */
int fsmap_read(struct blk_dev *vol, const struct fsmap_how *how, struct fsmap **map_ret,
	       struct sv_err *err);
void fsmap_destroy(struct fsmap *map);

/* "exact", "union", "whole". */
const char *fsmap_state_name(enum fsmap_state state);

#endif
