/* secret.c - memory for keys and passphrases */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/secret.h"

#include <string.h>
#include <sys/mman.h>

bool sv_secret_create(struct sv_secret *s, size_t room)
{
	/* not of the heap: a page that is wiped and gone is nobody's neighbour */
	void *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	mlock2(p, room, MLOCK_ONFAULT);
	madvise(p, room, MADV_DONTDUMP);
	*s = (struct sv_secret){.bytes = p, .room = room};
	return true;
}

bool sv_secret_copy(struct sv_secret *to, const struct sv_secret *from)
{
	if (!sv_secret_create(to, from->room))
		return false;
	memcpy(to->bytes, from->bytes, from->len);
	to->len = from->len;
	return true;
}

void sv_secret_wipe(struct sv_secret *s)
{
	if (!s->bytes)
		return;
	explicit_bzero(s->bytes, s->room);
	munmap(s->bytes, s->room);
	*s = (struct sv_secret){0};
}
