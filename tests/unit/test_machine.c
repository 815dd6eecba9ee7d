/* test_machine.c - RAID modes, controllers without a driver and batteries, in trees like sysfs */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/machine.h"
#include "tests/lib/fixture.h"
#include "tests/lib/scratch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static int make(void **state)
{
	char *dir = malloc(64);
	*state = dir;
	if (!dir || !scratch_make(dir))
		return -1;
	fixture_must(dir, "mkdir -p sys/bus/pci/devices sys/class/power_supply drivers");
	return 0;
}

static int discard(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

/* A device on PCI, with or without a driver. */
static void pci(const char *dir, const char *name, const char *class, const char *id, bool driver)
{
	fixture_must(
		dir,
		"cd sys/bus/pci/devices && mkdir %s && echo %s >%s/class && "
		"echo 0x8086 >%s/vendor && echo %s >%s/device && %s ln -s ../../../../../drivers "
		"%s/driver",
		name, class, name, name, id, name, driver ? "" : ": ", name);
}

static void supply(const char *dir, const char *name, const char *type, const char *attr,
		   const char *value, const char *capacity)
{
	fixture_must(dir,
		     "cd sys/class/power_supply && mkdir -p %s && echo %s >%s/type && "
		     "echo %s >%s/%s && echo %s >%s/capacity",
		     name, type, name, value, name, attr, capacity, name);
}

static void test_nothing(void **state)
{
	struct machine_remark r[MACHINE_TRAITS];
	assert_int_equal(machine_remarks("/nonexistent", r), 0);
	assert_int_equal(machine_remarks(*state, r), 0);
	pci(*state, "0000:00:17.0", "0x010601", "0xa282", true);
	pci(*state, "0000:00:1f.3", "0x040300", "0xa2f0", false); /* sound */
	pci(*state, "0000:00:0e.5", "0x010400", "0x09ab", false); /* VMD's dummy */
	assert_int_equal(machine_remarks(*state, r), 0);
}

static void test_controllers(void **state)
{
	struct machine_remark r[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	pci(*state, "0000:00:17.0", "0x010601", "0x2822", true);
	fixture_must(*state, "echo 1 >sys/bus/pci/devices/0000:00:17.0/remapped_nvme");
	pci(*state, "0000:00:0e.0", "0x010400", "0x9a0b", false);
	pci(*state, "0000:01:00.0", "0x010802", "0xf1a8", false);
	assert_int_equal(machine_remarks(*state, r), 2);
	assert_int_equal(r[0].trait, MACHINE_REMAPPED);
	assert_int_equal(r[0].n, 1);
	assert_non_null(strstr(machine_remark_text(&r[0], text), "1 NVMe disk is hidden"));
	assert_int_equal(r[1].trait, MACHINE_NO_DRIVER);
	assert_int_equal(r[1].n, 2);
	assert_non_null(strstr(machine_remark_text(&r[1], text), "2 storage controllers have no"));
	fixture_must(*state, "echo -7 >sys/bus/pci/devices/0000:00:17.0/remapped_nvme");
	assert_int_equal(machine_remarks(*state, r), 1);
}

static void test_battery(void **state)
{
	struct machine_remark r[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	supply(*state, "BAT0", "Battery", "status", "Full", "100");
	supply(*state, "hid-mouse", "Battery", "status", "Discharging", "11");
	fixture_must(*state, "echo Device >sys/class/power_supply/hid-mouse/scope");
	assert_int_equal(machine_remarks(*state, r), 0);
	supply(*state, "BAT0", "Battery", "status", "Discharging", "63");
	assert_int_equal(machine_remarks(*state, r), 1);
	assert_int_equal(r[0].trait, MACHINE_ON_BATTERY);
	assert_int_equal(r[0].n, 63);
	assert_string_equal(machine_remark_text(&r[0], text),
			    "the machine runs on its battery, 63 % left: plug it in before a long "
			    "job");
	supply(*state, "AC", "Mains", "online", "1", "0");
	assert_int_equal(machine_remarks(*state, r), 0);
}

static void test_namespaces(void **state)
{
	struct machine_remark r[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	fixture_must(*state,
		     "mkdir -p sys/block/nvme0n1 sys/block/nvme1n1 sys/block/nvme1n2 "
		     "sys/block/nvme1n10 sys/block/nvme2n1 sys/block/nvme2c2n1 sys/block/sda");
	assert_int_equal(machine_remarks(*state, r), 1);
	assert_int_equal(r[0].trait, MACHINE_NAMESPACES);
	assert_int_equal(r[0].n, 3);
	assert_non_null(strstr(machine_remark_text(&r[0], text), "3 of these disks are parts"));
	assert_non_null(strstr(text, "by itself"));
}

static void test_emmc(void **state)
{
	struct machine_remark r[MACHINE_TRAITS];
	char text[MACHINE_TEXT];
	fixture_must(*state, "mkdir -p sys/block/mmcblk0 sys/block/mmcblk0boot0 "
			     "sys/block/mmcblk0boot1 sys/block/mmcblk0bootx");
	assert_int_equal(machine_remarks(*state, r), 1);
	assert_int_equal(r[0].trait, MACHINE_EMMC_BOOT);
	assert_int_equal(r[0].n, 2);
	assert_non_null(strstr(machine_remark_text(&r[0], text), "2 boot areas"));
	assert_non_null(strstr(text, "with it"));
	fixture_must(*state, "rmdir sys/block/mmcblk0boot1");
	machine_remarks(*state, r);
	assert_non_null(strstr(machine_remark_text(&r[0], text), "1 boot area of"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, make, discard),
		cmocka_unit_test_setup_teardown(test_controllers, make, discard),
		cmocka_unit_test_setup_teardown(test_battery, make, discard),
		cmocka_unit_test_setup_teardown(test_namespaces, make, discard),
		cmocka_unit_test_setup_teardown(test_emmc, make, discard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
