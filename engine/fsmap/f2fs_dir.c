/* f2fs_dir.c - F2FS: the entries of a folder, in its inode or in blocks */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/f2fs_files.h"

#include "engine/util/bytes.h"

#include <string.h>

/* Kernel f2fs_fs.h, struct f2fs_dentry_block: a bit for each slot that is in use (lowest first),
 * entries, and 8 bytes of name for each; a long name takes the slots behind it, too. */
enum {
	ENTRY_SIZE = 11,
	ENTRY_INODE = 4,
	ENTRY_LENGTH = 8,
	ENTRY_KIND = 10,
	KIND_FOLDER = 2,
	NAME_SLOT = 8,
	NAME_MAX_LEN = 255,
	SLOTS_IN_BLOCK = 214,
};

struct slots {
	const uint8_t *bits, *entries, *names;
	uint32_t n;
};

/* They fill `size` bytes from the end; what is left over lies behind the bits. */
static struct slots lay_out(const uint8_t *p, uint32_t size, uint32_t n)
{
	const uint8_t *names = p + size - (size_t)n * NAME_SLOT;
	return (struct slots){
		.bits = p, .entries = names - (size_t)n * ENTRY_SIZE, .names = names, .n = n};
}

static bool is_name(const char *name, size_t len)
{
	return !memchr(name, '/', len) && !memchr(name, 0, len);
}

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* The entry in slot i; *step = how many it takes. */
static int take_entry(struct f2fs_dir *d, const struct slots *s, uint32_t i, uint32_t *step)
{
	const uint8_t *e = s->entries + (size_t)i * ENTRY_SIZE;
	const char *name = (const char *)s->names + (size_t)i * NAME_SLOT;
	uint32_t len = get_le16(e + ENTRY_LENGTH), inode = get_le32(e + ENTRY_INODE);
	*step = 1;
	if (len == 0 || len > NAME_MAX_LEN || len > (s->n - i) * NAME_SLOT || inode == 0)
		return 0;
	*step = (len + NAME_SLOT - 1) / NAME_SLOT;
	if (is_dots(name, len) || (!d->encrypted && !is_name(name, len)))
		return 0;
	return d->entry(d->arg, inode, d->encrypted ? NULL : name, len,
			e[ENTRY_KIND] == KIND_FOLDER);
}

static int take_slots(struct f2fs_dir *d, struct slots s)
{
	int rc = 0;
	for (uint32_t i = 0, step; !rc && i < s.n; i += step) {
		step = 1;
		if (s.bits[i / 8] >> i % 8 & 1)
			rc = take_entry(d, &s, i, &step);
	}
	return rc;
}

static int on_block(void *arg, uint64_t index, uint32_t address)
{
	struct f2fs_dir *d = arg;
	(void)index;
	if (!f2fs_in_main(&d->f->f, address) || !d->f->budget)
		return 0;
	d->f->budget--;
	int rc = fsmap_read_hint(d->f->f.r, d->block, F2FS_BLOCK, f2fs_offset(address), "a folder");
	return rc ? SV_MIN(rc, 0) : take_slots(d, lay_out(d->block, F2FS_BLOCK, SLOTS_IN_BLOCK));
}

/* Kernel f2fs.h, NR_INLINE_DENTRY(). */
static int read_inline(struct f2fs_dir *d)
{
	struct f2fs_shape shape;
	if (!f2fs_inode_shape(&d->f->f, d->inode.raw, &shape))
		return 0;
	uint32_t n = shape.inlined * 8 / ((ENTRY_SIZE + NAME_SLOT) * 8 + 1);
	return take_slots(d, lay_out(d->inode.raw + F2FS_ADDRESSES + 4 * (shape.first + 1),
				     shape.inlined, n));
}

int f2fs_dir_read(struct f2fs_dir *d, uint32_t id)
{
	const struct f2fs_tree_visit visit = {.arg = d, .block = on_block};
	int rc = f2fs_inode_load(d->f, id, &d->inode);
	if (rc || f2fs_type(&d->inode) != F2FS_MODE_DIR)
		return SV_MIN(rc, 0);
	d->encrypted = d->inode.raw[F2FS_I_ADVISE] & F2FS_ADVISE_ENCRYPTED;
	if (d->inode.raw[F2FS_I_INLINE] & F2FS_INLINE_ENTRIES)
		return read_inline(d);
	return f2fs_tree_walk(d->f, &d->inode, &visit);
}
