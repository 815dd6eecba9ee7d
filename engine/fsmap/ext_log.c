/* ext_log.c - ext3/4: copies of bitmaps in the log (jbd2) of a filesystem that was not shut down */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ext.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

/* Kernel include/linux/jbd2.h: journal_header_t, journal_block_tag_t and tag3_t, big endian. */
enum {
	TYPE_DESCRIPTOR = 1,
	HEADER_LEN = 12,
	UUID_LEN = 16,
	FLAG_ESCAPE = 1,
	FLAG_SAME_UUID = 2, /* no UUID follows the tag */
	FLAG_LAST = 8,
	MAX_TAGS = 1 << 22, /* 64 MiB of memory */
	CHUNK = 256 * 1024, /* read at once */
};
#define JBD2_MAGIC 0xc03b3998u

static int add_tag(struct ext_fs *fs, const struct ext_tag *tag)
{
	struct ext_log *log = &fs->log;
	if (tag->block >= fsmap_size(fs->r) / fs->block_size)
		return fsmap_whole(fs->r, "its journal writes outside the filesystem");
	if (tag->block >= fs->blocks)
		return 0; /* it grows: nothing is free there yet */
	if (log->n == log->cap) {
		size_t cap = log->cap ? log->cap * 2 : 1024;
		if (cap > MAX_TAGS)
			return fsmap_whole(fs->r, "its journal is too large");
		struct ext_tag *tags = realloc(log->tags, cap * sizeof(*tags));
		if (!tags)
			return SV_E_NOMEM;
		log->tags = tags;
		log->cap = cap;
	}
	log->tags[log->n++] = *tag;
	return 0;
}

/* Returns the flags. */
static uint32_t parse_tag(const struct ext_log *log, const uint8_t *raw, struct ext_tag *tag)
{
	uint32_t flags = log->tags_v3 ? get_be32(raw + 4) : get_be16(raw + 6);
	tag->block = get_be32(raw);
	if (log->tags_64bit)
		tag->block |= (uint64_t)get_be32(raw + 8) << 32;
	tag->escaped = flags & FLAG_ESCAPE;
	return flags;
}

/* The n-th tag of a descriptor block stands for the n-th block after it in the ring. */
static int scan_descriptor(struct ext_fs *fs, uint32_t index, const uint8_t *desc)
{
	const struct ext_log *log = &fs->log;
	struct ext_tag tag;
	uint32_t flags = 0;
	int ret = 0;
	for (uint32_t at = HEADER_LEN;
	     !ret && !(flags & FLAG_LAST) && at + log->tag_bytes <= log->desc_end;) {
		index = index + 1 >= log->last ? log->first : index + 1;
		tag.index = index;
		flags = parse_tag(log, desc + at, &tag);
		ret = add_tag(fs, &tag);
		at += log->tag_bytes + (flags & FLAG_SAME_UUID ? 0 : UUID_LEN);
	}
	return ret;
}

static int scan_chunk(struct ext_fs *fs, uint32_t index, uint32_t count, uint8_t *buf)
{
	int ret = ext_journal_read(fs, index, count, buf);
	for (uint32_t i = 0; !ret && i < count; i++) {
		const uint8_t *block = buf + (size_t)i * fs->block_size;
		if (get_be32(block) == JBD2_MAGIC && get_be32(block + 4) == TYPE_DESCRIPTOR)
			ret = scan_descriptor(fs, index + i, block);
	}
	return ret;
}

static int by_block(const void *a, const void *b)
{
	const struct ext_tag *x = a, *y = b;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int collect_tags(struct ext_fs *fs)
{
	struct ext_log *log = &fs->log;
	uint8_t *buf = malloc(CHUNK);
	if (!buf)
		return SV_E_NOMEM;
	int ret = 0;
	for (uint32_t i = log->first, n; !ret && i < log->last; i += n) {
		uint64_t left;
		ext_file_block(&log->file, i, &left);
		left = SV_MIN(left, log->last - i);
		n = (uint32_t)SV_MIN(left, CHUNK / fs->block_size);
		ret = scan_chunk(fs, i, n, buf);
	}
	free(buf);
	if (!ret && log->n)
		qsort(log->tags, log->n, sizeof(*log->tags), by_block);
	return ret;
}

/* Index of the first tag of a block, or of where it would stand. */
static size_t first_tag(const struct ext_log *log, uint64_t block)
{
	size_t lo = 0, hi = log->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (log->tags[mid].block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool ext_log_has(const struct ext_fs *fs, uint64_t block)
{
	size_t i = first_tag(&fs->log, block);
	return i < fs->log.n && fs->log.tags[i].block == block;
}

static int read_copy(struct ext_fs *fs, const struct ext_tag *tag, uint8_t *copy)
{
	int ret = ext_journal_read(fs, tag->index, 1, copy);
	if (!ret && tag->escaped)
		put_le32(copy, __builtin_bswap32(JBD2_MAGIC)); /* big endian */
	return ret;
}

int ext_log_merge(struct ext_fs *fs, uint64_t block, uint8_t *bitmap, uint8_t *copy)
{
	const struct ext_log *log = &fs->log;
	int ret = 0;
	for (size_t i = first_tag(log, block); i < log->n && log->tags[i].block == block; i++) {
		if (i > 0 && log->tags[i - 1].block == block &&
		    log->tags[i - 1].index == log->tags[i].index &&
		    log->tags[i - 1].escaped == log->tags[i].escaped)
			continue;
		ret = read_copy(fs, &log->tags[i], copy);
		if (ret)
			return ret;
		for (uint32_t at = 0; at < fs->block_size; at++)
			bitmap[at] |= copy[at];
	}
	return ret;
}

/* Call `check` with every copy of a block. */
static int check_copies(struct ext_fs *fs, uint64_t block, uint8_t *copy, uint64_t arg,
			int (*check)(struct ext_fs *, uint64_t, const uint8_t *))
{
	const struct ext_log *log = &fs->log;
	int ret = 0;
	for (size_t i = first_tag(log, block); !ret && i < log->n && log->tags[i].block == block;
	     i++) {
		ret = read_copy(fs, &log->tags[i], copy);
		if (!ret)
			ret = check(fs, arg, copy);
	}
	return ret;
}

static int check_super(struct ext_fs *fs, uint64_t arg, const uint8_t *copy)
{
	(void)arg;
	return ext_super_check_copy(fs, copy);
}

static int check_layout(struct ext_fs *fs)
{
	uint8_t *copy = malloc(fs->block_size);
	if (!copy)
		return SV_E_NOMEM;
	int ret = check_copies(fs, fs->block_size == 1024, copy, 0, check_super);
	for (uint64_t i = 0, n = ext_gdt_blocks_grown(fs); !ret && i < n; i++)
		ret = check_copies(fs, ext_gdt_block(fs, i), copy, i, ext_gdt_check_copy);
	free(copy);
	return ret;
}

int ext_log_scan(struct ext_fs *fs)
{
	int ret = collect_tags(fs);
	return ret ? ret : check_layout(fs);
}
