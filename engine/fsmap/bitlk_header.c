/* bitlk_header.c - BitLocker: the boot sector and the three copies of the metadata, judged */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/bitlk.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	BOOT_JUMP = 0,
	BOOT_SIGNATURE = 3,
	BOOT_SECTOR_SIZE = 11,
	BOOT_GUID = 160, /* then the offsets of the copies */
	BOOT_GUID_TO_GO = 424,
	GUID_LEN = 16,

	/* a copy of the metadata: its own header, then that of the entries */
	AREA_LEN = 8, /* in units of 16 bytes; the checksum follows */
	AREA_VERSION = 10,
	AREA_STATE = 12,
	AREA_NEXT_STATE = 14,
	AREA_VOLUME_SIZE = 16,
	AREA_COPIES = 32,
	AREA_MOVED_TO = 56,
	SET_START = 64,
	SET_LEN = SET_START,
	SET_CIPHER = SET_START + 36,
	SET_ENTRIES = SET_START + 48,
	CHECK_CRC = 4,
	CHECK_LEN = 8,

	ENTRY_HEADER = 8, /* length, type, type of its value, version */
	ENTRY_KEY = 0x2,
	ENTRY_MOVED = 0xf,
	KEY_PROTECTION = ENTRY_HEADER + 26,
	KEY_LEN = ENTRY_HEADER + 28,
	MOVED_LEN = ENTRY_HEADER + 16,
	PROTECTION_NONE = 0,

	STATE_ENCRYPTED = 4,
};

/* Its kinds by GUID: one that is encrypted as a whole, and one that was begun with the space in
 * use. */
static const uint8_t guid_normal[GUID_LEN] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
					      0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};
static const uint8_t guid_on_write[GUID_LEN] = {0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d,
						0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8};

static const struct {
	uint16_t id;
	const char *cipher;
	uint32_t key_len;
} ciphers[] = {
	{0x8000, "aes-cbc-elephant", 32}, {0x8001, "aes-cbc-elephant", 64},
	{0x8002, "aes-cbc-eboiv", 16},	  {0x8003, "aes-cbc-eboiv", 32},
	{0x8004, "aes-xts-plain64", 32},  {0x8005, "aes-xts-plain64", 64},
};

static int damaged(struct bitlk *b)
{
	return fsmap_whole(b->r, "its BitLocker metadata are damaged");
}

static int read_boot(struct bitlk *b)
{
	if (fsmap_size(b->r) < sizeof(b->boot))
		return fsmap_whole(b->r, "it is too small for BitLocker");
	int ret = fsmap_read_meta(b->r, b->boot, sizeof(b->boot), 0, "the boot sector");
	if (ret)
		return ret;
	bool to_go = !memcmp(b->boot + BOOT_SIGNATURE, "MSWIN4.1", 8);
	const uint8_t *guid = b->boot + (to_go ? BOOT_GUID_TO_GO : BOOT_GUID);
	if (!to_go && memcmp(b->boot + BOOT_SIGNATURE, "-FVE-FS-", 8) != 0)
		return fsmap_whole(b->r, "its boot sector is damaged");
	if (memcmp(b->boot + BOOT_JUMP, "\xeb\x58\x90", 3) != 0)
		return fsmap_whole(b->r, "BitLocker of Windows Vista: stored whole");
	if (!memcmp(guid, guid_on_write, GUID_LEN))
		return fsmap_whole(b->r, "BitLocker that encrypts what is written: stored whole");
	if (memcmp(guid, guid_normal, GUID_LEN) != 0)
		return fsmap_whole(b->r, "BitLocker of an unknown kind: stored whole");
	b->sector_size = get_le16(b->boot + BOOT_SECTOR_SIZE);
	for (int i = 0; i < BITLK_COPIES; i++)
		b->copies[i] = get_le64(guid + GUID_LEN + 8 * i);
	return b->sector_size == 512 || b->sector_size == 4096 ? 0 : damaged(b);
}

/* ---- copies of the metadata ---- */

/* All of it that counts has the checksum that follows it. */
static bool is_sound(const struct bitlk *b, const uint8_t *area)
{
	size_t len = (size_t)get_le16(area + AREA_LEN) * 16, set = get_le32(area + SET_LEN);
	if (memcmp(area, "-FVE-FS-", 8) != 0 || get_le16(area + AREA_VERSION) != 2 ||
	    len < SET_ENTRIES || len > BITLK_AREA - CHECK_LEN || set < SET_ENTRIES - SET_START ||
	    set > len - SET_START)
		return false;
	for (int i = 0; i < BITLK_COPIES; i++)
		if (get_le64(area + AREA_COPIES + 8 * i) != b->copies[i])
			return false;
	return sv_crc32(area, len) == get_le32(area + len + CHECK_CRC);
}

/* Every copy that can be read must say the same; one that was lost is no doubt. */
static int read_copy(struct bitlk *b, int i, uint8_t *area, bool *first)
{
	bool ok = false;
	if (b->copies[i] % b->sector_size ||
	    !sv_range_ok(b->copies[i], BITLK_AREA, fsmap_size(b->r)))
		return damaged(b);
	int ret = fsmap_read_copy(b->r, area, BITLK_AREA, b->copies[i], "the metadata", &ok);
	if (ret || !ok)
		return ret;
	if (!is_sound(b, area))
		return damaged(b);
	size_t len = (size_t)get_le16(area + AREA_LEN) * 16;
	if (*first) {
		memcpy(b->area, area, BITLK_AREA);
		b->copy = i;
		*first = false;
	} else if (memcmp(b->area, area, len) != 0) {
		return fsmap_whole(b->r, "its copies of the BitLocker metadata differ");
	}
	return 0;
}

static int read_copies(struct bitlk *b)
{
	uint8_t *area = malloc(BITLK_AREA);
	bool none = true;
	int ret = 0;
	b->area = malloc(BITLK_AREA);
	if (!area || !b->area)
		ret = SV_E_NOMEM;
	for (int i = 0; !ret && i < BITLK_COPIES; i++)
		ret = read_copy(b, i, area, &none);
	free(area);
	return !ret && none ? fsmap_whole(b->r, "its BitLocker metadata cannot be read") : ret;
}

/* ---- what they say ---- */

static int take_state(struct bitlk *b)
{
	uint16_t now = get_le16(b->area + AREA_STATE), next = get_le16(b->area + AREA_NEXT_STATE);
	b->size = get_le64(b->area + AREA_VOLUME_SIZE);
	if (now != STATE_ENCRYPTED || next != STATE_ENCRYPTED)
		return fsmap_whole(b->r, "BitLocker, being encrypted or decrypted: stored whole");
	if (b->size > fsmap_size(b->r))
		return fsmap_whole(b->r, "it claims to be larger than its volume");
	return b->size && b->size % b->sector_size == 0 ? 0 : damaged(b);
}

static int take_cipher(struct bitlk *b)
{
	uint16_t id = get_le16(b->area + SET_CIPHER);
	for (size_t i = 0; i < SV_ARRAY(ciphers); i++)
		if (ciphers[i].id == id) {
			b->cipher = ciphers[i].cipher;
			b->key_len = ciphers[i].key_len;
			return 0;
		}
	return fsmap_whole(b->r, "BitLocker with an unknown cipher (0x%" PRIx16 "): stored whole",
			   id);
}

static int take_entry(struct bitlk *b, const uint8_t *entry, size_t len)
{
	uint16_t type = get_le16(entry + 2);
	if (type == ENTRY_KEY && len >= KEY_LEN &&
	    get_le16(entry + KEY_PROTECTION) == PROTECTION_NONE)
		b->clear_key = true;
	if (type != ENTRY_MOVED)
		return 0;
	if (len < MOVED_LEN || b->moved)
		return damaged(b);
	b->moved_to = get_le64(entry + ENTRY_HEADER);
	b->moved = get_le64(entry + ENTRY_HEADER + 8);
	return b->moved ? 0 : damaged(b);
}

static int take_entries(struct bitlk *b)
{
	size_t end = SET_START + get_le32(b->area + SET_LEN), len;
	int ret = 0;
	for (size_t at = SET_ENTRIES; !ret && at + ENTRY_HEADER <= end; at += len) {
		len = get_le16(b->area + at);
		if (!len)
			break;
		if (len < ENTRY_HEADER || len > end - at)
			return damaged(b);
		ret = take_entry(b, b->area + at, len);
	}
	return ret;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* What is kept for itself lies in the volume, behind the part that has moved, and not in each
 * other. */
static int check_places(struct bitlk *b)
{
	if (!b->moved || b->moved % b->sector_size || b->moved_to % b->sector_size ||
	    b->moved_to != get_le64(b->area + AREA_MOVED_TO) ||
	    !sv_range_ok(b->moved_to, b->moved, b->size) ||
	    overlap(0, b->moved, b->moved_to, b->moved))
		return damaged(b);
	for (int i = 0; i < BITLK_COPIES; i++) {
		if (!sv_range_ok(b->copies[i], BITLK_AREA, b->size) ||
		    overlap(b->copies[i], BITLK_AREA, 0, b->moved) ||
		    overlap(b->copies[i], BITLK_AREA, b->moved_to, b->moved))
			return damaged(b);
		for (int k = 0; k < i; k++)
			if (overlap(b->copies[i], BITLK_AREA, b->copies[k], BITLK_AREA))
				return damaged(b);
	}
	return 0;
}

int bitlk_read(struct bitlk *b)
{
	static int (*const steps[])(struct bitlk *) = {
		read_boot, read_copies, take_state, take_cipher, take_entries, check_places,
	};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](b);
	return ret;
}
