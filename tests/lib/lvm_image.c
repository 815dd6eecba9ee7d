/* lvm_image.c - physical volumes of LVM2 made by hand */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/lvm_image.h"

#include "engine/fsmap/lvm.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <string.h>

#define CRC_START 0xf597a6cfu
#define SWAP_MIB  10u

void lvm_image_seal_area(uint8_t *area)
{
	put_le32(area, sv_crc32_raw(CRC_START, area + 4, 508));
}

void lvm_image_area(uint8_t *disk, uint32_t at, const char *text, uint32_t off)
{
	uint8_t *h = disk + at;
	uint32_t len = (uint32_t)strlen(text) + 1, first = SV_MIN(len, LVM_IMAGE_MDA_SIZE - off);
	memset(h, 0, 512);
	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(h + 20, 1);
	put_le64(h + 24, at);
	put_le64(h + 32, LVM_IMAGE_MDA_SIZE);
	put_le64(h + 40, off);
	put_le64(h + 48, len);
	put_le32(h + 56, sv_crc32_raw(CRC_START, text, len));
	memcpy(h + off, text, first);
	memcpy(h + 512, text + first, len - first);
	lvm_image_seal_area(h);
}

void lvm_image_seal_label(uint8_t *disk)
{
	put_le32(disk + 512 + 16, sv_crc32_raw(CRC_START, disk + 512 + 20, 492));
}

static void put_swap(uint8_t *at)
{
	put_le32(at + 1024, 1);
	put_le32(at + 1028, SWAP_MIB * 256 - 1);
	memcpy(at + 4086, "SWAPSPACE2", 10);
}

struct blk_dev *lvm_image_make(const char *uuid, const char *text)
{
	struct blk_dev *dev;
	assert_int_equal(blk_mem_create(NULL, LVM_IMAGE_SIZE, 512, &dev), 0);
	uint8_t *disk = blk_mem_data(dev), *label = disk + 512;
	memcpy(label, "LABELONE", 8);
	put_le64(label + 8, 1);
	put_le32(label + 20, 32);
	memcpy(label + 24, "LVM2 001", 8);
	memcpy(label + 32, uuid, LVM_UUID_LEN);
	put_le64(label + 64, LVM_IMAGE_SIZE);
	put_le64(label + 72, SV_MIB);
	put_le64(label + 104, LVM_IMAGE_MDA);
	put_le64(label + 112, LVM_IMAGE_MDA_SIZE);
	lvm_image_area(disk, LVM_IMAGE_MDA, text, 512);
	lvm_image_seal_label(disk);
	put_swap(disk + 6 * SV_MIB);
	return dev;
}
