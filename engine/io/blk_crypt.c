/* blk_crypt.c - a device that is encrypted sector by sector, as dm-crypt does it, seen decrypted */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/blk.h"

#include "engine/io/elephant.h"
#include "engine/util/bytes.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/sha2.h>
#include <nettle/xts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Linux drivers/md/dm-crypt.c: modes, and how the number of a sector becomes an IV. */
enum mode {
	MODE_XTS,
	MODE_CBC,
	MODE_ELEPHANT, /* CBC, and a diffuser whose key is the second half */
};
enum iv {
	IV_PLAIN,   /* its low 32 bits, little endian */
	IV_PLAIN64, /* little endian */
	IV_ESSIV,   /* that, encrypted with the SHA-256 of the key */
	IV_EBOIV,   /* the sector's byte, little endian, encrypted with the key */
};

struct cipher {
	const char *name;
	enum mode mode;
	enum iv iv;
};

static const struct cipher ciphers[] = {
	{"aes-xts-plain64", MODE_XTS, IV_PLAIN64},     {"aes-xts-plain", MODE_XTS, IV_PLAIN},
	{"aes-cbc-essiv:sha256", MODE_CBC, IV_ESSIV},  {"aes-cbc-plain64", MODE_CBC, IV_PLAIN64},
	{"aes-cbc-plain", MODE_CBC, IV_PLAIN},	       {"aes-cbc-eboiv", MODE_CBC, IV_EBOIV},
	{"aes-cbc-elephant", MODE_ELEPHANT, IV_EBOIV},
};

/* AES of any length of key; nettle has one function for each. */
struct aes {
	union {
		struct aes128_ctx k128;
		struct aes192_ctx k192;
		struct aes256_ctx k256;
	} key;
	nettle_cipher_func *run;
};

struct crypt_dev {
	struct blk_dev dev;
	struct blk_dev *below;
	const struct cipher *cipher;
	uint32_t unit;
	uint64_t first;
	uint32_t counted; /* bytes of a sector, as they are numbered */
	struct aes decrypt;
	struct aes iv;	  /* encrypts it: XTS' second key, ESSIV's, EBOIV's */
	struct aes tweak; /* makes the diffuser's keys */
	char name[];
};

static void set_encrypt_key(struct aes *aes, const uint8_t *key, size_t len)
{
	switch (len) {
	case AES128_KEY_SIZE:
		aes128_set_encrypt_key(&aes->key.k128, key);
		aes->run = (nettle_cipher_func *)aes128_encrypt;
		break;
	case AES192_KEY_SIZE:
		aes192_set_encrypt_key(&aes->key.k192, key);
		aes->run = (nettle_cipher_func *)aes192_encrypt;
		break;
	default:
		aes256_set_encrypt_key(&aes->key.k256, key);
		aes->run = (nettle_cipher_func *)aes256_encrypt;
	}
}

static void set_decrypt_key(struct aes *aes, const uint8_t *key, size_t len)
{
	switch (len) {
	case AES128_KEY_SIZE:
		aes128_set_decrypt_key(&aes->key.k128, key);
		aes->run = (nettle_cipher_func *)aes128_decrypt;
		break;
	case AES192_KEY_SIZE:
		aes192_set_decrypt_key(&aes->key.k192, key);
		aes->run = (nettle_cipher_func *)aes192_decrypt;
		break;
	default:
		aes256_set_decrypt_key(&aes->key.k256, key);
		aes->run = (nettle_cipher_func *)aes256_decrypt;
	}
}

static void set_keys(struct crypt_dev *c, const uint8_t *key, size_t len)
{
	struct sha256_ctx sha;
	uint8_t salt[SHA256_DIGEST_SIZE];
	if (c->cipher->mode == MODE_XTS) {
		set_decrypt_key(&c->decrypt, key, len / 2);
		set_encrypt_key(&c->iv, key + len / 2, len / 2);
		return;
	}
	if (c->cipher->mode == MODE_ELEPHANT) {
		len /= 2;
		set_encrypt_key(&c->tweak, key + len, len);
	}
	set_decrypt_key(&c->decrypt, key, len);
	if (c->cipher->iv == IV_EBOIV)
		set_encrypt_key(&c->iv, key, len);
	if (c->cipher->iv != IV_ESSIV)
		return;
	sha256_init(&sha);
	sha256_update(&sha, len, key);
	sha256_digest(&sha, sizeof(salt), salt);
	set_encrypt_key(&c->iv, salt, sizeof(salt));
	explicit_bzero(salt, sizeof(salt));
	explicit_bzero(&sha, sizeof(sha));
}

static void make_iv(const struct crypt_dev *c, uint64_t sector, uint8_t iv[AES_BLOCK_SIZE])
{
	const uint64_t numbers[] = {
		[IV_PLAIN] = (uint32_t)sector,
		[IV_PLAIN64] = sector,
		[IV_ESSIV] = sector,
		[IV_EBOIV] = sector * c->counted,
	};
	memset(iv, 0, AES_BLOCK_SIZE);
	put_le64(iv, numbers[c->cipher->iv]);
	if (c->cipher->iv == IV_ESSIV || c->cipher->iv == IV_EBOIV)
		c->iv.run(&c->iv.key, AES_BLOCK_SIZE, iv, iv);
}

/* The diffuser's key is the sector's byte, encrypted, twice: the second time with a mark at its
 * end. */
static void undo_diffuser(const struct crypt_dev *c, uint64_t sector, uint8_t *p)
{
	uint8_t key[ELEPHANT_KEY] = {0};
	put_le64(key, sector * c->counted);
	put_le64(key + AES_BLOCK_SIZE, sector * c->counted);
	key[ELEPHANT_KEY - 1] = 0x80;
	c->tweak.run(&c->tweak.key, ELEPHANT_KEY, key, key);
	elephant_undo(p, c->unit, key);
	explicit_bzero(key, sizeof(key));
}

/* Whole units, in place. */
static void decrypt(const struct crypt_dev *c, uint8_t *p, size_t len, uint64_t off)
{
	uint8_t iv[AES_BLOCK_SIZE];
	for (size_t at = 0; at < len; at += c->unit) {
		uint64_t sector = c->first + (off + at) / c->counted;
		make_iv(c, sector, iv);
		if (c->cipher->mode == MODE_XTS)
			xts_decrypt_message(&c->decrypt.key, &c->iv.key, c->decrypt.run, c->iv.run,
					    iv, c->unit, p + at, p + at);
		else
			cbc_decrypt(&c->decrypt.key, c->decrypt.run, AES_BLOCK_SIZE, iv, c->unit,
				    p + at, p + at);
		if (c->cipher->mode == MODE_ELEPHANT)
			undo_diffuser(c, sector, p + at);
	}
}

static int crypt_pread(struct blk_dev *dev, void *buf, size_t len, uint64_t off, struct sv_err *err)
{
	const struct crypt_dev *c = (struct crypt_dev *)dev;
	uint64_t start = off - off % c->unit;
	size_t skip = (size_t)(off - start);
	size_t whole = (skip + len + c->unit - 1) / c->unit * c->unit;
	uint8_t *p = skip || whole != len ? malloc(whole) : buf;
	if (!p)
		return sv_fail_nomem(err);
	int rc = blk_pread(c->below, p, whole, start, err);
	if (!rc)
		decrypt(c, p, whole, start);
	if (p != buf) {
		if (!rc)
			memcpy(buf, p + skip, len);
		free(p);
	}
	return rc;
}

static void crypt_close(struct blk_dev *dev)
{
	struct crypt_dev *c = (struct crypt_dev *)dev;
	explicit_bzero(&c->decrypt, sizeof(c->decrypt));
	explicit_bzero(&c->iv, sizeof(c->iv));
	explicit_bzero(&c->tweak, sizeof(c->tweak));
	munlock(c, sizeof(*c));
	free(c);
}

static const struct blk_ops crypt_ops = {
	.name = "crypt",
	.pread = crypt_pread,
	.close = crypt_close,
};

static const struct cipher *find_cipher(const char *name, size_t key_len)
{
	for (size_t i = 0; i < SV_ARRAY(ciphers); i++) {
		size_t len = ciphers[i].mode == MODE_CBC ? key_len : key_len / 2;
		bool whole = ciphers[i].mode == MODE_CBC || key_len % 2 == 0;
		if (strcmp(ciphers[i].name, name) != 0)
			continue;
		/* XTS-AES-192 is in no standard */
		return whole && (len == AES128_KEY_SIZE || len == AES256_KEY_SIZE ||
				 (len == AES192_KEY_SIZE && ciphers[i].mode == MODE_CBC))
			       ? &ciphers[i]
			       : NULL;
	}
	return NULL;
}

bool blk_crypt_knows(const char *cipher, size_t key_len)
{
	return find_cipher(cipher, key_len) != NULL;
}

int blk_crypt_create(struct blk_dev *below, const struct blk_crypt_params *params, const char *name,
		     struct blk_dev **dev_ret, struct sv_err *err)
{
	const struct cipher *cipher = find_cipher(params->cipher, params->key_len);
	uint32_t unit = params->sector_size;
	if (!cipher)
		return sv_fail(err, SV_E_FORMAT, 0, name,
			       "%s is encrypted with %s, key of %zu bits", name, params->cipher,
			       params->key_len * 8);
	if (unit < 512 || unit > 4096 || !sv_is_pow2(unit) || below->size % unit)
		return sv_fail(err, SV_E_RANGE, 0, name, "%s does not end with a sector", name);
	size_t name_len = strlen(name) + 1;
	struct crypt_dev *c = calloc(1, sizeof(*c) + name_len);
	if (!c)
		return sv_fail_nomem(err);
	mlock(c, sizeof(*c));
	memcpy(c->name, name, name_len);
	c->below = below;
	c->cipher = cipher;
	c->unit = unit;
	c->first = params->first;
	c->counted = params->whole_sectors ? unit : 512;
	set_keys(c, params->key, params->key_len);
	c->dev = (struct blk_dev){
		.ops = &crypt_ops,
		.name = c->name,
		.size = below->size,
		.sector_size = SV_MAX(unit, below->sector_size),
	};
	*dev_ret = &c->dev;
	return 0;
}
