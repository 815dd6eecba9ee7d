/* fuzz_image.c - hostile images: opened, decoded, checked, listed */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_image.h"

#include "engine/image/image.h"

/* The target's own flags. */
enum {
	FLAG_SALVAGE = 1,
	FLAG_PART = 2,
	FLAG_FILE = 4, /* the stream's file is opened, not its folder */
};

/* What is decoded is as small as a fuzzer can afford. */
#define MAX_RAW (2u << 20)

static void check(struct image_reader *r)
{
	const struct image_info *info = image_reader_info(r);
	const struct geometry g = {info->size, info->frame_size};
	must(geometry_ok(&g) && image_reader_frames(r) == geometry_frames(&g));
	const struct sv_runs *runs = image_reader_runs(r);
	must(sv_runs_end(runs) == info->size);
	for (size_t i = 0; i < runs->n; i++)
		must(runs->v[i].kind >= SV_RUN_DATA && runs->v[i].kind <= SV_RUN_ABSENT);
	for (size_t i = 0; i < info->n_parts; i++)
		must(sv_range_ok(info->parts[i].start, info->parts[i].size, info->size));
	for (size_t i = 0; image_reader_damage(r, i); i++)
		must(*image_reader_damage(r, i));
}

static void read_disk(struct image_reader *r)
{
	struct blk_dev *dev = NULL;
	uint8_t buf[512];
	struct sv_err err = {0};
	uint64_t size = image_reader_info(r)->size, frames = image_reader_frames(r);
	must(!image_blk_create(r, &dev, &err));
	for (uint64_t n = 0; n < SV_MIN(frames, 6); n++) {
		uint64_t start, len;
		struct sv_digest digest;
		image_reader_frame_range(r, n, &start, &len);
		must(sv_range_ok(start, len, size));
		(void)blk_pread(dev, buf, SV_MIN(len, sizeof(buf)), start, &err);
		(void)image_reader_digest(r, start / IMAGE_GRANULE, &digest);
	}
	(void)blk_pread(dev, buf, SV_MIN(size, 8), size - SV_MIN(size, 8), &err);
	blk_close(dev);
}

static void found(void *arg, const char *file, uint64_t start, uint64_t len, const char *sentence)
{
	(void)arg, (void)start, (void)len;
	must(*file && *sentence);
}

static void open_image(const struct fuzz_image *image, const char *path)
{
	char full[500];
	struct image_reader *r = NULL;
	struct sv_err err = {0};
	unsigned int flags = (image->own & FLAG_SALVAGE ? IMAGE_OPEN_SALVAGE : 0) |
			     (image->own & FLAG_PART ? IMAGE_OPEN_PART : 0);
	snprintf(full, sizeof(full), "%s%s%s%s", path, image->own & FLAG_FILE ? "/" : "",
		 image->own & FLAG_FILE ? fuzz_stream_name(image) : "",
		 image->own & FLAG_FILE && image->flags & FUZZ_VOLUMES ? ".000" : "");
	int rc = image_reader_open(full, flags, &r, &err);
	must(rc <= 0 && (!rc || (*err.text && err.code == rc)));
	if (rc)
		return;
	check(r);
	if (image_reader_info(r)->frame_size <= MAX_RAW)
		read_disk(r);
	(void)image_check_files(r, IMAGE_CHECK_ALL, found, NULL, NULL, &err);
	image_reader_close(r);
}

static void list(void)
{
	struct image_list_entry *v = NULL;
	size_t n = 0;
	must(!image_list(fuzz_top, &v, &n, NULL) && n <= 1);
	for (size_t i = 0; i < n; i++)
		must(!strcmp(v[i].name, "image"));
	image_list_free(v, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_image image;
	char path[128];
	if (!fuzz_image_take(&image, data, size))
		return -1;
	int dirfd = fuzz_folder("image");
	fuzz_empty(dirfd);
	fuzz_image_put(&image, dirfd);
	open_image(&image, scratch_path(path, sizeof(path), fuzz_top, "image"));
	list();
	close(dirfd);
	return 0;
}
