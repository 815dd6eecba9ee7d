/* index_parse.c - records of disk.idx: found in a file, checked one by one */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/index.h"

#include "engine/util/crc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Records are aligned to nothing; a lost one is looked for in steps of a byte, in such pieces. */
#define SEARCH_PIECE ((size_t)65536)

int index_pread(void *arg, void *buf, size_t len, uint64_t off)
{
	const int *fd = arg;
	char *p = buf;
	while (len > 0) {
		ssize_t n = pread(*fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? store_read_code(errno) : SV_E_DATA;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- scanning ---- */

static bool header_sound(const struct disk_record *r)
{
	return get_le32(r->head_crc) == (uint32_t)~sv_crc32c(~0u, r, 12) &&
	       get_le32(r->len) <= MAX_RECORD;
}

struct scan {
	codec_read_fn read;
	void *arg;
	uint64_t size;
	uint8_t *buf;
	size_t cap;
};

static int want(struct scan *s, size_t len)
{
	if (len <= s->cap)
		return 0;
	uint8_t *buf = realloc(s->buf, len);
	if (!buf)
		return SV_E_NOMEM;
	s->buf = buf;
	s->cap = len;
	return 0;
}

/* The next sound record header after `at`; s->size when there is none. */
static int search(struct scan *s, uint64_t at, uint64_t *found)
{
	int rc = want(s, SEARCH_PIECE);
	for (uint64_t pos = at + 1; !rc && s->size - pos >= 16 && pos < s->size;) {
		size_t n = (size_t)SV_MIN(SEARCH_PIECE, s->size - pos);
		rc = s->read(s->arg, s->buf, n, pos);
		for (size_t i = 0; !rc && i + 16 <= n; i++)
			if (header_sound((const struct disk_record *)(s->buf + i))) {
				*found = pos + i;
				return 0;
			}
		pos += n - 15;
	}
	*found = s->size;
	return rc;
}

/* One record at *at: sound, or damage that is stepped over. */
static int scan_one(struct scan *s, uint64_t *at, index_record_fn record, void *arg, bool *sound)
{
	struct disk_record r;
	*sound = false;
	int rc = s->size - *at < sizeof(r) ? SV_E_DATA : s->read(s->arg, &r, sizeof(r), *at);
	if (rc && rc != SV_E_DATA)
		return rc;
	if (rc || !header_sound(&r))
		return search(s, *at, at);
	size_t len = get_le32(r.len);
	if (len > s->size - *at - sizeof(r)) {
		*at = s->size;
		return 0;
	}
	rc = want(s, len + 1);
	if (!rc)
		rc = s->read(s->arg, s->buf, len, *at + sizeof(r));
	*sound = !rc && get_le32(r.crc) == (uint32_t)~sv_crc32c(~0u, s->buf, len);
	if (*sound)
		rc = record(arg, get_le32(r.type), s->buf, len, *at);
	if (!rc)
		*at += sizeof(r) + len;
	return rc;
}

int index_scan(codec_read_fn read, void *arg, uint64_t from, uint64_t size, bool stop_at_damage,
	       index_record_fn record, void *record_arg, uint64_t *damage_at)
{
	struct scan s = {.read = read, .arg = arg, .size = size};
	uint64_t at = from;
	int rc = 0;
	*damage_at = size;
	while (!rc && at < size) {
		uint64_t here = at;
		bool sound;
		rc = scan_one(&s, &at, record, record_arg, &sound);
		if (!rc && !sound)
			*damage_at = SV_MIN(*damage_at, here);
		if (!rc && !sound && stop_at_damage)
			break;
	}
	free(s.buf);
	return rc;
}

/* ---- records ---- */

bool index_parse_head(const uint8_t *payload, size_t len, struct index_head *head)
{
	const struct disk_head *p = (const struct disk_head *)payload;
	memset(head, 0, sizeof(*head));
	if (len < sizeof(*p))
		return false;
	head->version = get_le32(p->version);
	head->sector_size = get_le32(p->sector_size);
	memcpy(head->set_uuid, p->set_uuid, sizeof(head->set_uuid));
	head->digest_seed = get_le64(p->digest_seed);
	head->geometry.size = get_le64(p->disk_size);
	head->geometry.frame_size = get_le32(p->frame_size);
	memcpy(head->codec, p->codec, sizeof(p->codec));
	head->level = (int)get_le32(p->level);
	memcpy(head->source_digest.b, p->source_digest, sizeof(p->source_digest));
	head->volume_size = get_le64(p->volume_size);
	head->volume_digits = get_le32(p->volume_digits);
	return get_le32(p->granule) == IMAGE_GRANULE && geometry_ok(&head->geometry) &&
	       head->volume_digits <= 20;
}

bool index_parse_runs(const uint8_t *payload, size_t len, const struct geometry *g,
		      struct index_runs *r)
{
	const struct disk_runs *p = (const struct disk_runs *)payload;
	if (len < sizeof(*p))
		return false;
	r->start = get_le64(p->start);
	r->n = get_le32(p->n);
	r->words = payload + sizeof(*p);
	if (len != sizeof(*p) + 8 * (uint64_t)r->n || r->start > g->size)
		return false;
	uint64_t left = g->size - r->start;
	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t word = get_le64(r->words + 8 * (size_t)i);
		int kind = RUN_KIND(word);
		if (RUN_LEN(word) == 0 || RUN_LEN(word) > left || kind < SV_RUN_DATA ||
		    kind > SV_RUN_READ)
			return false;
		left -= RUN_LEN(word);
	}
	return true;
}

/* Count granules with data or bad bytes, run by run; the same granule in two runs counts once. */
struct granules {
	uint64_t next; /* first granule not yet counted */
	uint64_t count;
};

static void count_granules(struct granules *c, uint64_t start, uint64_t len, int kind)
{
	if (kind != SV_RUN_DATA && kind != SV_RUN_BAD)
		return;
	uint64_t first = SV_MAX(start / IMAGE_GRANULE, c->next);
	uint64_t end = (start + len - 1) / IMAGE_GRANULE + 1;
	if (end <= first)
		return;
	c->count += end - first;
	c->next = end;
}

uint64_t index_granules(const struct sv_run *runs, size_t n)
{
	struct granules c = {0};
	for (size_t i = 0; i < n; i++)
		count_granules(&c, runs[i].start, runs[i].len, runs[i].kind);
	return c.count;
}

/* The runs of a frame record cover the frame exactly and ask for so many digests. */
static bool frame_runs_sound(const struct index_frame *f, const struct geometry *g)
{
	struct granules c = {0};
	uint64_t pos = f->number * g->frame_size, end = pos + geometry_frame_len(g, f->number);
	for (uint32_t i = 0; i < f->n_runs; i++) {
		uint64_t word = get_le64(f->runs + 8 * (size_t)i), run = RUN_LEN(word);
		int kind = RUN_KIND(word);
		if (run == 0 || run > end - pos || kind < SV_RUN_DATA || kind > SV_RUN_ABSENT)
			return false;
		count_granules(&c, pos, run, kind);
		pos += run;
	}
	return pos == end && c.count == f->n_digests;
}

bool index_parse_frame(const uint8_t *payload, size_t len, const struct geometry *g,
		       struct index_frame *f)
{
	const struct disk_frame *p = (const struct disk_frame *)payload;
	if (len < sizeof(*p))
		return false;
	f->number = get_le64(p->number);
	f->offset = get_le64(p->offset);
	f->stored_len = get_le32(p->stored_len);
	f->payload = get_le32(p->payload_len);
	f->checksum = get_le32(p->checksum);
	f->n_runs = get_le32(p->n_runs);
	f->n_digests = get_le32(p->n_digests);
	f->runs = payload + sizeof(*p);
	if (len != sizeof(*p) + 8 * (uint64_t)f->n_runs + 16 * (uint64_t)f->n_digests)
		return false;
	f->digests = f->runs + 8 * (size_t)f->n_runs;
	return f->number < geometry_frames(g) && f->payload > 0 && f->payload <= f->stored_len &&
	       f->stored_len - f->payload < 8 && f->offset <= INT64_MAX && frame_runs_sound(f, g);
}
