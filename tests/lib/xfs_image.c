/* xfs_image.c - small XFS volumes for tests, made without a mount, and what xfs_db says of them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/xfs_image.h"

#include "engine/util/bytes.h"
#include "engine/util/crc.h"
#include "tests/lib/fixture.h"
#include "tests/lib/noise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The files lie beside the image, those of a smaller number are among those of a larger one. */
static void make_proto(const char *dir, unsigned int files)
{
	char path[128], data[20000];
	uint64_t seed = 1;
	fixture_must(dir, "mkdir -p tree");
	snprintf(path, sizeof(path), "%s/proto", dir);
	FILE *proto = fopen(path, "w");
	assert_non_null(proto);
	fputs("boot\n0 0\nd--755 0 0\nsub d--755 0 0\n", proto);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)noise_random(&seed);
	for (unsigned int i = 1; i <= files; i++) {
		fprintf(proto, "f%u ---644 0 0 tree/f%u\n", i, i);
		snprintf(path, sizeof(path), "%s/tree/f%u", dir, i);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fwrite(data + i % 5000, 1, i * 97 % 9000 + 1, f);
		assert_int_equal(fclose(f), 0);
	}
	fputs("$\n$\n", proto);
	assert_int_equal(fclose(proto), 0);
}

void xfs_image_make(const char *dir, const char *name, const char *options, const char *size,
		    unsigned int files)
{
	if (files)
		make_proto(dir, files);
	fixture_must(dir,
		     "rm -f '%s' && truncate -s %s '%s' && mkfs.xfs -q -f --unsupported %s %s '%s'",
		     name, size, name, options, files ? "-p proto" : "", name);
}

void xfs_image_fragment(const char *dir, const char *name)
{
	fixture_must(
		dir,
		"xfs_db -r -f -c 'path /sub' -c ls '%s' | "
		"awk '/ f[0-9]*[02468] / {print \"inode \" $2 \"\\nwrite core.mode 0\"}' >gone && "
		"[ -s gone ] && xfs_db -x -f '%s' <gone >gone.out && "
		"xfs_repair -f -o force_geometry '%s' && "
		"xfs_repair -n -f -o force_geometry '%s'",
		name, name, name, name);
}

/* The oracle is a script of its own, beside this file in the sources. */
static char *oracle(const char *dir, const char *name)
{
	char *text, top[300];
	assert_non_null(getcwd(top, sizeof(top)));
	int status = fixture_run(dir, &text, "python3 '%s/tests/lib/oracle.py' free xfs '%s'", top,
				 name);
	if (status)
		fail_msg("oracle.py: %s", text);
	return text;
}

void xfs_image_used(const char *dir, const char *name, struct sv_extents *used)
{
	struct sv_extents gone = {0};
	struct blk_dev *dev = fixture_open(dir, name, 512);
	uint64_t size = dev->size, start, len;
	char *text = oracle(dir, name);
	for (char *line = text; sscanf(line, "%" SCNu64 " %" SCNu64, &start, &len) == 2;
	     line = strchr(line, '\n') + 1)
		assert_int_equal(sv_extents_add(&gone, start, len), 0);
	assert_int_equal(sv_extents_remove(&gone, 0, SV_MIB), 0);
	assert_int_equal(sv_extents_remove(&gone, size - SV_MIB, SV_MIB), 0);
	assert_int_equal(sv_extents_invert(used, &gone, size), 0);
	sv_extents_clear(&gone);
	free(text);
	blk_close(dev);
}

void xfs_image_seal(uint8_t *data, size_t len, size_t at)
{
	memset(data + at, 0, 4);
	put_le32(data + at, ~sv_crc32c(~0u, data, len));
}
