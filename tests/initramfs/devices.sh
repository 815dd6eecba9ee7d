#!/usr/bin/env bash
# devices.sh - coldplug ends, hotplug loads and locks, and nothing is ever assembled, activated or mounted
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# PATH ALIAS: a device of the fake machine
device() {
	mkdir -p "$ROOT/sys/devices/$1"
	printf '%s\n' "$2" >"$ROOT/sys/devices/$1/modalias"
}

one_pass() {
	device pci0/a 'pci:v00008086d00002922sv*'
	device pci0/b 'usb:v0781p5583d0100'
	device pci1/b 'usb:v0781p5583d0100'
	in_shell 'follow_devices'
	calls_are 'modprobe -abq -- pci:v00008086d00002922sv* usb:v0781p5583d0100
uevent /usr/lib/salvor/hotplug.sh
setfont -C @/dev/tty1 @/usr/share/consolefonts/salvor-256-16.psf.gz
setfont -C @/dev/tty2 @/usr/share/consolefonts/salvor-256-16.psf.gz
setfont -C @/dev/tty3 @/usr/share/consolefonts/salvor-256-16.psf.gz
acpid -l /dev/null -p @/run/salvor/acpid.pid'
	[ -e "$ROOT/run/salvor/ready" ] || fail 'does not say that it is ready'
	holds dev/kmsg 'salvor: devices ready'
}

# a controller shows its ports only when its driver is there, and a port its disk
buses_below_buses() {
	device pci0 pci:controller
	in_shell 'load_modules() {
			echo "$*" >>"$CALLS"
			case $* in
			*pci:controller*) new=usb:port ;;
			*usb:port*) new=scsi:t-0x00 ;;
			*) return ;;
			esac
			mkdir -p "$root/sys/devices/$new" && echo "$new" >"$root/sys/devices/$new/modalias"
		}
		: >"$run/aliases"
		coldplug
		coldplug'
	calls_are 'pci:controller
usb:port
scsi:t-0x00'
}

waits_for_usb() {
	in_shell 'usb_disk_to_come'
	[ "$RC" -ne 0 ] || fail 'waits for a disk without any'
	mkdir -p "$ROOT/sys/bus/usb/drivers/usb-storage/1-1:1.0/host3"
	in_shell 'usb_disk_to_come'
	[ "$RC" -eq 0 ] || fail 'does not see a disk that will come'
	in_shell 'sleep() { mkdir -p "$root/sys/bus/usb/drivers/usb-storage/1-1:1.0/host3/target3:0:0"; echo "sleep $*"; }
		settle_usb'
	[ "$(cat "$WORK/out")" = 'sleep 0.2' ] || fail "waits on: $(cat "$WORK/out")"
}

# a device that comes back under another name for ever must not hold the start
never_quiet() {
	device pci0 x:0
	in_shell 'load_modules() { echo call >>"$CALLS"; echo "x:$(wc -l <"$CALLS")" >"$root/sys/devices/pci0/modalias"; }
		: >"$run/aliases"
		coldplug'
	[ "$(grep -c call "$WORK/calls")" -eq 10 ] || fail "$(grep -c call "$WORK/calls") rounds"
	holds run/salvor/notes 'the search for devices was ended after 10 rounds.'
}

ten_at_a_time() {
	local n
	for n in $(seq 45); do device "d$n" "acpi:DEV$n:"; done
	in_shell ': >"$run/aliases"; coldplug'
	[ "$(awk '{ print NF - 3 }' "$WORK/calls" | sort -n | tr '\n' ' ')" = '5 10 10 10 10 ' ] || fail "$(cat "$WORK/calls")"
}

# names come from devices: they are words, whatever is in them
hostile_names() {
	device a '-r ext4'
	device b '$(reboot); reboot `reboot`'
	device c '*'
	in_shell 'load_modules() { printf "<%s>" "$@" >>"$CALLS"; }
		: >"$run/aliases"; coldplug'
	[ "$(cat "$WORK/calls")" = '<$(reboot); reboot `reboot`><*><-r ext4>' ] || fail "$(cat "$WORK/calls")"
}

no_devices() {
	rm -r "$ROOT/sys/devices"
	in_shell ': >"$run/aliases"; coldplug'
	[ "$RC" -eq 0 ] || fail "$(cat "$WORK/out")"
	calls_are ''
}

nothing_by_itself() {
	mkdir -p "$ROOT"/sys/block/{sda,md0,dm-0}
	echo 'nowrite=1' >"$ROOT/run/salvor/params"
	in_shell follow_devices
	for word in mount mdadm lvm swapon losetup dmsetup cryptsetup; do not_called "$word"; done
}

locked_disks() {
	mkdir -p "$ROOT"/sys/block/{sda,nvme0n1,loop0,ram1,zram0,sr0}
	in_shell all_disks
	not_called blockdev
	echo 'nowrite=1' >"$ROOT/run/salvor/params"
	in_shell all_disks
	calls_are 'blockdev --setro @/dev/nvme0n1
blockdev --setro @/dev/sda
blockdev --setro @/dev/sr0'
}

# WORD=VALUE...: an event of the kernel
event() {
	LOAD=/dev/null
	VARS=("$@")
	in_shell '. "$lib/hotplug.sh"'
	[ ! -s "$WORK/out" ] || fail "$(cat "$WORK/out")"
}

disk_plugged_in() {
	event ACTION=add SUBSYSTEM=block DEVTYPE=disk DEVNAME=sdb
	calls_are ''
	echo 'nowrite=1' >"$ROOT/run/salvor/params"
	event ACTION=add SUBSYSTEM=block DEVTYPE=disk DEVNAME=sdb
	event ACTION=add SUBSYSTEM=block DEVTYPE=partition DEVNAME=sdb1
	event ACTION=add SUBSYSTEM=block DEVTYPE=disk DEVNAME=loop3
	event ACTION=remove SUBSYSTEM=block DEVTYPE=disk DEVNAME=sdb
	calls_are 'blockdev --setro @/dev/sdb'
}

device_plugged_in() {
	event ACTION=add SUBSYSTEM=usb MODALIAS='usb:v1;reboot'
	event ACTION=add SUBSYSTEM=usb
	event ACTION=change SUBSYSTEM=usb MODALIAS=usb:v2
	event ACTION=bind SUBSYSTEM=usb MODALIAS=usb:v3
	calls_are 'modprobe -abq -- usb:v1;reboot'
}

screen_taken_over() {
	mkdir -p "$ROOT/sys/class/graphics/fb0"
	echo 1280,800 >"$ROOT/sys/class/graphics/fb0/virtual_size"
	event ACTION=add SUBSYSTEM=graphics DEVNAME=fb0
	called 'consolefonts/salvor-512-16.psf'
}

# a disk whose sector 16 is that of our ISO; a disk with another one; a disk that is too small
boot_medium() {
	mkdir -p "$ROOT"/sys/block/{sda,sdb,sdc}
	{ head -c 32768 /dev/zero; printf '\001CD001\001\000%-32s%-32s' '' DEBIAN; head -c 2000 /dev/zero; } >"$ROOT/dev/sda"
	{ head -c 32768 /dev/zero; printf '\001CD001\001\000%-32s%-32s' '' "$(sed -n 's/^volume = //p' "$TOP/iso-config/profile.conf")"; head -c 2000 /dev/zero; } >"$ROOT/dev/sdb"
	: >"$ROOT/dev/sdc"
	in_shell all_disks
	is run/salvor/boot-medium sdb
}

# RESULT SENTENCE: what is told when the sums of the medium come out so
check_tells() {
	mkdir -p "$ROOT/run/salvor/medium/mnt/.disk"
	: >"$ROOT/run/salvor/medium/mnt/.disk/id1"
	printf '%064d  boot/initrd\n%064d  boot/vmlinuz\n' 0 0 >"$ROOT/run/salvor/medium/mnt/SHA256SUMS"
	in_shell "is_ours() { :; }
		sha256sum() { $1; }
		check_medium id1"
	grep -qF -e "$2" "$WORK/out" || fail "$SHELL_UNDER_TEST said: $(cat "$WORK/out")"
}

checked_medium() {
	mkdir -p "$ROOT/sys/block/sdb"
	in_shell 'check_medium id1'
	grep -q 'was not found' "$WORK/out" || fail "$(cat "$WORK/out")"
	check_tells 'printf "%s: OK\n" boot/initrd boot/vmlinuz' 'The medium is whole'
	called 'mount -t iso9660 -o ro,nosuid,nodev,noexec'
	called umount
	check_tells 'echo boot/initrd: FAILED; echo boot/vmlinuz: OK' 'THE MEDIUM IS DAMAGED'
	check_tells false 'THE MEDIUM IS DAMAGED'
}

run_cases boot_medium checked_medium one_pass buses_below_buses waits_for_usb never_quiet ten_at_a_time hostile_names no_devices nothing_by_itself locked_disks \
	disk_plugged_in device_plugged_in screen_taken_over
