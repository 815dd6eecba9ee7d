/* mdraid_super.c - superblocks of Linux software RAID: versions 0.90 of either byte order, 1.0, 1.1
 * and 1.2 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/mdraid.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

#define SECTOR	    512u
#define SUPER	    4096u /* bytes of a superblock; version 1 may end sooner */
#define MAGIC	    0xa92b4efcu
#define RESERVED    65536u /* version 0.90: at the end of the volume, and of its steps */
#define VOLUME_MIN  (4ull * RESERVED)
#define LEVEL_RAID1 1
#define IN_SYNC	    UINT64_MAX /* resync_offset: nothing is left to do */

/* struct mdp_superblock_1, little endian */
enum {
	V1_MAJOR = 4,
	V1_FEATURES = 8,
	V1_PAD0 = 12,
	V1_LEVEL = 72,
	V1_SIZE = 80,
	V1_DISKS = 92,
	V1_BITMAP = 96,
	V1_DATA = 128,
	V1_DATA_SIZE = 136,
	V1_PLACE = 144,
	V1_NUMBER = 160,
	V1_FLAGS = 184,
	V1_BAD_LEN = 186,
	V1_BAD = 188,
	V1_RESYNC = 208,
	V1_CSUM = 216,
	V1_MAX_DEV = 220,
	V1_PAD3 = 224,
	V1_ROLES = 256,
};

enum {
	F_BITMAP = 1,
	F_REBUILD = 2 | 16 | 128,
	F_RESHAPE = 4 | 32 | 64,
	F_BAD_BLOCKS = 8,
	F_CLUSTER = 256,
	F_JOURNAL = 512 | 1024 | 2048,

	ROLE_JOURNAL = 0xfffd,
	ROLE_FAULTY = 0xfffe,
	ROLE_SPARE = 0xffff,

	FLAGS_KNOWN = 1 | 2, /* write-mostly, failfast: how the array uses it, not what is on it */
};

/* mdp_super_t: words of 32 bits, in the byte order of the machine that made it */
enum {
	V0_MAJOR = 1,
	V0_MINOR = 2,
	V0_LEVEL = 7,
	V0_SIZE = 8, /* KiB */
	V0_DISKS = 10,
	V0_STATE = 33,
	V0_CSUM = 38,
	V0_DESCS = 128, /* one of 32 words for each disk */
	V0_THIS = 992,	/* the one of this disk, as it was when it was written */
	V0_DESC_WORDS = 32,
	V0_DESCS_MAX = 27,

	DESC_NUMBER = 0,
	DESC_ROLE = 3,
	DESC_STATE = 4,

	V0_CLEAN = 1,
	V0_BITMAP = 1 << 8,

	DISK_ACTIVE_SYNC = 2 | 4,
	DISK_USE = 1 << 9 | 1 << 10, /* write-mostly, failfast */
};

enum kind { KIND_1_1, KIND_1_2, KIND_1_0, KIND_0_90, KINDS };
static const char *const versions[] = {"1.1", "1.2", "1.0", "0.90"};

struct super {
	struct fsmap_reader *r;
	struct md_super *md;
	enum kind kind;
	bool big_endian; /* version 0.90 */
	uint8_t b[SUPER];
};

static uint64_t place_of(enum kind kind, uint64_t size)
{
	switch (kind) {
	case KIND_1_1:
		return 0;
	case KIND_1_2:
		return (uint64_t)8 * SECTOR;
	case KIND_1_0:
		return (size / SECTOR - 16) / 8 * 8 * SECTOR;
	default:
		return size / RESERVED * RESERVED - RESERVED;
	}
}

static bool has_magic(const uint8_t *b, enum kind kind, bool *big_endian)
{
	*big_endian = kind == KIND_0_90 && get_be32(b) == MAGIC;
	return *big_endian || get_le32(b) == MAGIC;
}

/* All places are looked at: an old superblock of another version tells of an array that is gone. */
static int find(struct super *s)
{
	uint8_t b[SUPER];
	bool found = false, big_endian = false;
	if (fsmap_size(s->r) < VOLUME_MIN)
		return fsmap_whole(s->r, "it is too small for a RAID member");
	for (enum kind kind = 0; kind < KINDS; kind++) {
		uint64_t place = place_of(kind, fsmap_size(s->r));
		bool ok = false;
		int ret = fsmap_read_maybe(s->r, b, sizeof(b), place, "the RAID superblock", &ok);
		if (ret)
			return ret;
		if (!ok || !has_magic(b, kind, &big_endian))
			continue;
		if (found)
			return fsmap_whole(s->r, "it has more than one RAID superblock");
		found = true;
		s->kind = kind;
		s->big_endian = big_endian;
		s->md->place = place;
		memcpy(s->b, b, sizeof(b));
	}
	s->md->version = versions[s->kind];
	return found ? 0 : fsmap_whole(s->r, "its RAID superblock is missing");
}

/* ---- what both kinds have ---- */

static int malformed(const struct super *s)
{
	return fsmap_whole(s->r, "its RAID superblock is malformed");
}

static int wrong_checksum(const struct super *s)
{
	return fsmap_whole(s->r, "its RAID superblock has a wrong checksum");
}

static int not_clean(const struct super *s)
{
	return fsmap_doubt(s->r, "its RAID1 was not stopped cleanly or is still being "
				 "synchronised, so its disks may differ");
}

static int check_level(const struct super *s)
{
	static const struct {
		int32_t level;
		const char *name;
	} names[] = {{-1, "linear RAID"}, {0, "RAID0"}, {4, "RAID4"},
		     {5, "RAID5"},	  {6, "RAID6"}, {10, "RAID10"}};
	int32_t level = s->md->level;
	if (level == LEVEL_RAID1)
		return 0;
	for (size_t i = 0; i < SV_ARRAY(names); i++)
		if (names[i].level == level)
			return fsmap_whole(s->r,
					   "a %s member is read whole: what is in use lies across "
					   "the disks of its array",
					   names[i].name);
	return fsmap_whole(s->r, "its RAID is of an unknown level, %" PRId32, level);
}

static bool meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* Places from superblocks are sectors, and may be anything. */
static bool to_bytes(uint64_t sectors, uint64_t *bytes)
{
	return sv_mul_ok(sectors, SECTOR, bytes);
}

/* `end`: where data must end at the latest. */
static int check_places(const struct super *s, uint64_t end)
{
	const struct md_super *md = s->md;
	if (md->data > end || md->room > end - md->data || md->size > md->room)
		return fsmap_whole(s->r,
				   "its RAID superblock says that it is larger than its volume");
	if (!md->size || meet(md->place, SUPER, md->data, md->room))
		return malformed(s);
	for (size_t i = 0; i < md->n_areas; i++)
		if (!sv_range_ok(md->areas[i].start, md->areas[i].len, fsmap_size(s->r)) ||
		    meet(md->areas[i].start, md->areas[i].len, md->data, md->size) ||
		    meet(md->areas[i].start, md->areas[i].len, md->place, SECTOR))
			return malformed(s);
	return 0;
}

/* ---- version 1 ---- */

static uint64_t v1_sum(const uint8_t *b, size_t len)
{
	uint64_t sum = 0;
	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += i == V1_CSUM ? 0 : get_le32(b + i);
	if (len % 4)
		sum += get_le16(b + len - 2);
	return (sum & 0xffffffff) + (sum >> 32);
}

/* super_1_load() takes nothing else for a superblock. */
static int v1_check(const struct super *s)
{
	const uint8_t *b = s->b;
	uint32_t roles = get_le32(b + V1_MAX_DEV);
	if (get_le32(b + V1_MAJOR) != 1 || roles > (SUPER - V1_ROLES) / 2)
		return malformed(s);
	if ((uint32_t)v1_sum(b, V1_ROLES + (size_t)2 * roles) != get_le32(b + V1_CSUM))
		return wrong_checksum(s);
	if (get_le64(b + V1_PLACE) != s->md->place / SECTOR || get_le32(b + V1_PAD0) ||
	    !sv_is_zero(b + V1_PAD3, V1_ROLES - V1_PAD3))
		return malformed(s);
	s->md->level = (int32_t)get_le32(b + V1_LEVEL);
	return check_level(s);
}

static int v1_check_features(const struct super *s)
{
	static const struct {
		uint32_t bits;
		const char *reason;
	} refused[] = {
		{F_RESHAPE, "its RAID is being reshaped"},
		{F_REBUILD, "it is being rebuilt from the other disks of its RAID"},
		{F_CLUSTER, "its RAID belongs to a cluster"},
		{F_JOURNAL, "its RAID has a journal"},
	};
	uint32_t features = get_le32(s->b + V1_FEATURES);
	for (size_t i = 0; i < SV_ARRAY(refused); i++)
		if (features & refused[i].bits)
			return fsmap_whole(s->r, "%s", refused[i].reason);
	if (features & ~(uint32_t)(F_BITMAP | F_BAD_BLOCKS) || s->b[V1_FLAGS] & ~FLAGS_KNOWN)
		return fsmap_whole(s->r, "its RAID has a feature that is not known here");
	return features & F_BAD_BLOCKS
		       ? fsmap_doubt(s->r, "its RAID has a list of bad sectors on it")
		       : 0;
}

static int v1_check_role(const struct super *s)
{
	uint32_t number = get_le32(s->b + V1_NUMBER);
	if (number >= get_le32(s->b + V1_MAX_DEV))
		return malformed(s);
	uint16_t role = get_le16(s->b + V1_ROLES + (size_t)2 * number);
	if (role == ROLE_SPARE)
		return fsmap_whole(s->r, "it is a spare of its RAID, not in use yet");
	if (role == ROLE_FAULTY)
		return fsmap_whole(s->r, "its RAID has marked it as failed");
	if (role == ROLE_JOURNAL)
		return fsmap_whole(s->r, "it is the journal of a RAID");
	s->md->disk = role;
	s->md->disks = get_le32(s->b + V1_DISKS);
	return s->md->disk < s->md->disks ? 0 : malformed(s);
}

/* `sectors` from the superblock on, signed. Out of all bounds it ends behind every volume. */
static void v1_add_area(struct md_super *md, uint32_t sectors, uint64_t len)
{
	int64_t start = (int64_t)md->place + (int64_t)(int32_t)sectors * (int64_t)SECTOR;
	md->areas[md->n_areas].start = start < 0 ? UINT64_MAX : (uint64_t)start;
	md->areas[md->n_areas++].len = len;
}

static int v1_read_places(struct super *s)
{
	struct md_super *md = s->md;
	const uint8_t *b = s->b;
	if (!to_bytes(get_le64(b + V1_DATA), &md->data) ||
	    !to_bytes(get_le64(b + V1_DATA_SIZE), &md->room) ||
	    !to_bytes(get_le64(b + V1_SIZE), &md->size))
		return malformed(s);
	md->bitmap = get_le32(b + V1_FEATURES) & F_BITMAP;
	if (md->bitmap)
		v1_add_area(md, get_le32(b + V1_BITMAP), SECTOR);
	if (get_le32(b + V1_BAD))
		v1_add_area(md, get_le32(b + V1_BAD), (uint64_t)get_le16(b + V1_BAD_LEN) * SECTOR);
	return check_places(s, s->kind == KIND_1_0 ? md->place : fsmap_size(s->r));
}

static int v1_check_clean(struct super *s)
{
	return get_le64(s->b + V1_RESYNC) == IN_SYNC ? 0 : not_clean(s);
}

static int v1_read(struct super *s)
{
	int ret = v1_check(s);
	if (!ret)
		ret = v1_check_features(s);
	if (!ret)
		ret = v1_check_role(s);
	if (!ret)
		ret = v1_read_places(s);
	return ret ? ret : v1_check_clean(s);
}

/* ---- version 0.90 ---- */

static uint32_t v0_word(const struct super *s, size_t i)
{
	return s->big_endian ? get_be32(s->b + 4 * i) : get_le32(s->b + 4 * i);
}

/* Some machines have folded it to 16 bits, so that is what the kernel compares. */
static uint32_t v0_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

static int v0_check(const struct super *s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < SUPER / 4; i++)
		sum += i == V0_CSUM ? 0 : v0_word(s, i);
	if (v0_fold(sum) != v0_fold(v0_word(s, V0_CSUM)))
		return wrong_checksum(s);
	if (v0_word(s, V0_MAJOR) != 0)
		return malformed(s);
	if (v0_word(s, V0_MINOR) == 91)
		return fsmap_whole(s->r, "its RAID is being reshaped");
	if (v0_word(s, V0_MINOR) != 90)
		return fsmap_whole(s->r, "its RAID superblock is of an unknown version");
	s->md->level = (int32_t)v0_word(s, V0_LEVEL);
	return check_level(s);
}

/* What the disk was when this was written, and what it is among the others, must be the same. */
static int v0_check_disk(const struct super *s)
{
	uint32_t number = v0_word(s, V0_THIS + DESC_NUMBER);
	if (number >= V0_DESCS_MAX)
		return malformed(s);
	size_t desc = V0_DESCS + (size_t)number * V0_DESC_WORDS;
	for (size_t at = V0_THIS;; at = desc) {
		if ((v0_word(s, at + DESC_STATE) & ~(uint32_t)DISK_USE) != DISK_ACTIVE_SYNC)
			return fsmap_whole(s->r, "it is a spare of its RAID, is being rebuilt, or "
						 "has failed");
		if (v0_word(s, at + DESC_NUMBER) != number ||
		    v0_word(s, at + DESC_ROLE) != v0_word(s, V0_THIS + DESC_ROLE))
			return malformed(s);
		if (at == desc)
			break;
	}
	s->md->disk = v0_word(s, V0_THIS + DESC_ROLE);
	s->md->disks = v0_word(s, V0_DISKS);
	return s->md->disk < s->md->disks ? 0 : malformed(s);
}

static int v0_read(struct super *s)
{
	struct md_super *md = s->md;
	uint32_t state = v0_word(s, V0_STATE);
	int ret = v0_check(s);
	if (!ret)
		ret = v0_check_disk(s);
	if (!ret && !(state & V0_CLEAN))
		ret = not_clean(s);
	if (ret)
		return ret;
	if (state & ~(uint32_t)(V0_CLEAN | V0_BITMAP))
		return fsmap_whole(s->r, "its RAID has a feature or a fault that is not known "
					 "here");
	/* the bitmap follows the superblock, within what is always read */
	md->bitmap = state & V0_BITMAP;
	md->size = (uint64_t)v0_word(s, V0_SIZE) * SV_KIB;
	md->room = md->place;
	return check_places(s, md->place);
}

int md_super_read(struct fsmap_reader *r, struct md_super *md)
{
	struct super s = {.r = r, .md = md};
	memset(md, 0, sizeof(*md));
	int ret = find(&s);
	if (ret)
		return ret;
	return s.kind == KIND_0_90 ? v0_read(&s) : v1_read(&s);
}
