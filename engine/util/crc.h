/* crc.h - cyclic redundancy checks of the on-disk formats */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_CRC_H
#define SV_UTIL_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC32C (Castagnoli, reflected 0x82F63B78) without the usual initial and final inversion: the
 * caller passes ~0 to start and inverts where its format does. ext4 and jbd2 do not invert at the
 * end; XFS, Btrfs and disk.idx do.
 */
uint32_t sv_crc32c(uint32_t crc, const void *buf, size_t len);

/* CRC32 (IEEE, reflected 0xEDB88320) complete with both inversions: UEFI 2.10 section 5.3 (GPT).
 * crc32 of "123456789" is cbf43926. */
uint32_t sv_crc32(const void *buf, size_t len);

/* The same without either inversion, start value given: LVM2 starts from f597a6cf. */
uint32_t sv_crc32_raw(uint32_t crc, const void *buf, size_t len);

/* CRC16 (ANSI, reflected 0xA001), start value given: ext4 group descriptors with uninit_bg (kernel
 * lib/crc16.c). */
uint16_t sv_crc16(uint16_t crc, const void *buf, size_t len);

#endif
