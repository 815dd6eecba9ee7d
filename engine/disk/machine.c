/* machine.c - what about the machine explains a disk that is missing, or endangers a long job */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/disk/machine.h"
#include "engine/disk/sysfs.h"
#include "engine/util/bytes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NUMBER 10000 /* of disks or controllers: more is nonsense */

/* For xgettext, which collects the texts for the interface. */
#define WORDS(one, many) one, many
#define SAME(text)	 text, text

const struct machine_words machine_words[MACHINE_TRAITS] = {
	[MACHINE_REMAPPED] = {"remapped", WORDS("%llu NVMe disk is hidden by the RAID mode of the "
						"firmware (Intel RST): switch it to AHCI in the "
						"setup to see it",
						"%llu NVMe disks are hidden by the RAID mode of "
						"the firmware (Intel RST): switch it to AHCI in "
						"the setup to see them")},
	[MACHINE_NO_DRIVER] = {"no_driver",
			       WORDS("%llu storage controller has no driver: disks behind it are "
				     "not seen (a RAID or VMD mode in the setup of the firmware?)",
				     "%llu storage controllers have no driver: disks behind them "
				     "are not seen (a RAID or VMD mode in the setup of the "
				     "firmware?)")},
	[MACHINE_ON_BATTERY] = {"on_battery", SAME("the machine runs on its battery, %llu %% left: "
						   "plug it in before a long job")},
	[MACHINE_NAMESPACES] = {"namespaces",
				SAME("%llu of these disks are parts (namespaces) of NVMe "
				     "devices that have several: they stand and fall "
				     "together, and each is saved by itself")},
	[MACHINE_EMMC_BOOT] = {"emmc_boot",
			       WORDS("%llu boot area of an eMMC memory is not part of its "
				     "disk: it holds the firmware's own data and is not "
				     "saved with it",
				     "%llu boot areas of an eMMC memory are not part of "
				     "its disk: they hold the firmware's own data and "
				     "are not saved with it")},
};

/* ---- controllers on PCI: Documentation/ABI/testing/sysfs-bus-pci; remapped_nvme is of the driver
 * ahci ---- */

struct pci_walk {
	const char *dir;
	uint64_t remapped, lost;
};

/* SCSI, IDE, RAID, SATA, SAS, NVMe; but not what VMD only pretends to be (8086:09ab). */
static bool is_storage(const char *dir)
{
	static const char *const classes[] = {"0x0100", "0x0101", "0x0104",
					      "0x0106", "0x0107", "0x0108"};
	char text[32], vendor[32], device[32];
	bool storage = false;
	sysfs_text(dir, "class", text, sizeof(text));
	sysfs_text(dir, "vendor", vendor, sizeof(vendor));
	sysfs_text(dir, "device", device, sizeof(device));
	for (size_t i = 0; i < SV_ARRAY(classes); i++)
		storage |= !strncmp(text, classes[i], 6);
	return storage && (strcmp(vendor, "0x8086") != 0 || strcmp(device, "0x09ab") != 0);
}

static bool look_at_pci(void *ctx, const char *name)
{
	struct pci_walk *w = ctx;
	char dir[SYSFS_PATH + 80], driver[SYSFS_PATH + 96];
	snprintf(dir, sizeof(dir), "%s/%.63s", w->dir, name);
	if (!is_storage(dir))
		return true;
	uint64_t n = sysfs_number(dir, "remapped_nvme", 0);
	w->remapped += n < MAX_NUMBER ? n : 0;
	snprintf(driver, sizeof(driver), "%s/driver", dir);
	w->lost += access(driver, F_OK) != 0;
	return true;
}

/* ---- power: Documentation/ABI/testing/sysfs-class-power ---- */

struct power_walk {
	const char *dir;
	bool mains, discharging;
	uint64_t percent;
};

static bool look_at_supply(void *ctx, const char *name)
{
	struct power_walk *w = ctx;
	char dir[SYSFS_PATH + 80], type[32], text[32];
	snprintf(dir, sizeof(dir), "%s/%.63s", w->dir, name);
	/* the batteries of mice and keyboards */
	if (!sysfs_text(dir, "type", type, sizeof(type)) ||
	    (sysfs_text(dir, "scope", text, sizeof(text)) && !strcmp(text, "Device")))
		return true;
	if (strcmp(type, "Battery") != 0) {
		w->mains |= sysfs_number(dir, "online", 0) == 1;
	} else if (sysfs_text(dir, "status", text, sizeof(text)) && !strcmp(text, "Discharging")) {
		uint64_t n = sysfs_number(dir, "capacity", 0);
		w->discharging = true;
		w->percent = n > w->percent && n <= 100 ? n : w->percent;
	}
	return true;
}

/* ---- disks: drivers/nvme/host/core.c (nvme0n2 is the second namespace of nvme0; a multipath name
 * has no second number), drivers/mmc/core/block.c (mmcblk0boot0) ---- */

struct disk_walk {
	unsigned int last; /* number of the NVMe device seen last */
	uint64_t run, spaces, boot_areas;
};

static void end_run(struct disk_walk *w)
{
	w->spaces += w->run > 1 ? w->run : 0;
	w->run = 0;
}

/* In natural order, so the namespaces of a device stand together. */
static bool look_at_disk(void *ctx, const char *name)
{
	struct disk_walk *w = ctx;
	unsigned int device, number;
	int end = 0;
	w->boot_areas +=
		sscanf(name, "mmcblk%uboot%u%n", &device, &number, &end) == 2 && !name[end];
	end = 0;
	if (sscanf(name, "nvme%un%u%n", &device, &number, &end) != 2 || name[end])
		return true;
	if (device != w->last)
		end_run(w);
	w->last = device;
	w->run++;
	return true;
}

/* ---- all ---- */

static void add(struct machine_remark *remarks, size_t *n, enum machine_trait trait,
		uint64_t number)
{
	remarks[(*n)++] = (struct machine_remark){.trait = trait, .n = number};
}

size_t machine_remarks(const char *root, struct machine_remark remarks[MACHINE_TRAITS])
{
	char pci_dir[SYSFS_PATH], power_dir[SYSFS_PATH];
	struct pci_walk pci = {.dir = pci_dir};
	struct power_walk power = {.dir = power_dir};
	size_t n = 0;
	char block_dir[SYSFS_PATH];
	struct disk_walk disks = {0};
	snprintf(block_dir, sizeof(block_dir), "%s/sys/block", root);
	sysfs_list(block_dir, "", look_at_disk, &disks);
	end_run(&disks);
	snprintf(pci_dir, sizeof(pci_dir), "%s/sys/bus/pci/devices", root);
	snprintf(power_dir, sizeof(power_dir), "%s/sys/class/power_supply", root);
	sysfs_list(pci_dir, "", look_at_pci, &pci);
	sysfs_list(power_dir, "", look_at_supply, &power);
	if (pci.remapped)
		add(remarks, &n, MACHINE_REMAPPED, pci.remapped);
	if (pci.lost)
		add(remarks, &n, MACHINE_NO_DRIVER, pci.lost);
	if (power.discharging && !power.mains)
		add(remarks, &n, MACHINE_ON_BATTERY, power.percent);
	if (disks.spaces)
		add(remarks, &n, MACHINE_NAMESPACES, disks.spaces);
	if (disks.boot_areas)
		add(remarks, &n, MACHINE_EMMC_BOOT, disks.boot_areas);
	return n;
}

const char *machine_remark_text(const struct machine_remark *remark, char out[MACHINE_TEXT])
{
	const struct machine_words *words = &machine_words[remark->trait];
	snprintf(out, MACHINE_TEXT, remark->n == 1 ? words->one : words->many,
		 (unsigned long long)remark->n);
	return out;
}
