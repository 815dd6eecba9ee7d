/* test_layout.c - partition tables made by the usual tools, damaged ones, and moved GPTs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/layout.h"
#include "engine/disk/layout_int.h"
#include "engine/util/bytes.h"
#include "engine/util/crc.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_SIZE (64 * SV_MIB)

/* One disk in a file, as a loop device when its sectors are not of 512 bytes. */
struct fixture {
	char file[64], node[64];
	uint64_t size;
	uint32_t ss;
};

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void read_line(const char *cmd, char *out, size_t cap)
{
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	*out = '\0';
	if (fgets(out, (int)cap, f))
		out[strcspn(out, "\n")] = '\0';
	pclose(f);
}

/* false when such a disk cannot be made here */
static bool fixture_make(struct fixture *f, uint64_t size, uint32_t ss)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->file, sizeof(f->file), "/tmp/salvor-layout-XXXXXX");
	int fd = mkstemp(f->file);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	f->size = size;
	f->ss = ss;
	snprintf(f->node, sizeof(f->node), "%s", f->file);
	if (ss == 512)
		return true;
	char cmd[160];
	snprintf(cmd, sizeof(cmd), "losetup -f --show --sector-size %u %s 2>/dev/null", ss,
		 f->file);
	read_line(cmd, f->node, sizeof(f->node));
	if (*f->node)
		return true;
	unlink(f->file);
	print_message("no loop device: 4096 byte sectors not tested\n");
	return false;
}

static void fixture_remove(struct fixture *f)
{
	if (strcmp(f->file, f->node))
		sh("losetup -d %s", f->node);
	unlink(f->file);
}

/* The disk's bytes in memory; the tools' writes to the loop device are flushed first. */
static struct blk_dev *fixture_load(struct fixture *f)
{
	struct blk_dev *mem;
	sh("blockdev --flushbufs %s 2>/dev/null", f->node);
	int fd = open(f->file, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(blk_mem_create(NULL, f->size, f->ss, &mem), 0);
	assert_int_equal(pread(fd, blk_mem_data(mem), f->size, 0), (ssize_t)f->size);
	close(fd);
	return mem;
}

static struct layout *read_ok(struct blk_dev *mem)
{
	struct sv_err err = {0};
	struct layout *l = NULL;
	assert_int_equal(layout_read(mem, &l, &err), 0);
	assert_non_null(l);
	assert_int_equal(l->size, mem->size);
	return l;
}

/* What is outside of partitions must be in `always`, what is inside only in the last MiB. */
static void check_always(const struct layout *l)
{
	uint64_t step = l->sector_size, last = l->size - SV_MIB;
	for (uint64_t at = 0; at + step <= l->size; at += step) {
		bool in = false;
		for (size_t i = 0; i < l->n; i++)
			in |= !l->v[i].extended && at - l->v[i].start < l->v[i].size;
		if (sv_extents_contain(&l->always, at, step) != (!in || at >= last))
			fail_msg("byte %llu: wrong in always", (unsigned long long)at);
	}
}

/* The same partitions as sfdisk sees. */
static void check_sfdisk(struct fixture *f, const struct layout *l)
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

/* Partition a disk with a shell command ("%s" is the disk) and compare with sfdisk. */
static struct layout *made_by(struct fixture *f, uint32_t ss, const char *script)
{
	char cmd[1024];
	if (!fixture_make(f, DISK_SIZE, ss))
		return NULL;
	snprintf(cmd, sizeof(cmd), "d=%s; ( %s ) >/dev/null 2>&1", f->node, script);
	assert_int_equal(system(cmd), 0);
	struct blk_dev *mem = fixture_load(f);
	struct layout *l = read_ok(mem);
	blk_close(mem);
	return l;
}

#define GPT_SCRIPT                                                                                 \
	"sgdisk -a 1 -n 3:256:511 -t 3:ef02 -n 1:2048:4095 -t 1:ef00 -c 1:'EFI Süd €' "         \
	"-n 2:4096:8191 -n 7:8300:9000 -t 7:0c01 -c 7:'a very long name of thirty-six unit' $d"

static void gpt_by_sgdisk(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct fixture f;
		struct layout *l = made_by(&f, ss, GPT_SCRIPT);
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
		fixture_remove(&f);
	}
}

static void msdos_by_sfdisk(void **state)
{
	(void)state;
	static const char script[] = "printf 'label: dos\\n,5M,L,*\\n,30M,E\\n,5M,7\\n,,42\\n,5M\\n"
				     ",6M,S\\n,3M\\n' | sfdisk $d";
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct fixture f;
		struct layout *l = made_by(&f, ss, script);
		if (!l)
			return;
		assert_string_equal(l->doubt, "");
		assert_int_equal(l->n, 7);
		check_sfdisk(&f, l);
		check_always(l);
		assert_true(layout_find(l, 2)->extended && layout_find(l, 4)->raw);
		assert_true(layout_find(l, 5)->logical && layout_find(l, 7)->logical);
		layout_destroy(l);
		fixture_remove(&f);
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
		struct fixture f;
		struct layout *l = made_by(&f, 512, scripts[i]);
		if (*l->doubt)
			print_message("script %zu: %s\n", i, l->doubt);
		assert_string_equal(l->doubt, "");
		check_sfdisk(&f, l);
		check_always(l);
		layout_destroy(l);
		fixture_remove(&f);
	}
}

static void hybrid_mbr(void **state)
{
	(void)state;
	struct fixture f;
	struct layout *l = made_by(&f, 512, GPT_SCRIPT " && sgdisk -h 1:2 $d");
	assert_string_equal(l->doubt, "");
	assert_string_equal(l->table, "gpt");
	assert_int_equal(l->n, 4);
	layout_destroy(l);
	fixture_remove(&f);
}

/* tables that only libparted knows */
static void other_tables(void **state)
{
	(void)state;
	static const char *const labels[] = {"mac", "sun", "bsd", "amiga", "dvh"};
	for (size_t i = 0; i < SV_ARRAY(labels); i++) {
		struct fixture f;
		char cmd[256];
		assert_true(fixture_make(&f, DISK_SIZE, 512));
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
			fixture_remove(&f);
			continue;
		}
		struct blk_dev *mem = fixture_load(&f);
		struct layout *l = read_ok(mem);
		snprintf(cmd, sizeof(cmd),
			 "parted -sm %s unit B print | grep -c '^[0-9]*:[0-9]*B:'", f.node);
		char count[32];
		read_line(cmd, count, sizeof(count));
		print_message("%s: %zu partitions, parted %s %s\n", l->table, l->n, count,
			      l->doubt);
		assert_string_equal(l->doubt, "");
		assert_string_equal(l->table, labels[i]);
		assert_int_equal(l->n, atoi(count));
		check_always(l);
		blk_close(mem);
		layout_destroy(l);
		fixture_remove(&f);
	}
}

/* ---- damage ---- */

static void expect_doubt(struct blk_dev *mem, const char *table)
{
	struct layout *l = read_ok(mem);
	assert_string_not_equal(l->doubt, "");
	assert_string_equal(l->table, table);
	assert_int_equal(l->n, 0);
	assert_true(sv_extents_contain(&l->always, 0, l->size));
	layout_destroy(l);
}

static void expect_parts(struct blk_dev *mem, size_t n, bool primary_dead, bool backup_dead)
{
	struct layout *l = read_ok(mem);
	assert_string_equal(l->doubt, "");
	assert_string_equal(l->table, "gpt");
	assert_int_equal(l->n, n);
	assert_int_equal(l->primary_gpt_dead, primary_dead);
	assert_int_equal(l->backup_gpt_dead, backup_dead);
	check_always(l);
	layout_destroy(l);
}

static void dead_copies(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct fixture f;
		struct layout *l = made_by(&f, ss, GPT_SCRIPT);
		if (!l)
			return;
		layout_destroy(l);
		struct blk_dev *mem = fixture_load(&f);
		uint8_t *d = blk_mem_data(mem), *last = d + f.size - ss;
		d[ss + 60] ^= 1; /* a header checksum */
		expect_parts(mem, 4, true, false);
		memset(d + ss, 0, ss); /* a header gone */
		expect_parts(mem, 4, true, false);
		last[60] ^= 1;
		expect_doubt(mem, "unknown");
		last[60] ^= 1;
		memset(d, 0, ss); /* no protective MBR, no primary: not a GPT to anyone */
		l = read_ok(mem);
		assert_string_equal(l->table, "none");
		layout_destroy(l);
		blk_close(mem);

		mem = fixture_load(&f);
		d = blk_mem_data(mem), last = d + f.size - ss;
		d[2 * ss + 40] ^= 1; /* an entry: the array's checksum */
		expect_parts(mem, 4, true, false);
		d[2 * ss + 40] ^= 1;
		last[60] ^= 1;
		expect_parts(mem, 4, false, true);
		memset(last, 0, ss);
		expect_parts(mem, 4, false, true);
		d[510] = 0; /* a GPT but no MBR */
		expect_doubt(mem, "unknown");
		blk_close(mem);
		fixture_remove(&f);
	}
}

/* the disk grew behind the table, or the table is of a larger disk */
static void other_size(void **state)
{
	(void)state;
	struct fixture f;
	struct layout *l = made_by(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = fixture_load(&f), *big, *small;
	assert_int_equal(blk_mem_create(NULL, DISK_SIZE + 3 * SV_MIB, 512, &big), 0);
	memcpy(blk_mem_data(big), blk_mem_data(mem), DISK_SIZE);
	expect_parts(big, 4, false, true);
	assert_int_equal(blk_mem_create(blk_mem_data(mem), DISK_SIZE - SV_MIB, 512, &small), 0);
	expect_doubt(small, "gpt");
	blk_close(small);
	blk_close(big);
	blk_close(mem);
	fixture_remove(&f);
}

/* A header whose fields were changed, sealed again. */
static void seal(uint8_t *sector)
{
	put_le32(sector + 16, 0);
	put_le32(sector + 16, sv_crc32(sector, get_le32(sector + 12)));
}

static void seal_array(uint8_t *sector, const uint8_t *array)
{
	put_le32(sector + 88,
		 sv_crc32(array, (size_t)get_le32(sector + 80) * get_le32(sector + 84)));
	seal(sector);
}

static void copies_differ(void **state)
{
	(void)state;
	struct fixture f;
	struct layout *l = made_by(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = fixture_load(&f);
	uint8_t *d = blk_mem_data(mem);
	d[1024 + 56] ^= 1; /* one letter of one name */
	seal_array(d + 512, d + 1024);
	expect_doubt(mem, "gpt");
	blk_close(mem);
	fixture_remove(&f);
}

/* 256 entries; entries of 256 bytes with 64 of them */
static void odd_arrays(void **state)
{
	(void)state;
	struct fixture f;
	struct layout *l = made_by(&f, 512,
				   "sgdisk -S 256 $d && sgdisk -n 200:4096:8191 -c "
				   "200:far $d");
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 1);
	assert_int_equal(l->v[0].number, 200);
	check_sfdisk(&f, l);
	layout_destroy(l);
	fixture_remove(&f);

	l = made_by(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = fixture_load(&f);
	uint8_t *d = blk_mem_data(mem), *hdr[2] = {d + 512, d + f.size - 512};
	for (int i = 0; i < 2; i++) {
		uint8_t *array = d + get_le64(hdr[i] + 72) * 512;
		for (int k = 63; k >= 0; k--) {
			memmove(array + 256 * k, array + 128 * k, 128);
			memset(array + 256 * k + 128, 0, 128);
		}
		put_le32(hdr[i] + 80, 64);
		put_le32(hdr[i] + 84, 256);
		seal_array(hdr[i], array);
	}
	l = read_ok(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 4);
	assert_int_equal(layout_find(l, 2)->start, 4096 * 512);
	layout_destroy(l);
	blk_close(mem);
	fixture_remove(&f);
}

/* entries that a sealed table must not have */
static void bad_entries(void **state)
{
	(void)state;
	static const uint64_t cases[][2] = {
		{5000, 9000},	  /* over partition 2 */
		{9000, 8000},	  /* backwards */
		{20, 40},	  /* over the table */
		{100000, 200000}, /* past the end */
		{UINT64_MAX - 5, UINT64_MAX},
		{9000, UINT64_MAX / 2},
	};
	struct fixture f;
	struct layout *l = made_by(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	for (size_t i = 0; i < SV_ARRAY(cases); i++) {
		struct blk_dev *mem = fixture_load(&f);
		uint8_t *d = blk_mem_data(mem), *hdr[2] = {d + 512, d + f.size - 512};
		for (int k = 0; k < 2; k++) {
			uint8_t *array = d + get_le64(hdr[k] + 72) * 512;
			memset(array + 10 * 128, 7, 32);
			put_le64(array + 10 * 128 + 32, cases[i][0]);
			put_le64(array + 10 * 128 + 40, cases[i][1]);
			seal_array(hdr[k], array);
		}
		expect_doubt(mem, "gpt");
		blk_close(mem);
	}
	fixture_remove(&f);
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
		struct fixture f;
		struct layout *l = made_by(&f, 512, mkfs[i]);
		assert_string_equal(l->table, "none");
		assert_string_equal(l->doubt, "");
		assert_int_equal(l->n, 0);
		layout_destroy(l);
		fixture_remove(&f);
	}
	/* a FAT boot sector that also holds a plausible table: nobody knows */
	struct fixture f;
	struct layout *l = made_by(&f, 512,
				   "mkfs.vfat --mbr=n $d && printf '2048,4096,c\\n' | "
				   "sfdisk -f -w never -X dos $d");
	assert_string_not_equal(l->doubt, "");
	layout_destroy(l);
	fixture_remove(&f);
}

static uint8_t *put_entry(uint8_t *sector, int slot, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = sector + 446 + 16 * slot;
	memset(e, 0, 16);
	e[4] = type;
	put_le32(e + 8, start);
	put_le32(e + 12, count);
	sector[510] = 0x55, sector[511] = 0xaa;
	return e;
}

static void bent_ebr(void **state)
{
	(void)state;
	struct blk_dev *mem;
	assert_int_equal(blk_mem_create(NULL, DISK_SIZE, 512, &mem), 0);
	uint8_t *d = blk_mem_data(mem), *ext = d + 2048 * 512, *second = ext + 4096 * 512;
	put_entry(d, 0, 5, 2048, 40000);
	put_entry(ext, 0, 0x83, 64, 1000);
	put_entry(ext, 1, 5, 4096, 2000);
	put_entry(second, 0, 0x83, 64, 1000);
	struct layout *l = read_ok(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 3);
	assert_int_equal(layout_find(l, 6)->start, (2048 + 4096 + 64) * 512);
	layout_destroy(l);

	put_entry(second, 1, 5, 0, 2000); /* back to the first */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 4096, 2000); /* to itself */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 39999, 2000); /* to where no table is */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, 50000, 2000); /* out of the extended partition */
	expect_doubt(mem, "msdos");
	put_entry(second, 1, 5, UINT32_MAX, UINT32_MAX);
	expect_doubt(mem, "msdos");
	memset(second, 0, 512);
	put_entry(second, 0, 0x83, 64, 1000);
	put_entry(ext, 0, 0x83, 64, 5000); /* over the second table and its partition */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 4040); /* over the second table alone */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 60000); /* past the end */
	expect_doubt(mem, "msdos");
	put_entry(ext, 0, 0x83, 64, 1000);
	put_entry(d, 1, 0x83, 30000, 40000); /* a primary over the extended one */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x05, 50000, 1000); /* a second extended one */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x83, 50000, 1000000); /* past the disk */
	expect_doubt(mem, "msdos");
	put_entry(d, 1, 0x83, 50000, 1000);
	l = read_ok(mem);
	assert_string_equal(l->doubt, "");
	assert_int_equal(l->n, 4);
	layout_destroy(l);
	blk_close(mem);
}

/* a table that cannot be read from the medium */
static void unreadable(void **state)
{
	(void)state;
	struct fixture f;
	struct layout *l = made_by(&f, 512, GPT_SCRIPT);
	layout_destroy(l);
	struct blk_dev *mem = fixture_load(&f), *bad;
	struct blk_fault_rule lba1 = {
		.ops = BLK_FAULT_READ, .start = 512, .len = 512, .sys_errno = 5};
	assert_int_equal(blk_fault_create(mem, &bad), 0);
	assert_int_equal(blk_fault_add(bad, &lba1), 0);
	expect_parts(bad, 4, true, false);
	blk_close(bad);
	struct blk_fault_rule lba0 = {.ops = BLK_FAULT_READ, .len = 512, .sys_errno = 5};
	assert_int_equal(blk_fault_create(mem, &bad), 0);
	assert_int_equal(blk_fault_add(bad, &lba0), 0);
	struct sv_err err = {0};
	l = NULL;
	assert_int_equal(layout_read(bad, &l, &err), SV_E_IO);
	assert_null(l);
	blk_close(bad);
	blk_close(mem);
	fixture_remove(&f);
}

static uint64_t rng = 88172645463325252ULL;
static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 16) % n;
}

static struct layout *read_checked(struct blk_dev *mem)
{
	struct layout *l = read_ok(mem);
	uint64_t inside = 0;
	for (size_t p = 0; p < l->n; p++) {
		assert_true(sv_range_ok(l->v[p].start, l->v[p].size, l->size));
		inside += l->v[p].extended ? 0 : l->v[p].size;
	}
	assert_true(inside + sv_extents_total(&l->always) >= l->size);
	return l;
}

/* the own parsers without libparted's child, which takes most of the time */
static void parse_alone(struct blk_dev *mem)
{
	struct layout *l = calloc(1, sizeof(*l));
	struct layout_pieces pieces = {0};
	l->size = mem->size;
	l->sector_size = mem->sector_size;
	assert_int_equal(gpt_read(mem, l, &pieces), 0);
	assert_int_equal(msdos_read(mem, blk_mem_data(mem), l, &pieces), 0);
	assert_true(l->n <= 16384 + 260);
	layout_pieces_clear(&pieces);
	layout_destroy(l);
}

/* random changes of table sectors, the checksums put right half of the time */
static void mutate(struct blk_dev *mem, int rounds)
{
	uint8_t *d = blk_mem_data(mem), *keep = malloc(mem->size);
	memcpy(keep, d, mem->size);
	for (int i = 0; i < rounds; i++) {
		static const uint32_t ends[] = {446, 512, 512, 1024};
		for (uint32_t k = 0, n = 1 + rnd(6); k < n; k++) {
			uint32_t where = rnd(4), at = ends[where] + rnd(where == 0 ? 66 : 160);
			if (where == 2)
				at = (uint32_t)(2048 * 512) + 446 + rnd(66);
			d[at] = rnd(3) ? (uint8_t)rnd(256) : d[at] ^ (uint8_t)(1 << rnd(8));
		}
		if (rnd(2)) {
			uint32_t len = get_le32(d + 512 + 12);
			if (len >= 92 && len <= 512 && get_le32(d + 512 + 84) == 128 &&
			    get_le32(d + 512 + 80) <= 1024)
				seal_array(d + 512, d + 1024);
			else if (len >= 92 && len <= 512)
				seal(d + 512);
		}
		if (i % 20)
			parse_alone(mem);
		else
			layout_destroy(read_checked(mem));
		memcpy(d, keep, SV_MIB + SV_KIB);
		memcpy(d + 2048 * 512, keep + 2048 * 512, 512);
	}
	free(keep);
}

static void mutations(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const scripts[] = {
		GPT_SCRIPT,
		"printf 'label: dos\\n2048,81920,E\\n90000,1000,L\\n\\n\\n,5000\\n,5000\\n,5000\\n'"
		" | sfdisk $d",
	};
	for (size_t i = 0; i < SV_ARRAY(scripts); i++) {
		struct layout *l = made_by(&f, 512, scripts[i]);
		layout_destroy(l);
		struct blk_dev *mem = fixture_load(&f);
		mutate(mem, 4000);
		blk_close(mem);
		fixture_remove(&f);
	}
}

static void guess_sector_size(void **state)
{
	(void)state;
	for (uint32_t ss = 512; ss <= 4096; ss *= 8) {
		struct fixture f;
		struct layout *l = made_by(&f, ss, GPT_SCRIPT);
		if (!l)
			return;
		layout_destroy(l);
		struct blk_dev *mem = fixture_load(&f);
		mem->sector_size = 512;
		assert_int_equal(layout_guess_sector_size(mem), ss);
		memset(blk_mem_data(mem) + ss, 0, ss);
		assert_int_equal(layout_guess_sector_size(mem), ss);
		blk_close(mem);
		fixture_remove(&f);
	}
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt_by_sgdisk),     cmocka_unit_test(msdos_by_sfdisk),
		cmocka_unit_test(msdos_more),	     cmocka_unit_test(hybrid_mbr),
		cmocka_unit_test(other_tables),	     cmocka_unit_test(dead_copies),
		cmocka_unit_test(other_size),	     cmocka_unit_test(copies_differ),
		cmocka_unit_test(odd_arrays),	     cmocka_unit_test(bad_entries),
		cmocka_unit_test(superfloppies),     cmocka_unit_test(bent_ebr),
		cmocka_unit_test(unreadable),	     cmocka_unit_test(mutations),
		cmocka_unit_test(guess_sector_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
