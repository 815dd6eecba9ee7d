/* luks_child.c - what libcryptsetup says of a LUKS or BitLocker header, and the volume key, from a
 * child process
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/luks.h"

#include "engine/util/bytes.h"
#include "engine/util/child.h"

#include <errno.h>
#include <jansson.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * libcryptsetup has global state, repairs headers while it reads them, and works for as long as a
 * header wants it to. It sees a copy of the header, in a child that can be ended.
 */

#define TIME_LIMIT_MS (30 * 60 * 1000)
/* For libcryptsetup itself, beside the memory that the key derivation is said to need. */
#define MEMORY_OWN (128 * SV_MIB)

struct question {
	unsigned int version;
	const void *key;
	size_t len;
	uint64_t memory; /* bytes that a key derivation may take */
	bool (*cancelled)(void *arg);
	void *arg;
};

/* ---- child ---- */

static const char *type_of(unsigned int version)
{
	return version == LUKS_BITLOCKER ? CRYPT_BITLK : version == 2 ? CRYPT_LUKS2 : CRYPT_LUKS1;
}

/* The pieces of the data. "backup" ones belong to a reencryption. */
static enum luks_state look_at_segments(struct crypt_device *cd, struct luks_answer *a)
{
	const char *text = NULL, *key;
	json_t *segment;
	size_t n = 0;
	if (crypt_dump_json(cd, &text, 0))
		return LUKS_UNREADABLE;
	json_t *all = json_loads(text, 0, NULL);
	json_object_foreach(json_object_get(all, "segments"), key, segment)
	{
		const char *size = json_string_value(json_object_get(segment, "size"));
		if (json_object_get(segment, "integrity"))
			return LUKS_INTEGRITY;
		n++;
		if (!size)
			return LUKS_UNREADABLE;
		a->size = strcmp(size, "dynamic") ? strtoull(size, NULL, 10) : 0;
		if (!a->size && strcmp(size, "dynamic"))
			return LUKS_UNREADABLE;
	}
	return n == 1 ? LUKS_CLOSED : LUKS_SEGMENTS;
}

static enum luks_state look_at_luks2(struct crypt_device *cd, struct luks_answer *a)
{
	uint32_t flags = 0;
	if (crypt_persistent_flags_get(cd, CRYPT_FLAGS_REQUIREMENTS, &flags))
		return LUKS_UNREADABLE;
	if (flags & (CRYPT_REQUIREMENT_OFFLINE_REENCRYPT | CRYPT_REQUIREMENT_ONLINE_REENCRYPT))
		return LUKS_REENCRYPT;
	if (flags)
		return LUKS_UNKNOWN;
	return look_at_segments(cd, a);
}

static enum luks_state look_at(struct crypt_device *cd, unsigned int version, struct luks_answer *a)
{
	const char *cipher = crypt_get_cipher(cd), *mode = crypt_get_cipher_mode(cd);
	int key_len = crypt_get_volume_key_size(cd);
	enum luks_state state = version == 2 ? look_at_luks2(cd, a) : LUKS_CLOSED;
	if (state != LUKS_CLOSED)
		return state;
	if (!cipher || !mode || !sv_mul_ok(crypt_get_data_offset(cd), 512, &a->offset))
		return LUKS_UNREADABLE;
	if (key_len <= 0) /* the slots of version 2 know it */
		return LUKS_NO_SLOT;
	snprintf(a->cipher, sizeof(a->cipher), "%s-%s", cipher, mode);
	a->key_len = (uint32_t)key_len;
	a->first = crypt_get_iv_offset(cd);
	a->sector_size = (uint32_t)crypt_get_sector_size(cd);
	return a->offset ? LUKS_CLOSED : LUKS_DETACHED;
}

static bool is_used(struct crypt_device *cd, int slot)
{
	crypt_keyslot_info info = crypt_keyslot_status(cd, slot);
	return info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST;
}

/* Argon2 takes as much memory as the header says. */
static bool is_affordable(struct crypt_device *cd, int slot, uint64_t memory, struct luks_answer *a)
{
	struct crypt_pbkdf_type pbkdf = {0};
	if (crypt_keyslot_get_pbkdf(cd, slot, &pbkdf))
		return false;
	uint64_t needed = (uint64_t)pbkdf.max_memory_kb * SV_KIB;
	if (needed <= memory)
		return true;
	a->memory = a->memory ? SV_MIN(a->memory, needed) : needed;
	return false;
}

/* What a key makes of one slot; the same codes as for the volume. */
static enum luks_state try_slot(struct crypt_device *cd, int slot, const struct question *q,
				struct luks_answer *a)
{
	size_t len = sizeof(a->key);
	if (!is_affordable(cd, slot, q->memory, a))
		return LUKS_NO_MEMORY;
	if (!q->key)
		return LUKS_CLOSED;
	int rc = crypt_volume_key_get(cd, slot, (char *)a->key, &len, q->key, q->len);
	if (rc < 0)
		return rc == -EPERM ? LUKS_CLOSED : LUKS_NO_CIPHER;
	a->key_len = (uint32_t)len;
	return LUKS_OPEN;
}

/* Slots that nothing can be made of count once all others did not fit; without a key, only when
 * there are no others. */
static enum luks_state try_slots(struct crypt_device *cd, const struct question *q,
				 struct luks_answer *a)
{
	int slots = crypt_keyslot_max(type_of(q->version));
	unsigned int seen[LUKS_OPEN + 1] = {0}, used = 0;
	for (int slot = 0; slot < slots && !seen[LUKS_OPEN]; slot++)
		if (is_used(cd, slot)) {
			used++;
			seen[try_slot(cd, slot, q, a)]++;
		}
	if (!used)
		return LUKS_NO_SLOT;
	if (seen[LUKS_OPEN])
		return LUKS_OPEN;
	if (seen[LUKS_CLOSED] && !q->key)
		return LUKS_CLOSED;
	if (seen[LUKS_NO_MEMORY])
		return LUKS_NO_MEMORY;
	return seen[LUKS_NO_CIPHER] ? LUKS_NO_CIPHER : LUKS_CLOSED;
}

/* A passphrase, a recovery password, or what a startup key's file holds. */
static enum luks_state try_bitlocker(struct crypt_device *cd, const struct question *q,
				     struct luks_answer *a)
{
	size_t len = sizeof(a->key);
	if (!q->key)
		return LUKS_CLOSED;
	int rc = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)a->key, &len, q->key, q->len);
	a->key_len = (uint32_t)len;
	return rc < 0 ? LUKS_CLOSED : LUKS_OPEN;
}

static void work(void *arg, void *answer)
{
	const struct question *q = arg;
	struct luks_answer *a = answer;
	struct crypt_device *cd = NULL;
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", SV_CHILD_IMAGE);
	/* a header nobody else has */
	crypt_metadata_locking(NULL, 0);
	a->state = LUKS_UNREADABLE;
	if (crypt_init(&cd, path) || crypt_load(cd, type_of(q->version), NULL))
		return;
	if (q->version == LUKS_BITLOCKER) {
		a->state = try_bitlocker(cd, q, a);
		return;
	}
	a->state = look_at(cd, q->version, a);
	if (a->state == LUKS_CLOSED)
		a->state = try_slots(cd, q, a);
	/* the end of the process frees the rest */
}

/* ---- parent ---- */

/* Bytes of memory that can be had without swapping; 0 when the kernel does not say. */
static uint64_t available_memory(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * SV_KIB;
}

static bool is_cancelled(void *arg)
{
	const struct question *q = arg;
	return q->cancelled && q->cancelled(q->arg);
}

/* The texts come from a process that read hostile bytes. */
static bool is_sound(const struct luks_answer *a)
{
	return a->state <= LUKS_OPEN && memchr(a->cipher, '\0', sizeof(a->cipher)) &&
	       (a->state != LUKS_OPEN || a->key_len <= sizeof(a->key));
}

int luks_ask(int image, unsigned int version, const void *key, size_t len,
	     bool (*cancelled)(void *arg), void *arg, struct luks_answer *answer,
	     struct sv_err *err)
{
	struct question q = {
		.version = version,
		.key = key,
		.len = len,
		.memory = available_memory(),
		.cancelled = cancelled,
		.arg = arg,
	};
	const struct sv_child child = {
		.image = image,
		.memory = q.memory + MEMORY_OWN,
		.ms = TIME_LIMIT_MS,
		.work = work,
		.cancelled = is_cancelled,
		.arg = &q,
	};
	bool answered = false;
	int rc = sv_child_run(&child, answer, sizeof(*answer), &answered, err);
	if (!rc && (!answered || !is_sound(answer)))
		explicit_bzero(answer, sizeof(*answer)); /* LUKS_UNANSWERED */
	return rc;
}
