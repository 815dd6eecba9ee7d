# guest.mk: tests in virtual machines (QEMU, emulation only)
# SPDX-License-Identifier: GPL-3.0-or-later

GUEST_SH   := tests/guest
GUEST_LIST := $(sort $(wildcard $(GUEST_SH)/*.sh))
# minutes for one test are too long for every day
GUEST_SHORT := $(filter-out $(addprefix $(GUEST_SH)/,f2fs.sh hfsplus.sh aged.sh fat-4g.sh luks.sh lvm.sh mdraid.sh shares-%.sh rescue-%.sh),$(GUEST_LIST)) "$(GUEST_SH)/f2fs.sh short"
SHARE_LIST  := tests/roundtrip/share-sftp.sh $(wildcard $(GUEST_SH)/shares-*.sh)

.PHONY: guest check-guest run-guest check-rescue-guest run-rescue-guest check-shares run-shares

# what these tests boot: Debian's kernel, busybox and salvor
guest: $(BUILD)/guest/initrd

$(BUILD)/guest/initrd: $(BUILD)/salvor $(BUILD)/iso/kernel build-scripts/mk-guest.sh $(wildcard $(GUEST_SH)/inside/* $(GUEST_SH)/guest.* $(GUEST_SH)/*.modules)
	$(Q)$(ISO_ENV) build-scripts/mk-guest.sh

## check-guest: stores pulled out, read-only, full, beyond 4 GiB on FAT32; filesystems, LUKS, LVM and RAIDs of a virtual machine's kernel
check-guest: deps
	+$(Q)$(AGAIN) run-guest

## check-rescue-guest: rescues of disks that fail and fall off their bus in a virtual machine; reads counted at the device
check-rescue-guest: deps
	+$(Q)$(AGAIN) run-rescue-guest

run-rescue-guest: all guest
	$(Q)TEST_TIMEOUT=3600 $(RUN) $(wildcard $(GUEST_SH)/rescue-*.sh)

run-guest: all guest
	$(Q)TEST_TIMEOUT=3600 $(RUN) $(filter-out $(GUEST_SH)/rescue-%.sh,$(GUEST_LIST))

## check-shares: stores on SMB, NFS and SSH servers, mounted, broken and killed (some 10 minutes, most of them waiting)
check-shares: deps
	+$(Q)$(AGAIN) run-shares

run-shares: all guest
	$(Q)TEST_TIMEOUT=3600 $(RUN) $(SHARE_LIST)
