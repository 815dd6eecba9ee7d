#!/usr/bin/env bash
# golden.sh - a Debian disk is saved by the booted live image, wiped, restored, and boots to its login again
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: golden.sh bios|uefi|secure [crash]
#
# With "crash" the machine loses its power while it writes, and the disk is saved as it is: no file that was
# fsync'ed may be lost.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
mode=${1:?usage: golden.sh bios|uefi|secure [crash]}
crash=${2:-}
requires mke2fs e2fsck dumpe2fs blkid sfdisk jq
work_dir "golden-$mode${crash:+-$crash}"
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/live.sh"
. "$TOP/tests/lib/debian.sh"

debian=$TOP/${BUILD:-build}/golden/debian.img
[ -s "$debian" ] || skip 'there is no Debian disk (make golden, as root)'
disk=$WORK/debian.img store=$WORK/store.img
FILES=80

# what QEMU has spent on the last machine
cpu_spent() { note "$1: $(awk 'END { print $2 }' "$GUEST/times.log") CPU seconds of QEMU"; }

# --- the Debian on the disk ---

# by itself: no other disk, and a firmware that has never seen it
boot_debian() {
	guest_new
	guest_disk DEBIAN "$disk"
	live_firmware "$mode"
	guest_start -m 512 -vga std "${LIVE_ARGS[@]}"
	debian_login
	cpu_spent 'power-on to login'
	firmware_is "$mode"
	debian_well
}

# COUNT files, each fsync'ed and only then told with its sum, among others that come and go without
writer() {
	cat <<-'END'
		mkdir -p /srv/golden/others
		cd /srv/golden
		i=0
		while [ "$i" -lt "$1" ]; do
			i=$((i + 1))
			head -c $((i * 7919 % 120000 + 1)) /dev/urandom >/run/data
			dd if=/run/data of="$i" bs=64k conv=fsync status=none || exit 1
			sum=$(sha256sum </run/data)
			echo "fsynced ${sum%% *}  $i"
			cp /run/data "others/$((i % 9)).new"
			mv "others/$((i % 9)).new" "others/$((i % 9))"
			[ $((i % 6)) -ne 0 ] || rm -f others/*
		done
	END
}

# what was told, as sha256sum has it; a line that the crash cut off does not count
told() { sed -n "s/^fsynced \([0-9a-f]\{64\}  [0-9]\+\)$1\$/\1/p"; }

write_files() {
	guest_run "sh /run/writer $FILES" | told '' >"$WORK/sums"
	debian_off
}

# the power fails while it writes
write_until_crash() {
	guest_send 'sh /run/writer 1000000\n'
	guest_wait "^fsynced .*  $FILES\\r" $LIVE_BUDGET >/dev/null || fail 'the files are not written'
	guest_kill
	told '\r' <"$GUEST/serial.log" >"$WORK/sums"
	dumpe2fs -h "$(root_of "$disk")" 2>/dev/null | has needs_recovery || fail 'the filesystem is not dirty: the test is blunt'
}

# the journal was replayed, by the system itself
was_recovered() {
	guest_run 'cat /run/initramfs/fsck.log 2>/dev/null; dmesg' | grep -E 'recovering journal|recovery complete' ||
		fail 'no journal was replayed'
}

has_files() {
	# shellcheck disable=SC2016 # for the shell there
	guest_run 'cd /srv/golden && sha256sum $(ls | grep -v others)' >"$WORK/back"
	local all intact
	all=$(wc -l <"$WORK/sums")
	intact=$(grep -cxFf "$WORK/sums" "$WORK/back" || true)
	note "$intact of $all fsync'ed files are intact"
	[ "$all" -ge "$FILES" ] || fail 'not all were told: the test is blunt'
	[ "$intact" -eq "$all" ] || fail "fsync'ed files are lost: $(grep -vxFf "$WORK/back" "$WORK/sums" | head -n 3)"
}

# --- the disk from outside ---

# DISK: its ext4, for the tools of e2fsprogs
root_of() { awk -v disk="$1" -v n="$DEBIAN_ROOT" '$1 == n { print disk "?offset=" $2 }' "$WORK/parts"; }

# DISK: its table, the boot code before the first filesystem, and what each partition says that it is
identity() {
	local n start size
	dump_table "$1" 512
	read -r n start size < <(grep "^$DEBIAN_ESP " "$WORK/parts")
	head -c "$start" "$1" | sha256sum
	while read -r n start size; do
		blkid -p -o export -O "$start" -S "$size" "$1" | sed "s|^DEVNAME=.*|partition $n|" || true
	done <"$WORK/parts"
}

is_clean() {
	! dumpe2fs -h "$(root_of "$disk")" 2>/dev/null | has needs_recovery || fail 'the filesystem is dirty'
	check_fs ext4 "$(root_of "$disk")"
}

# --- the live system ---

# the disk, and a second one that images are kept on, which is mounted by hand
boot_live() {
	guest_new
	guest_disk DEBIAN "$disk"
	guest_disk STORE "$store"
	live_boot "$mode-usb"
	# shellcheck disable=SC2016 # for the shell there
	guest_run 'mount -t ext4 "$(salvor disks | awk "/ STORE / { print \$1 }")" /mnt'
}

live_off() {
	guest_run 'umount /mnt'
	guest_run poweroff 2>/dev/null || true
	guest_off $LIVE_BUDGET
	guest_kill
	cpu_spent 'live system'
}

# not read back: the restore checks all of it before it writes anything
save() {
	boot_live
	expect_rc 0 guest_run 'salvor save --progress=none --preset fast --no-verify serial=DEBIAN /mnt/debian' 1500
	cat "$WORK/out" "$WORK/err"
	live_off
}

restore() {
	boot_live
	expect_rc 0 guest_run 'salvor restore --progress=none /mnt/debian serial=DEBIAN --confirm-erase DEBIAN' 1500
	cat "$WORK/out" "$WORK/err"
	live_off
}

cp --sparse=always "$debian" "$disk"
truncate -s 1G "$store"
mke2fs -q -F -t ext4 "$store"
list_partitions "$disk" 512 >"$WORK/parts"

note "the disk boots by itself ($mode) and writes"
boot_debian
guest_run "cat >/run/writer <<'END'
$(writer)
END"
case $crash in
'') write_files ;;
crash) write_until_crash ;;
*) fail "usage: golden.sh bios|uefi|secure [crash]" ;;
esac
identity "$disk" >"$WORK/before"
before=$(sha "$disk")

note 'saved by the live system'
save
unchanged "$disk" "$before"

note 'wiped, and restored by the live system'
poison "$disk" "$(stat -c %s "$disk")"
restore
identity "$disk" | diff "$WORK/before" - || fail 'table, boot code or IDs are others'

note 'it boots by itself again'
boot_debian
[ -z "$crash" ] || was_recovered
has_files
debian_off
is_clean
identity "$disk" | diff "$WORK/before" - || fail 'table, boot code or IDs have changed'
