/* f2fs_find.c - F2FS: the newest checkpoint of which enough is left for a search */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* One of the two packs. What stands in its first block stands in its last one, too, which is
 * written when all the rest is (kernel checkpoint.c, commit_checkpoint()). */
struct pack {
	uint64_t at;
	bool known; /* it has a checkpoint: head */
	bool lost;  /* a newer one may have stood there */
	uint8_t head[F2FS_BLOCK];
};

static int read_at(struct f2fs *f, uint64_t block, uint8_t *buf)
{
	return fsmap_read_hint(f->r, buf, F2FS_BLOCK, f2fs_offset(block), "a checkpoint");
}

/* Its first block can be read. */
static int check_end(struct f2fs *f, struct pack *p)
{
	uint8_t last[F2FS_BLOCK];
	uint32_t blocks = f2fs_cp_sealed(p->head);
	if (!blocks)
		return 0;
	int ret = read_at(f, p->at + blocks - 1, last);
	p->known = ret > 0 || (f2fs_cp_sealed(last) && get_le64(last) == get_le64(p->head));
	p->lost = ret > 0;
	return SV_MIN(ret, 0);
}

static int look_for_end(struct f2fs *f, struct pack *p)
{
	int ret = 0;
	p->lost = true;
	for (uint32_t i = 1; !p->known && ret >= 0 && i < F2FS_SEGMENT; i++) {
		ret = read_at(f, p->at + i, p->head);
		p->known = !ret && f2fs_cp_sealed(p->head) == i + 1;
	}
	p->lost = !p->known;
	return SV_MIN(ret, 0);
}

static int read_pack(struct f2fs *f, struct pack *p)
{
	int ret = read_at(f, p->at, p->head);
	if (ret > 0)
		return look_for_end(f, p);
	return ret ? ret : check_end(f, p);
}

/* Of two that are equal the first one. */
static const struct pack *newest(const struct pack *a, const struct pack *b)
{
	if (!a->known || !b->known)
		return a->known ? a : b;
	return get_le64(b->head) > get_le64(a->head) ? b : a;
}

static int take(struct f2fs *f, const struct pack *p)
{
	f->pack = p->at;
	f->head = malloc(F2FS_BLOCK);
	if (!f->head)
		return SV_E_NOMEM;
	memcpy(f->head, p->head, F2FS_BLOCK);
	return f2fs_cp_take(f);
}

int f2fs_cp_find(struct f2fs *f, struct owners *o)
{
	struct pack first = {.at = f->cp.start}, second = {.at = f->cp.start + F2FS_SEGMENT};
	int ret = read_pack(f, &first);
	if (!ret)
		ret = read_pack(f, &second);
	if (ret)
		return ret;
	const struct pack *p = newest(&first, &second), *other = p == &first ? &second : &first;
	if (!p->known)
		return fsmap_whole(f->r, "it has no valid checkpoint");
	if (p->lost || (other->lost && !other->known)) {
		owners_caution(o, "the newest of its checkpoints may be lost: an older state may "
				  "be told");
		f->doubt = true;
	}
	return take(f, p);
}
