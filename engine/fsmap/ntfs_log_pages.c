/* ntfs_log_pages.c - pages of an NTFS log, their copies, and the records that lie over them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/fsmap/ntfs_log.h"

#include "engine/util/bytes.h"

#include <stdlib.h>
#include <string.h>

/* kernel fs/ntfs3/fslog.c, struct RECORD_PAGE_HDR */
#define PAGE_LSN      0x08 /* the highest on the page; of a copy up to 1.1 the place it belongs to */
#define PAGE_FLAGS    0x10
#define PAGE_ENDS     1 /* a record ends on it */
#define PAGE_LAST_END 0x20
#define PAGE_PLACE    0x3c /* of a copy from 2.0 on */

/* struct LFS_RECORD_HDR */
#define HEAD_DATA_LEN 0x18
#define HEAD_CLIENT   0x1e
#define HEAD_TYPE     0x20
#define HEAD_FLAGS    0x28
#define RECORD_MAX    (16u * 1024 * 1024)
#define BUDGET_TIMES  4u

uint64_t ntfs_log_place(const struct ntfs_log *l, uint64_t lsn)
{
	return (lsn & ((1ULL << l->place_bits) - 1)) << 3;
}

uint64_t ntfs_log_round(const struct ntfs_log *l, uint64_t lsn)
{
	return lsn >> l->place_bits;
}

uint64_t ntfs_log_lsn(const struct ntfs_log *l, uint64_t place, uint64_t round)
{
	return round << l->place_bits | place >> 3;
}

uint64_t ntfs_log_next_page(const struct ntfs_log *l, uint64_t off, uint64_t *round)
{
	off += l->page;
	if (off < l->size)
		return off;
	++*round;
	return l->first;
}

/* Is what was read a page of records, and where does it belong? */
static void open_page(const struct ntfs_log *l, struct ntfs_log_page *p, uint64_t off)
{
	p->home = off;
	p->good = memcmp(p->buf, "RCRD", 4) == 0 && ntfs_fixup(p->buf, l->page);
	if (!p->good || !p->tail)
		return;
	p->home = l->major == 1 ? get_le64(p->buf + PAGE_LSN) : get_le32(p->buf + PAGE_PLACE);
	p->good = p->home % l->page == 0 && p->home >= l->first && p->home < l->size;
}

static int read_page(struct ntfs_log *l, struct ntfs_log_page *p, uint64_t off)
{
	int rc = ntfs_window_seek(l->v, &l->window, off);
	if (rc)
		return rc;
	uint64_t skip = off - l->window.start;
	if (l->window.len - skip < l->page)
		return ntfs_doubt(l->v, "its log is too short");
	memcpy(p->buf, l->window.buf + skip, l->page);
	open_page(l, p, off);
	return 0;
}

int ntfs_log_pages_load(struct ntfs_log *l)
{
	int rc = 0;
	l->budget = BUDGET_TIMES * l->size;
	l->here.buf = malloc(l->page);
	if (!l->here.buf)
		return SV_E_NOMEM;
	for (size_t i = 0; !rc && i < l->n_tails; i++) {
		l->tails[i].tail = true;
		l->tails[i].buf = malloc(l->page);
		rc = l->tails[i].buf ? read_page(l, &l->tails[i], (2 + i) * (uint64_t)l->page)
				     : SV_E_NOMEM;
	}
	return rc;
}

int ntfs_log_page(struct ntfs_log *l, uint64_t off, size_t i, const struct ntfs_log_page **page)
{
	*page = NULL;
	if (i == 0) {
		*page = &l->here;
		return l->here.home == off ? 0 : read_page(l, &l->here, off);
	}
	for (size_t k = 0; k < l->n_tails; k++)
		if (l->tails[k].good && l->tails[k].home == off && --i == 0)
			*page = &l->tails[k];
	return 0;
}

uint64_t ntfs_log_head(const struct ntfs_log *l, const struct ntfs_log_page *page, uint32_t off)
{
	if (!page->good || off < l->data_off || !sv_range_ok(off, l->head, l->page))
		return 0;
	const uint8_t *head = page->buf + off;
	uint64_t lsn = get_le64(head);
	uint32_t len = get_le32(head + HEAD_DATA_LEN), type = get_le32(head + HEAD_TYPE);
	bool ok = ntfs_log_place(l, lsn) == page->home + off && ntfs_log_round(l, lsn) && len &&
		  len <= RECORD_MAX && len < l->size && get_le16(head + HEAD_CLIENT) == 0 &&
		  (type == NTFS_LOG_RECORD || type == NTFS_LOG_RESTART);
	return ok ? lsn : 0;
}

/* Does the record go on on this page, which stands behind the one it began on? */
static bool goes_on(const struct ntfs_log *l, const struct ntfs_log_page *p, uint64_t round,
		    uint64_t lsn)
{
	uint64_t last = get_le64(p->buf + PAGE_LSN);
	if (!p->good)
		return false;
	if (p->tail && l->major == 1)
		last = get_le32(p->buf + PAGE_FLAGS) & PAGE_ENDS ? get_le64(p->buf + PAGE_LAST_END)
								 : 0;
	return last == lsn || (ntfs_log_round(l, last) == round &&
			       sv_round_down(ntfs_log_place(l, last), l->page) == p->home);
}

static int find_next(struct ntfs_log *l, uint64_t off, uint64_t round, uint64_t lsn,
		     const struct ntfs_log_page **page)
{
	int rc = 0;
	for (size_t i = 0; !rc; i++) {
		rc = ntfs_log_page(l, off, i, page);
		if (rc || !*page || goes_on(l, *page, round, lsn))
			break;
	}
	return rc;
}

static int find_head(struct ntfs_log *l, uint64_t lsn, const struct ntfs_log_page **page)
{
	uint64_t place = ntfs_log_place(l, lsn), off = sv_round_down(place, l->page);
	int rc = 0;
	*page = NULL;
	if (off < l->first || off >= l->size)
		return 0;
	for (size_t i = 0; !rc; i++) {
		rc = ntfs_log_page(l, off, i, page);
		if (rc || !*page || ntfs_log_head(l, *page, (uint32_t)(place - off)) == lsn)
			break;
	}
	return rc;
}

static int make_room(struct ntfs_log *l, size_t len)
{
	if (len > l->budget)
		return ntfs_doubt(l->v, "records in its log overlap");
	l->budget -= len;
	if (len <= l->data_cap)
		return 0;
	uint8_t *data = realloc(l->data, len);
	if (!data)
		return SV_E_NOMEM;
	l->data = data;
	l->data_cap = len;
	return 0;
}

/* Copy the data that begins at byte `at` of the page; *page NULL when it does not go on. */
static int read_data(struct ntfs_log *l, struct ntfs_log_record *rec,
		     const struct ntfs_log_page **page, uint32_t at)
{
	uint64_t home = (*page)->home, round = ntfs_log_round(l, rec->lsn);
	int rc = 0;
	for (size_t got = 0;;) {
		size_t part = SV_MIN(rec->len - got, (size_t)l->page - at);
		memcpy(l->data + got, (*page)->buf + at, part);
		got += part;
		rec->end = home + at + part;
		if (got == rec->len)
			return 0;
		home = ntfs_log_next_page(l, home, &round);
		rec->wrapped |= home == l->first;
		at = l->data_off;
		rc = find_next(l, home, round, rec->lsn, page);
		if (rc || !*page)
			return rc;
	}
}

int ntfs_log_record(struct ntfs_log *l, uint64_t lsn, struct ntfs_log_record *rec, bool *found,
		    bool *torn)
{
	const struct ntfs_log_page *page;
	*found = *torn = false;
	int rc = find_head(l, lsn, &page);
	if (rc || !page)
		return rc;
	uint32_t off = (uint32_t)(ntfs_log_place(l, lsn) - page->home);
	const uint8_t *head = page->buf + off;
	*rec = (struct ntfs_log_record){
		.lsn = lsn,
		.type = get_le32(head + HEAD_TYPE),
		.flags = get_le16(head + HEAD_FLAGS),
		.len = get_le32(head + HEAD_DATA_LEN),
	};
	rc = make_room(l, rec->len);
	if (!rc)
		rc = read_data(l, rec, &page, off + l->head);
	*found = !rc && page;
	*torn = !rc && !page;
	return rc;
}

void ntfs_log_clear(struct ntfs_log *l)
{
	for (size_t i = 0; i < SV_ARRAY(l->tails); i++)
		free(l->tails[i].buf);
	free(l->here.buf);
	free(l->window.buf);
	free(l->data);
	ntfs_stream_clear(&l->stream);
}
