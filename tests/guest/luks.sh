#!/usr/bin/env bash
# luks.sh - disks as Debian and Fedora lay them out: LVM on LUKS, LUKS on LVM; saved, restored, opened by their own tools
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made, filled and opened in a virtual machine by cryptsetup, lvm2 and Debian's kernel; salvor there sees the disks alone.
#
# shellcheck disable=SC2016 # scripts for the guest's shell
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir guest-luks
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/guest-script.sh"
requires mke2fs sfdisk jq

SIZE=$((176 * MIB))

# FILE: a disk with an area of 8 MiB and one over the rest
make_disk() {
	truncate -s "$SIZE" "$1"
	printf '%s\n' 'label: gpt' 'size=8MiB, name=boot' 'name=rest' | write_table "$1" 512
}

# what the guest's shell knows: names of its own for each disk, all of it without udev
inside() {
	cat <<-'END'
		mkdir -p /etc/lvm /run/lock/lvm /run/cryptsetup
		printf 'a long passphrase' >/tmp/key
		lvm2() { lvm "$@" --config 'devices { obtain_device_list_from_udev=0 use_devicesfile=0 }
			activation { udev_sync=0 udev_rules=0 monitoring=0 } global { event_activation=0 }' 2>/tmp/lvm.err || { cat /tmp/lvm.err; exit 1; }; }
		format() { cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-memory 64 --pbkdf-parallel 1 \
			--pbkdf-force-iterations 4 --key-file /tmp/key "$@"; }
		fill() { mkdir /mnt/x; mount -t ext4 "$1" /mnt/x; head -c 12000000 /dev/urandom >/mnt/x/noise; cp -r /usr/lib /mnt/x/
			head -c 3000000 /dev/zero >/mnt/x/zeros; rm /mnt/x/lib/x86_64-linux-gnu/libc.so.6
			(cd /mnt/x && find . -type f -exec sha256sum {} + | sort) >"$2"; umount /mnt/x; rmdir /mnt/x; }
		check() { /usr/sbin/e2fsck -fn "$1" >/tmp/fsck 2>&1 || { cat /tmp/fsck; exit 1; }
			mkdir /mnt/x; mount -t ext4 -o ro "$1" /mnt/x; (cd /mnt/x && find . -type f -exec sha256sum {} + | sort) >/tmp/sums
			umount /mnt/x; rmdir /mnt/x; cmp /tmp/sums "$2"; }
	END
}

make_disk "$WORK/a"
make_disk "$WORK/b"
poison "$WORK/a2" "$SIZE"
poison "$WORK/b2" "$SIZE"
truncate -s 400M "$WORK/store"
mke2fs -q -t ext4 "$WORK/store"
guest_new
for id in a b a2 b2 store; do
	guest_disk "${id^^}" "$WORK/$id"
done
guest_boot -smp 1
guest_tell

note 'as Debian has it: a volume group in LUKS2, a root and a swap area in it'
guest_script '
	part=$(disk A)2
	format $part
	cryptsetup open --key-file /tmp/key $part crypt
	lvm2 pvcreate -q /dev/mapper/crypt; lvm2 vgcreate -q deb /dev/mapper/crypt
	lvm2 lvcreate -q -y -L 100M -n root deb; lvm2 lvcreate -q -y -L 20M -n swap deb
	/usr/sbin/mke2fs -q -t ext4 /dev/deb/root; mkswap /dev/deb/swap
	fill /dev/deb/root /tmp/a.sums
	lvm2 vgchange -q -an deb; cryptsetup close crypt'

note 'as Fedora had it: LUKS2 with sectors of 4096 bytes in logical volumes'
guest_script '
	part=$(disk B)2
	lvm2 pvcreate -q $part; lvm2 vgcreate -q fed $part
	lvm2 lvcreate -q -y -L 120M -n home fed
	format --sector-size 4096 /dev/fed/home
	cryptsetup open --key-file /tmp/key /dev/fed/home crypt
	/usr/sbin/mke2fs -q -t ext4 -b 4096 /dev/mapper/crypt
	fill /dev/mapper/crypt /tmp/b.sums
	cryptsetup close crypt; lvm2 vgchange -q -an fed'

note 'what is in there is told'
expect_rc 0 guest_run 'salvor map --json --key-file /tmp/key serial=A'
jq -r '.partitions[1] | "\(.fs) \(.state) \(.inside) \(.used) \(.reason)"' "$WORK/out" | tee "$WORK/state"
has '^crypto_LUKS exact LUKS2, unlocked: LVM inside ' <"$WORK/state" || fail 'the map of LVM in LUKS'
[ "$(jq '.partitions[1].used' "$WORK/out")" -lt $((110 * MIB)) ] || fail 'free space would be read'
expect_rc 0 guest_run 'salvor map --json --key-file /tmp/key serial=B'
jq -r '.partitions[1] | "\(.fs) \(.state) \(.inside) \(.used) \(.reason)"' "$WORK/out" | tee "$WORK/state"
has '^LVM2_member exact fed/home: LUKS2, unlocked: ext4 inside ' <"$WORK/state" || fail 'the map of LUKS in LVM'

note 'saved with a passphrase, restored onto 0xA5 without'
guest_mount STORE ext4
for id in A B; do
	sum=$(sha "$WORK/${id,}")
	expect_rc 12 guest_run "echo wrong | salvor save --progress=none --unlock serial=$id /mnt/STORE/$id"
	expect_rc 0 guest_run "ls -A /mnt/STORE"
	! has "^$id" <"$WORK/out" || fail 'a wrong passphrase left something behind'
	expect_rc 0 guest_run "cat /tmp/key | salvor save --progress=none --preset fast --unlock serial=$id /mnt/STORE/$id"
	unchanged "$WORK/${id,}" "$sum"
	expect_rc 0 guest_run "salvor restore --progress=none --free keep --confirm-erase ${id}2 /mnt/STORE/$id serial=${id}2"
done

note 'opened by their own tools: fsck is content, the files are equal'
guest_script '
	part=$(disk A2)2
	cryptsetup open --key-file /tmp/key $part crypt
	lvm2 vgchange -q -ay deb
	check /dev/deb/root /tmp/a.sums
	swapon /dev/deb/swap; swapoff /dev/deb/swap
	lvm2 vgchange -q -an deb; cryptsetup close crypt'
# both disks have the same names now, and LVM must see one alone
guest_script '
	part=$(disk B2)2
	lvm2 vgchange -q -ay --devices $part fed
	cryptsetup open --key-file /tmp/key /dev/fed/home crypt
	check /dev/mapper/crypt /tmp/b.sums
	cryptsetup close crypt; lvm2 vgchange -q -an --devices $part fed'
