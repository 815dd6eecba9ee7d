/* elephant.h - the diffuser that BitLocker of Windows Vista and 7 puts between plaintext and
 * AES-CBC */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_IO_ELEPHANT_H
#define SV_IO_ELEPHANT_H

#include <stddef.h>
#include <stdint.h>

/*
 * N. Ferguson, "AES-CBC + Elephant diffuser" (Microsoft, 2006), section 4. A sector that AES-CBC
 * has decrypted: both diffusers are undone and the sector's key taken off, in place. `len` is a
 * multiple of 64. Pure.
 */
#define ELEPHANT_KEY 32
void elephant_undo(uint8_t *sector, size_t len, const uint8_t key[ELEPHANT_KEY]);

#endif
