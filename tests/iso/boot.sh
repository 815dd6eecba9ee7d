#!/usr/bin/env bash
# boot.sh - the live image boots in one of the ways a computer has, sees every kind of disk, and changes none of them
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: boot.sh MODE [bare]      bios|uefi|secure with -usb|-cd; pxe-bios pxe-uefi pxe-secure
#
# With "bare" the same medium is booted once more with bare busybox in place of the live system, and a line goes to
# $BUILD/boot-times: MODE, seconds from the kernel's start to the prompt live and bare, and until the live system has
# found all devices; and QEMU's CPU seconds from power-on to the prompt, live and bare.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
mode=${1:?usage: boot.sh MODE [bare]}
work_dir "boot-$mode"
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/live.sh"

KINDS=(AHCI NVME VIRTIO VSCSI USB SD MEGASAS PVSCSI)

# one disk on each kind of bus, full of data that nothing should take for anything
add_disks() {
	local kind
	for kind in "${KINDS[@]}"; do
		# an SD card has a size that is a power of two
		poison "$WORK/$kind.img" $((16 * MIB))
		guest_medium "$kind" "$WORK/$kind.img"
	done
	# shellcheck disable=SC2054 # commas within words
	GUEST_ARGS+=(-device 'ide-hd,bus=ide.1,drive=AHCI-medium,serial=AHCI'
		-device 'nvme,drive=NVME-medium,serial=NVME'
		-device 'virtio-blk-pci,drive=VIRTIO-medium,serial=VIRTIO'
		-device virtio-scsi-pci,id=vscsi -device 'scsi-hd,bus=vscsi.0,drive=VSCSI-medium,serial=VSCSI'
		-device 'usb-storage,bus=xhci.0,drive=USB-medium,serial=USB'
		-device sdhci-pci -device 'sd-card,drive=SD-medium'
		-device megasas,id=megasas -device 'scsi-hd,bus=megasas.0,drive=MEGASAS-medium,serial=MEGASAS'
		-device pvscsi,id=pvscsi -device 'scsi-hd,bus=pvscsi.0,drive=PVSCSI-medium,serial=PVSCSI')
}

hashes() { (cd "$WORK" && sha256sum -- *.img); }

# every disk is listed, with its serial number; an SD card has only QEMU's own
sees_disks() {
	local kind
	expect_rc 0 guest_run 'salvor disks --json'
	jq -r '.disks[] | [.path, .serial // "-", .transport // "-", .size] | join(" ")' "$WORK/out"
	for kind in "${KINDS[@]}"; do
		if [ "$kind" = SD ]; then
			jq -e '.disks[] | select(.path | test("mmcblk"))' "$WORK/out" >/dev/null || fail 'no SD card'
		else
			jq -e --arg s "$kind" '.disks[] | select(.serial == $s)' "$WORK/out" >/dev/null || fail "no disk on $kind"
		fi
	done
}

# at a prompt: seconds from the kernel's start, and CPU seconds of QEMU from power-on
boot_times() {
	awk -v up="$(guest_run 'cut -d " " -f 1 /proc/uptime')" 'END { printf "%.1f %.1f\n", up, $2 }' "$GUEST/times.log"
}

# when the kernel was told that the devices are there
devices_time() { guest_run 'dmesg' | sed -n 's/^\[ *\([0-9]*\.[0-9]\).*salvor: devices ready$/\1/p'; }

# the same medium with the test guest's initramfs
bare_medium() {
	local initrd=$GUEST_FILES/initrd
	case $mode in
	pxe-*)
		cp -r "$NETBOOT" "$WORK/netboot"
		cp "$initrd" "$WORK/netboot/initrd"
		NETBOOT=$WORK/netboot
		;;
	*)
		"$TOP/build-scripts/iso/tool.sh" /usr/bin/xorriso -indev "$ISO" -outdev "$WORK/bare.iso" -boot_image any replay \
			-update "$initrd" /boot/initrd -commit >"$WORK/xorriso.log" 2>&1 || fail "xorriso: $(tail -n 3 "$WORK/xorriso.log")"
		ISO=$WORK/bare.iso
		;;
	esac
}

note "boot by $mode"
guest_new
add_disks
hashes >"$WORK/before"
live_start "$mode" 'salvor:~# '
read -r live cpu < <(boot_times)
live_settle
devices=$(devices_time)
note "prompt $live s after the kernel's start, devices after $devices s; $cpu CPU seconds from power-on to the prompt"
firmware_is "$mode"
sees_disks
expect_rc 0 guest_run 'free -m; salvor --version'
cat "$WORK/out"
guest_run poweroff 2>/dev/null || true
guest_off 300
hashes | diff - "$WORK/before" || fail 'booting changed a disk'
guest_kill
[ "${2:-}" = bare ] || exit 0

note 'the same with bare busybox'
bare_medium
guest_new
add_disks
live_start "$mode" 'guest: ready'
read -r bare bare_cpu < <(boot_times)
guest_kill
echo "$mode $live $bare $devices $cpu $bare_cpu" | tee -a "$TOP/${BUILD:-build}/boot-times"
