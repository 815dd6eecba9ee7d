/* keyring.h - passphrases that were typed, by disk: in memory that is wiped, and nowhere else */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TUI_KEYRING_H
#define TUI_KEYRING_H

#include "engine/salvor.h"

/*
 * They are kept until they are forgotten or the interface ends. Any thread; a lock inside. Whoever
 * holds the ring releases it, and the last one frees it; what is in it is wiped by keyring_forget()
 * for all of them. A NULL ring has nothing.
 */
struct keyring;
struct keyring *keyring_create(void);
struct keyring *keyring_share(struct keyring *ring);
void keyring_release(struct keyring *ring);

/* false: no memory. The secret is copied. */
bool keyring_add(struct keyring *ring, const struct disk *disk, const struct sv_secret *secret);
bool keyring_has(struct keyring *ring, const struct disk *disk);
/* Those of a disk; NULL = all. */
void keyring_forget(struct keyring *ring, const struct disk *disk);

/* The keys of one reading of a disk, a copy. For the one who made it; keys_cancel() from any
 * thread. */
struct keys;
/* Those of the ring, and one more (NULL = none). NULL: there are none at all, or no memory. */
struct keys *keys_create(struct keyring *ring, const struct disk *disk,
			 const struct sv_secret *more);
/* For the engine, as long as the keys are there; NULL without keys. */
const struct sv_unlock *keys_unlock(const struct keys *keys);
/* A key that is being derived, which takes seconds, is given up. NULL is fine. */
void keys_cancel(struct keys *keys);
/* Wipes them. NULL is fine. */
void keys_destroy(struct keys *keys);

#endif
