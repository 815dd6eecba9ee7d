/* test_hidden.c - what disks keep back: their answers byte by byte, and that they are only asked */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/health_int.h"
#include "engine/disk/hidden.h"
#include "engine/disk/identify.h"
#include "engine/util/bytes.h"

#include <errno.h>
#include <string.h>

/* ---- a disk on paper ---- */

#define SHOWN  1000000ull /* sectors */
#define NATIVE 1953525168ull

struct paper {
	uint8_t identify[ATA_SECTOR], dco[ATA_SECTOR], discovery[128], controller[NVME_IDENTIFY];
	uint64_t native, ama; /* addresses; 0: the command fails */
	bool security_in, trusted;
	unsigned int asked;
};

static void put_word(uint8_t *data, size_t n, uint16_t word)
{
	put_le16(data + 2 * n, word);
}

static void sign(uint8_t data[ATA_SECTOR])
{
	uint8_t sum = 0;
	data[510] = 0xa5;
	for (size_t i = 0; i < ATA_SECTOR - 1; i++)
		sum = (uint8_t)(sum + data[i]);
	data[511] = (uint8_t)-sum;
}

static void make_identify(struct paper *p)
{
	memset(p, 0, sizeof(*p));
	put_word(p->identify, 82, 1 << 10 | 1 << 1);
	put_word(p->identify, 83, 0x4000 | 1 << 11 | 1 << 10);
	put_le32(p->identify + 2 * 60, SHOWN);
	put_le64(p->identify + 2 * 100, SHOWN);
	sign(p->identify);
}

static void make_dco(struct paper *p, uint64_t last)
{
	put_word(p->dco, 0, 2);
	put_le64(p->dco + 6, last);
	sign(p->dco);
}

static const uint8_t discovery[] = {
	0,    0,    0,	  72,	       0,    0,	   0,	 1,   [48] = 0x00,
	0x01, 0x10, 0x0c, [64] = 0x00, 0x02, 0x10, 0x08, 0x0f};

static void make_discovery(struct paper *p, uint8_t bits)
{
	memcpy(p->discovery, discovery, sizeof(discovery));
	p->discovery[68] = bits;
	put_word(p->identify, 48, 0x4001);
	sign(p->identify);
	p->controller[256] = 1;
}

static void tell_address(struct scsi_answer *answer, uint64_t lba)
{
	uint8_t *d = answer->sense + 8;
	answer->status = SCSI_CHECK;
	answer->sense_len = 22;
	memcpy(answer->sense, (const uint8_t[]){0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 1}, 11);
	for (size_t i = 0; i < 3; i++) {
		d[7 + 2 * i] = (uint8_t)(lba >> 8 * i);
		d[6 + 2 * i] = (uint8_t)(lba >> (24 + 8 * i));
	}
	d[13] = 0x50;
}

static int refuse(struct scsi_answer *answer)
{
	answer->status = SCSI_CHECK;
	answer->sense_len = 8;
	memcpy(answer->sense, (const uint8_t[]){0x72, 5, 0x20, 0}, 4);
	return 0;
}

static int give(void *buf, uint32_t len, const uint8_t *data, size_t n)
{
	memcpy(buf, data, SV_MIN(len, n));
	return 0;
}

static int tell_or_refuse(struct scsi_answer *answer, uint64_t lba)
{
	if (!lba)
		return refuse(answer);
	tell_address(answer, lba);
	return 0;
}

/* What is not among these may change a disk, and must never be sent. */
static int paper_scsi(void *arg, const uint8_t *cdb, size_t cdb_len, void *buf, uint32_t len,
		      struct scsi_answer *answer)
{
	struct paper *p = arg;
	p->asked++;
	memset(answer, 0, sizeof(*answer));
	if (cdb[0] == 0xa2) {
		assert_int_equal(cdb_len, 12);
		assert_int_equal(get_be32(cdb + 6), len);
		return p->security_in ? give(buf, len, p->discovery, sizeof(p->discovery))
				      : refuse(answer);
	}
	assert_int_equal(cdb[0], 0x85);
	assert_int_equal(cdb_len, 16);
	/* from the disk, or no data */
	assert_true(len ? cdb[1] == 4 << 1 && cdb[2] == 0x0e && len == cdb[6] * 512u
			: cdb[1] >> 1 == 3 && cdb[2] == 0x20);
	switch (cdb[14]) {
	case 0xec:
		return give(buf, len, p->identify, ATA_SECTOR);
	case 0xf8:
	case 0x27:
		return tell_or_refuse(answer, p->native);
	case 0x78:
		assert_true(cdb[3] == 0 && cdb[4] == 0);
		return tell_or_refuse(answer, p->ama);
	case 0xb1:
		assert_int_equal(cdb[4], 0xc2);
		return get_le16(p->dco) ? give(buf, len, p->dco, ATA_SECTOR) : refuse(answer);
	case 0x5c:
		return p->trusted ? give(buf, len, p->discovery, sizeof(p->discovery))
				  : refuse(answer);
	default:
		fail_msg("command %02x was sent", cdb[14]);
	}
	return EIO;
}

static int paper_nvme(void *arg, uint8_t opcode, uint32_t cdw10, uint32_t cdw11, void *buf,
		      uint32_t len)
{
	struct paper *p = arg;
	p->asked++;
	if (opcode == 0x06) {
		assert_true(cdw10 == 1 && len == NVME_IDENTIFY);
		return give(buf, len, p->controller, NVME_IDENTIFY);
	}
	assert_int_equal(opcode, 0x82);
	assert_int_equal(cdw10, 0x01000100);
	assert_int_equal(cdw11, len);
	return give(buf, len, p->discovery, sizeof(p->discovery));
}

static struct hidden ask(struct paper *p,
			 void (*how)(const struct hidden_port *port, struct hidden *hidden))
{
	struct hidden h = {0};
	const struct hidden_port port = {
		.scsi = paper_scsi, .nvme = paper_nvme, .arg = p, .size = SHOWN * 512};
	how(&port, &h);
	return h;
}

/* ---- sizes ---- */

static void nothing_hidden(void **state)
{
	(void)state;
	struct paper p;
	char text[HIDDEN_TEXT];
	make_identify(&p);
	p.native = SHOWN - 1;
	make_dco(&p, SHOWN - 1);
	struct hidden h = ask(&p, hidden_ask_ata);
	assert_true(!h.hpa && !h.ama && !h.dco && !h.locked && !h.opal_locked);
	assert_false(hidden_text(&h, text));
	/* a disk that refuses all of it */
	make_identify(&p);
	h = ask(&p, hidden_ask_ata);
	assert_true(!h.hpa && !h.ama && !h.dco);
	memset(p.identify, 0, sizeof(p.identify));
	p.asked = 0;
	h = ask(&p, hidden_ask_ata);
	assert_int_equal(p.asked, 1);
}

static void shortened(void **state)
{
	(void)state;
	struct paper p;
	char text[HIDDEN_TEXT];
	make_identify(&p);
	p.native = NATIVE - 1;
	make_dco(&p, NATIVE + 1000 - 1);
	struct hidden h = ask(&p, hidden_ask_ata);
	assert_true(h.hpa == (NATIVE - SHOWN) * 512 && h.dco == 1000 * 512);
	assert_true(hidden_text(&h, text));
	assert_string_equal(text, "999.7 GB behind its end are hidden (HPA), 512.0 kB behind its "
				  "end are hidden (DCO)");
	/* its successor, on sectors of 4 KiB */
	make_identify(&p);
	put_word(p.identify, 82, 0);
	put_word(p.identify, 83, 0x4000 | 1 << 10);
	put_word(p.identify, 119, 0x4000 | 1 << 8);
	put_word(p.identify, 106, 0x4000 | 1 << 12);
	put_le32(p.identify + 2 * 117, 2048);
	put_le64(p.identify + 2 * 100, SHOWN / 8);
	sign(p.identify);
	p.ama = SHOWN / 8 + 99;
	h = ask(&p, hidden_ask_ata);
	assert_true(!h.hpa && h.ama == 100 * 4096 && !h.dco);
	/* an old one, with addresses of 28 bits */
	make_identify(&p);
	put_word(p.identify, 83, 0x4000);
	sign(p.identify);
	p.native = SHOWN + 9;
	h = ask(&p, hidden_ask_ata);
	assert_true(h.hpa == 10 * 512);
}

/* An adapter with several disks in it passes on what one of them says. */
static void about_another(void **state)
{
	(void)state;
	struct paper p;
	struct hidden h = {0};
	make_identify(&p);
	p.native = NATIVE - 1;
	const struct hidden_port port = {.scsi = paper_scsi, .arg = &p, .size = 3 * SHOWN * 512};
	hidden_ask_ata(&port, &h);
	assert_true(!h.hpa);
	const struct hidden_port half = {.scsi = paper_scsi, .arg = &p, .size = SHOWN * 256};
	hidden_ask_ata(&half, &h);
	assert_true(!h.hpa);
}

/* ---- locks ---- */

static void locks(void **state)
{
	(void)state;
	struct paper p;
	struct hidden h;
	make_identify(&p);
	put_word(p.identify, 128, 1 << 2 | 1 << 1 | 1);
	make_discovery(&p, 0x0f);
	h = ask(&p, hidden_ask_ata);
	assert_true(h.locked && !h.opal_locked); /* nobody lets the question through */
	p.trusted = true;
	h = ask(&p, hidden_ask_ata);
	assert_true(h.opal_locked && !h.opal_shadow);
	p.trusted = false;
	p.security_in = true;
	make_discovery(&p, 0x1f);
	h = ask(&p, hidden_ask_ata);
	assert_true(h.opal_locked && h.opal_shadow);
	h = ask(&p, hidden_ask_scsi);
	assert_true(h.opal_locked && h.opal_shadow && !h.locked);
	make_discovery(&p, 0x3f); /* the shadow was seen off */
	h = ask(&p, hidden_ask_nvme);
	assert_true(h.opal_locked && !h.opal_shadow);
	make_discovery(&p, 0x3b); /* unlocked */
	h = ask(&p, hidden_ask_nvme);
	assert_true(!h.opal_locked);
	make_discovery(&p, 0x1d); /* never set up: bits without sense */
	h = ask(&p, hidden_ask_nvme);
	assert_true(!h.opal_locked && !h.opal_shadow);
	p.controller[256] = 0;
	p.asked = 0;
	ask(&p, hidden_ask_nvme);
	assert_int_equal(p.asked, 1);
}

/* ---- answers without sense ---- */

static void hostile_identify(void **state)
{
	(void)state;
	struct paper p;
	struct ata_identify id;
	uint64_t lba;
	make_identify(&p);
	assert_true(identify_ata(p.identify, &id));
	p.identify[5] ^= 1; /* its sum is wrong now */
	assert_false(identify_ata(p.identify, &id));
	memset(p.identify, 0xff, sizeof(p.identify));
	assert_false(identify_ata(p.identify, &id));
	make_identify(&p);
	put_le64(p.identify + 200, 1ull << 48);
	sign(p.identify);
	assert_false(identify_ata(p.identify, &id));
	make_identify(&p);
	put_word(p.identify, 106, 0x4000 | 1 << 12); /* sectors of 0 bytes */
	sign(p.identify);
	assert_false(identify_ata(p.identify, &id));
	make_dco(&p, NATIVE);
	assert_true(identify_dco(p.dco, &lba) && lba == NATIVE);
	p.dco[511]++;
	assert_false(identify_dco(p.dco, &lba));
	memset(p.dco, 0, sizeof(p.dco));
	assert_false(identify_dco(p.dco, &lba));
}

static void hostile_registers(void **state)
{
	(void)state;
	struct scsi_answer a = {0};
	uint64_t lba = 0;
	tell_address(&a, 0x123456789abc);
	assert_true(identify_registers(a.sense, a.sense_len, true, &lba));
	assert_true(lba == 0x123456789abc);
	for (size_t len = 0; len < a.sense_len; len++)
		assert_false(identify_registers(a.sense, len, true, &lba));
	a.sense[10] = 0; /* the upper half is not there */
	assert_false(identify_registers(a.sense, a.sense_len, true, &lba));
	tell_address(&a, NATIVE);
	a.sense[21] |= 1; /* it failed */
	assert_false(identify_registers(a.sense, a.sense_len, true, &lba));
	tell_address(&a, NATIVE);
	a.sense[9] = 0; /* descriptors without a length, one after the other */
	a.sense[7] = 255;
	assert_false(identify_registers(a.sense, sizeof(a.sense), true, &lba));
}

static void hostile_discovery(void **state)
{
	(void)state;
	uint8_t data[128];
	struct opal_lock lock;
	memset(data, 0, sizeof(data));
	memcpy(data, discovery, sizeof(discovery));
	assert_true(identify_opal(data, sizeof(data), &lock) && lock.locked);
	for (size_t len = 0; len < 69; len++)
		assert_false(identify_opal(data, len, &lock));
	for (int at = 0; at < 80; at++)
		for (int v = 0; v < 256; v++) {
			uint8_t was = data[at];
			data[at] = (uint8_t)v;
			identify_opal(data, sizeof(data), &lock);
			data[at] = was;
		}
	put_le32(data, 0); /* it says that it is empty */
	assert_false(identify_opal(data, sizeof(data), &lock));
}

/* ---- what is said of it ---- */

static void hints(void **state)
{
	(void)state;
	const struct hidden h = {.hpa = 40000000, .dco = 1, .opal_locked = true};
	struct health health;
	char text[HEALTH_TEXT];
	health_clear(&health);
	health_add_hidden(&health, &h);
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	health_clear(&health);
	health.verdict = HEALTH_FAILING;
	health_add_reason(&health, HEALTH_PENDING, HEALTH_FAILING, 3);
	health_add_hidden(&health, &h);
	assert_int_equal(health.verdict, HEALTH_FAILING);
	assert_int_equal(health.n_reasons, 4);
	assert_int_equal(health.reasons[0].cause, HEALTH_PENDING);
	assert_string_equal(health_reason_text(&health.reasons[1], text),
			    "it is locked by its own encryption (Opal): what is in locked parts "
			    "can be neither read nor written until it is unlocked");
	assert_string_equal(health_reason_text(&health.reasons[2], text),
			    "40 MB behind its end are hidden (host protected area, HPA): they are "
			    "neither read nor written");
	assert_string_equal(health_reason_text(&health.reasons[3], text),
			    "1 MB behind its end is hidden (device configuration, DCO): it is "
			    "neither read nor written");
}

/* Nothing is sent to what is no such disk. */
static void not_asked(void **state)
{
	(void)state;
	struct hidden h = {.hpa = 1};
	const struct disk disks[] = {
		{.path = "/dev/null", .kname = "loop0", .transport = "loop"},
		{.path = "/dev/null", .kname = "vda", .transport = "virtio"},
		{.path = "/dev/null", .kname = "sda1", .transport = "sata", .partition = 1},
		{.path = "/dev/null", .kname = "sda", .transport = "usb"},
		{.path = "/nowhere/sda", .kname = "sda", .transport = "sata"},
		{.path = "/dev/null", .kname = "sda", .transport = "sata"}, /* no such calls */
		{.path = "/dev/null", .kname = "nvme0n1", .transport = "nvme"},
	};
	for (size_t i = 0; i < SV_ARRAY(disks); i++) {
		hidden_read("", &disks[i], "", &h);
		assert_true(!h.hpa && !h.ama && !h.dco && !h.locked && !h.opal_locked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_hidden),    cmocka_unit_test(shortened),
		cmocka_unit_test(about_another),     cmocka_unit_test(locks),
		cmocka_unit_test(hostile_identify),  cmocka_unit_test(hostile_registers),
		cmocka_unit_test(hostile_discovery), cmocka_unit_test(hints),
		cmocka_unit_test(not_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
