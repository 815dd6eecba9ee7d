/* ntfs_log.c - the log of an NTFS that was not shut down: how it lies, from its restart pages */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_log.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/fslog.c, struct RESTART_HDR, RESTART_AREA and CLIENT_REC */
#define RESTART_SYS_PAGE 0x10
#define RESTART_LOG_PAGE 0x14
#define RESTART_AREA_OFF 0x18
#define RESTART_MINOR	 0x1a
#define RESTART_MAJOR	 0x1c
#define AREA_LSN	 0x00
#define AREA_CLIENTS	 0x08
#define AREA_IN_USE	 0x0c
#define AREA_SEQ_BITS	 0x10
#define AREA_CLIENT_OFF	 0x16
#define AREA_SIZE	 0x18
#define AREA_HEAD_LEN	 0x24
#define AREA_DATA_OFF	 0x26
#define AREA_MIN	 0x30
#define CLIENT_OLDEST	 0x00
#define CLIENT_RESTART	 0x08
#define CLIENT_NAME_LEN	 0x1c
#define CLIENT_NAME	 0x20
#define CLIENT_MIN	 0x28
#define LOG_MAX		 (1ULL << 32)
#define HEAD_MIN	 0x30
#define HEAD_MAX	 0x100
#define PAGE_MIN	 4096u
#define PAGE_MAX	 65536u
#define TAILS_1		 2
#define TAILS_2		 32
#define RESTARTS	 2

static int odd(struct ntfs_log *l)
{
	return ntfs_doubt(l->v, "its log is of a kind that is not known");
}

/* Bits that the places of a log of that size need, in units of eight bytes. */
static unsigned int bits_of(uint64_t size)
{
	unsigned int bits = 0;
	for (; size; size >>= 1)
		bits++;
	return bits - 3;
}

static int parse_sizes(struct ntfs_log *l, const uint8_t *area)
{
	l->size = get_le64(area + AREA_SIZE);
	l->head = get_le16(area + AREA_HEAD_LEN);
	l->data_off = get_le16(area + AREA_DATA_OFF);
	l->n_tails = l->major == 1 ? TAILS_1 : TAILS_2;
	l->first = (RESTARTS + l->n_tails) * l->page;
	if (l->size > l->stream.size || l->size > LOG_MAX || l->size % l->page ||
	    l->size < l->first + 2ULL * l->page)
		return odd(l);
	l->place_bits = bits_of(l->size);
	if (get_le32(area + AREA_SEQ_BITS) != 64 - l->place_bits || l->head % 8 ||
	    l->head < HEAD_MIN || l->head > HEAD_MAX || l->data_off % 8 ||
	    l->data_off < 0x28 + 2 * (l->page / NTFS_BLOCK + 1) || l->data_off > l->page / 2)
		return odd(l);
	return 0;
}

/* NTFS is the only client there ever was. */
static int parse_client(struct ntfs_log *l, const uint8_t *area, uint32_t room)
{
	static const uint8_t name[8] = {'N', 0, 'T', 0, 'F', 0, 'S', 0};
	uint32_t off = get_le16(area + AREA_CLIENT_OFF);
	if (get_le16(area + AREA_CLIENTS) != 1 || get_le16(area + AREA_IN_USE) != 0 || off % 8 ||
	    !sv_range_ok(off, CLIENT_MIN, room))
		return odd(l);
	const uint8_t *client = area + off;
	if (get_le32(client + CLIENT_NAME_LEN) != sizeof(name) ||
	    memcmp(client + CLIENT_NAME, name, sizeof(name)) != 0)
		return odd(l);
	l->oldest = get_le64(client + CLIENT_OLDEST);
	if (!l->oldest)
		l->oldest = get_le64(client + CLIENT_RESTART);
	l->current = get_le64(area + AREA_LSN);
	if (!l->oldest || l->oldest > l->current)
		return ntfs_doubt(l->v, "its log has no checkpoint");
	return 0;
}

/* The page has passed the checks of ntfs_log_check(). */
static int parse_restart(struct ntfs_log *l, uint8_t *page)
{
	uint32_t off = get_le16(page + RESTART_AREA_OFF);
	unsigned int minor = get_le16(page + RESTART_MINOR);
	l->major = get_le16(page + RESTART_MAJOR);
	if (l->page != get_le32(page + RESTART_SYS_PAGE) ||
	    l->page != get_le32(page + RESTART_LOG_PAGE) || !ntfs_fixup(page, l->page) ||
	    !sv_range_ok(off, AREA_MIN, l->page) ||
	    !((l->major == 1 && minor == 1) || (l->major == 2 && minor == 0)))
		return odd(l);
	int rc = parse_sizes(l, page + off);
	return rc ? rc : parse_client(l, page + off, l->page - off);
}

/* The newer one of the two restart pages counts; of two of an age, the one that wants more. */
static int read_restarts(struct ntfs_log *l, uint8_t *page)
{
	struct ntfs_log other;
	int rc = ntfs_stream_read(l->v, &l->stream, page, NTFS_BLOCK, 0, false);
	l->page = get_le32(page + RESTART_SYS_PAGE);
	if (!rc && (!sv_is_pow2(l->page) || l->page < PAGE_MIN || l->page > PAGE_MAX))
		return odd(l);
	if (!rc)
		rc = ntfs_stream_read(l->v, &l->stream, page, l->page, 0, false);
	if (!rc)
		rc = parse_restart(l, page);
	if (rc)
		return rc;
	other = *l;
	rc = ntfs_stream_read(l->v, &l->stream, page, l->page, l->page, false);
	if (!rc)
		rc = parse_restart(l, page);
	if (rc)
		return rc;
	if (other.major != l->major || other.size != l->size || other.head != l->head ||
	    other.data_off != l->data_off)
		return odd(l);
	if (other.current > l->current || (other.current == l->current && other.oldest < l->oldest))
		*l = other;
	return 0;
}

int ntfs_log_unite(struct ntfs_vol *v)
{
	struct ntfs_log l = {.v = v, .stream.what = "$LogFile"};
	if (!v->log_in_use || v->doubt[0])
		return 0;
	l.window.stream = &l.stream;
	uint8_t *page = malloc(PAGE_MAX);
	int rc = page ? ntfs_stream_load(v, &l.stream, NTFS_REC_LOGFILE, NTFS_AT_DATA, "")
		      : SV_E_NOMEM;
	if (!rc)
		rc = read_restarts(&l, page);
	free(page);
	if (!rc)
		rc = ntfs_log_pages_load(&l);
	if (!rc)
		rc = ntfs_log_walk(&l);
	ntfs_log_clear(&l);
	return rc;
}
