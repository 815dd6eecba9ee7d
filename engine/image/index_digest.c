/* index_digest.c - granule digests out of disk.idx, record by record */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/index.h"

#include "engine/util/crc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Records kept: as many threads may walk frames at the same time. */
#define SLOTS 16u

struct slot {
	uint64_t at; /* 0 = empty */
	uint64_t used;
	uint8_t *payload;
	size_t len;
};

/* Everything but fd and geometry is under the lock. */
struct index_digests {
	int fd;
	struct geometry geometry;
	pthread_mutex_t lock;
	uint64_t clock;
	struct slot slots[SLOTS];
};

int index_digests_create(int fd, const struct geometry *g, struct index_digests **ret)
{
	struct index_digests *d = calloc(1, sizeof(*d));
	if (!d || pthread_mutex_init(&d->lock, NULL)) {
		free(d);
		return SV_E_NOMEM;
	}
	d->fd = fd;
	d->geometry = *g;
	*ret = d;
	return 0;
}

void index_digests_destroy(struct index_digests *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(d->slots[i].payload);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static int read_record(struct index_digests *d, uint64_t at, uint8_t **payload, size_t *len)
{
	struct disk_record r;
	int rc = index_pread(&d->fd, &r, sizeof(r), at);
	if (rc)
		return rc;
	*len = get_le32(r.len);
	if (get_le32(r.type) != RECORD_FRAME || *len > MAX_RECORD ||
	    get_le32(r.head_crc) != (uint32_t)~sv_crc32c(~0u, &r, 12))
		return SV_E_DATA;
	uint8_t *p = malloc(*len + 1);
	if (!p)
		return SV_E_NOMEM;
	rc = index_pread(&d->fd, p, *len, at + sizeof(r));
	if (!rc && get_le32(r.crc) != (uint32_t)~sv_crc32c(~0u, p, *len))
		rc = SV_E_DATA;
	if (rc) {
		free(p);
		return rc;
	}
	*payload = p;
	return 0;
}

static int find_slot(struct index_digests *d, uint64_t at, struct slot **ret)
{
	struct slot *oldest = &d->slots[0];
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &d->slots[i];
		if (s->at == at) {
			s->used = ++d->clock;
			*ret = s;
			return 0;
		}
		if (s->used < oldest->used)
			oldest = s;
	}
	uint8_t *payload;
	size_t len;
	int rc = read_record(d, at, &payload, &len);
	if (rc)
		return rc;
	free(oldest->payload);
	*oldest = (struct slot){.at = at, .used = ++d->clock, .payload = payload, .len = len};
	*ret = oldest;
	return 0;
}

/* Position of a granule's digest among those of a frame; false when it has none. */
static bool find_granule(const struct index_frame *f, uint64_t start, uint64_t granule,
			 uint64_t *position)
{
	uint64_t next = 0, count = 0, pos = start;
	for (uint32_t i = 0; i < f->n_runs; i++) {
		uint64_t word = get_le64(f->runs + 8 * (size_t)i), len = RUN_LEN(word);
		int kind = RUN_KIND(word);
		uint64_t first = SV_MAX(pos / IMAGE_GRANULE, next);
		uint64_t end = (pos + len - 1) / IMAGE_GRANULE + 1;
		pos += len;
		if ((kind != SV_RUN_DATA && kind != SV_RUN_BAD) || end <= first)
			continue;
		if (granule >= first && granule < end) {
			*position = count + (granule - first);
			return true;
		}
		count += end - first;
		next = end;
	}
	return false;
}

int index_digest(struct index_digests *d, uint64_t number, uint64_t at, uint64_t granule,
		 struct sv_digest *digest, bool *has)
{
	struct slot *slot;
	struct index_frame f;
	uint64_t position;
	*has = false;
	pthread_mutex_lock(&d->lock);
	int rc = find_slot(d, at, &slot);
	if (!rc &&
	    (!index_parse_frame(slot->payload, slot->len, &d->geometry, &f) || f.number != number))
		rc = SV_E_DATA;
	if (!rc && find_granule(&f, number * d->geometry.frame_size, granule, &position)) {
		memcpy(digest->b, f.digests + 16 * position, sizeof(digest->b));
		*has = true;
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}
