/* bitlk.c - BitLocker: locked it is read whole; with its key, the map of what is inside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/bitlk.h"

#include "engine/fsmap/luks.h"
#include "engine/fsmap/owners.h"
#include "engine/util/bytes.h"
#include "engine/util/extent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TITLE "BitLocker"

struct opener {
	struct bitlk *b;
	char volume[240]; /* it in words */
	int image;	  /* a sparse copy of what its keys are found with */
	struct luks_answer answer;
};

/* Whole, although there were keys for it. */
static int stays(struct opener *o, const char *why)
{
	unlock_stays(fsmap_unlock(o->b->r), o->volume, why);
	return fsmap_whole(o->b->r, TITLE ", locked: stored whole; %s", why);
}

/* The first copy is the one that is looked at; it stands for the one that counts. */
static int make_image(struct opener *o)
{
	const struct bitlk *b = o->b;
	o->image = memfd_create("bitlocker", MFD_CLOEXEC);
	if (o->image < 0 || ftruncate(o->image, (off_t)fsmap_size(b->r)) ||
	    pwrite(o->image, b->boot, sizeof(b->boot), 0) != (ssize_t)sizeof(b->boot) ||
	    pwrite(o->image, b->area, BITLK_AREA, (off_t)b->copies[0]) != BITLK_AREA)
		return SV_E_NOMEM;
	fsmap_name_volume(b->r, TITLE, o->volume, sizeof(o->volume));
	return 0;
}

static int try_key(void *arg, const void *key, size_t len, struct sv_err *err)
{
	struct opener *o = arg;
	struct unlock *unlock = fsmap_unlock(o->b->r);
	int ret = luks_ask(o->image, LUKS_BITLOCKER, key, len, unlock_cancelled, unlock, &o->answer,
			   err);
	if (ret)
		return ret;
	if (o->answer.state == LUKS_OPEN)
		return o->answer.key_len == o->b->key_len ? UNLOCK_OPEN : UNLOCK_HOPELESS;
	return o->answer.state == LUKS_CLOSED ? UNLOCK_SHUT : UNLOCK_HOPELESS;
}

static int find_key(struct opener *o)
{
	int ret = unlock_volume(fsmap_unlock(o->b->r), o->volume, try_key, o);
	if (ret == SV_E_NOMEM)
		return ret;
	if (ret < 0) /* unlock_result() has the story */
		return fsmap_whole(o->b->r, TITLE ", locked: stored whole");
	if (ret == UNLOCK_OPEN)
		return 0;
	if (ret != UNLOCK_SHUT)
		return stays(o, "what reads its metadata does not take them");
	fsmap_set_locked(o->b->r);
	return stays(o, "no key opened it");
}

/* In the volume inside, these places hold nothing: they are BitLocker's own. */
static int own_places(const struct bitlk *b, struct sv_extents *blank)
{
	int ret = sv_extents_add(blank, b->moved_to, b->moved);
	for (int i = 0; !ret && i < BITLK_COPIES; i++)
		ret = sv_extents_add(blank, b->copies[i], BITLK_AREA);
	sv_extents_normalise(blank);
	return ret;
}

static int keep_places(const struct bitlk *b, const struct sv_extents *own)
{
	int ret = fsmap_mark_used(b->r, 0, b->moved);
	for (size_t i = 0; !ret && i < own->n; i++)
		ret = fsmap_mark_used(b->r, own->v[i].start, own->v[i].len);
	return ret;
}

static int map_inside(struct opener *o)
{
	const struct bitlk *b = o->b;
	struct sv_extents own = {0};
	const struct blk_piece order[] = {{b->moved_to, b->moved}, {b->moved, b->size - b->moved}};
	const struct blk_crypt_params crypt = {
		.cipher = b->cipher,
		.key = o->answer.key,
		.key_len = b->key_len,
		.sector_size = b->sector_size,
		.whole_sectors = true,
	};
	const struct fsmap_decrypted how = {
		.title = TITLE,
		.data = {0, b->size},
		.crypt = &crypt,
		.order = order,
		.n = SV_ARRAY(order),
		.blank = &own,
	};
	int ret = own_places(b, &own);
	if (!ret)
		ret = keep_places(b, &own);
	if (!ret)
		ret = fsmap_read_decrypted(b->r, &how);
	sv_extents_clear(&own);
	return ret;
}

static int open_it(struct bitlk *b)
{
	struct opener o = {.b = b, .image = -1};
	int (*const steps[])(struct opener *) = {make_image, find_key, map_inside};
	int ret = 0;
	/* it will hold a key */
	mlock(&o.answer, sizeof(o.answer));
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](&o);
	explicit_bzero(&o.answer, sizeof(o.answer));
	munlock(&o.answer, sizeof(o.answer));
	if (o.image >= 0)
		close(o.image);
	return ret;
}

static int judge(struct bitlk *b)
{
	if (b->clear_key)
		return fsmap_whole(b->r, TITLE ", suspended: stored whole");
	if (fsmap_unlock(b->r))
		return open_it(b);
	fsmap_set_locked(b->r);
	return fsmap_whole(b->r, TITLE ", locked: stored whole");
}

/* Its own bytes, which no key is needed for; *more: there are others. */
static int tell_own(const struct bitlk *b, struct owners *o, bool *more)
{
	static const char what[] = "the metadata of BitLocker";
	struct sv_extents rest = {0};
	int ret = owners_metadata(o, 0, b->moved, what);
	for (int i = 0; !ret && i < BITLK_COPIES; i++)
		ret = owners_metadata(o, b->copies[i], BITLK_AREA, what);
	if (!ret)
		ret = owners_rest(o, &rest);
	*more = rest.n;
	sv_extents_clear(&rest);
	return ret;
}

static int read_bitlk(struct fsmap_reader *r)
{
	struct owners *o = fsmap_owners(r);
	struct bitlk *b = calloc(1, sizeof(*b));
	bool more = true;
	if (!b)
		return SV_E_NOMEM;
	b->r = r;
	int ret = bitlk_read(b);
	if (!ret && o)
		ret = tell_own(b, o, &more);
	if (!ret && more)
		ret = judge(b);
	free(b->area);
	free(b);
	return ret;
}

static int bitlk_files(struct fsmap_reader *r, struct owners *o)
{
	(void)o;
	return read_bitlk(r);
}

const struct fsmap_ops fsmap_bitlk_ops = {
	.name = "bitlk",
	.types = (const char *const[]){"BitLocker", NULL},
	.read = read_bitlk,
	.files = bitlk_files,
	.container = true,
};
