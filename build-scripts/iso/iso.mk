# iso.mk: the live image, from Debian packages and the folders initramfs/, bootloader/ and iso-config/
# SPDX-License-Identifier: GPL-3.0-or-later

ISO     := $(BUILD)/salvor-$(VERSION)-amd64.iso
CACHE   ?= build/cache
COMP    ?= zstd:15
ISO_ENV := BUILD=$(BUILD) CACHE=$(CACHE) VERSION=$(VERSION) DATE=$(DATE) PREFIX=$(PREFIX)
ISO_SH  := build-scripts/iso

.PHONY: iso iso-lock iso-packages iso-sizes netboot usb run check-iso-repro

## iso-lock: look up the newest Debian packages and write their versions into iso-config/packages.lock
iso-lock:
	$(Q)$(ISO_ENV) $(ISO_SH)/lock.sh

## iso-packages: download and unpack the Debian packages of the live image
iso-packages: $(BUILD)/iso/kernel

# unpacking takes a while: only for what makes a difference
$(BUILD)/iso/kernel: iso-config/packages.lock $(ISO_SH)/unpack.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/fetch.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/unpack.sh

# what has a part in the live system, and what in the medium around it
LIVE_FILES   := $(shell find initramfs -type f) $(addprefix $(ISO_SH)/,lib.sh modules.sh closure.sh mk-root.sh mk-squashfs.sh mk-parts.sh mk-initramfs.sh)
MEDIUM_FILES := $(shell find bootloader -type f) iso-config/profile.conf $(addprefix $(ISO_SH)/,mk-menu.sh mk-esp.sh mk-iso.sh mk-netboot.sh)

## iso: the live image, build/salvor-VERSION-amd64.iso (COMP=zstd:3 is larger and quickly made, xz smaller)
iso: $(ISO)

## netboot: build/netboot/, to be served by TFTP or HTTP to machines that boot by network
netboot: $(BUILD)/netboot/SHA256SUMS

# the compression is part of what was asked for
$(BUILD)/iso/comp: FORCE
	@mkdir -p $(@D)
	@echo '$(COMP)' | cmp -s - $@ || echo '$(COMP)' > $@

$(BUILD)/iso/initrd: $(BUILD)/iso/kernel $(BUILD)/iso/comp $(BUILD)/salvor $(MO) $(LIVE_FILES)
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-root.sh
	$(Q)$(ISO_ENV) COMP=$(COMP) $(ISO_SH)/mk-squashfs.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-parts.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-initramfs.sh

$(ISO): $(BUILD)/iso/initrd $(MEDIUM_FILES)
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-esp.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-iso.sh $@
	@cp $(BUILD)/iso/parts.spdx $(ISO:.iso=.spdx)

$(BUILD)/netboot/SHA256SUMS: $(BUILD)/iso/initrd $(MEDIUM_FILES)
	$(Q)$(ISO_ENV) $(ISO_SH)/mk-netboot.sh

## iso-sizes: what the bytes of the live image are spent on
iso-sizes: $(ISO)
	@$(ISO_ENV) $(ISO_SH)/sizes.sh $<

## usb: write the live image to the stick DEV=/dev/sdX, CONFIRM=ID (as told by salvor disks), with a data partition
usb: $(ISO)
	@[ -n '$(DEV)' ] || { echo 'make usb DEV=/dev/sdX CONFIRM=ID; these disks are there:'; $(BUILD)/salvor disks; exit 2; }
	@$(ISO_ENV) $(ISO_SH)/usb.sh $< '$(DEV)'

## run: boot the live image in QEMU with scratch disks (FIRMWARE=bios|uefi|secure, TEXT=1, MEMORY=MiB)
run: $(ISO)
	@$(ISO_ENV) $(ISO_SH)/run.sh $<

# without booting it
ISO_TESTS := $(addprefix tests/iso/,contents.sh lock.sh menu.sh usb.sh)

## check-iso-repro: build the live image twice in different surroundings: the same bytes
check-iso-repro: all
	$(Q)CACHE=$(CACHE) $(RUN) tests/iso/reproducible.sh
