/* text.h - sizes and times for people, and text that is safe on a terminal */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_UTIL_TEXT_H
#define SV_UTIL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* All functions are pure; any thread. */

#define SV_SIZE_TEXT 40

/* "1.0 TB", "512 bytes": decimal units as on a disk's label. Returns out. */
const char *sv_text_size(char out[SV_SIZE_TEXT], uint64_t bytes);
/* "1.0 TB (931.5 GiB)" */
const char *sv_text_size_both(char out[2 * SV_SIZE_TEXT], uint64_t bytes);
/* "28:12", "1:02:03" */
const char *sv_text_duration(char out[SV_SIZE_TEXT], uint64_t seconds);

/* A copy fit for a terminal and for JSON: UTF-8 with what is not replaced by U+FFFD, control
 * characters too. The caller frees; NULL only when out of memory. */
char *sv_text_clean(const char *text);

#endif
