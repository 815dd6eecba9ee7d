/* ntfs_record.c - FILE records of NTFS in memory: fixups, header, attributes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs.h"

#include "engine/util/bytes.h"

#include <string.h>

/* kernel fs/ntfs3/ntfs.h, struct NTFS_RECORD_HEADER and MFT_REC */
#define FIX_OFF	      0x04
#define FIX_COUNT     0x06
#define REC_ATTRS     0x14
#define REC_FLAGS     0x16
#define REC_USED      0x18
#define REC_TOTAL     0x1c
#define REC_BASE      0x20
#define REC_HEADER    0x28 /* the fields every version has */
#define REC_IN_USE    1
#define REC_FOLDER    2
#define REF_NUMBER(x) ((x)&0xffffffffffffULL)

/* kernel fs/ntfs3/ntfs.h, struct ATTRIB */
#define ATTR_LEN	  0x04
#define ATTR_NON_RESIDENT 0x08
#define ATTR_NAME_LEN	  0x09
#define ATTR_NAME_OFF	  0x0a
#define ATTR_FLAGS	  0x0c
#define ATTR_VALUE_LEN	  0x10
#define ATTR_VALUE_OFF	  0x14
#define ATTR_LOWEST_VCN	  0x10
#define ATTR_HIGHEST_VCN  0x18
#define ATTR_RUNS_OFF	  0x20
#define ATTR_UNIT	  0x22
#define ATTR_ALLOC	  0x28
#define ATTR_SIZE	  0x30
#define ATTR_VALID	  0x38
#define ATTR_MIN	  0x18
#define ATTR_MIN_NON_RES  0x40
#define ATTR_END	  0xffffffffu

bool ntfs_fixup(uint8_t *buf, size_t len)
{
	size_t off = get_le16(buf + FIX_OFF), count = get_le16(buf + FIX_COUNT);
	if (len % NTFS_BLOCK || count != len / NTFS_BLOCK + 1 || off % 2 ||
	    off + count * 2 > NTFS_BLOCK - 2)
		return false;
	const uint8_t *array = buf + off;
	for (size_t i = 1; i < count; i++)
		if (memcmp(buf + i * NTFS_BLOCK - 2, array, 2) != 0)
			return false;
	for (size_t i = 1; i < count; i++)
		memcpy(buf + i * NTFS_BLOCK - 2, array + i * 2, 2);
	return true;
}

bool ntfs_record_open(uint8_t *rec, uint32_t len)
{
	if (memcmp(rec, "FILE", 4) != 0 || !ntfs_fixup(rec, len))
		return false;
	uint32_t used = get_le32(rec + REC_USED), attrs = get_le16(rec + REC_ATTRS);
	return get_le32(rec + REC_TOTAL) == len && used <= len && attrs % 8 == 0 &&
	       attrs >= REC_HEADER && attrs < used;
}

bool ntfs_record_in_use(const uint8_t *rec)
{
	return get_le16(rec + REC_FLAGS) & REC_IN_USE;
}

bool ntfs_record_is_folder(const uint8_t *rec)
{
	return get_le16(rec + REC_FLAGS) & REC_FOLDER;
}

uint64_t ntfs_record_base(const uint8_t *rec)
{
	return REF_NUMBER(get_le64(rec + REC_BASE));
}

static bool take_resident(const uint8_t *p, uint32_t len, struct ntfs_attr *a)
{
	uint32_t off = get_le16(p + ATTR_VALUE_OFF), size = get_le32(p + ATTR_VALUE_LEN);
	a->value = p + off;
	a->value_len = size;
	a->lowest = a->end = 0;
	a->unit_shift = 0;
	a->alloc = a->size = a->valid = size;
	return sv_range_ok(off, size, len);
}

static bool take_non_resident(const uint8_t *p, uint32_t len, struct ntfs_attr *a)
{
	uint32_t off = get_le16(p + ATTR_RUNS_OFF);
	if (len < ATTR_MIN_NON_RES || off < ATTR_MIN_NON_RES || off >= len)
		return false;
	a->value = p + off;
	a->value_len = len - off;
	a->unit_shift = p[ATTR_UNIT] <= 16 ? p[ATTR_UNIT] : 0;
	a->lowest = get_le64(p + ATTR_LOWEST_VCN);
	a->end = get_le64(p + ATTR_HIGHEST_VCN) + 1; /* the highest VCN of nothing is -1 */
	a->alloc = get_le64(p + ATTR_ALLOC);
	a->size = get_le64(p + ATTR_SIZE);
	a->valid = get_le64(p + ATTR_VALID);
	return a->end >= a->lowest && a->end <= INT64_MAX;
}

int ntfs_attr_parse(const uint8_t *p, uint32_t room, struct ntfs_attr *a)
{
	if (room < 4)
		return -1;
	a->type = get_le32(p);
	if (a->type == ATTR_END)
		return 0;
	if (room < ATTR_MIN)
		return -1;
	uint32_t size = get_le32(p + ATTR_LEN);
	if (size < ATTR_MIN || size % 8 || size > room || size > NTFS_RECORD_MAX)
		return -1;
	uint32_t name_off = get_le16(p + ATTR_NAME_OFF);
	a->flags = get_le16(p + ATTR_FLAGS);
	a->name_len = p[ATTR_NAME_LEN];
	a->name = p + name_off;
	a->resident = !p[ATTR_NON_RESIDENT];
	if (a->name_len && !sv_range_ok(name_off, a->name_len * 2, size))
		return -1;
	bool ok = a->resident ? take_resident(p, size, a) : take_non_resident(p, size, a);
	return ok ? (int)size : -1;
}

int ntfs_attr_next(const uint8_t *rec, uint32_t len, uint32_t *pos, struct ntfs_attr *a)
{
	uint32_t used = SV_MIN(get_le32(rec + REC_USED), len);
	if (*pos == 0)
		*pos = get_le16(rec + REC_ATTRS);
	if (*pos > used)
		return -1;
	int size = ntfs_attr_parse(rec + *pos, used - *pos, a);
	if (size <= 0)
		return size;
	*pos += (uint32_t)size;
	return 1;
}

/* Not tolower(), which depends on the locale. */
static unsigned int lower(unsigned int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool ntfs_name_is(const uint8_t *name, size_t name_len, const char *ascii)
{
	if (strlen(ascii) != name_len)
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (lower(get_le16(name + i * 2)) != lower((unsigned char)ascii[i]))
			return false;
	return true;
}
