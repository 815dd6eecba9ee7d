/* ntfs_image.c - NTFS images for tests: made and filled by ntfs-3g's tools, taken apart by hand */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/ntfs_image.h"

#include "engine/util/bytes.h"
#include "tests/lib/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ntfs_make(const char *dir, const char *name, uint64_t size, uint32_t cluster, uint32_t sector)
{
	fixture_empty(dir, name, size);
	fixture_must(dir,
		     "mkntfs -q -f -F -L test -p 0 -H 16 -S 63 -c %" PRIu32 " -s %" PRIu32 " '%s'",
		     cluster, sector, name);
}

/*
 * In the foreground, so that the driver has written everything when the shell goes on. Exit 77: no
 * FUSE here.
 */
static const char mounting[] =
	"[ -w /dev/fuse ] || { echo no /dev/fuse; exit 77; }; mkdir -p mnt; "
	"ntfs-3g -o no_detach,streams_interface=windows '%s' mnt & driver=$!; "
	"until mountpoint -q mnt; do kill -0 $driver || exit 77; sleep 0.05; done; "
	"(cd mnt && bash ../fill.sh); umount mnt; wait $driver";

bool ntfs_fill(const char *dir, const char *name, const char *script)
{
	char path[256], *text;
	snprintf(path, sizeof(path), "%s/fill.sh", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(script, f) >= 0);
	assert_int_equal(fclose(f), 0);
	int status = fixture_run(dir, &text, mounting, name);
	if (status == 77)
		printf("ntfs-3g cannot mount here: %s\n", text);
	else if (status)
		fail_msg("ntfs-3g: exit %d: %s", status, text);
	free(text);
	return status == 0;
}

const char ntfs_script_files[] =
	"mkdir -p one/two/three many\n"
	"for n in 0 1 500 900 4096 5000 65536 70000 300000; do head -c $n /dev/urandom > one/$n; "
	"done\n"
	"cp one/300000 one/two/three/; ln one/70000 one/two/link\n"
	"truncate -s 3M sparse; printf end >> sparse\n"
	"printf stream > one/500:more; cat one/70000 > one/4096:large\n"
	"for ((i = 0; i < 400; i++)); do printf '%0*d' $((i * 7)) 5 > many/$i; done\n"
	"for ((i = 0; i < 400; i += 3)); do gone+=(many/$i); done; rm \"${gone[@]}\"\n"
	"for ((i = 0; i < 6; i++)); do cat one/300000 >> grow; cat one/5000 >> grow2; done\n";

const char ntfs_script_pieces[] =
	"text=$(printf '%0*d' $((BYTES - 20)) 7); mkdir a\n"
	"for ((i = 0; i < 1200; i++)); do printf %s \"$text\" > a/$i || break; done\n"
	"head -c 60M /dev/zero > fill\n"
	/* ntfs-3g takes turns between two zones, so pairs: every second file of each goes */
	"for ((i = 0; i < 1200; i++)); do ((i % 4 > 1)) || gone+=(a/$i); done; rm -f "
	"\"${gone[@]}\"\n"
	"dd if=/dev/urandom of=pieces bs=1024\n";

const char ntfs_script_mft[] =
	"gap=$(printf '%04000d' 1) keep=$(printf '%01000d' 2); mkdir a b\n"
	"head -c $((($(stat -f -c %f .) - 8000) * 512)) /dev/urandom > fill\n"
	"for ((i = 0; i < 700; i++)); do\n"
	"	{ printf %s \"$gap\" > a/g$i && printf %s \"$keep\" > a/k$i; } || break\n"
	"done\n"
	"head -c 60M /dev/zero > fill2\n"
	"rm -f a/g*\n"
	"for ((i = 0; i < 1800; i++)); do : > b/$i || break; done\n"
	"head -c 300000 /dev/urandom > pieces\n";

uint8_t *ntfs_oracle(const char *dir, const char *name, uint32_t *cluster, uint64_t *clusters)
{
	char *text, path[256];
	if (fixture_run(dir, &text, "ntfsinfo -m '%s'", name))
		fail_msg("ntfsinfo: %s", text);
	*cluster = (uint32_t)fixture_number(text, "\tCluster Size:");
	*clusters = fixture_number(text, "Volume Size in Clusters:");
	uint64_t unused = fixture_number(text, "Free Clusters:"), zeros = 0;
	free(text);
	fixture_must(dir, "ntfscat '%s' '$Bitmap' > bitmap.bin", name);
	snprintf(path, sizeof(path), "%s/bitmap.bin", dir);
	size_t len = (size_t)(*clusters + 7) / 8;
	uint8_t *bits = malloc(len);
	FILE *f = fopen(path, "r");
	assert_non_null(bits);
	assert_non_null(f);
	assert_int_equal(fread(bits, 1, len, f), len);
	fclose(f);
	for (uint64_t i = 0; i < *clusters; i++)
		zeros += !(bits[i / 8] >> (i % 8) & 1);
	assert_int_equal(zeros, unused);
	return bits;
}

struct ntfs_image ntfs_image_of(struct blk_dev *dev)
{
	uint8_t *b = blk_mem_data(dev);
	uint32_t sectors = b[13] > 128 ? 1u << (256 - b[13]) : b[13];
	struct ntfs_image img = {.dev = dev, .data = b, .cluster = get_le16(b + 11) * sectors};
	img.record = b[64] < 128 ? b[64] * img.cluster : 1u << (256 - b[64]);
	img.clusters = get_le64(b + 40) / sectors;
	img.mft = get_le64(b + 48) * img.cluster;
	img.mirror = get_le64(b + 56) * img.cluster;
	return img;
}

void ntfs_fixup_undo(uint8_t *p, uint32_t len)
{
	uint8_t *array = p + get_le16(p + 4);
	for (uint32_t i = 1; i <= len / 512; i++) {
		assert_memory_equal(p + i * 512 - 2, array, 2);
		memcpy(p + i * 512 - 2, array + i * 2, 2);
	}
}

void ntfs_fixup_do(uint8_t *p, uint32_t len)
{
	uint8_t *array = p + get_le16(p + 4);
	for (uint32_t i = 1; i <= len / 512; i++) {
		memcpy(array + i * 2, p + i * 512 - 2, 2);
		memcpy(p + i * 512 - 2, array, 2);
	}
}

uint8_t *ntfs_image_open(struct ntfs_image *img, uint32_t number)
{
	uint8_t *rec = img->data + img->mft + (uint64_t)number * img->record;
	assert_memory_equal(rec, "FILE", 4);
	ntfs_fixup_undo(rec, img->record);
	return rec;
}

void ntfs_image_close(struct ntfs_image *img, uint32_t number)
{
	ntfs_fixup_do(img->data + img->mft + (uint64_t)number * img->record, img->record);
}

static bool name_is(const uint8_t *attr, const char *name)
{
	if (attr[9] != strlen(name))
		return false;
	for (size_t i = 0; i < attr[9]; i++)
		if (attr[get_le16(attr + 10) + i * 2] != name[i])
			return false;
	return true;
}

uint8_t *ntfs_image_attr(struct ntfs_image *img, uint8_t *rec, uint32_t type, const char *name)
{
	uint32_t pos = get_le16(rec + 20);
	while (pos < img->record && get_le32(rec + pos) != 0xffffffff) {
		if (get_le32(rec + pos) == type && name_is(rec + pos, name))
			return rec + pos;
		pos += get_le32(rec + pos + 4);
	}
	fail_msg("no attribute %x", type);
	return NULL;
}

uint64_t ntfs_image_lcn(struct ntfs_image *img, uint32_t number, uint32_t type, const char *name)
{
	uint8_t *rec = ntfs_image_open(img, number);
	const uint8_t *attr = ntfs_image_attr(img, rec, type, name);
	assert_int_equal(attr[8], 1);
	const uint8_t *run = attr + get_le16(attr + 32);
	uint64_t lcn = 0;
	for (unsigned int i = *run >> 4; i-- > 0;)
		lcn = lcn << 8 | run[1 + (*run & 15) + i];
	ntfs_image_close(img, number);
	return lcn;
}

uint8_t *ntfs_image_bitmap(struct ntfs_image *img, uint64_t cluster)
{
	return img->data + ntfs_image_lcn(img, 6, 0x80, "") * img->cluster + cluster / 8;
}
