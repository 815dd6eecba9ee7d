/* ext_image.h - small ext2/3/4 images for tests, and what dumpe2fs says about them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SV_TESTS_EXT_IMAGE_H
#define SV_TESTS_EXT_IMAGE_H

#include "engine/fsmap/fsmap.h"
#include "engine/util/extent.h"

/* All functions end the running test when something does not work. */

/* A new folder for a test program's files; removed with its content by ext_dir_remove(). */
char *ext_dir_create(void);
void ext_dir_remove(char *dir);

/* Run a shell command line; its output is shown only when it fails. Returns the exit code. */
int ext_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, must succeed. */
void ext_must(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A tree of `files` files of 0 to 48 KiB of seeded noise in folders d0..d9, some links and holes.
 */
void ext_tree_create(const char *dir, int files);

/* A debugfs script that removes every second file of such a tree. */
void ext_tree_remove_script(const char *path, int files);

/* The free bytes of a volume as dumpe2fs has them, in a normal list (`free` empty before). */
void ext_oracle_free(const char *image, struct sv_extents *free);

/* The same, as fsmap_read() must answer: the first and last MiB of the volume always used. */
void ext_oracle_used(const char *image, uint64_t size, struct sv_extents *used);

/* Read the map of an image file. */
struct fsmap *ext_map(const char *image);

/* A small repeatable generator. */
uint64_t ext_random(uint64_t *state);

#endif
