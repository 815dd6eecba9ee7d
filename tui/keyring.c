/* keyring.c - passphrases that were typed, by disk */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/keyring.h"
#include "tui/app.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct key {
	char disk[APP_IDENTITY_TEXT];
	struct sv_secret secret;
};

struct keyring {
	pthread_mutex_t lock; /* guards all below */
	size_t users;
	struct key *v;
	size_t n;
};

struct keys {
	struct sv_secret *v;
	size_t n;
	_Atomic bool cancelled;
	struct sv_unlock unlock;
};

struct keyring *keyring_create(void)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return NULL;
	pthread_mutex_init(&ring->lock, NULL);
	ring->users = 1;
	return ring;
}

struct keyring *keyring_share(struct keyring *ring)
{
	if (!ring)
		return NULL;
	pthread_mutex_lock(&ring->lock);
	ring->users++;
	pthread_mutex_unlock(&ring->lock);
	return ring;
}

void keyring_release(struct keyring *ring)
{
	if (!ring)
		return;
	pthread_mutex_lock(&ring->lock);
	bool last = !--ring->users;
	pthread_mutex_unlock(&ring->lock);
	if (!last)
		return;
	keyring_forget(ring, NULL);
	pthread_mutex_destroy(&ring->lock);
	free(ring->v);
	free(ring);
}

static bool is_of(const struct key *key, const struct disk *disk)
{
	char identity[APP_IDENTITY_TEXT];
	return !strcmp(key->disk, app_disk_identity(disk, identity));
}

bool keyring_add(struct keyring *ring, const struct disk *disk, const struct sv_secret *secret)
{
	if (!ring)
		return false;
	pthread_mutex_lock(&ring->lock);
	struct key *grown = reallocarray(ring->v, ring->n + 1, sizeof(*grown));
	ring->v = grown ? grown : ring->v;
	bool ok = grown && sv_secret_copy(&grown[ring->n].secret, secret);
	if (ok)
		app_disk_identity(disk, grown[ring->n++].disk);
	pthread_mutex_unlock(&ring->lock);
	return ok;
}

bool keyring_has(struct keyring *ring, const struct disk *disk)
{
	bool has = false;
	if (!ring)
		return false;
	pthread_mutex_lock(&ring->lock);
	for (size_t i = 0; i < ring->n; i++)
		has |= is_of(&ring->v[i], disk);
	pthread_mutex_unlock(&ring->lock);
	return has;
}

void keyring_forget(struct keyring *ring, const struct disk *disk)
{
	size_t kept = 0;
	if (!ring)
		return;
	pthread_mutex_lock(&ring->lock);
	for (size_t i = 0; i < ring->n; i++)
		if (!disk || is_of(&ring->v[i], disk))
			sv_secret_wipe(&ring->v[i].secret);
		else
			ring->v[kept++] = ring->v[i];
	ring->n = kept;
	pthread_mutex_unlock(&ring->lock);
}

/* ---- for one reading ---- */

static bool cancelled(void *arg)
{
	const struct keys *keys = arg;
	return keys->cancelled;
}

/* false: no memory. */
static bool take(struct keys *keys, const struct sv_secret *secret)
{
	struct sv_secret *grown = reallocarray(keys->v, keys->n + 1, sizeof(*grown));
	if (!grown)
		return false;
	keys->v = grown;
	if (!sv_secret_copy(&grown[keys->n], secret))
		return false;
	keys->n++;
	return true;
}

static bool take_all(struct keys *keys, struct keyring *ring, const struct disk *disk)
{
	bool ok = true;
	if (!ring)
		return true;
	pthread_mutex_lock(&ring->lock);
	for (size_t i = 0; ok && i < ring->n; i++)
		if (is_of(&ring->v[i], disk))
			ok = take(keys, &ring->v[i].secret);
	pthread_mutex_unlock(&ring->lock);
	return ok;
}

struct keys *keys_create(struct keyring *ring, const struct disk *disk,
			 const struct sv_secret *more)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	if (!keys)
		return NULL;
	if (!take_all(keys, ring, disk) || (more && !take(keys, more)) || !keys->n) {
		keys_destroy(keys);
		return NULL;
	}
	keys->unlock = (struct sv_unlock){.passphrases = keys->v,
					  .n_passphrases = keys->n,
					  .cancelled = cancelled,
					  .arg = keys};
	return keys;
}

const struct sv_unlock *keys_unlock(const struct keys *keys)
{
	return keys ? &keys->unlock : NULL;
}

void keys_cancel(struct keys *keys)
{
	if (keys)
		keys->cancelled = true;
}

void keys_destroy(struct keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->n; i++)
		sv_secret_wipe(&keys->v[i]);
	free(keys->v);
	free(keys);
}
