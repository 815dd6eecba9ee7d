/* test_layout.c - partition tables made by the usual tools, read and compared with them */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/util/bytes.h"
#include "tests/lib/table_disk.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The same partitions as sfdisk sees. */
static void check_sfdisk(struct table_disk *f, const struct layout *l)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "sfdisk -J %s 2>/dev/null", f->node);
	FILE *p = popen(cmd, "r");
	json_error_t je;
	json_t *root = json_loadf(p, 0, &je);
	pclose(p);
	assert_non_null(root);
	json_t *table = json_object_get(root, "partitiontable");
	const char *label = json_string_value(json_object_get(table, "label"));
	assert_string_equal(l->table, strcmp(label, "dos") ? label : "msdos");
	json_t *parts = json_object_get(table, "partitions"), *part;
	assert_int_equal(json_array_size(parts), l->n);
	size_t i;
	json_array_foreach(parts, i, part)
	{
		const char *node = json_string_value(json_object_get(part, "node"));
		const char *num = node + strlen(f->node);
		const struct layout_part *own = layout_find(l, atoi(num + (*num == 'p')));
		assert_non_null(own);
		const char *type = json_string_value(json_object_get(part, "type"));
		const char *name = json_string_value(json_object_get(part, "name"));
		assert_int_equal(own->start,
				 json_integer_value(json_object_get(part, "start")) * f->ss);
		assert_int_equal(own->size,
				 json_integer_value(json_object_get(part, "size")) * f->ss);
		if (!strcmp(l->table, "gpt"))
			assert_int_equal(strcasecmp(type, own->type), 0);
		else
			assert_int_equal(strtol(type, NULL, 16), strtol(own->type, NULL, 16));
		if (name)
			assert_string_equal(name, own->name);
	}
	json_decref(root);
}

static void gpt_by_sgdisk(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, ss, GPT_SCRIPT);
		if (!l)
			return;
		assert_string_equal(l->doubt, "");
		assert_int_equal(l->n, 4);
		check_sfdisk(&f, l);
		check_always(l);
		assert_false(l->primary_gpt_dead || l->backup_gpt_dead);
		assert_true(layout_find(l, 3)->raw && layout_find(l, 7)->raw);
		assert_false(layout_find(l, 1)->raw || layout_find(l, 2)->raw);
		assert_int_equal(l->v[0].number, 3);
		layout_destroy(l);
		table_disk_remove(&f);
	}
}

static void msdos_by_sfdisk(void **state)
{
	(void)state;
	static const char script[] = "printf 'label: dos\\n,5M,L,*\\n,30M,E\\n,5M,7\\n,,42\\n,5M\\n"
				     ",6M,S\\n,3M\\n' | sfdisk $d";
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, ss, script);
		if (!l)
			return;
		assert_string_equal(l->doubt, "");
		assert_int_equal(l->n, 7);
		check_sfdisk(&f, l);
		check_always(l);
		assert_true(layout_find(l, 2)->extended);
		assert_string_equal(layout_find(l, 4)->raw,
				    "a partition of a Windows dynamic disk (LDM)");
		assert_true(layout_find(l, 5)->logical && layout_find(l, 7)->logical);
		layout_destroy(l);
		table_disk_remove(&f);
	}
}

/* logical partitions whose order on the disk is not that of the chain; an empty extended one */
static void msdos_more(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"printf 'label: dos\\n2048,40960,E\\n' | sfdisk $d",
		"printf 'label: dos\\n' | sfdisk $d",
		"printf 'label: "
		"dos\\n2048,81920,E\\n\\n\\n\\n40960,2048\\n8192,2048\\n20480,512\\n'"
		" | sfdisk $d",
		"parted -s $d mklabel msdos mkpart primary 1MiB 8MiB mkpart extended 8MiB 60MiB "
		"mkpart logical 9MiB 12MiB mkpart logical 20MiB 22MiB && parted -s $d rm 5",
		"parted -s $d mklabel gpt mkpart a ext4 1MiB 8MiB mkpart b 9MiB 60MiB",
	};
	for (size_t i = 0; i < SV_ARRAY(scripts); i++) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, 512, scripts[i]);
		if (*l->doubt)
			print_message("script %zu: %s\n", i, l->doubt);
		assert_string_equal(l->doubt, "");
		check_sfdisk(&f, l);
		check_always(l);
		layout_destroy(l);
		table_disk_remove(&f);
	}
}

static void hybrid_mbr(void **state)
{
	(void)state;
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512, GPT_SCRIPT " && sgdisk -h 1:2 $d");
	assert_string_equal(l->doubt, "");
	assert_string_equal(l->table, "gpt");
	assert_int_equal(l->n, 4);
	layout_destroy(l);
	table_disk_remove(&f);
}

/* tables that only libparted knows */
static void other_tables(void **state)
{
	(void)state;
	static const char *const labels[] = {"mac", "sun", "bsd", "amiga", "dvh"};
	for (size_t i = 0; i < SV_ARRAY(labels); i++) {
		struct table_disk f;
		char cmd[256];
		assert_true(table_disk_make(&f, DISK_SIZE, 512));
		snprintf(cmd, sizeof(cmd),
			 "parted -s %s mklabel %s mkpart %s 17MiB 33MiB >/dev/null 2>&1", f.node,
			 labels[i],
			 strcmp(labels[i], "dvh") && strcmp(labels[i], "amiga") &&
					 strcmp(labels[i], "mac")
				 ? "ext2"
				 : "x");
		if (!strcmp(labels[i], "dvh") || !strcmp(labels[i], "amiga"))
			snprintf(cmd, sizeof(cmd),
				 "parted -s %s mklabel %s mkpart primary 17MiB 33MiB >/dev/null "
				 "2>&1",
				 f.node, labels[i]);
		if (system(cmd)) {
			print_message("parted makes no %s table here\n", labels[i]);
			table_disk_remove(&f);
			continue;
		}
		struct blk_dev *mem = table_disk_load(&f);
		struct layout *l = layout_of(mem);
		snprintf(cmd, sizeof(cmd),
			 "parted -sm %s unit B print | grep -c '^[0-9]*:[0-9]*B:'", f.node);
		char count[32];
		table_read_line(cmd, count, sizeof(count));
		print_message("%s: %zu partitions, parted %s %s\n", l->table, l->n, count,
			      l->doubt);
		assert_string_equal(l->doubt, "");
		assert_string_equal(l->table, labels[i]);
		assert_int_equal(l->n, atoi(count));
		check_always(l);
		blk_close(mem);
		layout_destroy(l);
		table_disk_remove(&f);
	}
}

static void superfloppies(void **state)
{
	(void)state;
	static const char *const mkfs[] = {"mkfs.vfat --mbr=n $d",
					   "mkfs.vfat --mbr=y $d",
					   "mkfs.vfat -F 32 -s 1 --mbr=y $d",
					   "mkfs.ntfs -Q -F -s 512 -p 0 -H 255 -S 63 $d",
					   "mkfs.ext4 -q -F $d",
					   "true"};
	for (size_t i = 0; i < SV_ARRAY(mkfs); i++) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, 512, mkfs[i]);
		assert_string_equal(l->table, "none");
		assert_string_equal(l->doubt, "");
		assert_int_equal(l->n, 0);
		layout_destroy(l);
		table_disk_remove(&f);
	}
	/* a FAT boot sector that also holds a plausible table: nobody knows */
	struct table_disk f;
	struct layout *l = table_disk_layout(&f, 512,
					     "mkfs.vfat --mbr=n $d && printf '2048,4096,c\\n' | "
					     "sfdisk -f -w never -X dos $d");
	assert_string_not_equal(l->doubt, "");
	layout_destroy(l);
	table_disk_remove(&f);
}

static void guess_sector_size(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct table_disk f;
		struct layout *l = table_disk_layout(&f, ss, GPT_SCRIPT);
		if (!l)
			return;
		layout_destroy(l);
		struct blk_dev *mem = table_disk_load(&f);
		mem->sector_size = 512;
		assert_int_equal(layout_guess_sector_size(mem), ss);
		memset(blk_mem_data(mem) + ss, 0, ss);
		assert_int_equal(layout_guess_sector_size(mem), ss);
		blk_close(mem);
		table_disk_remove(&f);
	}
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt_by_sgdisk),     cmocka_unit_test(msdos_by_sfdisk),
		cmocka_unit_test(msdos_more),	     cmocka_unit_test(hybrid_mbr),
		cmocka_unit_test(other_tables),	     cmocka_unit_test(superfloppies),
		cmocka_unit_test(guess_sector_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
