#!/usr/bin/env bash
# lvm.sh - a volume group over two disks: linear and striped volumes with ext4 and XFS; saved, restored, put together by lvm2
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made, filled and put together in a virtual machine by lvm2 and Debian's kernel; salvor there sees the disks alone. Each disk
# is saved by itself, with the other one attached: what its map has for free must be nothing that the group needs.
#
# shellcheck disable=SC2016 # scripts for the guest's shell
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir guest-lvm
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/guest-script.sh"
requires mke2fs sfdisk jq

SIZE=$((240 * MIB))

# FILE: a disk with an area of 8 MiB and one over the rest
make_disk() {
	truncate -s "$SIZE" "$1"
	printf '%s\n' 'label: gpt' 'size=8MiB, name=boot' 'name=rest' | write_table "$1" 512
}

# what the guest's shell knows; all of it without udev
inside() {
	cat <<-'END'
		mkdir -p /etc/lvm /run/lock/lvm
		lvm2() { lvm "$@" --config 'devices { obtain_device_list_from_udev=0 use_devicesfile=0 }
			activation { udev_sync=0 udev_rules=0 monitoring=0 } global { event_activation=0 }' 2>/tmp/lvm.err || { cat /tmp/lvm.err; exit 1; }; }
		sums() { (cd /mnt/x && find . -type f -exec sha256sum {} + | sort); }
		fill() { mkdir /mnt/x; mount -t $2 /dev/vg/$1 /mnt/x; head -c 9000000 /dev/urandom >/mnt/x/noise
			mkdir /mnt/x/many; i=0; while [ $i -lt 80 ]; do i=$((i + 1)); head -c $((i * i * 31)) /dev/urandom >/mnt/x/many/$i; done
			head -c 14000000 /dev/urandom >/mnt/x/more; rm /mnt/x/many/*[13579] /mnt/x/noise
			head -c 5000000 /dev/urandom >/mnt/x/last; sums >/mnt/STORE/sums.$1; umount /mnt/x; rmdir /mnt/x; }
		check() { case $2 in ext4) /usr/sbin/e2fsck -fn /dev/vg/$1 ;; xfs) /usr/sbin/xfs_repair -n /dev/vg/$1 ;; esac >/tmp/fsck 2>&1 ||
				{ cat /tmp/fsck; exit 1; }
			mkdir /mnt/x; mount -t $2 -o ro /dev/vg/$1 /mnt/x; sums >/tmp/sums; umount /mnt/x; rmdir /mnt/x
			cmp /tmp/sums /mnt/STORE/sums.$1; }
	END
}

# what salvor says of the group: state, bytes, inside, reason
told() {
	jq -r '.partitions[1] | "\(.fs) \(.state) \(.used) [\(.inside)] \(.reason)"'
}

mkdir "$WORK/old" "$WORK/new"
for disk in a b; do
	make_disk "$WORK/old/$disk"
	poison "$WORK/new/$disk" "$SIZE"
done
# what is free is told from what is zeros
for disk in a b; do
	poison "$WORK/area" $((SIZE - 10 * MIB))
	head -c $((2 * MIB)) /dev/zero | dd of="$WORK/area" conv=notrunc status=none
	read -r _ start _ < <(list_partitions "$WORK/old/$disk" 512 | sed -n 2p)
	put_in "$WORK/area" "$WORK/old/$disk" "$start"
done
truncate -s 500M "$WORK/store"
mke2fs -q -t ext4 "$WORK/store"

note 'a group of two disks: volumes over both, one after the other and in stripes'
boot_with "$WORK/old"
guest_script '
	a=$(disk A)2 b=$(disk B)2
	lvm2 pvcreate -q -y $a $b; lvm2 vgcreate -q vg $a $b
	lvm2 lvcreate -q -y -Wn -l 14 -n lin vg $a:0-5 $b:0-7
	lvm2 lvcreate -q -y -Wn -l 16 -i 2 -I 64k -n str vg
	lvm2 lvcreate -q -y -Wn -l 20 -n xlin vg $b:20-29 $a:20-29
	lvm2 lvcreate -q -y -Wn -l 20 -i 2 -I 16k -n xstr vg
	lvm2 lvcreate -q -y -Wn -l 1 -n swap vg $b; mkswap /dev/vg/swap
	lvm2 lvs --noheadings -o lv_name,seg_type,seg_pe_ranges vg
	for n in lin str; do /usr/sbin/mke2fs -q -t ext4 /dev/vg/$n; fill $n ext4; done
	for n in xlin xstr; do /usr/sbin/mkfs.xfs -q -f --unsupported /dev/vg/$n; fill $n xfs; done
	lvm2 vgchange -q -an vg' || fail 'the group was not made'

note 'with the other disk attached only what is in use is read'
for id in A B; do
	sum_a=$(sha "$WORK/old/a") sum_b=$(sha "$WORK/old/b")
	expect_rc 0 guest_run "salvor map --json serial=$id"
	cp "$WORK/out" "$WORK/map.$id"
	told <"$WORK/map.$id" | tee "$WORK/state"
	has '^LVM2_member exact [0-9]* \[vg lies on /dev/vd[ab], too\] null$' <"$WORK/state" || fail "$id: not all was looked into"
	expect_rc 0 guest_run "echo 3 >/proc/sys/vm/drop_caches; before=\$(awk '{ print \$3 }' /sys/block/\$(basename \$(disk $id))/stat)
		salvor save --progress=none --preset fast serial=$id /mnt/STORE/$id >&2 || exit
		echo \$((\$(awk '{ print \$3 }' /sys/block/\$(basename \$(disk $id))/stat) - before))"
	read_kib=$(($(tail -n 1 "$WORK/out") / 2))
	echo "$id: $read_kib of $((SIZE / 1024)) KiB read, $(jq .used "$WORK/map.$id") bytes in the map"
	# some MiB of each end of each volume are read to know what is there
	[ "$read_kib" -lt $((SIZE * 6 / 10 / 1024)) ] || fail 'most of the disk was read'
	unchanged "$WORK/old/a" "$sum_a"
	unchanged "$WORK/old/b" "$sum_b"
done

note 'a volume of the group that is active on the other disk, and one on both'
guest_script 'lvm2 lvchange -q -ay vg/swap'
expect_rc 0 guest_run 'salvor map --json serial=A'
told <"$WORK/out" | tee "$WORK/state"
has '^LVM2_member union .* the disk with its physical volume [0-9A-Za-z-]* is in use for writing$' <"$WORK/state" || fail 'a disk in use was believed'
guest_script 'lvm2 lvchange -q -ay vg/lin'
expect_rc 6 guest_run 'salvor map serial=A'
guest_script 'lvm2 vgchange -q -an vg; sync'
guest_kill

note 'the same of files, where the others are named'
a=$WORK/old/a b=$WORK/old/b
salvor map --json --with "$b" --with "$a" "$a" >"$WORK/files.A"
salvor map --json --with "$a" "$b" >"$WORK/files.B"
for id in A B; do
	[ "$(jq .used "$WORK/files.$id")" = "$(jq .used "$WORK/map.$id")" ] || fail "$id: files tell something else"
done
salvor map --json "$a" | told | tee "$WORK/state"
has 'LVM2_member union .*is read whole: the disk with its physical volume [0-9A-Za-z-]* is not attached (see --with)$' <"$WORK/state" || fail 'a disk is missing'
cp "$b" "$WORK/twin"
salvor map --json --with "$b" --with "$WORK/twin" "$a" | told | tee "$WORK/state"
has 'two attached disks say that they are its physical volume' <"$WORK/state" || fail 'a disk is there twice'
at=$(grep -abo 'seqno = ' "$WORK/twin" | tail -n 1 | cut -d : -f 1)
"$ORACLE" flip "$WORK/twin" $((at + 1))
salvor map --json --with "$WORK/twin" "$a" | told | tee "$WORK/state"
has 'its LVM metadata has a wrong checksum' <"$WORK/state" || fail 'broken metadata were believed'
expect_rc 5 salvor map --with "$WORK/nothing" "$a"
salvor map --extents --with "$b" "$a" >"$WORK/used"
poison "$WORK/copy" "$SIZE"
expect_rc 0 salvor clone --free keep --confirm-erase "$SIZE" --with "$b" "$a" "$WORK/copy"
"$ORACLE" compare "$a" "$WORK/copy" "$WORK/used"
poison "$WORK/copy" "$SIZE"
expect_rc 0 salvor rescue --domain used --confirm-erase "$SIZE" --with "$b" "$a" "$WORK/copy" "$WORK/copy.map"
salvor map --extents --with "$b" "$WORK/copy" >"$WORK/used.copy"
cmp "$WORK/used" "$WORK/used.copy" || fail 'the rescued disk has another map'

note 'restored onto 0xA5, put together by lvm2'
boot_with "$WORK/new"
for id in A B; do
	expect_rc 0 guest_run "salvor restore --progress=none --free keep --confirm-erase $id /mnt/STORE/$id serial=$id"
done
guest_script '
	lvm2 vgck vg
	lvm2 vgchange -q -ay vg
	check lin ext4; check str ext4; check xlin xfs; check xstr xfs
	lvm2 vgchange -q -an vg' || fail 'what was restored'
