/* test_codec.c - frames against the stock tools, and every flipped bit of a frame */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/codec/codec.h"
#include "engine/util/bytes.h"
#include "engine/util/hash.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME  (300 * 1024u)
#define FRAMES 9

static char dir[64];

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Text that compresses, noise that does not, zeros. */
static void fill(uint8_t *buf, size_t len, unsigned int kind)
{
	uint64_t state = kind + 1;
	memset(buf, 0, len);
	for (size_t i = 0; kind % 3 && i < len; i++)
		buf[i] = kind % 3 == 1 ? (uint8_t)("abcdefgh"[next_random(&state) % 8])
				       : (uint8_t)next_random(&state);
}

struct stream {
	uint8_t *raw, *stored;
	size_t raw_len, stored_len;
	size_t payload[FRAMES], raw_of[FRAMES], stored_of[FRAMES];
};

static void sizes_of(void *arg, uint64_t i, uint64_t *payload, uint64_t *raw)
{
	const struct stream *s = arg;
	*payload = s->payload[i];
	*raw = s->raw_of[i];
}

static void add_frame(struct stream *s, const struct codec_ops *ops, struct codec_ctx *ctx,
		      unsigned int i)
{
	size_t len = i == FRAMES - 1 ? FRAME / 2 + 512 : FRAME;
	uint8_t *raw = s->raw + s->raw_len, *stored = s->stored + s->stored_len;
	size_t n = 0;
	fill(raw, len, i);
	if (i % 3 == 0)
		n = ops->zero_frame(ctx, len, stored, ops->bound(len));
	else
		assert_int_equal(ops->compress(ctx, raw, len, stored, ops->bound(len), &n), 0);
	assert_true(n > 0 && n <= ops->bound(len));
	assert_int_equal(n % ops->stored_align, 0);
	s->payload[i] = ops->payload ? ops->payload(stored, n) : n;
	assert_int_equal(sv_round_up(s->payload[i], ops->stored_align), n);
	s->raw_of[i] = len;
	s->stored_of[i] = n;
	s->raw_len += len;
	s->stored_len += n;
}

static void make_stream(struct stream *s, const struct codec_ops *ops, int level)
{
	memset(s, 0, sizeof(*s));
	s->raw = malloc((size_t)FRAME * FRAMES);
	s->stored = malloc((ops->bound(FRAME) + 64) * FRAMES);
	struct codec_ctx *ctx = ops->create(level);
	assert_non_null(s->raw);
	assert_non_null(s->stored);
	assert_non_null(ctx);
	if (ops->stream_head)
		s->stored_len = ops->stream_head(s->stored);
	for (unsigned int i = 0; i < FRAMES; i++)
		add_frame(s, ops, ctx, i);
	if (ops->stream_tail) {
		void *tail = NULL;
		size_t len = 0;
		assert_int_equal(ops->stream_tail(sizes_of, s, FRAMES, &tail, &len), 0);
		memcpy(s->stored + s->stored_len, tail, len);
		s->stored_len += len;
		free(tail);
	}
	ops->destroy(ctx);
}

static void write_file(const char *name, const void *buf, size_t len)
{
	char path[256];
	FILE *f = fopen(scratch_path(path, sizeof(path), dir, name), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void drop_stream(struct stream *s)
{
	free(s->raw);
	free(s->stored);
}

static void test_zstd_tool(void **state)
{
	(void)state;
	const int levels[] = {1, 3, 9, 19};
	for (size_t i = 0; i < SV_ARRAY(levels); i++) {
		struct stream s;
		make_stream(&s, codec_find("zstd"), levels[i]);
		write_file("raw", s.raw, s.raw_len);
		write_file("s.zst", s.stored, s.stored_len);
		fixture_must(dir, "zstd -dc s.zst | cmp - raw && zstd -q -t s.zst && zstd -lv "
				  "s.zst && zstdcat s.zst | cmp - raw");
		drop_stream(&s);
	}
}

static void test_xz_tool(void **state)
{
	(void)state;
	const int levels[] = {0, 6};
	for (size_t i = 0; i < SV_ARRAY(levels); i++) {
		struct stream s;
		char *out = NULL;
		make_stream(&s, codec_find("xz"), levels[i]);
		write_file("raw", s.raw, s.raw_len);
		write_file("s.xz", s.stored, s.stored_len);
		fixture_must(dir, "xz -dc s.xz | cmp - raw && xz -T0 -dc s.xz | cmp - raw && "
				  "xz -t s.xz");
		assert_int_equal(fixture_run(dir, &out, "xz -lvv s.xz"), 0);
		assert_int_equal(fixture_number(out, "Blocks:"), FRAMES);
		assert_non_null(strstr(out, "Sizes in headers:  Yes"));
		assert_non_null(strstr(out, "CRC64"));
		free(out);
		drop_stream(&s);
	}
}

/* Every frame comes back alone, into exactly its length. */
static void check_decode(const char *name)
{
	const struct codec_ops *ops = codec_find(name);
	struct stream s;
	make_stream(&s, ops, ops->default_level);
	struct codec_ctx *ctx = ops->create(0);
	uint8_t *out = malloc(FRAME + 1);
	size_t at = ops->stream_head ? ops->stream_head((uint8_t[CODEC_HEAD_MAX]){0}) : 0, raw = 0;
	for (unsigned int i = 0; i < FRAMES; i++) {
		uint32_t sum;
		out[s.raw_of[i]] = 0xA5;
		assert_int_equal(
			ops->decompress(ctx, s.stored + at, s.stored_of[i], out, s.raw_of[i]), 0);
		assert_memory_equal(out, s.raw + raw, s.raw_of[i]);
		assert_int_equal(out[s.raw_of[i]], 0xA5);
		assert_int_not_equal(
			ops->decompress(ctx, s.stored + at, s.stored_of[i], out, s.raw_of[i] - 1),
			0);
		assert_int_equal(out[s.raw_of[i]], 0xA5);
		if (ops->stored_checksum(s.stored + at, s.stored_of[i], &sum))
			assert_int_equal(sum, (uint32_t)sv_xxh64(out, s.raw_of[i]));
		else
			assert_true(strcmp(name, "zstd") != 0 || i % 3 == 0);
		at += s.stored_of[i];
		raw += s.raw_of[i];
	}
	free(out);
	ops->destroy(ctx);
	drop_stream(&s);
}

static void test_decode(void **state)
{
	(void)state;
	check_decode("zstd");
	check_decode("xz");
	check_decode("none");
}

struct memory {
	const uint8_t *data;
};

static int read_memory(void *arg, void *buf, size_t len, uint64_t off)
{
	const struct memory *m = arg;
	memcpy(buf, m->data + off, len);
	return 0;
}

static void check_measure(const char *name)
{
	const struct codec_ops *ops = codec_find(name);
	struct stream s;
	make_stream(&s, ops, ops->default_level);
	struct memory m = {s.stored};
	uint64_t at = ops->stream_head ? ops->stream_head((uint8_t[CODEC_HEAD_MAX]){0}) : 0;
	struct codec_found found;
	for (unsigned int i = 0; i < FRAMES; i++) {
		assert_int_equal(ops->measure(read_memory, &m, at, s.stored_len, &found), 0);
		assert_int_equal(found.stored_len, s.stored_of[i]);
		assert_int_equal(found.payload, s.payload[i]);
		assert_int_equal(found.raw_len, s.raw_of[i]);
		assert_false(found.skippable);
		/* cut inside the frame */
		assert_int_equal(ops->measure(read_memory, &m, at, at + s.stored_of[i] - 1, &found),
				 SV_E_DATA);
		at += s.stored_of[i];
	}
	assert_int_not_equal(ops->measure(read_memory, &m, at, s.stored_len, &found), 0);
	drop_stream(&s);
}

static void test_measure(void **state)
{
	(void)state;
	check_measure("zstd");
	check_measure("xz");
}

static int compare_sizes(void *arg, uint64_t payload, uint64_t raw)
{
	struct stream *s = arg;
	size_t i = s->raw_len++; /* used as a counter */
	return i < FRAMES && payload == s->payload[i] && raw == s->raw_of[i] ? 0 : SV_E_DATA;
}

static int ignore_sizes(void *arg, uint64_t payload, uint64_t raw)
{
	(void)arg;
	(void)payload;
	(void)raw;
	return 0;
}

static void test_xz_index(void **state)
{
	(void)state;
	const struct codec_ops *ops = codec_find("xz");
	struct stream s;
	make_stream(&s, ops, 0);
	uint64_t tail = ops->tail_size(s.stored + s.stored_len - CODEC_FOOTER);
	uint8_t *copy = s.stored + s.stored_len - tail;
	assert_true(tail > CODEC_FOOTER && tail < 200);
	s.raw_len = 0;
	assert_int_equal(ops->tail_parse(copy, tail, compare_sizes, &s), 0);
	assert_int_equal(s.raw_len, FRAMES);
	for (size_t bit = 0; bit < tail * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(ops->tail_parse(copy, tail, ignore_sizes, NULL), 0);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	drop_stream(&s);
}

/*
 * No flipped bit passes: it fails to decode, or the checksum tells. What decodes to the same bytes
 * all the same (a larger window, say) is harmless; files are under SHA-256.
 */
static void check_flips(const char *name, unsigned int kind, bool zero)
{
	const struct codec_ops *ops = codec_find(name);
	size_t len = 4096, n = 0, harmless = 0;
	uint8_t raw[4096], out[4096];
	uint8_t *stored = malloc(ops->bound(len));
	struct codec_ctx *ctx = ops->create(ops->default_level);
	fill(raw, len, kind);
	if (zero)
		n = ops->zero_frame(ctx, len, stored, ops->bound(len));
	else
		assert_int_equal(ops->compress(ctx, raw, len, stored, ops->bound(len), &n), 0);
	for (size_t bit = 0; bit < n * 8; bit++) {
		stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
		int rc = ops->decompress(ctx, stored, n, out, len);
		if (!rc && !memcmp(out, raw, len))
			harmless++;
		else if (!rc)
			assert_int_not_equal((uint32_t)sv_xxh64(raw, len),
					     (uint32_t)sv_xxh64(out, len));
		if (!rc && !zero && strcmp(name, "none") != 0)
			assert_memory_equal(out, raw, len);
		stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	if (harmless > 8 + n * 8 / 100)
		fail_msg("%s: %zu of %zu flipped bits change nothing", name, harmless, n * 8);
	free(stored);
	ops->destroy(ctx);
}

static void test_flips(void **state)
{
	(void)state;
	const char *const names[] = {"zstd", "xz", "none"};
	for (size_t i = 0; i < SV_ARRAY(names); i++) {
		check_flips(names[i], 0, true);
		check_flips(names[i], 1, false);
		check_flips(names[i], 2, false);
	}
}

/* Rubbish, and frames with rubbish in them, never write past the buffer or crash. */
static void test_mutations(void **state)
{
	(void)state;
	uint64_t seed = 42;
	const char *const names[] = {"zstd", "xz"};
	for (size_t c = 0; c < SV_ARRAY(names); c++) {
		const struct codec_ops *ops = codec_find(names[c]);
		struct codec_ctx *ctx = ops->create(1);
		size_t len = 3000, cap = ops->bound(len), n = 0;
		uint8_t raw[3000], *out = malloc(len), *stored = malloc(cap), *bad = malloc(cap);
		struct codec_found found;
		fill(raw, len, 1);
		assert_int_equal(ops->compress(ctx, raw, len, stored, cap, &n), 0);
		for (int i = 0; i < 4000; i++) {
			memcpy(bad, stored, n);
			for (uint64_t k = next_random(&seed) % 8 + 1; k; k--)
				bad[next_random(&seed) % n] = (uint8_t)next_random(&seed);
			size_t cut = next_random(&seed) % n + 1;
			struct memory m = {bad};
			(void)ops->measure(read_memory, &m, 0, cut, &found);
			if (ops->decompress(ctx, bad, cut, out, len) == 0)
				assert_memory_equal(out, raw, len);
		}
		free(out);
		free(stored);
		free(bad);
		ops->destroy(ctx);
	}
}

static void test_zero_frames(void **state)
{
	(void)state;
	const struct codec_ops *ops = codec_find("zstd");
	uint8_t *stored = malloc(ops->bound(CODEC_MAX_RAW));
	assert_non_null(stored);
	assert_int_equal(ops->zero_frame(NULL, SV_MIB, stored, 1000), 42);
	assert_int_equal(ops->zero_frame(NULL, 2 * SV_MIB, stored, 1000), 74);
	assert_int_equal(ops->zero_frame(NULL, 2 * SV_MIB, stored, 73), 0);
	size_t n = ops->zero_frame(NULL, CODEC_MAX_RAW, stored, ops->bound(CODEC_MAX_RAW));
	assert_int_equal(n, 32778);
	assert_int_equal(ops->zero_frame(NULL, CODEC_MAX_RAW + (size_t)1, stored, 1 << 20), 0);
	write_file("gib.zst", stored, n);
	fixture_must(dir, "test $(zstd -dc gib.zst | tr -d '\\0' | wc -c) = 0 && test $(zstd -dc "
			  "gib.zst | wc -c) = 1073741824");
	free(stored);
}

static void test_table(void **state)
{
	(void)state;
	assert_null(codec_find("gzip"));
	assert_null(codec_preset_find("best"));
	assert_int_equal(codec_preset_find("normal")->level, 3);
	assert_int_equal(codec_preset_find("smallest")->frame_size, 4 * SV_MIB);
	assert_int_equal(codec_find("xz")->default_frame, 8 * SV_MIB);
}

static int make_dir(void **state)
{
	(void)state;
	return scratch_make(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	    cmocka_unit_test(test_zstd_tool),
		cmocka_unit_test(test_xz_tool),	    cmocka_unit_test(test_decode),
		cmocka_unit_test(test_measure),	    cmocka_unit_test(test_xz_index),
		cmocka_unit_test(test_flips),	    cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_zero_frames),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
