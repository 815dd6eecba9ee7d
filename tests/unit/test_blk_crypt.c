/* test_blk_crypt.c - devices seen decrypted: a standard's vector, sums of OpenSSL's AES, what is
 * refused */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/io/blk.h"
#include "engine/util/hash.h"

#include <stdio.h>

/* IEEE 1619, vector 4: the first sector, a plaintext of 00 to ff, twice. */
static const char xts_key[] = "2718281828459045235360287471352631415926535897932384626433832795";
static const char xts_text[] = "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"
			       "c78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412"
			       "328063fd2aab53e5ea1e0a9f332500a5df9487d07a5c92cc512c8866c7e860ce"
			       "93fdf166a24912b422976146ae20ce846bb7dc9ba94a767aaef20c0d61ad0265"
			       "5ea92dc4c4e41a8952c651d33174be51a10c421110e6d81588ede82103a252d8"
			       "a750e8768defffed9122810aaeb99f9172af82b604dc4b8e51bcb08235a6f434"
			       "1332e4ca60482a4ba1a03b3e65008fc5da76b70bf1690db4eae29c5f1badd03c"
			       "5ccf2a55d705ddcd86d449511ceb7ec30bf12b1fa35b913f9f747a8afd1b130e"
			       "94bff94effd01a91735ca1726acd0b197c4e5b03393697e126826fb6bbde8ecc"
			       "1e08298516e2c9ed03ff3c1b7860f6de76d4cecd94c8119855ef5297ca67e9f3"
			       "e7ff72b1e99785ca0a7e7720c5b36dc6d72cac9574c8cbbc2f801e23e56fd344"
			       "b07f22154beba0f08ce8891e643ed995c94d9a69c9f1b5f499027a78572aeebd"
			       "74d20cc39881c213ee770b1010e4bea718846977ae119f7a023ab58cca0ad752"
			       "afe656bb3c17256a9f6e9bf19fdd5a38fc82bbe872c5539edb609ef4f79c203e"
			       "bb140f2e583cb2ad15b4aa5b655016a8449277dbd477ef2c8d6c017db738b18d"
			       "eb4a427d1923ce3ff262735779a418f20a282df920147beabe421ee5319d0568";

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	for (; hex[2 * n]; n++)
		assert_int_equal(sscanf(hex + 2 * n, "%2hhx", &out[n]), 1);
	return n;
}

static struct blk_dev *crypt_over(struct blk_dev *mem, const struct blk_crypt_params *params)
{
	struct blk_dev *dev = NULL;
	assert_int_equal(blk_crypt_create(mem, params, "secret", &dev, NULL), 0);
	assert_false(dev->writable);
	assert_int_equal(dev->size, mem->size);
	assert_string_equal(dev->name, "secret");
	return dev;
}

static void test_crypt_standard(void **state)
{
	(void)state;
	uint8_t key[32], text[512];
	struct blk_dev *mem = NULL;
	struct blk_crypt_params params = {
		.cipher = "aes-xts-plain64",
		.key = key,
		.key_len = unhex(xts_key, key),
		.sector_size = 512,
	};
	assert_int_equal(unhex(xts_text, text), sizeof(text));
	assert_int_equal(blk_mem_create(text, sizeof(text), 512, &mem), 0);
	struct blk_dev *dev = crypt_over(mem, &params);
	assert_int_equal(blk_pread(dev, text, sizeof(text), 0, NULL), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], i & 0xff);
	blk_close(dev);
	blk_close(mem);
}

/* 16 KiB of a pattern, and the SHA-256 of what OpenSSL's AES decrypts it to, sector by sector; of
 * BitLocker's modes with IVs and a diffuser written down once more in another language. */
#define CRYPT_LEN 16384
static const struct crypt_sample {
	const char *cipher;
	size_t key_len;
	uint32_t unit;
	uint64_t first;
	const char *sum;
	bool whole_sectors;
} crypt_samples[] = {
	{"aes-xts-plain64", 64, 512, 0x0u,
	 "95eb1b28b0d8b12f74e03eceebddcdf9e2e48036493505e84178bd90b37cd58f", false},
	{"aes-xts-plain64", 64, 4096, 0x0u,
	 "ca006a16e040ef5d06c0edeb88d158811ac4b933fc3e0c0697774f46c683e57a", false},
	{"aes-xts-plain64", 32, 512, 0xfffffff8u,
	 "8f4da165a11646233124925dcaa0b39a5955c29f7582170c5cd602720125efe4", false},
	{"aes-xts-plain", 64, 512, 0xfffffff8u,
	 "bae76d5bc27cdaef0f156cc1c354982fc56123d958669bce5d366f3a4a1dbb3d", false},
	{"aes-cbc-essiv:sha256", 32, 512, 0x3u,
	 "17f354959759010511ce4f15b6ea50db2501cf083b5ec1ddfa377af798ea1fbd", false},
	{"aes-cbc-essiv:sha256", 16, 4096, 0x0u,
	 "5e074f777f26fa9e04bde5185c4712b1e3daf9ce64ff38d9e0e0c56e47d951b7", false},
	{"aes-cbc-plain64", 24, 512, 0xfffffff8u,
	 "d496384a04dfc6ce63dca831a545b135ba01013fac005365f91abedcd60019b7", false},
	{"aes-cbc-plain", 32, 2048, 0xfffffff8u,
	 "969138456e13b97374aca57e7d612aff24b6103da6b6c21e1de506c5b9ceb1a6", false},
	{"aes-cbc-eboiv", 16, 512, 0x5u,
	 "33084de4b3a36ec7f76e8125acf3f52baec44616519d66d334c4a07bcb36227b", false},
	{"aes-cbc-eboiv", 32, 4096, 0x5u,
	 "b36cbd7347b3347bab18934c2270863d897f3606011ba7234861844db85d4779", true},
	{"aes-cbc-elephant", 32, 512, 0x9u,
	 "b54eede3efdad4a7f7d8bd50ec2ba677eb5906eaa20a94aa595673dcaf82f55c", false},
	{"aes-cbc-elephant", 64, 512, 0x0u,
	 "ea42fc138ab42aa8b8c61724c78620a13fada6c8b20a63a561caaa0af5b9c1b2", false},
};

static void check_sum(const uint8_t *buf, const char *want)
{
	uint8_t sum[SV_SHA256_LEN], expected[SV_SHA256_LEN];
	struct sv_sha256 *sha = sv_sha256_create();
	assert_non_null(sha);
	sv_sha256_update(sha, buf, CRYPT_LEN);
	sv_sha256_finish(sha, sum);
	sv_sha256_destroy(sha);
	assert_int_equal(unhex(want, expected), sizeof(expected));
	assert_memory_equal(sum, expected, sizeof(sum));
}

/* The whole, and then pieces that begin and end anywhere. */
static void check_crypt(struct blk_dev *mem, const struct crypt_sample *s)
{
	uint8_t key[BLK_CRYPT_KEY_MAX], whole[CRYPT_LEN], part[CRYPT_LEN];
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(7 * i + 1);
	struct blk_dev *dev =
		crypt_over(mem, &(struct blk_crypt_params){.cipher = s->cipher,
							   .key = key,
							   .key_len = s->key_len,
							   .sector_size = s->unit,
							   .first = s->first,
							   .whole_sectors = s->whole_sectors});
	assert_int_equal(dev->sector_size, s->unit);
	assert_int_equal(blk_pread(dev, whole, CRYPT_LEN, 0, NULL), 0);
	check_sum(whole, s->sum);
	for (size_t off = 0; off < CRYPT_LEN; off += 317) {
		size_t len = (off * 31) % (CRYPT_LEN - off) + 1;
		assert_int_equal(blk_pread(dev, part, len, off, NULL), 0);
		assert_memory_equal(part, whole + off, len);
	}
	assert_int_equal(blk_pwrite(dev, part, 512, 0, NULL), SV_E_READ_ONLY);
	blk_close(dev);
}

static void test_crypt(void **state)
{
	(void)state;
	struct blk_dev *mem = NULL;
	uint8_t pattern[CRYPT_LEN];
	for (size_t i = 0; i < CRYPT_LEN; i++)
		pattern[i] = (uint8_t)((i * i + 13 * i) >> 3);
	assert_int_equal(blk_mem_create(pattern, CRYPT_LEN, 512, &mem), 0);
	for (size_t i = 0; i < sizeof(crypt_samples) / sizeof(*crypt_samples); i++)
		check_crypt(mem, &crypt_samples[i]);
	blk_close(mem);
}

static void test_crypt_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *cipher;
		size_t key_len;
		uint32_t unit;
		int rc;
	} cases[] = {
		{"aes-xts-plain64", 64, 512, 0},
		{"aes-xts-plain64", 48, 512, SV_E_FORMAT},
		{"aes-xts-plain64", 33, 512, SV_E_FORMAT},
		{"aes-xts-plain64", 0, 512, SV_E_FORMAT},
		{"aes-cbc-plain64", 64, 512, SV_E_FORMAT},
		{"aes-cbc-essiv:sha512", 32, 512, SV_E_FORMAT},
		{"serpent-xts-plain64", 64, 512, SV_E_FORMAT},
		{"aes-xts-plain64 ", 64, 512, SV_E_FORMAT},
		{"", 64, 512, SV_E_FORMAT},
		{"aes-xts-plain64", 64, 0, SV_E_RANGE},
		{"aes-xts-plain64", 64, 1536, SV_E_RANGE},
		{"aes-xts-plain64", 64, 8192, SV_E_RANGE},
		{"aes-xts-plain64", 64, 4096, SV_E_RANGE}, /* the device is 11 sectors of 512 */
	};
	uint8_t key[64] = {0};
	struct blk_dev *mem = NULL;
	assert_int_equal(blk_mem_create(NULL, 11 * 512, 512, &mem), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct blk_dev *dev = NULL;
		struct blk_crypt_params params = {
			.cipher = cases[i].cipher,
			.key = key,
			.key_len = cases[i].key_len,
			.sector_size = cases[i].unit,
		};
		assert_int_equal(blk_crypt_create(mem, &params, "x", &dev, NULL), cases[i].rc);
		assert_int_equal(blk_crypt_knows(params.cipher, params.key_len),
				 cases[i].rc != SV_E_FORMAT);
		blk_close(dev);
	}
	blk_close(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crypt_standard),
		cmocka_unit_test(test_crypt),
		cmocka_unit_test(test_crypt_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
