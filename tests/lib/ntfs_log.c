/* ntfs_log.c - logs of NTFS for tests, made by hand: no tool of Linux writes any */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/ntfs_log.h"

#include "engine/util/bytes.h"

#include <string.h>

#define DATA_OFF 0x40
#define HEAD	 0x30
#define PAGE	 NTFS_LOG_PAGE

/* The size of $LogFile's data, from its record. */
static uint64_t log_size(struct ntfs_image *img)
{
	uint8_t *rec = ntfs_image_open(img, 2);
	uint64_t size = get_le64(ntfs_image_attr(img, rec, 0x80, "") + 0x30);
	ntfs_image_close(img, 2);
	return size / PAGE * PAGE;
}

static unsigned int place_bits(const struct ntfs_log_maker *m)
{
	unsigned int bits = 0;
	for (uint64_t n = m->size; n; n >>= 1)
		bits++;
	return bits - 3;
}

static uint64_t place_of(const struct ntfs_log_maker *m, uint64_t lsn)
{
	return (lsn & ((1ULL << place_bits(m)) - 1)) * 8;
}

void ntfs_log_begin(struct ntfs_log_maker *m, struct ntfs_image *img, unsigned int major,
		    uint64_t skip)
{
	*m = (struct ntfs_log_maker){.img = img, .major = major, .size = log_size(img), .round = 5};
	m->log = img->data + ntfs_image_lcn(img, 2, 0x80, "") * img->cluster;
	m->first = (major == 1 ? 4 : 34) * PAGE;
	assert_true(m->size > m->first + (skip + 4) * PAGE);
	m->pos = m->first + skip * PAGE + DATA_OFF;
	memset(m->log, 0xff, m->size);
}

/* The page with byte `pos`, made when it is new. */
static uint8_t *page_at(struct ntfs_log_maker *m, uint64_t pos)
{
	uint8_t *page = m->log + pos / PAGE * PAGE;
	if (memcmp(page, "RCRD", 4) == 0)
		return page;
	memset(page, 0, PAGE);
	memcpy(page, "RCRD", 4);
	put_le16(page + 4, 0x28);
	put_le16(page + 6, PAGE / 512 + 1);
	put_le16(page + 0x14, 1);
	put_le16(page + 0x16, 1);
	put_le16(page + 0x18, DATA_OFF);
	put_le16(page + 0x28, 3);
	return page;
}

void ntfs_log_turn(struct ntfs_log_maker *m)
{
	m->pos = m->pos / PAGE * PAGE + PAGE;
	if (m->pos >= m->size) {
		m->pos = m->first;
		m->round++;
	}
	m->pos += DATA_OFF;
}

/* Bytes of the record with that LSN. */
static void append(struct ntfs_log_maker *m, const uint8_t *bytes, size_t len, uint64_t lsn)
{
	for (size_t got = 0; got < len;) {
		uint8_t *page = page_at(m, m->pos);
		size_t part = SV_MIN(len - got, PAGE - m->pos % PAGE);
		memcpy(page + m->pos % PAGE, bytes + got, part);
		put_le64(page + 8, lsn);
		got += part;
		m->pos += part;
		if (got < len) {
			m->pos--;
			ntfs_log_turn(m);
		}
	}
}

static void put_data(uint8_t *p, const struct ntfs_log_change *c, size_t list)
{
	put_le16(p, c->redo_op);
	put_le16(p + 2, c->undo_op);
	put_le16(p + 4, (uint16_t)(0x20 + list));
	put_le16(p + 6, c->redo_len);
	put_le16(p + 8, (uint16_t)(0x20 + list + sv_round_up(c->redo_len, 8)));
	put_le16(p + 10, c->undo_len);
	put_le16(p + 12, 0x18);
	put_le16(p + 14, c->n_lcns);
	put_le16(p + 0x10, c->record_off);
	put_le16(p + 0x12, c->attr_off);
	put_le16(p + 0x14, c->block);
	put_le64(p + 0x18, c->vcn);
	for (size_t i = 0; i < c->n_lcns; i++)
		put_le64(p + 0x20 + i * 8, c->lcns[i]);
	if (c->redo_len)
		memcpy(p + 0x20 + list, c->redo, c->redo_len);
	if (c->undo_len)
		memcpy(p + get_le16(p + 8), c->undo, c->undo_len);
}

uint64_t ntfs_log_put(struct ntfs_log_maker *m, const struct ntfs_log_change *c)
{
	static uint8_t record[65536];
	size_t list = SV_MAX(c->n_lcns, 1) * 8u;
	size_t len =
		0x20 + list + sv_round_up(c->redo_len, 8) + sv_round_up(c->undo_len, 8) + c->pad;
	assert_true(HEAD + len <= sizeof(record));
	if (PAGE - m->pos % PAGE < HEAD || m->pos % PAGE == 0) {
		m->pos -= m->pos % PAGE == 0;
		ntfs_log_turn(m);
	}
	uint64_t lsn = m->round << place_bits(m) | m->pos / 8;
	memset(record, 0, sizeof(record));
	put_le64(record, lsn);
	put_le32(record + 0x18, (uint32_t)len);
	put_le32(record + 0x20, 1);
	put_le32(record + 0x24, 0x18);
	put_le16(record + 0x28, HEAD + len > PAGE - m->pos % PAGE);
	put_data(record + HEAD, c, list);
	append(m, record, HEAD + len, lsn);
	uint8_t *page = m->log + (m->pos - 1) / PAGE * PAGE;
	put_le32(page + 0x10, 1);
	put_le16(page + 0x18, (uint16_t)(m->pos - (uint64_t)(page - m->log)));
	put_le64(page + 0x20, lsn);
	m->pos = sv_round_up(m->pos, 8);
	m->last = lsn;
	if (!m->oldest)
		m->oldest = lsn;
	return lsn;
}

static void put_restart(struct ntfs_log_maker *m, uint8_t *page)
{
	static const uint8_t name[8] = {'N', 0, 'T', 0, 'F', 0, 'S', 0};
	uint8_t *area = page + 0x30, *client = area + 0x40;
	memset(page, 0, PAGE);
	memcpy(page, "RSTR", 4);
	put_le16(page + 4, 0x1e);
	put_le16(page + 6, 9);
	put_le32(page + 0x10, PAGE);
	put_le32(page + 0x14, PAGE);
	put_le16(page + 0x18, 0x30);
	put_le16(page + 0x1a, m->major == 1);
	put_le16(page + 0x1c, (uint16_t)m->major);
	put_le16(page + 0x1e, 7); /* the fixups' value */
	put_le64(area, m->current ? m->current : m->last);
	put_le16(area + 0x08, 1);
	put_le16(area + 0x0a, 0xffff);
	put_le32(area + 0x10, 64 - place_bits(m));
	put_le16(area + 0x14, 0x40 + 0xa0);
	put_le16(area + 0x16, 0x40);
	put_le64(area + 0x18, m->size);
	put_le16(area + 0x24, HEAD);
	put_le16(area + 0x26, DATA_OFF);
	put_le64(client, m->oldest);
	put_le64(client + 8, m->oldest);
	put_le32(client + 0x10, 0xffffffff);
	put_le32(client + 0x1c, sizeof(name));
	memcpy(client + 0x20, name, sizeof(name));
	ntfs_fixup_do(page, PAGE);
}

void ntfs_log_end(struct ntfs_log_maker *m)
{
	for (uint64_t off = m->first; off < m->size; off += PAGE)
		if (memcmp(m->log + off, "RCRD", 4) == 0)
			ntfs_fixup_do(m->log + off, PAGE);
	put_restart(m, m->log);
	put_restart(m, m->log + PAGE);
}

uint8_t *ntfs_log_record_of(struct ntfs_log_maker *m, uint64_t lsn)
{
	return m->log + place_of(m, lsn);
}

uint8_t *ntfs_log_page_of(struct ntfs_log_maker *m, uint64_t lsn)
{
	return m->log + place_of(m, lsn) / PAGE * PAGE;
}

void ntfs_log_to_copy(struct ntfs_log_maker *m, uint64_t lsn, unsigned int copy, uint8_t fill)
{
	uint8_t *page = ntfs_log_page_of(m, lsn), *to = m->log + (2 + copy) * PAGE;
	memcpy(to, page, PAGE);
	memset(page, fill, PAGE);
	ntfs_fixup_undo(to, PAGE);
	if (m->major == 1)
		put_le64(to + 8, (uint64_t)(page - m->log));
	else
		put_le32(to + 0x3c, (uint32_t)(page - m->log));
	ntfs_fixup_do(to, PAGE);
}
