/* luks.h - LUKS and BitLocker: what libcryptsetup says of a header and a key; private to their
 * files */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_LUKS_H
#define SV_FSMAP_LUKS_H

#include "engine/util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum luks_state {		   /* up to LUKS_CLOSED what the header says, whatever the key */
		  LUKS_UNANSWERED, /* the child died */
		  LUKS_UNREADABLE, /* libcryptsetup does not take it for a header */
		  LUKS_DETACHED,   /* it belongs to data on another volume */
		  LUKS_INTEGRITY,
		  LUKS_REENCRYPT,
		  LUKS_UNKNOWN,	  /* it requires something that this libcryptsetup does not know */
		  LUKS_SEGMENTS,  /* its data are in several pieces */
		  LUKS_NO_SLOT,	  /* no key can open it */
		  LUKS_CLOSED,	  /* all is well, and no key was tried, or it fits nowhere */
		  LUKS_NO_MEMORY, /* the same, but key slots were left out that need `memory` */
		  LUKS_NO_CIPHER, /* the same, but key slots were left out that nothing here can
				     decrypt */
		  LUKS_OPEN,	  /* `key` is valid */
};

/* Plain bytes, so that a child can send it. */
struct luks_answer {
	enum luks_state state;
	uint64_t offset, size; /* of the data, bytes; size 0: to the end of the volume */
	uint64_t first;	       /* number of its first sector, for the IV, in units of 512 */
	uint32_t sector_size;
	uint32_t key_len;
	char cipher[96]; /* as dm-crypt writes it */
	uint64_t memory; /* bytes that the thriftiest of the slots left out needs */
	uint8_t key[64];
};

/*
 * Ask libcryptsetup, in a child. `image` is a sparse file with the header, as large as the volume;
 * it is written to. `version` 1, 2, or LUKS_BITLOCKER, of which only state and key are told.
 * Without a key (NULL) only the header is looked at. 0, SV_E_STOPPED, SV_E_FAILED. The answer holds
 * a key: the caller wipes it.
 */
#define LUKS_BITLOCKER 0
int luks_ask(int image, unsigned int version, const void *key, size_t len,
	     bool (*cancelled)(void *arg), void *arg, struct luks_answer *answer,
	     struct sv_err *err);

#endif
