/* test_sense.c - what disks say of commands that failed, also what no disk should say */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "engine/disk/passthrough.h"
#include "engine/disk/sense.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A SATA disk with an unreadable sector, as libata tells of it: block 0x1234567. */
static const uint8_t fixed[] = {0xf0, 0, 3, 0x01, 0x23, 0x45, 0x67, 10, 0,
				0,    0, 0, 0x11, 4,	0,    0,    0,	0};
static const uint8_t described[] = {0x72, 3, 0x11, 4, 0, 0, 0,	  26,	0x09, 12,  0,	 0,
				    0,	  0, 0,	   0, 0, 0, 0,	  0,	0,    0,   0x00, 0x0a,
				    0x80, 0, 0,	   0, 0, 1, 0x23, 0x45, 0x67, 0x89};

static void medium_errors(void **state)
{
	(void)state;
	struct sense s;
	sense_parse(fixed, sizeof(fixed), &s);
	assert_int_equal(s.key, 3);
	assert_int_equal(s.asc, 0x11);
	assert_int_equal(s.ascq, 4);
	assert_true(s.has_info && s.info == 0x1234567);
	assert_int_equal(sense_errno(&s), ENODATA);
	sense_parse(described, sizeof(described), &s);
	assert_int_equal(s.key, 3);
	assert_true(s.has_info && s.info == 0x123456789);
}

static int errno_of(uint8_t key, uint8_t asc)
{
	struct sense s = {.key = key, .asc = asc};
	return sense_errno(&s);
}

static void other_answers(void **state)
{
	(void)state;
	assert_int_equal(errno_of(1, 0x17), 0); /* it needed several tries, and has it */
	assert_int_equal(errno_of(2, 0x3a), ENOMEDIUM);
	assert_int_equal(errno_of(4, 0x44), EREMOTEIO);
	assert_int_equal(errno_of(5, 0x20), SENSE_UNSUPPORTED);
	assert_int_equal(errno_of(5, 0x21), EIO);
	assert_int_equal(errno_of(6, 0x29), SENSE_REPEAT);
	assert_int_equal(errno_of(0xb, 0x00), EIO);
	assert_int_equal(errno_of(0, 0), EIO);
	assert_int_equal(nvme_status_errno(0), 0);
	assert_int_equal(nvme_status_errno(0x281), ENODATA);
	assert_int_equal(nvme_status_errno(0x4281), ENODATA);
	assert_int_equal(nvme_status_errno(0x282), EILSEQ);
	assert_int_equal(nvme_status_errno(0x4002), SENSE_UNSUPPORTED);
	assert_int_equal(nvme_status_errno(0x371), EIO);
}

/* Any length ends where it says; an information field that does not fit is none. */
static void hostile(void **state)
{
	(void)state;
	struct sense s;
	for (size_t len = 0; len < sizeof(fixed); len++) {
		sense_parse(fixed, len, &s);
		assert_true(!s.has_info || len >= 7);
		assert_true(!s.asc || len > 12);
	}
	for (size_t len = 0; len < sizeof(described); len++) {
		sense_parse(described, len, &s);
		assert_false(s.has_info);
	}
	uint8_t d[sizeof(described)];
	memcpy(d, described, sizeof(d));
	for (int at = 0; at < (int)sizeof(d); at++)
		for (int v = 0; v < 256; v++) {
			uint8_t was = d[at];
			d[at] = (uint8_t)v;
			sense_parse(d, sizeof(d), &s);
			d[at] = was;
		}
	memset(d, 0, sizeof(d));
	d[0] = 0x72;
	d[7] = 0xff; /* descriptors without a length, one after the other */
	sense_parse(d, sizeof(d), &s);
	assert_false(s.has_info);
	d[0] = 0x71; /* about an earlier command */
	d[2] = 3;
	sense_parse(d, sizeof(d), &s);
	assert_int_equal(s.key, 0);
}

/* What is no disk takes no commands, and is left to the kernel. */
static void no_disk(void **state)
{
	(void)state;
	struct disk scsi = {.kname = "sda", .transport = "sata", .sector_size = 512};
	struct disk nvme = {.kname = "nvme0n1", .transport = "nvme", .sector_size = 512};
	struct disk loop = {.kname = "loop0", .transport = "loop", .sector_size = 512};
	struct passthrough p;
	uint8_t buf[512];
	uint64_t bad = 0;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	passthrough_init(&p, &loop, fd);
	assert_int_equal(p.kind, PASS_NONE);
	assert_int_equal(passthrough_read(&p, buf, 512, 0, &bad), PASS_UNSUPPORTED);
	passthrough_init(&p, &nvme, fd);
	assert_int_equal(p.kind, PASS_NONE);
	passthrough_init(&p, &scsi, -1);
	assert_int_equal(p.kind, PASS_NONE);
	passthrough_init(&p, &scsi, fd);
	assert_int_equal(p.kind, PASS_SCSI);
	assert_int_equal(passthrough_read(&p, buf, 512, 0, &bad), PASS_UNSUPPORTED);
	assert_true(bad == UINT64_MAX);
	assert_int_equal(passthrough_read(&p, buf, 100, 0, &bad), PASS_UNSUPPORTED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(medium_errors),
		cmocka_unit_test(other_answers),
		cmocka_unit_test(hostile),
		cmocka_unit_test(no_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
