/* manifest_write.c - an image's description as JSON */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/format.h"
#include "engine/image/manifest.h"
#include "engine/util/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 sequence at p, 0 when it is none (RFC 3629, no surrogates). */
static size_t utf8_len(const unsigned char *p)
{
	uint32_t c = p[0];
	size_t n = c < 0x80		   ? 1
		   : c >= 0xC2 && c < 0xE0 ? 2
		   : c >= 0xE0 && c < 0xF0 ? 3
		   : c >= 0xF0 && c < 0xF5 ? 4
					   : 0;
	if (n < 2)
		return n;
	c &= 0x7Fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	bool wrong = (n == 3 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) ||
		     (n == 4 && (c < 0x10000 || c > 0x10FFFF));
	return wrong ? 0 : n;
}

/* Names of disks and volumes are bytes; JSON wants UTF-8: what is none becomes '?'. */
static json_t *text(const char *s)
{
	char buf[2048];
	size_t out = 0;
	while (*s && out < sizeof(buf) - 5) {
		size_t n = utf8_len((const unsigned char *)s);
		if (n == 0)
			buf[out++] = '?';
		else
			memcpy(buf + out, s, n);
		out += n;
		s += n ? n : 1;
	}
	return json_stringn(buf, out);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *hex(const void *bytes, size_t len)
{
	char buf[2 * SV_SHA256_LEN + 1];
	sv_hex(buf, bytes, len);
	return json_string(buf);
}

static json_t *uuid(const uint8_t b[16])
{
	char h[33], out[37];
	sv_hex(h, b, 16);
	snprintf(out, sizeof(out), "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
	return json_string(out);
}

static json_t *seed(uint64_t v)
{
	char out[17];
	snprintf(out, sizeof(out), "%016llx", (unsigned long long)v);
	return json_string(out);
}

/* Adds to what is being built; a NULL anywhere makes `ok` false. */
static void set(json_t *object, bool *ok, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		*ok = false;
}

static json_t *source(const struct image_info *i, bool *ok)
{
	json_t *o = json_object();
	set(o, ok, "path", text(i->source));
	set(o, ok, "model", text(i->model));
	set(o, ok, "serial", text(i->serial));
	set(o, ok, "wwn", text(i->wwn));
	set(o, ok, "transport", text(i->transport));
	set(o, ok, "size", number(i->size));
	set(o, ok, "sector_size", number(i->sector_size));
	return o;
}

static json_t *partition(const struct image_part *p, bool *ok)
{
	json_t *o = json_object();
	set(o, ok, "number", json_integer(p->number));
	set(o, ok, "start", number(p->start));
	set(o, ok, "size", number(p->size));
	set(o, ok, "type", text(p->type));
	set(o, ok, "name", text(p->name));
	set(o, ok, "fs", text(p->fs));
	set(o, ok, "label", text(p->label));
	set(o, ok, "uuid", text(p->uuid));
	set(o, ok, "state", text(p->state));
	set(o, ok, "reason", text(p->reason));
	set(o, ok, "used", number(p->used));
	if (p->unlocked >= 0)
		set(o, ok, "unlocked", json_integer(p->unlocked));
	if (p->joined >= 0)
		set(o, ok, "joined", json_integer(p->joined));
	return o;
}

static json_t *partitions(const struct image_info *i, bool *ok)
{
	json_t *list = json_array();
	for (size_t k = 0; k < i->n_parts; k++)
		if (json_array_append_new(list, partition(&i->parts[k], ok)))
			*ok = false;
	return list;
}

static json_t *stream(const struct manifest *m, bool *ok)
{
	const struct image_info *i = &m->info;
	const struct geometry g = {i->size, i->frame_size};
	json_t *o = json_object();
	set(o, ok, "name", text(m->stream));
	set(o, ok, "codec", text(i->codec));
	set(o, ok, "level", json_integer(i->level));
	set(o, ok, "frame_size", number(i->frame_size));
	set(o, ok, "frames", number(geometry_frames(&g)));
	return o;
}

static json_t *bytes(const struct image_info *i, bool *ok)
{
	json_t *o = json_object();
	set(o, ok, "data", number(i->bytes_data));
	set(o, ok, "zero", number(i->bytes_zero));
	set(o, ok, "free", number(i->bytes_free));
	set(o, ok, "bad", number(i->bytes_bad));
	set(o, ok, "absent", number(i->bytes_absent));
	set(o, ok, "stored", number(i->bytes_stored));
	return o;
}

static json_t *bad_areas(const struct manifest *m, bool *ok)
{
	json_t *o = json_object(), *list = json_array();
	for (size_t k = 0; k < m->bad.n && k < MANIFEST_BAD_AREAS; k++) {
		json_t *area = json_object();
		set(area, ok, "start", number(m->bad.v[k].start));
		set(area, ok, "length", number(m->bad.v[k].len));
		if (json_array_append_new(list, area))
			*ok = false;
	}
	set(o, ok, "count", number(m->bad_areas));
	set(o, ok, "first", list);
	return o;
}

static json_t *files(const struct manifest *m, bool *ok)
{
	json_t *list = json_array();
	for (size_t k = 0; k < m->n_files; k++) {
		json_t *o = json_object();
		set(o, ok, "name", text(m->files[k].name));
		set(o, ok, "size", number(m->files[k].size));
		set(o, ok, "sha256", hex(m->files[k].sha256, SV_SHA256_LEN));
		if (json_array_append_new(list, o))
			*ok = false;
	}
	return list;
}

static void put_identity(json_t *root, bool *ok, const struct manifest *m)
{
	static const char *const roles[] = {"identity", "result", "manifest"};
	const struct image_info *i = &m->info;
	set(root, ok, "format", json_string(FORMAT_NAME));
	set(root, ok, "version", json_integer(FORMAT_VERSION));
	set(root, ok, "role", json_string(roles[m->role]));
	set(root, ok, "set_uuid", uuid(i->set_uuid));
	set(root, ok, "digest", json_string("xxh3-128"));
	set(root, ok, "digest_seed", seed(i->digest_seed));
	set(root, ok, "granule", json_integer(IMAGE_GRANULE));
	set(root, ok, "tool", text(i->tool));
	set(root, ok, "created", text(i->created));
	set(root, ok, "note", text(i->note));
	set(root, ok, "source", source(i, ok));
	json_t *table = json_object();
	set(table, ok, "type", text(i->table));
	set(table, ok, "primary_gpt_dead", json_boolean(i->primary_gpt_dead));
	set(root, ok, "table", table);
	set(root, ok, "partitions", partitions(i, ok));
	set(root, ok, "stream", stream(m, ok));
}

char *manifest_encode(const struct manifest *m)
{
	const struct image_info *i = &m->info;
	json_t *root = json_object();
	bool ok = root != NULL;
	put_identity(root, &ok, m);
	if (m->role != MANIFEST_IDENTITY) {
		set(root, &ok, "finished", text(i->finished));
		set(root, &ok, "bytes", bytes(i, &ok));
		set(root, &ok, "bad_areas", bad_areas(m, &ok));
		set(root, &ok, "verdict", text(i->verdict));
	}
	if (m->role == MANIFEST_FULL) {
		set(root, &ok, "verified", json_boolean(i->verified));
		set(root, &ok, "files", files(m, &ok));
	}
	char *json = ok ? sv_json_text(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	char *out = NULL;
	if (json && asprintf(&out, "%s\n", json) < 0)
		out = NULL;
	free(json);
	return out;
}
