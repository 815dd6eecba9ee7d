/* unlock.h - how encrypted volumes are opened: key files, and somebody who knows the passphrase */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_FSMAP_UNLOCK_H
#define SV_FSMAP_UNLOCK_H

#include "engine/util/err.h"
#include "engine/util/secret.h"

#include <stdbool.h>
#include <stddef.h>

#define SV_PASSPHRASE_MAX 513 /* with the final NUL; as long as cryptsetup lets one type it */

/*
 * Encrypted volumes are looked into, and never changed: what is saved stays encrypted. Each one is
 * tried with the key files in order, then with the passphrases that have opened another, then with
 * those that are known, then `ask` is called. It is called on the thread that reads the map, may
 * wait, and may end the whole by an error of its own; three wrong answers end it with
 * SV_E_PASSPHRASE.
 */
struct sv_unlock {
	const char *const *key_files; /* all their bytes are the key, as cryptsetup has it */
	size_t n_key_files;
	/* known already: it is no error when none of them fits */
	const struct sv_secret *passphrases;
	size_t n_passphrases;
	/* `volume` names it, for people; `attempt` is 0, 1, 2. 0 and a NUL-terminated passphrase:
	 * an empty one leaves the volume locked. NULL: nobody is asked. */
	int (*ask)(void *arg, const char *volume, unsigned int attempt,
		   char passphrase[SV_PASSPHRASE_MAX], struct sv_err *err);
	/* Asked while a key is being derived, which takes seconds; NULL = never. */
	bool (*cancelled)(void *arg);
	void *arg;
};

/* There is something to try, or somebody to ask. NULL is fine. */
bool sv_unlock_has_keys(const struct sv_unlock *how);

/* ---- inside of the engine ---- */

struct unlock; /* what was tried and learned while one map is read; one thread */

/* Reads the key files. `how` must outlive it; NULL, or with neither keys nor ask: *unlock_ret is
 * NULL, and every volume stays locked. SV_E_USAGE (a key file cannot be read), SV_E_NOMEM. */
int unlock_create(const struct sv_unlock *how, struct unlock **unlock_ret, struct sv_err *err);
/* Wipes all keys. NULL is fine. */
void unlock_destroy(struct unlock *unlock);

/* From now on nobody is asked: what is known must do. NULL is fine. */
void unlock_hush(struct unlock *unlock);

enum unlock_end {
	UNLOCK_SHUT, /* the key does not fit; no key did, or none was given */
	UNLOCK_OPEN,
	UNLOCK_HOPELESS, /* another key would not help either */
};

/* Find the key of a volume: try() gets one after the other. Both answer with an enum unlock_end or
 * an error, which unlock_result() has kept. */
int unlock_volume(struct unlock *unlock, const char *volume,
		  int (*try)(void *arg, const void *key, size_t len, struct sv_err *err),
		  void *arg);
/* A volume stays locked although it was to be opened, for this reason; the first one is kept. NULL
 * is fine. */
void unlock_stays(struct unlock *unlock, const char *volume, const char *reason);
/* For children that derive keys. NULL is fine. */
bool unlock_cancelled(void *unlock);

/* What the reading of `source` comes to: 0, or what went wrong. SV_E_PASSPHRASE also when there
 * were encrypted volumes and key files, and nothing opened any; not asked so early with `source`
 * NULL. NULL is fine. */
int unlock_result(const struct unlock *unlock, const char *source, struct sv_err *err);
/* Why the first of those stays locked; "" when there is none. NULL is fine. */
const char *unlock_complaint(const struct unlock *unlock);

#endif
