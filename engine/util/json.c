/* json.c - JSON documents from and to text, also when memory runs short */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/util/json.h"

#include "engine/util/crc.h"

#include <stdlib.h>
#include <string.h>

/* Into a buffer of a known size nothing is lost on the way. */
char *sv_json_text(const json_t *o, size_t flags)
{
	size_t len = o ? json_dumpb(o, NULL, 0, flags) : 0;
	char *text = len ? malloc(len + 1) : NULL;
	if (!text)
		return NULL;
	if (json_dumpb(o, text, len, flags) != len) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

static int add_to_sum(const char *text, size_t len, void *sum)
{
	uint32_t *crc = sum;
	*crc = sv_crc32c(*crc, text, len);
	return 0;
}

static bool sum_up(const json_t *o, uint32_t *crc)
{
	return o && !json_dump_callback(o, add_to_sum, crc, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Short of memory jansson may leave out a letter, which makes another document or none: it does not
 * do so twice in the same place. One at a time: a hostile text makes a large document. Jansson
 * finds words for all that is wrong with a text, and none for a lack of memory. */
json_t *sv_json_parse(const char *text, size_t len, size_t flags, bool *no_memory)
{
	json_error_t why, then;
	uint32_t first = ~0u, second = ~0u;
	json_t *o = json_loadb(text, len, flags, &why);
	bool parsed = o, summed = sum_up(o, &first);
	json_decref(o);
	o = json_loadb(text, len, flags, &then);
	if (parsed)
		*no_memory = !summed || !sum_up(o, &second) || first != second;
	else
		*no_memory = o || !*why.text || strcmp(why.text, then.text);
	if (!*no_memory)
		return o;
	json_decref(o);
	return NULL;
}
