# boot.mk: tests that boot the live image in virtual machines
# SPDX-License-Identifier: GPL-3.0-or-later

BOOT_MODES := bios-usb bios-cd uefi-usb uefi-cd secure-usb secure-cd pxe-bios pxe-uefi pxe-secure
BOOT_SHORT := "tests/iso/boot.sh bios-usb" "tests/iso/boot.sh secure-usb"
# the pages of the booted system, used by keys alone
BOOT_PAGES := "tests/iso/pages.sh vga" "tests/iso/pages.sh serial"

.PHONY: check-boot run-boot

## check-boot: the live image by BIOS, UEFI and Secure Boot, from USB, CD and network; a table of boot times
check-boot: deps
	+$(Q)$(AGAIN) run-boot

# one after the other, for the times; NAME.serial and NAME.png in build/logs show what a failure looked like
run-boot: all guest iso netboot
	$(Q)rm -f $(BUILD)/boot-times
	$(Q)JOBS=1 $(RUN) $(foreach m,$(BOOT_MODES),"tests/iso/boot.sh $m bare") $(BOOT_PAGES); rc=$$?; \
		tests/lib/boot-table.sh $(BUILD)/boot-times; exit $$rc
