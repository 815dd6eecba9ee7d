/* libzstd.c - CPU time of libzstd alone on exactly the frames that an image stores */
/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * usage: libzstd LEVEL FILE...
 * Prints "COMPRESS PLAIN DECOMPRESS BYTES": CPU seconds to compress the frames with a content
 * checksum (as an image has them), to compress them without, to decompress them; and their raw
 * bytes. Constant zero frames, which nobody compresses, and skippable frames are left out. A frame
 * that crosses two volumes ends the run: save without --volume-size.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define SKIPPABLE	  0x184D2A50u
#define SKIPPABLE_HEADER  8u
#define DESCRIPTOR_AT	  4u
#define HAS_CHECKSUM	  4u
#define MICROS_PER_SECOND 1e6

struct bench {
	ZSTD_CCtx *compress, *plain;
	ZSTD_DCtx *decompress;
	void *raw, *out;
	size_t raw_cap, out_cap;
	uint64_t us_compress, us_plain, us_decompress, bytes;
};

static void die(const char *what)
{
	fprintf(stderr, "libzstd: %s\n", what);
	exit(1);
}

static uint64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static ZSTD_CCtx *compressor(int level, int checksum)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	if (!ctx || ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, checksum)))
		die("cannot make a compressor");
	return ctx;
}

static void make_room(struct bench *b, size_t raw)
{
	if (raw <= b->raw_cap)
		return;
	free(b->raw);
	free(b->out);
	b->raw_cap = raw;
	b->out_cap = ZSTD_compressBound(raw);
	b->raw = malloc(b->raw_cap);
	b->out = malloc(b->out_cap);
	if (!b->raw || !b->out)
		die("out of memory");
}

static void run_frame(struct bench *b, const void *frame, size_t len)
{
	size_t raw = (size_t)ZSTD_getFrameContentSize(frame, len);
	make_room(b, raw);
	uint64_t start = cpu_us();
	if (ZSTD_decompressDCtx(b->decompress, b->raw, raw, frame, len) != raw)
		die("a frame is damaged");
	uint64_t decompressed = cpu_us();
	size_t n = ZSTD_compress2(b->compress, b->out, b->out_cap, b->raw, raw);
	uint64_t compressed = cpu_us();
	size_t m = ZSTD_compress2(b->plain, b->out, b->out_cap, b->raw, raw);
	b->us_plain += cpu_us() - compressed;
	b->us_compress += compressed - decompressed;
	b->us_decompress += decompressed - start;
	b->bytes += raw;
	if (ZSTD_isError(n) || ZSTD_isError(m))
		die("a frame cannot be compressed");
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void run_file(struct bench *b, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		die("cannot open the stream");
	size_t size = (size_t)st.st_size;
	const uint8_t *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		die("cannot map the stream");
	for (size_t at = 0, len; at < size; at += len) {
		len = ZSTD_findFrameCompressedSize(file + at, size - at);
		if (ZSTD_isError(len) || len < SKIPPABLE_HEADER)
			die("the stream holds something else than frames");
		if ((le32(file + at) & ~15u) != SKIPPABLE &&
		    file[at + DESCRIPTOR_AT] & HAS_CHECKSUM)
			run_frame(b, file + at, len);
	}
	munmap((void *)file, size);
	close(fd);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	if (argc < 3)
		die("usage: libzstd LEVEL FILE...");
	b.compress = compressor(atoi(argv[1]), 1);
	b.plain = compressor(atoi(argv[1]), 0);
	b.decompress = ZSTD_createDCtx();
	if (!b.decompress)
		die("out of memory");
	for (int i = 2; i < argc; i++)
		run_file(&b, argv[i]);
	printf("%.2f %.2f %.2f %llu\n", (double)b.us_compress / MICROS_PER_SECOND,
	       (double)b.us_plain / MICROS_PER_SECOND, (double)b.us_decompress / MICROS_PER_SECOND,
	       (unsigned long long)b.bytes);
	ZSTD_freeCCtx(b.compress);
	ZSTD_freeCCtx(b.plain);
	ZSTD_freeDCtx(b.decompress);
	free(b.raw);
	free(b.out);
	return 0;
}
