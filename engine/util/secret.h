/* secret.h - memory for keys and passphrases: not swapped, not dumped, wiped */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_SECRET_H
#define SV_UTIL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised = none. One owner, one thread at a time. */
struct sv_secret {
	uint8_t *bytes; /* a mapping of its own, `room` long, zeros at first */
	size_t len, room;
};

/* false: no memory. Locked where that is allowed. */
bool sv_secret_create(struct sv_secret *secret, size_t room);
/* A copy of its own. false: no memory. */
bool sv_secret_copy(struct sv_secret *to, const struct sv_secret *from);
/* Nothing of it is left; none is fine. */
void sv_secret_wipe(struct sv_secret *secret);

#endif
