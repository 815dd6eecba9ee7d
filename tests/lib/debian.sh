#!/usr/bin/env bash
# debian.sh - a Debian that boots by itself in a virtual machine: log in, ask how it is, switch it off
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after guest.sh and live.sh. debian-disk.sh makes the disk, /dev/vda there.

DEBIAN_PASSWORD=salvor
# its partitions: GRUB's BIOS half is the first
DEBIAN_ESP=2 DEBIAN_ROOT=3 DEBIAN_SWAP=4

# wait for the prompt of the serial console, log in, and go on in a shell without line editing
debian_login() {
	local said
	said=$(guest_wait 'login: |Kernel panic.*|grub rescue>|grub>|\(initramfs\)' "$LIVE_BUDGET") || live_failed 'there is no login'
	[ "$said" = 'login: ' ] || live_failed "no login, but: $said"
	guest_send 'root\n'
	guest_wait 'Password: ' >/dev/null || live_failed 'no password is asked for'
	guest_send "$DEBIAN_PASSWORD\\n"
	guest_wait ':~# ' >/dev/null || live_failed 'root cannot log in'
	guest_send 'exec sh\n'
	guest_wait '[\r\n]# ' >/dev/null || live_failed 'there is no shell'
}

# no unit failed; root, ESP and swap are those of the disk; the kernel found nothing wrong with them
debian_well() {
	local what
	guest_run 'systemctl is-system-running --wait' ||
		fail "not all of the system runs: $(guest_run 'systemctl --failed --no-legend; journalctl -b -p err --no-pager')"
	guest_run 'cat /proc/mounts /proc/swaps' >"$WORK/in-use"
	for what in "/dev/vda$DEBIAN_ROOT / ext4 rw" "/dev/vda$DEBIAN_ESP /boot/efi vfat rw" "/dev/vda$DEBIAN_SWAP "; do
		grep -q "^$what" "$WORK/in-use" || fail "not in use: $what"
	done
	guest_run 'dmesg' >"$WORK/dmesg"
	! grep -E 'EXT4-fs (error|warning)|I/O error' "$WORK/dmesg" || fail 'the kernel complains about the disk'
}

# switch it off as one does
debian_off() {
	guest_run 'systemctl poweroff' 2>/dev/null || true
	guest_off "$LIVE_BUDGET" || live_failed 'it does not switch itself off'
	guest_kill
}
