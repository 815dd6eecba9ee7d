/* swap.c - used-block map of Linux swap areas, and of suspended systems inside them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/reader.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <string.h>

/*
 * Header page: kernel include/linux/swap.h, union swap_header. The magic is in the last ten bytes
 * of the first page, whatever the page size of the machine that made it.
 */
#define SWAP_MAGIC_LEN	 10
#define SWAP_VERSION	 1024
#define SWAP_LAST_PAGE	 1028
#define SWAP_NR_BADPAGES 1032
#define SWAP_BADPAGES	 1536
#define SWAP_PAGE_MIN	 4096u
#define SWAP_PAGE_MAX	 65536u

/* kernel/power/swap.c HIBERNATE_SIG, older kernels, uswsusp, and IBM's variant */
static const char *const suspend_magics[] = {"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"};
static const uint8_t tuxonice_magic[] = {0xed, 0xc3, 0x02, 0xe9, 0x98, 0x56, 0xe5, 0x0c};

enum swap_kind { SWAP_NONE, SWAP_V0, SWAP_V1, SWAP_SUSPENDED }; /* the worst last */

struct swap_area {
	enum swap_kind kind;
	uint32_t page;
	unsigned int signatures;
};

static enum swap_kind magic_kind(const uint8_t *magic)
{
	if (memcmp(magic, "SWAPSPACE2", SWAP_MAGIC_LEN) == 0)
		return SWAP_V1;
	if (memcmp(magic, "SWAP-SPACE", SWAP_MAGIC_LEN) == 0)
		return SWAP_V0;
	for (size_t i = 0; i < SV_ARRAY(suspend_magics); i++)
		if (memcmp(magic, suspend_magics[i], strlen(suspend_magics[i])) == 0)
			return SWAP_SUSPENDED;
	return SWAP_NONE;
}

/*
 * Every page size is looked at, so that a suspended system cannot hide behind an old signature of
 * another page size. The magics of larger pages lie among swapped pages: hints.
 */
static int find_magic(struct fsmap_reader *r, const uint8_t *head, struct swap_area *area)
{
	for (uint32_t page = SWAP_PAGE_MIN; page <= SWAP_PAGE_MAX && page <= fsmap_size(r);
	     page *= 2) {
		uint8_t magic[SWAP_MAGIC_LEN];
		uint32_t off = page - SWAP_MAGIC_LEN;
		int rc = 0;
		if (page == SWAP_PAGE_MIN)
			memcpy(magic, head + off, sizeof(magic));
		else
			rc = fsmap_read_hint(r, magic, sizeof(magic), off, "the swap signature");
		if (rc)
			return rc;
		enum swap_kind kind = magic_kind(magic);
		area->signatures += kind != SWAP_NONE;
		if (kind > area->kind) {
			area->kind = kind;
			area->page = page;
		}
	}
	return 0;
}

static int check_header(struct fsmap_reader *r, const uint8_t *head, uint32_t page)
{
	uint32_t version = get_le32(head + SWAP_VERSION);
	uint64_t pages = (uint64_t)get_le32(head + SWAP_LAST_PAGE) + 1;
	uint32_t bad = get_le32(head + SWAP_NR_BADPAGES);
	if (version != 1)
		return fsmap_whole(r, "swap version %" PRIu32 " is not known", version);
	if (pages < 2 || pages > fsmap_size(r) / page)
		return fsmap_whole(r, "the swap area does not fit the volume");
	if (bad > (page - SWAP_BADPAGES - SWAP_MAGIC_LEN) / 4)
		return fsmap_whole(r, "the swap area's list of bad pages does not fit its header");
	return 0;
}

/* Only the header page matters; what lies after the last page belongs to no one we know. */
static int read_v1(struct fsmap_reader *r, const uint8_t *head, uint32_t page)
{
	int rc = check_header(r, head, page);
	if (rc)
		return rc;
	uint64_t pages = (uint64_t)get_le32(head + SWAP_LAST_PAGE) + 1;
	fsmap_set_block_size(r, page);
	return fsmap_mark_free(r, page, (pages - 1) * page);
}

static int suspended(struct fsmap_reader *r)
{
	fsmap_set_hibernated(r);
	return fsmap_whole(r, "it holds a suspended system");
}

static int swap_read(struct fsmap_reader *r)
{
	uint8_t head[SWAP_PAGE_MIN];
	struct swap_area area = {0};
	if (fsmap_size(r) < sizeof(head))
		return fsmap_whole(r, "it is too small for a swap area");
	int rc = fsmap_read_meta(r, head, sizeof(head), 0, "the swap header");
	if (!rc)
		rc = find_magic(r, head, &area);
	if (rc)
		return rc;
	if (area.kind == SWAP_SUSPENDED ||
	    memcmp(head, tuxonice_magic, sizeof(tuxonice_magic)) == 0)
		return suspended(r);
	if (area.kind == SWAP_V0)
		return fsmap_whole(r, "swap areas of version 0 are read whole");
	if (area.kind == SWAP_NONE)
		return fsmap_whole(r, "the swap signature is missing");
	if (area.signatures > 1)
		return fsmap_whole(r, "it has swap signatures for more than one page size");
	return read_v1(r, head, area.page);
}

static const char *const swap_types[] = {"swap", "swsuspend", NULL};

const struct fsmap_ops fsmap_swap_ops = {
	.name = "swap",
	.types = swap_types,
	.read = swap_read,
};
