/* luks.c - LUKS: locked it is read whole; with its key, the map of what is inside */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/luks.h"

#include "engine/fsmap/owners.h"
#include "engine/fsmap/reader.h"
#include "engine/util/bytes.h"
#include "engine/util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * LUKS1 and LUKS2 On-Disk Format: magic, then a big endian version. Headers and key slots are in
 * front of the data, a second header of version 2 behind the first. All of that is in use.
 */
#define HEADERS	     (8 * SV_MIB)   /* of version 2: two of 4 MiB at most */
#define HEADER_1     4096	    /* of version 1 */
#define HEADER_2_MIN (16 * SV_KIB)  /* each of the two of version 2 */
#define HEAD	     16		    /* bytes that tell what it is */
#define HEADER_MAX   (256 * SV_MIB) /* with the key slots; they have at most 128 MiB */
#define SECTOR	     512
#define PIECE	     (64 * SV_KIB) /* a bad sector costs one key slot, not all */

struct luks {
	struct fsmap_reader *r;
	unsigned int version;
	uint64_t headers; /* what names the data is in front of this */
	char title[8];	  /* "LUKS2" */
	char volume[240]; /* it in words */
	int image;	  /* a sparse copy of the header */
	uint8_t *buf;	  /* PIECE bytes */
	uint64_t copied;
	bool gaps; /* parts of it cannot be read */
	struct luks_answer answer;
};

static int write_piece(const struct luks *l, size_t len, uint64_t off)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(l->image, l->buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return SV_E_NOMEM;
		done += (size_t)n;
	}
	return 0;
}

/* Both headers of version 2 may stand in one piece: where it is known what was lost, no more than
 * that is. */
static uint64_t piece_len(const struct luks *l)
{
	const struct owners *o = fsmap_owners(l->r);
	return o && owners_touch(o, l->copied, PIECE) ? SECTOR : PIECE;
}

/* Up to `end`; what cannot be read stays a hole. */
static int copy_header(struct luks *l, uint64_t end)
{
	int ret = 0;
	end = SV_MIN(end, fsmap_size(l->r));
	while (!ret && l->copied < end) {
		size_t n = (size_t)SV_MIN(end - l->copied, piece_len(l));
		bool ok = false;
		ret = fsmap_read_copy(l->r, l->buf, n, l->copied, "the LUKS header", &ok);
		if (!ret && ok && !sv_is_zero(l->buf, n))
			ret = write_piece(l, n, l->copied);
		l->gaps = l->gaps || !ok;
		l->copied += n;
	}
	return ret;
}

static int begin(struct luks *l)
{
	l->image = memfd_create("luks", MFD_CLOEXEC);
	l->buf = malloc(PIECE);
	if (l->image < 0 || !l->buf || ftruncate(l->image, (off_t)fsmap_size(l->r)))
		return SV_E_NOMEM;
	snprintf(l->title, sizeof(l->title), "LUKS%u", l->version);
	fsmap_name_volume(l->r, l->title, l->volume, sizeof(l->volume));
	/* it will hold a key */
	mlock(&l->answer, sizeof(l->answer));
	return copy_header(l, l->headers);
}

static void end(struct luks *l)
{
	explicit_bzero(&l->answer, sizeof(l->answer));
	munlock(&l->answer, sizeof(l->answer));
	free(l->buf);
	if (l->image >= 0)
		close(l->image);
}

/* Whole, although there were keys for it. */
static int stays(struct luks *l, const char *why)
{
	unlock_stays(fsmap_unlock(l->r), l->volume, why);
	return fsmap_whole(l->r, "%s, locked: stored whole; %s", l->title, why);
}

/* Why it cannot be looked into; NULL: it can. */
static const char *obstacle(const struct luks *l, char *text, size_t len)
{
	static const char *const reasons[] = {
		[LUKS_UNANSWERED] = "what reads its header gave up",
		[LUKS_UNREADABLE] = "its header is damaged or of an unknown kind",
		[LUKS_DETACHED] = "its header belongs to data on another volume",
		[LUKS_INTEGRITY] = "it has integrity protection (dm-integrity)",
		[LUKS_REENCRYPT] = "it is being encrypted anew",
		[LUKS_UNKNOWN] = "its header requires a feature that is not known here",
		[LUKS_NO_SLOT] = "it has no key slot that is in use",
		[LUKS_SEGMENTS] = "its data are in several pieces",
		[LUKS_NO_CIPHER] = "its key slots cannot be decrypted on this machine",
	};
	const struct luks_answer *a = &l->answer;
	char size[SV_SIZE_TEXT];
	if (a->state == LUKS_NO_MEMORY) {
		snprintf(text, len, "its key slot takes %s of memory, which this machine lacks",
			 sv_text_size(size, a->memory));
		return text;
	}
	if (a->state != LUKS_CLOSED && a->state != LUKS_OPEN)
		return reasons[a->state];
	if (blk_crypt_knows(a->cipher, a->key_len))
		return NULL;
	snprintf(text, len, "its cipher %s with a key of %u bits is not known here", a->cipher,
		 a->key_len * 8);
	return text;
}

static int ask(struct luks *l, const void *key, size_t len, struct sv_err *err)
{
	struct unlock *unlock = fsmap_unlock(l->r);
	return luks_ask(l->image, l->version, key, len, unlock_cancelled, unlock, &l->answer, err);
}

/* What the header says, without any key; then the key slots can be found. */
static int look(struct luks *l)
{
	char text[160];
	int ret = ask(l, NULL, 0, NULL);
	if (ret)
		return fsmap_whole(l->r, "its LUKS header could not be looked at");
	const char *why = obstacle(l, text, sizeof(text));
	if (why)
		return stays(l, why);
	return copy_header(l, SV_MIN(l->answer.offset, HEADER_MAX));
}

static int try_key(void *arg, const void *key, size_t len, struct sv_err *err)
{
	struct luks *l = arg;
	char text[160];
	int ret = ask(l, key, len, err);
	if (ret)
		return ret;
	if (l->answer.state == LUKS_OPEN)
		return UNLOCK_OPEN;
	return obstacle(l, text, sizeof(text)) ? UNLOCK_HOPELESS : UNLOCK_SHUT;
}

static int find_key(struct luks *l)
{
	char text[160];
	int ret = unlock_volume(fsmap_unlock(l->r), l->volume, try_key, l);
	if (ret == SV_E_NOMEM)
		return ret;
	if (ret < 0) /* unlock_result() has the story */
		return fsmap_whole(l->r, "%s, locked: stored whole", l->title);
	if (ret == UNLOCK_OPEN)
		return 0;
	const char *why = obstacle(l, text, sizeof(text));
	if (why)
		return stays(l, why);
	fsmap_set_locked(l->r);
	return stays(l, l->gaps ? "a part of its header cannot be read" : "no key opened it");
}

static int map_inside(struct luks *l)
{
	const struct luks_answer *a = &l->answer;
	uint64_t size = fsmap_size(l->r), left = a->offset < size ? size - a->offset : 0;
	const struct sv_extents none = {0};
	const struct blk_crypt_params crypt = {
		.cipher = a->cipher,
		.key = a->key,
		.key_len = a->key_len,
		.sector_size = a->sector_size,
		.first = a->first,
	};
	struct fsmap_decrypted how = {
		.title = l->title,
		.data = {a->offset, a->size ? a->size : left},
		.crypt = &crypt,
		.blank = &none,
	};
	if (a->sector_size)
		how.data.len -= how.data.len % a->sector_size;
	return fsmap_read_decrypted(l->r, &how);
}

/* Not more: what is behind may be free. */
static uint64_t header_len(const uint8_t *head, unsigned int version)
{
	uint64_t len = get_be64(head + 8);
	return version == 1 ? HEADER_1 : len <= HEADERS / 2 ? 2 * len : HEADERS;
}

static int open_luks(struct fsmap_reader *r, const uint8_t *head, unsigned int version)
{
	struct luks l = {
		.r = r, .version = version, .headers = header_len(head, version), .image = -1};
	int (*const steps[])(struct luks *) = {begin, look, find_key, map_inside};
	int ret = 0;
	for (size_t i = 0; !ret && i < SV_ARRAY(steps); i++)
		ret = steps[i](&l);
	end(&l);
	return ret;
}

static int check_head(struct fsmap_reader *r, const uint8_t *head, unsigned int *version)
{
	*version = get_be16(head + 6);
	if (memcmp(head, "LUKS\xba\xbe", 6) != 0 || *version < 1 || *version > 2)
		return fsmap_whole(r, "its LUKS header is damaged or of an unknown version");
	return 0;
}

static int too_small(struct fsmap_reader *r)
{
	return fsmap_whole(r, "it is too small for a LUKS header");
}

static int read_luks(struct fsmap_reader *r)
{
	uint8_t head[HEAD];
	unsigned int version = 0;
	if (fsmap_size(r) < sizeof(head))
		return too_small(r);
	int ret = fsmap_read_meta(r, head, sizeof(head), 0, "the LUKS header");
	if (!ret)
		ret = check_head(r, head, &version);
	if (ret)
		return ret;
	if (fsmap_unlock(r))
		return open_luks(r, head, version);
	fsmap_set_locked(r);
	return fsmap_whole(r, "LUKS%u, locked: stored whole", version);
}

/* ---- the search for owners ---- */

/* The first header of version 2 is lost: the second stands where the first ends. */
static int find_second(struct fsmap_reader *r, uint8_t *head)
{
	for (uint64_t at = HEADER_2_MIN; at <= HEADERS / 2 && at + HEAD <= fsmap_size(r); at *= 2) {
		bool ok = false;
		int ret = fsmap_read_copy(r, head, HEAD, at, "the LUKS header", &ok);
		if (ret)
			return ret;
		if (ok && !memcmp(head, "SKUL\xba\xbe\x00\x02", 8) && get_be64(head + 8) == at)
			return 0;
	}
	return fsmap_whole(r, "its LUKS header is lost");
}

static int find_head(struct fsmap_reader *r, uint8_t *head, unsigned int *version)
{
	bool ok = false;
	if (fsmap_size(r) < HEAD)
		return too_small(r);
	int ret = fsmap_read_copy(r, head, HEAD, 0, "the LUKS header", &ok);
	if (!ret && ok)
		return check_head(r, head, version);
	*version = 2;
	return ret ? ret : find_second(r, head);
}

static int tell_header(const struct luks *l, struct owners *o, uint64_t len)
{
	return owners_metadata(o, 0, SV_MIN(len, fsmap_size(l->r)), "the header of LUKS");
}

/* Where its data lie does not take a key. */
static int tell_headers(struct luks *l, struct owners *o)
{
	int ret = begin(l);
	if (!ret)
		ret = tell_header(l, o, l->headers);
	if (!ret)
		ret = look(l);
	return ret ? ret : tell_header(l, o, l->answer.offset);
}

static int search(struct luks *l, struct owners *o)
{
	uint64_t size = fsmap_size(l->r);
	int ret = tell_headers(l, o);
	if (ret || l->answer.offset >= size ||
	    !owners_touch(o, l->answer.offset, size - l->answer.offset))
		return ret;
	if (!fsmap_unlock(l->r))
		return fsmap_whole(l->r, "%s, locked", l->title);
	ret = find_key(l);
	return ret ? ret : map_inside(l);
}

static int luks_files(struct fsmap_reader *r, struct owners *o)
{
	struct luks l = {.r = r, .image = -1};
	uint8_t head[HEAD];
	int ret = find_head(r, head, &l.version);
	if (ret)
		return ret;
	l.headers = header_len(head, l.version);
	ret = search(&l, o);
	end(&l);
	return ret;
}

const struct fsmap_ops fsmap_luks_ops = {
	.name = "luks",
	.types = (const char *const[]){"crypto_LUKS", NULL},
	.read = read_luks,
	.files = luks_files,
	.container = true,
};
