/* hfsplus_image.c - small HFS+ volumes for tests, and changes of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/hfsplus_image.h"

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

void hfsplus_image_tree(const char *dir)
{
	fixture_must(dir, "mkdir -p tree/Sub/deep && for i in $(seq 60); do head -c $((i * i * 7)) "
			  "/dev/urandom >tree/Sub/f$i; done; echo one >tree/one; "
			  "head -c 70000 /dev/urandom >tree/Sub/deep/large");
}

void hfsplus_image_make(const char *dir, const char *options, uint64_t size)
{
	char top[300];
	assert_non_null(getcwd(top, sizeof(top)));
	fixture_must(dir, "rm -f img && '%s/tests/lib/hfsplus-make.py' img %" PRIu64 " %s", top,
		     size, options);
}

void hfsplus_image_load(struct noise *n, const char *dir, const char *options)
{
	hfsplus_image_make(dir, options, strstr(options, "pieces") ? 24 * SV_MIB : 12 * SV_MIB);
	noise_load(n, dir, "img", &fsmap_hfsplus_ops, "hfsplus");
}
