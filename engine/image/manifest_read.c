/* manifest_read.c - a manifest as it comes from a store: hostile until checked */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/image/format.h"
#include "engine/image/manifest.h"
#include "engine/util/json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTITIONS 4096u
#define MAX_STRUCTURES 65536u /* objects and arrays: an empty one takes 80 times its text */

/* A string into a field of fixed size; false when it is missing, no string, or holds a NUL. Too
 * long ones are cut. */
static bool get_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v);
	if (!s || strlen(s) != json_string_length(v))
		return false;
	size_t n = strnlen(s, cap - 1);
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

static bool get_number(const json_t *o, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool get_u32(const json_t *o, const char *key, uint32_t *out)
{
	uint64_t v;
	if (!get_number(o, key, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_int(const json_t *o, const char *key, int *out)
{
	const json_t *v = json_object_get(o, key);
	if (!json_is_integer(v) || json_integer_value(v) < -1000000 ||
	    json_integer_value(v) > 1000000)
		return false;
	*out = (int)json_integer_value(v);
	return true;
}

static bool get_bool(const json_t *o, const char *key, bool *out)
{
	const json_t *v = json_object_get(o, key);
	*out = json_is_true(v);
	return json_is_boolean(v);
}

static bool get_uuid(const json_t *o, uint8_t out[16])
{
	char s[64], h[33];
	if (!get_text(o, "set_uuid", s, sizeof(s)) || strlen(s) != 36)
		return false;
	size_t n = 0;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if ((s[i] == '-') != dash)
			return false;
		if (!dash)
			h[n++] = s[i];
	}
	h[n] = '\0';
	return sv_unhex(out, 16, h);
}

static bool get_seed(const json_t *o, uint64_t *seed)
{
	char s[64];
	uint8_t b[8];
	if (!get_text(o, "digest_seed", s, sizeof(s)) || !sv_unhex(b, 8, s))
		return false;
	*seed = get_be64(b);
	return true;
}

/* Images of before do not tell. */
static bool get_help(const json_t *o, const char *key, int *out)
{
	*out = -1;
	return !json_object_get(o, key) || (get_int(o, key, out) && *out >= 0);
}

static bool read_partition(const json_t *o, const struct image_info *info, struct image_part *p)
{
	return json_is_object(o) && get_int(o, "number", &p->number) &&
	       get_number(o, "start", &p->start) && get_number(o, "size", &p->size) &&
	       get_text(o, "type", p->type, sizeof(p->type)) &&
	       get_text(o, "name", p->name, sizeof(p->name)) &&
	       get_text(o, "fs", p->fs, sizeof(p->fs)) &&
	       get_text(o, "label", p->label, sizeof(p->label)) &&
	       get_text(o, "uuid", p->uuid, sizeof(p->uuid)) &&
	       get_text(o, "state", p->state, sizeof(p->state)) &&
	       get_text(o, "reason", p->reason, sizeof(p->reason)) &&
	       get_number(o, "used", &p->used) && get_help(o, "unlocked", &p->unlocked) &&
	       get_help(o, "joined", &p->joined) && sv_range_ok(p->start, p->size, info->size);
}

static int read_partitions(const json_t *list, struct image_info *info)
{
	size_t n = json_array_size(list);
	if (!json_is_array(list) || n > MAX_PARTITIONS)
		return SV_E_DATA;
	info->parts = calloc(n + 1, sizeof(*info->parts));
	if (!info->parts)
		return SV_E_NOMEM;
	info->n_parts = n;
	for (size_t i = 0; i < n; i++)
		if (!read_partition(json_array_get(list, i), info, &info->parts[i]))
			return SV_E_DATA;
	return 0;
}

static bool read_source(const json_t *root, struct image_info *info)
{
	const json_t *o = json_object_get(root, "source");
	return get_text(o, "path", info->source, sizeof(info->source)) &&
	       get_text(o, "model", info->model, sizeof(info->model)) &&
	       get_text(o, "serial", info->serial, sizeof(info->serial)) &&
	       get_text(o, "wwn", info->wwn, sizeof(info->wwn)) &&
	       get_text(o, "transport", info->transport, sizeof(info->transport)) &&
	       get_number(o, "size", &info->size) && get_u32(o, "sector_size", &info->sector_size);
}

static bool read_stream(const json_t *root, struct manifest *m)
{
	const json_t *o = json_object_get(root, "stream");
	struct image_info *info = &m->info;
	if (!get_text(o, "name", m->stream, sizeof(m->stream)) ||
	    !get_text(o, "codec", info->codec, sizeof(info->codec)) ||
	    !get_int(o, "level", &info->level) || !get_u32(o, "frame_size", &info->frame_size))
		return false;
	const struct geometry g = {info->size, info->frame_size};
	return geometry_ok(&g) && sv_is_pow2(info->sector_size) && info->sector_size >= 512 &&
	       info->sector_size <= 65536;
}

static bool read_identity(const json_t *root, struct manifest *m)
{
	struct image_info *info = &m->info;
	const json_t *table = json_object_get(root, "table");
	uint64_t granule;
	char digest[16];
	return get_uuid(root, info->set_uuid) && get_seed(root, &info->digest_seed) &&
	       get_number(root, "granule", &granule) && granule == IMAGE_GRANULE &&
	       get_text(root, "digest", digest, sizeof(digest)) && !strcmp(digest, "xxh3-128") &&
	       get_text(root, "tool", info->tool, sizeof(info->tool)) &&
	       get_text(root, "created", info->created, sizeof(info->created)) &&
	       get_text(root, "note", info->note, sizeof(info->note)) && read_source(root, info) &&
	       get_text(table, "type", info->table, sizeof(info->table)) &&
	       get_bool(table, "primary_gpt_dead", &info->primary_gpt_dead) && read_stream(root, m);
}

static int read_bad_areas(const json_t *root, struct manifest *m)
{
	const json_t *o = json_object_get(root, "bad_areas");
	const json_t *list = json_object_get(o, "first");
	if (!get_number(o, "count", &m->bad_areas) || !json_is_array(list) ||
	    json_array_size(list) > MANIFEST_BAD_AREAS)
		return SV_E_DATA;
	int rc = 0;
	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		const json_t *area = json_array_get(list, i);
		uint64_t start, len;
		if (!get_number(area, "start", &start) || !get_number(area, "length", &len) ||
		    !sv_range_ok(start, len, m->info.size))
			return SV_E_DATA;
		rc = sv_extents_add(&m->bad, start, len);
	}
	return rc;
}

static int read_result(const json_t *root, struct manifest *m)
{
	struct image_info *info = &m->info;
	const json_t *o = json_object_get(root, "bytes");
	bool ok = get_text(root, "finished", info->finished, sizeof(info->finished)) &&
		  get_text(root, "verdict", info->verdict, sizeof(info->verdict)) &&
		  get_number(o, "data", &info->bytes_data) &&
		  get_number(o, "zero", &info->bytes_zero) &&
		  get_number(o, "free", &info->bytes_free) &&
		  get_number(o, "bad", &info->bytes_bad) &&
		  get_number(o, "absent", &info->bytes_absent) &&
		  get_number(o, "stored", &info->bytes_stored);
	return ok ? read_bad_areas(root, m) : SV_E_DATA;
}

/* Names are names inside the directory, nothing else. */
static bool name_fine(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !strpbrk(name, "\n\r\\");
}

static int read_files(const json_t *root, struct manifest *m)
{
	const json_t *list = json_object_get(root, "files");
	int rc = json_is_array(list) ? 0 : SV_E_DATA;
	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char name[256], hex[2 * SV_SHA256_LEN + 2];
		uint8_t sha256[SV_SHA256_LEN];
		uint64_t size;
		if (!get_text(o, "name", name, sizeof(name)) || !name_fine(name) ||
		    !get_number(o, "size", &size) || !get_text(o, "sha256", hex, sizeof(hex)) ||
		    !sv_unhex(sha256, sizeof(sha256), hex))
			return SV_E_DATA;
		rc = manifest_add_file(m, name, size, sha256);
	}
	return rc;
}

static int read_role(const json_t *root, enum manifest_role *role)
{
	char s[16];
	if (!get_text(root, "role", s, sizeof(s)))
		return SV_E_DATA;
	if (!strcmp(s, "identity"))
		*role = MANIFEST_IDENTITY;
	else if (!strcmp(s, "result"))
		*role = MANIFEST_RESULT;
	else if (!strcmp(s, "manifest"))
		*role = MANIFEST_FULL;
	else
		return SV_E_DATA;
	return 0;
}

static int read_root(const json_t *root, struct manifest *m)
{
	char format[32];
	int version;
	if (!get_text(root, "format", format, sizeof(format)) || strcmp(format, FORMAT_NAME) != 0 ||
	    !get_int(root, "version", &version) || version < 1)
		return SV_E_DATA;
	if (version > FORMAT_VERSION)
		return SV_E_FORMAT;
	int rc = read_role(root, &m->role);
	if (!rc && !read_identity(root, m))
		rc = SV_E_DATA;
	if (!rc)
		rc = read_partitions(json_object_get(root, "partitions"), &m->info);
	if (!rc && m->role != MANIFEST_IDENTITY)
		rc = read_result(root, m);
	if (!rc && m->role == MANIFEST_FULL) {
		rc = get_bool(root, "verified", &m->info.verified) ? 0 : SV_E_DATA;
		rc = rc ? rc : read_files(root, m);
	}
	return rc;
}

/* Is there so little in the text that parsing it takes no more than some MiB? */
static bool affordable(const char *text, size_t len)
{
	size_t n = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (quoted && text[i] == '\\')
			i++;
		else if (!quoted)
			n += text[i] == '{' || text[i] == '[';
	}
	return len <= MAX_JSON && n <= MAX_STRUCTURES;
}

static int decode(const char *text, size_t len, struct manifest *m)
{
	bool no_memory;
	memset(m, 0, sizeof(*m));
	json_t *root = sv_json_parse(text, len, JSON_REJECT_DUPLICATES, &no_memory);
	if (no_memory)
		return SV_E_NOMEM;
	int rc = json_is_object(root) ? read_root(root, m) : SV_E_DATA;
	json_decref(root);
	if (rc)
		manifest_clear(m);
	return rc;
}

int manifest_decode(const char *text, size_t len, struct manifest *m)
{
	memset(m, 0, sizeof(*m));
	if (!affordable(text, len))
		return SV_E_DATA;
	int rc = decode(text, len, m);
	/* what jansson could not store for want of memory it may take for a wrong text: a text that
	 * is wrong stays so */
	return rc == SV_E_DATA ? decode(text, len, m) : rc;
}
