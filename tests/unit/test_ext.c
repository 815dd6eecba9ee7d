/* test_ext.c - maps of clean ext2/3/4 volumes against dumpe2fs, block by block */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/ext_image.h"

#include "engine/util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES	   240
#define JOURNAL_1K " -J size=1"

/* What mke2fs makes; `after` is a command line with the image as $i and the folder as $d. */
struct variant {
	const char *name, *options;
	int kib;
	const char *after;
};

static const struct variant variants[] = {
	{"ext2-1k", "-t ext2 -b 1024", 24576, NULL},
	{"ext2-2k", "-t ext2 -b 2048", 24576, NULL},
	{"ext2-4k", "-t ext2 -b 4096", 24576, NULL},
	{"ext2-rev0", "-t ext2 -r 0 -O none -b 1024", 24576, NULL},
	{"ext2-resize-inode-only",
	 "-t ext2 -b 1024 -O none,resize_inode,sparse_super -E resize=4000000", 24576, NULL},
	{"ext3-1k", "-t ext3 -b 1024 -J size=8", 32768, NULL},
	{"ext3-4k", "-t ext3 -b 4096 -J size=6", 32768, NULL},
	{"ext4-1k", "-t ext4 -b 1024", 32768, NULL},
	{"ext4-2k", "-t ext4 -b 2048", 49152, NULL},
	{"ext4-4k", "-t ext4 -b 4096", 32768, NULL},
	{"ext4-4k-two-groups", "-t ext4 -b 4096 -J size=8", 196608, NULL},
	{"ext4-64k", "-t ext4 -b 65536 -J size=64", 262144, NULL},
	{"ext4-32bit", "-t ext4 -b 4096 -O ^64bit", 32768, NULL},
	{"ext4-32bit-1k", "-t ext4 -b 1024 -O ^64bit", 32768, NULL},
	{"ext4-desc-128", "-t ext4 -b 1024 -O 64bit -E desc_size=128", 32768, NULL},
	{"ext4-no-csum", "-t ext4 -b 1024 -O ^metadata_csum", 32768, NULL},
	{"ext4-uninit", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg", 32768, NULL},
	{"ext4-uninit-32bit", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit", 32768, NULL},
	{"ext4-uninit-desc-128", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg -E desc_size=128",
	 32768, NULL},
	{"ext4-uninit-no-flex", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^flex_bg", 32768,
	 NULL},
	{"ext4-csum-seed", "-t ext4 -b 1024 -O metadata_csum_seed", 32768,
	 "tune2fs -U 5ca1ab1e-0000-4000-8000-0123456789ab $i"},
	{"ext4-no-flex", "-t ext4 -b 1024 -O ^flex_bg", 32768, NULL},
	{"ext4-flex-4", "-t ext4 -b 1024 -G 4 -g 2048", 32768, NULL},
	{"ext4-meta-bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024 -N 1024", 49152, NULL},
	{"ext4-meta-bg-32bit",
	 "-t ext4 -b 1024 -O meta_bg,^resize_inode,^64bit,^flex_bg -g 512 -N 1024 -J size=1", 49152,
	 NULL},
	{"ext4-meta-bg-no-sparse",
	 "-t ext4 -b 1024 -O meta_bg,^resize_inode,^sparse_super -g 1024 -N 1024", 49152, NULL},
	{"ext4-sparse2", "-t ext4 -b 1024 -O sparse_super2", 49152, NULL},
	{"ext4-sparse2-one", "-t ext4 -b 1024 -O sparse_super2 -E num_backup_sb=1", 49152, NULL},
	{"ext4-sparse2-none", "-t ext4 -b 1024 -O sparse_super2 -E num_backup_sb=0", 49152, NULL},
	{"ext4-no-sparse", "-t ext4 -b 1024 -O ^sparse_super,^resize_inode", 49152, NULL},
	{"ext4-no-resize", "-t ext4 -b 1024 -O ^resize_inode", 32768, NULL},
	{"ext4-packed", "-t ext4 -b 1024 -E packed_meta_blocks=1", 49152, NULL},
	{"ext4-small-groups", "-t ext4 -b 1024 -g 256 -N 256 -O ^resize_inode,^has_journal", 32768,
	 NULL},
	{"ext4-bigalloc", "-t ext4 -b 4096 -O bigalloc", 65536, NULL},
	{"ext4-bigalloc-1k", "-t ext4 -b 1024 -O bigalloc -C 4096", 49152, NULL},
	{"ext4-bigalloc-1k-groups", "-t ext4 -b 1024 -O bigalloc -C 2048 -g 4096 -N 2048", 49152,
	 NULL},
	{"ext4-bigalloc-old", "-t ext4 -b 4096 -O bigalloc,^64bit,^metadata_csum -C 16384", 49152,
	 NULL},
	{"ext4-no-journal", "-t ext4 -b 1024 -O ^has_journal", 32768, NULL},
	{"ext4-inline", "-t ext4 -b 1024 -O inline_data", 32768, NULL},
	{"ext4-encrypt", "-t ext4 -b 4096 -O encrypt,casefold,verity", 32768, NULL},
	{"ext4-quota", "-t ext4 -b 1024 -O project,quota -E quotatype=usrquota:prjquota", 32768,
	 NULL},
	{"ext4-ea-inode", "-t ext4 -b 1024 -O ea_inode,large_dir,stable_inodes", 32768, NULL},
	{"ext4-orphan-file", "-t ext4 -b 1024 -O orphan_file", 32768, NULL},
	{"ext4-mmp", "-t ext4 -b 1024 -O mmp", 32768, NULL},
	{"ext4-fast-commit", "-t ext4 -b 1024 -O fast_commit", 32768, NULL},
	{"ext4-external-journal", "-t ext4 -b 1024 -O ^has_journal", 32768,
	 "debugfs -w -R 'feature has_journal' $i && debugfs -w -R 'ssv journal_dev 0x0701' $i"},
	{"ext4-inode-128", "-t ext4 -b 1024 -I 128", 32768, NULL},
	{"ext4-inode-1024", "-t ext4 -b 1024 -I 1024", 49152, NULL},
	{"ext4-tail", "-t ext4 -b 1024", 28677, "truncate -s 40001K $i"},
	{"ext4-grown", "-t ext4 -b 1024", 24576, "truncate -s 64M $i && resize2fs $i"},
	{"ext4-shrunk", "-t ext4 -b 1024 -O ^flex_bg", 49152, "resize2fs -f $i 30000K"},
	{"ext4-64bit-later", "-t ext4 -b 1024 -O ^64bit", 32768, "resize2fs -b $i"},
	{"ext3-to-ext4", "-t ext3 -b 1024", 32768,
	 "tune2fs -O extent,uninit_bg,dir_index,flex_bg $i && { e2fsck -fy $i || [ $? = 1 ]; }"},
};

static char *dir;

/* One wrong variant does not hide the next. */
static int wrong;

static void compare_lists(const char *name, const char *content, const struct sv_extents *ours,
			  const struct sv_extents *oracle)
{
	for (size_t i = 0; i < oracle->n || i < ours->n; i++) {
		struct sv_extent a = i < oracle->n ? oracle->v[i] : (struct sv_extent){0};
		struct sv_extent b = i < ours->n ? ours->v[i] : (struct sv_extent){0};
		if (a.start == b.start && a.len == b.len)
			continue;
		print_error("%s %s: used range %zu is %" PRIu64 "+%" PRIu64
			    ", dumpe2fs has %" PRIu64 "+%" PRIu64 "\n",
			    name, content, i, b.start, b.len, a.start, a.len);
		wrong++;
		return;
	}
}

static void compare(const char *name, const char *content, const char *image)
{
	struct fsmap *map = ext_map(image);
	struct sv_extents used = {0};
	ext_oracle_used(image, map->size, &used);
	if (map->state != FSMAP_EXACT) {
		print_error("%s %s: %s: %s\n", name, content, fsmap_state_name(map->state),
			    map->reason);
		wrong++;
	} else {
		compare_lists(name, content, &map->used, &used);
	}
	assert_true(sv_extents_total(&used) < map->size);
	sv_extents_clear(&used);
	fsmap_destroy(map);
}

static void make(const char *image, const struct variant *v, const char *tree)
{
	const char *journal = strstr(v->options, "-J") || strstr(v->options, "^has_journal") ||
					      strstr(v->options, "ext2")
				      ? ""
				      : JOURNAL_1K;
	if (strstr(v->options, "-b 4096") && *journal)
		journal = " -J size=4";
	else if (strstr(v->options, "-b 2048") && *journal)
		journal = " -J size=2";
	ext_must("rm -f '%s' && truncate -s %dK '%s' && mke2fs -q -F %s%s%s%s%s '%s'", image,
		 v->kib, image, v->options, journal, tree ? " -d '" : "", tree ? tree : "",
		 tree ? "'" : "", image);
	if (v->after)
		ext_must("i='%s'; d='%s'; %s", image, dir, v->after);
}

/* Empty, with the tree, and with every second file removed again. */
static void check_variant(const struct variant *v)
{
	char image[300], tree[300];
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	make(image, v, NULL);
	compare(v->name, "empty", image);
	make(image, v, tree);
	compare(v->name, "full", image);
	ext_must("debugfs -w -f '%s/remove' '%s'", dir, image);
	compare(v->name, "fragmented", image);
}

static void clean_variants(void **state)
{
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(variants); i++)
		check_variant(&variants[i]);
	assert_int_equal(wrong, 0);
}

static int setup(void **state)
{
	(void)state;
	char path[300];
	dir = ext_dir_create();
	snprintf(path, sizeof(path), "%s/tree", dir);
	ext_tree_create(path, FILES);
	snprintf(path, sizeof(path), "%s/remove", dir);
	ext_tree_remove_script(path, FILES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ext_dir_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_variants),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
