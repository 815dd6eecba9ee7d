/* gpt_move.c - a GPT for a larger disk: header fields and checksums edited on the raw bytes */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/gpt.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* The two ends of an image, as one thing to fetch from. */
struct ends {
	const uint8_t *head, *tail;
	size_t head_len, tail_len;
	uint64_t size;
};

static bool fetch_ends(void *ctx, void *buf, size_t len, uint64_t off)
{
	const struct ends *e = ctx;
	uint64_t tail_off = e->size - e->tail_len;
	if (sv_range_ok(off, len, e->head_len)) {
		memcpy(buf, e->head + off, len);
		return true;
	}
	if (off < tail_off || !sv_range_ok(off - tail_off, len, e->tail_len))
		return false;
	memcpy(buf, e->tail + (off - tail_off), len);
	return true;
}

/* A single entry of type EE that starts at sector 1: its size may follow the disk. */
static void resize_protective(uint8_t *mbr, uint64_t sectors)
{
	uint8_t *plain = NULL;
	for (int i = 0; i < MBR_ENTRIES; i++) {
		uint8_t *e = mbr + MBR_TABLE + i * MBR_ENTRY;
		if (sv_is_zero(e, MBR_ENTRY))
			continue;
		if (plain || e[MBR_TYPE] != MBR_TYPE_GPT || get_le32(e + MBR_START) != 1)
			return;
		plain = e;
	}
	/* some systems always write the largest number */
	if (!plain || get_le32(plain + MBR_COUNT) == UINT32_MAX)
		return;
	put_le32(plain + MBR_COUNT, (uint32_t)SV_MIN(sectors - 1, UINT32_MAX));
	/* past the last cylinder that an entry can name: all ones */
	if (sectors > 1024ULL * 255 * 63)
		memset(plain + 5, 0xff, 3);
}

/* The first sector behind all partitions; 0 when an entry makes no sense. */
static uint64_t parts_end(const struct gpt_copy *c)
{
	uint64_t end = 1;
	for (uint32_t i = 0; i < c->count; i++) {
		const uint8_t *e = gpt_entry(c, i);
		if (!gpt_entry_used(e))
			continue;
		uint64_t first = get_le64(e + GPT_E_FIRST), last = get_le64(e + GPT_E_LAST);
		if (first > last || first < c->first || last > c->last)
			return 0;
		end = SV_MAX(end, last + 1);
	}
	return end;
}

/* Where the image had its backup, as far as nothing else will be there on the target. */
static struct sv_extent old_place(const struct gpt_copy *primary, const struct gpt_copy *backup,
				  uint64_t sectors, uint64_t in_use_end, uint64_t new_start)
{
	struct sv_extent none = {0};
	uint64_t header = backup->ok ? backup->my_lba : primary->alt_lba;
	if (header >= sectors || header < primary->array_sectors)
		return none;
	uint64_t start = backup->ok ? backup->array_lba : header - primary->array_sectors;
	uint64_t end = SV_MIN(header + 1, new_start);
	if (start < in_use_end || start >= end)
		return none;
	uint64_t ss = primary->sector_size;
	return (struct sv_extent){.start = start * ss, .len = (end - start) * ss};
}

/* The backup of `primary` as it will be written at `array_lba`. SV_E_NOMEM. */
static int make_tail(const struct gpt_copy *primary, uint64_t array_lba, uint64_t last_lba,
		     struct layout_move *move)
{
	size_t ss = primary->sector_size, array_len = (size_t)primary->array_sectors * ss;
	struct gpt_copy backup = *primary;
	move->tail = malloc(array_len + ss);
	if (!move->tail)
		return SV_E_NOMEM;
	memcpy(move->tail, primary->array, array_len);
	backup.sector = move->tail + array_len;
	memcpy(backup.sector, primary->sector, ss);
	gpt_copy_place(&backup, last_lba, 1, array_lba, primary->last);
	move->tail_len = array_len + ss;
	move->tail_off = array_lba * ss;
	return 0;
}

/* Load both copies and leave the better one in `primary`, as the primary it is or would be. */
static int load(struct gpt_copy *primary, struct gpt_copy *backup, struct ends *ends, uint32_t ss,
		struct sv_err *err)
{
	uint64_t last = ends->size / ss - 1;
	if (gpt_copy_load(primary, fetch_ends, ends, ss, 1) ||
	    gpt_copy_load(backup, fetch_ends, ends, ss, last))
		return sv_fail_nomem(err);
	if (primary->ok && backup->ok && primary->alt_lba == last &&
	    !gpt_copy_equal(primary, backup))
		return sv_fail(err, SV_E_DATA, 0, "", "the two copies of the GPT are not the same");
	if (primary->ok)
		return 0;
	gpt_copy_clear(primary);
	if (gpt_copy_load(primary, fetch_ends, ends, ss, last))
		return sv_fail_nomem(err);
	if (!primary->ok || 2 + primary->array_sectors > primary->first)
		return sv_fail(err, SV_E_DATA, 0, "", "both copies of the GPT are damaged");
	gpt_copy_place(primary, 1, last, 2, primary->last);
	return 0;
}

static int move_copy(struct gpt_copy *primary, const struct gpt_copy *backup, struct ends *ends,
		     uint8_t *head, uint64_t target_size, struct layout_move *move,
		     struct sv_err *err)
{
	uint32_t ss = primary->sector_size;
	uint64_t sectors = target_size / ss, end = parts_end(primary);
	uint64_t array_end = (primary->array_lba + primary->array_sectors) * ss;
	if (!end || array_end > ends->head_len)
		return sv_fail(err, SV_E_DATA, 0, "", "the GPT has entries that make no sense");
	if (sectors < primary->array_sectors + 2 ||
	    sectors - primary->array_sectors - 1 < SV_MAX(end, primary->first + 1))
		return sv_fail(err, SV_E_DATA, 0, "",
			       "there is no room for the backup GPT behind the last partition");
	uint64_t array_lba = sectors - 1 - primary->array_sectors;
	move->old_backup = old_place(primary, backup, ends->size / ss, end, array_lba);
	gpt_copy_place(primary, 1, sectors - 1, primary->array_lba, array_lba - 1);
	if (make_tail(primary, array_lba, sectors - 1, move))
		return sv_fail_nomem(err);
	memcpy(head + ss, primary->sector, ss);
	memcpy(head + primary->array_lba * ss, primary->array, (size_t)primary->array_sectors * ss);
	resize_protective(head, sectors);
	return 0;
}

int layout_move_gpt(uint8_t *head, size_t head_len, const uint8_t *image_tail,
		    size_t image_tail_len, uint64_t image_size, uint64_t target_size,
		    uint32_t sector_size, struct layout_move *move, struct sv_err *err)
{
	struct ends ends = {.head = head,
			    .tail = image_tail,
			    .head_len = head_len,
			    .tail_len = image_tail_len,
			    .size = image_size};
	struct gpt_copy primary = {0}, backup = {0};
	memset(move, 0, sizeof(*move));
	if (sector_size < 512 || head_len < 34 * (size_t)sector_size || head_len > image_size ||
	    image_tail_len > image_size || image_size / sector_size < 8)
		return 0;
	if (boot_sector_classify(head, image_size / sector_size, sector_size) != BOOT_GPT)
		return 0;
	int rc = load(&primary, &backup, &ends, sector_size, err);
	if (!rc)
		rc = move_copy(&primary, &backup, &ends, head, target_size, move, err);
	gpt_copy_clear(&primary);
	gpt_copy_clear(&backup);
	return rc;
}
