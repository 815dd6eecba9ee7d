# boot.mk: tests that boot the live image in virtual machines
# SPDX-License-Identifier: GPL-3.0-or-later

BOOT_MODES := bios-usb bios-cd uefi-usb uefi-cd secure-usb secure-cd pxe-bios pxe-uefi pxe-secure
BOOT_SHORT := "tests/iso/boot.sh bios-usb" "tests/iso/boot.sh secure-usb"
# the pages of the booted system, used by keys alone
BOOT_PAGES := "tests/iso/pages.sh vga" "tests/iso/pages.sh serial"
# kernel parameters, typed into the boot menu
BOOT_MORE  := tests/iso/params.sh
# a disk with its own boot loader: saved, wiped, restored, booted
GOLDEN_PATHS := "tests/iso/golden.sh bios" "tests/iso/golden.sh uefi" "tests/iso/golden.sh bios crash" "tests/iso/golden.sh uefi crash"

.PHONY: check-boot run-boot golden check-golden run-golden

## check-boot: the live image by BIOS, UEFI and Secure Boot, from USB, CD and network; a table of boot times; the golden path
check-boot: deps
	+$(Q)$(AGAIN) run-boot

# one after the other, for the times; NAME.serial and NAME.png in build/logs show what a failure looked like
run-boot: all guest iso netboot golden
	$(Q)rm -f $(BUILD)/boot-times
	$(Q)JOBS=1 TEST_TIMEOUT=3600 $(RUN) $(foreach m,$(BOOT_MODES),"tests/iso/boot.sh $m bare") $(BOOT_PAGES) $(BOOT_MORE) $(GOLDEN_PATHS); rc=$$?; \
		tests/lib/boot-table.sh $(BUILD)/boot-times; exit $$rc

# a small Debian that boots by itself; its packages are downloaded, so it is made once
golden: $(BUILD)/golden/debian.img

$(BUILD)/golden/debian.img: tests/lib/debian-disk.sh | $(BUILD)/salvor
	$(Q)BUILD=$(BUILD) tests/lib/debian-disk.sh $@

## check-golden: a Debian disk, also one that crashed while writing: saved by the live image, wiped, restored, booted again
check-golden: deps
	+$(Q)$(AGAIN) run-golden

run-golden: all iso golden
	$(Q)TEST_TIMEOUT=3600 $(RUN) $(GOLDEN_PATHS)
