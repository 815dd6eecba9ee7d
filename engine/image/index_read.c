/* index_read.c - disk.idx read as a whole: head, run map, frames, whatever is whole of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/index.h"

#include <stdlib.h>
#include <string.h>

struct load {
	struct index *ix;
	uint64_t size;	   /* of the file */
	uint64_t n_frames; /* sound frame records so far */
	bool runs_broken;  /* the merged map has a gap */
};

void index_clear(struct index *ix)
{
	free(ix->identity);
	sv_runs_clear(&ix->runs);
	frame_table_clear(&ix->frames);
	memset(ix, 0, sizeof(*ix));
}

static int head_known(struct load *l)
{
	uint64_t frames = geometry_frames(&l->ix->head.geometry);
	l->ix->has_head = true;
	/* a frame takes at least its 12 bytes of the table: no memory for what is not there */
	return frames <= l->size / sizeof(struct disk_seek_entry) + 1024
		       ? frame_table_resize(&l->ix->frames, frames)
		       : 0;
}

static int take_head(struct load *l, const uint8_t *payload, size_t len)
{
	struct index *ix = l->ix;
	if (ix->has_head)
		return 0;
	bool sound = index_parse_head(payload, len, &ix->head);
	if (len >= 4 && get_le32(payload) > FORMAT_VERSION)
		return SV_E_FORMAT;
	if (!sound)
		return SV_E_DATA;
	return head_known(l);
}

static int take_identity(struct load *l, const uint8_t *payload, size_t len)
{
	struct index *ix = l->ix;
	if (ix->identity || len > MAX_JSON_FRAME)
		return 0;
	ix->identity = malloc(len + 1);
	if (!ix->identity)
		return SV_E_NOMEM;
	memcpy(ix->identity, payload, len);
	ix->identity[len] = '\0';
	ix->identity_len = len;
	return 0;
}

static int append_words(struct sv_runs *runs, const uint8_t *words, uint32_t n)
{
	int rc = 0;
	for (uint32_t i = 0; !rc && i < n; i++) {
		uint64_t word = get_le64(words + 8 * (size_t)i);
		rc = runs->n < MAX_RUNS ? sv_runs_append(runs, RUN_LEN(word), RUN_KIND(word))
					: SV_E_NOMEM;
	}
	return rc;
}

static int take_runs(struct load *l, const uint8_t *payload, size_t len)
{
	struct index_runs r;
	if (l->runs_broken)
		return 0;
	bool sound = index_parse_runs(payload, len, &l->ix->head.geometry, &r) &&
		     r.start == sv_runs_end(&l->ix->runs);
	for (uint32_t i = 0; sound && i < r.n; i++)
		sound = RUN_KIND(get_le64(r.words + 8 * (size_t)i)) != SV_RUN_READ;
	if (sound)
		return append_words(&l->ix->runs, r.words, r.n);
	l->runs_broken = true;
	return 0;
}

static void take_frame(struct load *l, const uint8_t *payload, size_t len, uint64_t at)
{
	struct index_frame f;
	struct frame_table *t = &l->ix->frames;
	if (!index_parse_frame(payload, len, &l->ix->head.geometry, &f) || f.number >= t->n ||
	    t->v[f.number].record)
		return;
	struct frame_entry *e = &t->v[f.number];
	*e = (struct frame_entry){.offset = f.offset,
				  .payload = f.payload,
				  .checksum = f.checksum,
				  .record = at,
				  .has_checksum = 1};
	l->n_frames++;
}

/* The copy of the seek table serves where a frame's record is lost. */
static void take_table(struct load *l, const uint8_t *payload, size_t len, unsigned int align)
{
	const struct disk_table *p = (const struct disk_table *)payload;
	struct frame_table *t = &l->ix->frames;
	if (len < sizeof(*p))
		return;
	uint64_t first = get_le64(p->first), n = get_le32(p->n), offset = get_le64(p->offset);
	if (len != sizeof(*p) + n * sizeof(struct disk_seek_entry) ||
	    !sv_range_ok(first, n, t->n) || offset > INT64_MAX)
		return;
	const struct disk_seek_entry *entry = (const struct disk_seek_entry *)(p + 1);
	for (uint64_t i = first; i < first + n; i++, entry++) {
		struct frame_entry *e = &t->v[i];
		uint32_t stored = get_le32(entry->stored_len);
		if (!e->payload && stored)
			*e = (struct frame_entry){.offset = offset,
						  .payload = stored,
						  .checksum = get_le32(entry->checksum),
						  .has_checksum = 1};
		offset += sv_round_up(stored, align);
	}
}

static void take_foot(struct load *l, const uint8_t *payload, size_t len)
{
	const struct disk_foot *p = (const struct disk_foot *)payload;
	struct index_foot *foot = &l->ix->foot;
	if (len < sizeof(*p))
		return;
	foot->frames = get_le64(p->frames);
	foot->stream_len = get_le64(p->stream_len);
	foot->runs_at = get_le64(p->runs_at);
	foot->table_at = get_le64(p->table_at);
	foot->n_runs = get_le64(p->n_runs);
	foot->edges = get_le32(p->edges);
	for (size_t i = 0; i < SV_ARRAY(foot->bytes); i++)
		foot->bytes[i] = get_le64(p->bytes[i]);
	l->ix->has_foot = foot->frames == geometry_frames(&l->ix->head.geometry);
}

static unsigned int stored_align(const struct index *ix)
{
	const struct codec_ops *codec = codec_find(ix->head.codec);
	return codec ? codec->stored_align : 1;
}

static int take_record(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct load *l = arg;
	if (type == RECORD_HEAD)
		return take_head(l, payload, len);
	if (type == RECORD_IDENTITY)
		return take_identity(l, payload, len);
	if (!l->ix->has_head)
		return 0;
	if (type == RECORD_RUNS)
		return take_runs(l, payload, len);
	if (type == RECORD_FRAME)
		take_frame(l, payload, len, at);
	else if (type == RECORD_TABLE)
		take_table(l, payload, len, stored_align(l->ix));
	else if (type == RECORD_FOOT)
		take_foot(l, payload, len);
	return 0;
}

/* ---- a run map without its records: the outcomes laid over the plan ---- */

struct rebuild {
	struct index *ix;
	struct sv_runs plan;
	bool plan_broken;
	uint64_t next; /* frame that comes next */
	int rc;
};

static int take_plan(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct rebuild *b = arg;
	struct index_runs r;
	(void)at;
	if (type != RECORD_PLAN || b->plan_broken)
		return 0;
	if (index_parse_runs(payload, len, &b->ix->head.geometry, &r) &&
	    r.start == sv_runs_end(&b->plan))
		return append_words(&b->plan, r.words, r.n);
	b->plan_broken = true;
	return 0;
}

/* [from, to) by the plan alone: what was to be read counts as data, so does what no plan tells. */
static int append_plan(struct rebuild *b, uint64_t from, uint64_t to)
{
	int rc = 0;
	for (uint64_t pos = from; !rc && pos < to;) {
		size_t i = sv_runs_seek(&b->plan, pos);
		bool known = i < b->plan.n;
		uint64_t end = known ? SV_MIN(b->plan.v[i].start + b->plan.v[i].len, to) : to;
		int kind =
			known && b->plan.v[i].kind != SV_RUN_READ ? b->plan.v[i].kind : SV_RUN_DATA;
		rc = b->ix->runs.n < MAX_RUNS ? sv_runs_append(&b->ix->runs, end - pos, kind)
					      : SV_E_NOMEM;
		pos = end;
	}
	return rc;
}

static int fill_to(struct rebuild *b, uint64_t frame)
{
	const struct geometry *g = &b->ix->head.geometry;
	if (b->next >= frame)
		return 0;
	b->ix->runs_guessed = true;
	uint64_t end = SV_MIN(frame * g->frame_size, g->size);
	return append_plan(b, sv_runs_end(&b->ix->runs), end);
}

static int take_outcome(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct rebuild *b = arg;
	struct index_frame f;
	if (type != RECORD_FRAME || !index_parse_frame(payload, len, &b->ix->head.geometry, &f) ||
	    f.number < b->next || f.number >= b->ix->frames.n ||
	    b->ix->frames.v[f.number].record != at)
		return 0;
	int rc = fill_to(b, f.number);
	if (!rc)
		rc = append_words(&b->ix->runs, f.runs, f.n_runs);
	b->next = f.number + 1;
	return rc;
}

static int rebuild_runs(codec_read_fn read, void *arg, uint64_t size, struct index *ix)
{
	struct rebuild b = {.ix = ix};
	uint64_t damage;
	sv_runs_clear(&ix->runs);
	ix->runs_rebuilt = true;
	int rc = index_scan(read, arg, 0, size, false, take_plan, &b, &damage);
	if (!rc)
		rc = index_scan(read, arg, 0, size, false, take_outcome, &b, &damage);
	if (!rc)
		rc = fill_to(&b, geometry_frames(&ix->head.geometry));
	sv_runs_clear(&b.plan);
	return rc;
}

/* Once more, with what another file says the head was. */
static int load_headless(codec_read_fn read, void *arg, uint64_t size,
			 const struct index_head *spare, struct load *l)
{
	l->ix->head = *spare;
	l->ix->headless = true;
	int rc = head_known(l);
	return rc ? rc : index_scan(read, arg, 0, size, false, take_record, l, &l->ix->damage_at);
}

int index_load(codec_read_fn read, void *arg, uint64_t size, const struct index_head *spare,
	       struct index *ix)
{
	struct load l = {.ix = ix, .size = size};
	memset(ix, 0, sizeof(*ix));
	int rc = index_scan(read, arg, 0, size, false, take_record, &l, &ix->damage_at);
	if (!rc && !ix->has_head)
		rc = spare ? load_headless(read, arg, size, spare, &l) : SV_E_DATA;
	if (!rc && (l.runs_broken || sv_runs_end(&ix->runs) != ix->head.geometry.size))
		rc = rebuild_runs(read, arg, size, ix);
	if (rc) {
		index_clear(ix);
		return rc;
	}
	ix->digests_whole = ix->frames.n && l.n_frames == ix->frames.n;
	ix->damaged =
		ix->damage_at < size || !ix->has_foot || ix->runs_rebuilt || !ix->digests_whole;
	return 0;
}

/* ---- for lists ---- */

struct identity {
	struct load load;
	int seen;
};

static int take_first(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct identity *id = arg;
	(void)at;
	int rc = 0;
	if (type == RECORD_HEAD && !id->seen)
		rc = index_parse_head(payload, len, &id->load.ix->head) ? 0 : SV_E_DATA;
	else if (type == RECORD_IDENTITY)
		rc = take_identity(&id->load, payload, len);
	return rc ? rc : ++id->seen == 2 ? 1 : 0;
}

int index_load_identity(codec_read_fn read, void *arg, uint64_t size, struct index_head *head,
			char **json, size_t *json_len)
{
	struct index ix = {0};
	struct identity id = {.load = {.ix = &ix, .size = size}};
	uint64_t damage;
	int rc = index_scan(read, arg, 0, size, true, take_first, &id, &damage);
	*head = ix.head;
	*json = ix.identity;
	*json_len = ix.identity_len;
	return rc == 1 ? 0 : rc ? rc : SV_E_DATA;
}

struct progress {
	struct index_head head;
	bool has_head;
	uint64_t done, total;
};

static void count_runs(struct progress *p, const uint8_t *words, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t word = get_le64(words + 8 * (size_t)i);
		int kind = RUN_KIND(word);
		if (kind == SV_RUN_READ)
			p->total += RUN_LEN(word);
		else if (kind == SV_RUN_DATA || kind == SV_RUN_ZERO || kind == SV_RUN_BAD)
			p->done += RUN_LEN(word);
	}
}

static int take_count(void *arg, uint32_t type, const uint8_t *payload, size_t len, uint64_t at)
{
	struct progress *p = arg;
	struct index_frame frame;
	struct index_runs runs;
	(void)at;
	if (type == RECORD_HEAD && !p->has_head)
		p->has_head = index_parse_head(payload, len, &p->head);
	else if (!p->has_head)
		return SV_E_DATA;
	else if (type == RECORD_PLAN && index_parse_runs(payload, len, &p->head.geometry, &runs))
		count_runs(p, runs.words, runs.n);
	else if (type == RECORD_FRAME && index_parse_frame(payload, len, &p->head.geometry, &frame))
		count_runs(p, frame.runs, frame.n_runs);
	return 0;
}

int index_load_progress(codec_read_fn read, void *arg, uint64_t size, uint64_t *done,
			uint64_t *total)
{
	struct progress p = {0};
	uint64_t damage;
	int rc = index_scan(read, arg, 0, size, true, take_count, &p, &damage);
	*total = p.total;
	*done = SV_MIN(p.done, p.total);
	return rc;
}
