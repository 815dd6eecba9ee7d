# iso.mk: the live image, from Debian packages and the folders initramfs/, bootloader/ and iso-config/
# SPDX-License-Identifier: GPL-3.0-or-later

ISO     := $(BUILD)/salvor-$(VERSION)-amd64.iso
CACHE   ?= build/cache
ISO_ENV := BUILD=$(BUILD) CACHE=$(CACHE) VERSION=$(VERSION) DATE=$(DATE)
ISO_SH  := build-scripts/iso

.PHONY: iso iso-lock iso-packages

## iso-lock: look up the newest Debian packages and write their versions into iso-config/packages.lock
iso-lock:
	$(Q)$(ISO_ENV) $(ISO_SH)/lock.sh

## iso-packages: download and unpack the Debian packages of the live image
iso-packages: $(BUILD)/iso/kernel

$(BUILD)/iso/kernel: iso-config/packages.lock $(addprefix $(ISO_SH)/,lib.sh apt.sh fetch.sh unpack.sh)
	$(Q)$(ISO_ENV) $(ISO_SH)/fetch.sh
	$(Q)$(ISO_ENV) $(ISO_SH)/unpack.sh
