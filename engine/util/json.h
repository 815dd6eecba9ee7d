/* json.h - JSON documents from and to text, also when memory runs short */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_JSON_H
#define SV_UTIL_JSON_H

#include <jansson.h>
#include <stdbool.h>

/* `flags` are those of json_dumps(), which leaves members out when memory runs short and says
 * nothing. The caller frees; NULL when out of memory, also of NULL. */
char *sv_json_text(const json_t *o, size_t flags);
/* NULL: it is no JSON, or *no_memory. The caller lets it go with json_decref(). */
json_t *sv_json_parse(const char *text, size_t len, size_t flags, bool *no_memory);

#endif
