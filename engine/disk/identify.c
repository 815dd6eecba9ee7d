/* identify.c - what disks answer about their size and their locks: bytes made into plain words */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/identify.h"

#include "engine/util/bytes.h"

#include <string.h>

#define LBA28_END ((uint64_t)1 << 28)
#define LBA48_END ((uint64_t)1 << 48)

/* ---- ATA ---- */

/* A word of which bit 14 is set and bit 15 is not says something. */
static uint16_t sure_word(const uint8_t *data, size_t n)
{
	uint16_t word = get_le16(data + 2 * n);
	return (word & 0xc000) == 0x4000 ? word : 0;
}

static bool sums_up(const uint8_t data[ATA_SECTOR])
{
	uint8_t sum = 0;
	for (size_t i = 0; i < ATA_SECTOR; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum == 0;
}

#define SIGNATURE 0xa5 /* in the byte before the last: the last is a checksum */

static void take_size(const uint8_t *data, struct ata_identify *id)
{
	uint16_t geometry = sure_word(data, 106);
	uint64_t words = geometry & 1 << 12 ? get_le32(data + 2 * 117) : ATA_SECTOR / 2;
	id->sectors = id->lba48 ? get_le64(data + 2 * 100) : get_le32(data + 2 * 60);
	id->sector_size = sv_is_pow2(words) && words >= ATA_SECTOR / 2 && words <= 32 * SV_KIB
				  ? (uint32_t)(2 * words)
				  : 0;
}

bool identify_ata(const uint8_t data[ATA_SECTOR], struct ata_identify *id)
{
	uint16_t sets = sure_word(data, 83) ? get_le16(data + 2 * 82) : 0;
	uint16_t more = sure_word(data, 83), most = sure_word(data, 119);
	memset(id, 0, sizeof(*id));
	if (data[ATA_SECTOR - 2] == SIGNATURE && !sums_up(data))
		return false;
	id->lba48 = more & 1 << 10;
	id->hpa = sets & 1 << 10;
	id->dco = more & 1 << 11;
	id->ama = most & 1 << 8;
	id->trusted = sure_word(data, 48) & 1 << 0;
	id->locked = sets & 1 << 1 && get_le16(data + 2 * 128) & 1 << 2;
	take_size(data, id);
	uint64_t end = id->lba48 ? LBA48_END : LBA28_END;
	return id->sectors && id->sectors < end && id->sector_size;
}

#define DESCRIPTORS   0x72 /* sense data that are current, made of descriptors */
#define ATA_STATUS    0x09
#define STATUS_LENGTH 12
#define STATUS_ERRORS 0x21 /* error, device fault */

/* The address in the registers, the way the command counts. */
static uint64_t registers_lba(const uint8_t *d, bool lba48)
{
	uint64_t low = (uint64_t)d[7] | (uint64_t)d[9] << 8 | (uint64_t)d[11] << 16;
	if (!lba48)
		return low | (uint64_t)(d[12] & 0x0f) << 24;
	return low | (uint64_t)d[6] << 24 | (uint64_t)d[8] << 32 | (uint64_t)d[10] << 40;
}

bool identify_registers(const uint8_t *sense, size_t len, bool lba48, uint64_t *lba)
{
	size_t end = len >= 8 ? SV_MIN(len, 8 + (size_t)sense[7]) : 0;
	if (!end || (sense[0] & 0x7f) != DESCRIPTORS)
		return false;
	for (size_t at = 8; at + 2 <= end; at += 2 + (size_t)sense[at + 1]) {
		const uint8_t *d = sense + at;
		if (d[0] != ATA_STATUS || d[1] != STATUS_LENGTH || at + 2 + STATUS_LENGTH > end)
			continue;
		*lba = registers_lba(d, lba48);
		/* bit 0: all of the address is there */
		return !(d[13] & STATUS_ERRORS) && (!lba48 || d[2] & 1);
	}
	return false;
}

bool identify_dco(const uint8_t data[ATA_SECTOR], uint64_t *lba)
{
	*lba = get_le64(data + 2 * 3);
	return get_le16(data) && data[ATA_SECTOR - 2] == SIGNATURE && sums_up(data) && *lba &&
	       *lba < LBA48_END;
}

/* ---- TCG ---- */

#define DISCOVERY_HEAD 48
#define LOCKING	       0x0002

static void take_locking(uint8_t bits, struct opal_lock *lock)
{
	bool mbr = bits & 1 << 4, mbr_done = bits & 1 << 5;
	lock->enabled = bits & 1 << 1;
	lock->locked = lock->enabled && bits & 1 << 2;
	lock->shadow = lock->enabled && mbr && !mbr_done;
}

bool identify_opal(const uint8_t *data, size_t len, struct opal_lock *lock)
{
	memset(lock, 0, sizeof(*lock));
	if (len < DISCOVERY_HEAD)
		return false;
	uint64_t said = 4 + (uint64_t)get_be32(data);
	size_t end = (size_t)SV_MIN(said, (uint64_t)len);
	for (size_t at = DISCOVERY_HEAD; at + 4 <= end; at += 4 + (size_t)data[at + 3]) {
		if (get_be16(data + at) != LOCKING || !data[at + 3] || at + 5 > end)
			continue;
		take_locking(data[at + 4], lock);
		return data[at + 4] & 1; /* locking is supported */
	}
	return false;
}

/* ---- NVMe ---- */

bool identify_nvme_security(const uint8_t data[NVME_IDENTIFY])
{
	return get_le16(data + 256) & 1;
}
