#!/usr/bin/env bash
# mdraid.sh - mirrors of two disks: metadata 1.2, 1.0 and 0.90 with ext4, and with LVM; saved, restored, put together by mdadm
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made, filled and put together in a virtual machine by mdadm and Debian's kernel; salvor there sees the disks alone.
# Each restored disk is looked at alone, too: where two disks are read, one may hide what the other lacks.
#
# shellcheck disable=SC2016 # scripts for the guest's shell
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir guest-mdraid
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/guest-script.sh"
requires mke2fs sfdisk jq

declare -A SIZES=([a]=$((272 * MIB)) [b]=$((304 * MIB)))

# FILE NAME: a disk with four areas; the first is larger on b, which the array cannot use
make_disk() {
	local first=64
	[ "$2" = a ] || first=96
	truncate -s "${SIZES[$2]}" "$1"
	printf '%s\n' 'label: gpt' "size=${first}MiB" size=64MiB size=64MiB size=72MiB | write_table "$1" 512
}

# what the guest's shell knows: an array of each of the first partitions is md1, and so on; all of it without udev
inside() {
	cat <<-'END'
		mkdir -p /etc/lvm /run/lock/lvm
		lvm2() { lvm "$@" --config 'devices { obtain_device_list_from_udev=0 use_devicesfile=0 md_component_detection=0
			filter=["a|/dev/md|", "r|.*|"] }
			activation { udev_sync=0 udev_rules=0 monitoring=0 } global { event_activation=0 }' 2>/tmp/lvm.err || { cat /tmp/lvm.err; exit 1; }; }
		create() { n=$1; shift; mdadm --create /dev/md$n --run --level=1 --raid-devices=2 "$@" $(disk A)$n $(disk B)$n
			mdadm --wait /dev/md$n || true; }
		fill() { mkdir /mnt/x; mount -t ext4 "$1" /mnt/x; head -c 9000000 /dev/urandom >/mnt/x/noise
			mkdir /mnt/x/many; i=0; while [ $i -lt 80 ]; do i=$((i + 1)); head -c $((i * i * 31)) /dev/urandom >/mnt/x/many/$i; done
			head -c 3000000 /dev/zero >/mnt/x/zeros; rm /mnt/x/many/*[13579]
			(cd /mnt/x && find . -type f -exec sha256sum {} + | sort) >"$2"; umount /mnt/x; rmdir /mnt/x; }
		check() { /usr/sbin/e2fsck -fn "$1" >/tmp/fsck 2>&1 || { cat /tmp/fsck; exit 1; }
			mkdir /mnt/x; mount -t ext4 -o ro "$1" /mnt/x; (cd /mnt/x && find . -type f -exec sha256sum {} + | sort) >/tmp/sums
			umount /mnt/x; rmdir /mnt/x; cmp /tmp/sums "$2"; }
		check_all() { for n in 1 2 3; do check /dev/md$n /mnt/STORE/sums.$n; done
			lvm2 vgchange -q -ay vg; check /dev/vg/root /mnt/STORE/sums.4; lvm2 vgchange -q -an vg; }
		stop() { for n in 1 2 3 4; do mdadm --stop /dev/md$n; done; }
	END
}

# FILE PARTITION: what salvor says of it: state, bytes, inside, reason
told() {
	salvor map --json "$1" | jq -r --argjson n "$2" \
		'.partitions[] | select(.number == $n) | "\(.fs) \(.state) \(.used) \(.inside) \(.reason)"'
}

mkdir "$WORK/old" "$WORK/new"
for disk in a b; do
	make_disk "$WORK/old/$disk" "$disk"
	poison "$WORK/new/$disk" "${SIZES[$disk]}"
done
truncate -s 500M "$WORK/store"
mke2fs -q -t ext4 "$WORK/store"

note 'mirrors with each kind of metadata, filled, stopped'
boot_with "$WORK/old"
guest_script '
	create 1 --metadata=1.2 --bitmap=internal
	create 2 --metadata=1.0 --bitmap=internal
	create 3 --metadata=0.90 --bitmap=none
	create 4 --metadata=1.2 --bitmap=none
	for n in 1 2 3; do /usr/sbin/mke2fs -q -t ext4 /dev/md$n; fill /dev/md$n /mnt/STORE/sums.$n; done
	lvm2 pvcreate -q /dev/md4; lvm2 vgcreate -q vg /dev/md4; lvm2 lvcreate -q -y -L 56M -n root vg
	/usr/sbin/mke2fs -q -t ext4 /dev/vg/root; fill /dev/vg/root /mnt/STORE/sums.4
	lvm2 vgchange -q -an vg; stop'

note 'what is in there is told, and only what is in use is read'
for id in A B; do
	expect_rc 0 guest_run "salvor map --json serial=$id"
	cp "$WORK/out" "$WORK/map.$id"
	jq -r '.partitions[] | "\(.fs) \(.state) \(.used) of \(.size) \(.inside) \(.reason)"' "$WORK/map.$id" | tee "$WORK/state"
	member=$([ "$id" = A ] && echo 1 || echo 2)
	for line in 1.2:ext4 1.0:ext4 0.90:ext4 1.2:LVM; do
		has "^linux_raid_member exact .* RAID1 member $member of 2, metadata ${line%:*}: ${line#*:} inside " <"$WORK/state" ||
			fail "$id: ${line%:*} with ${line#*:}"
	done
	[ "$(jq '[.partitions[].used] | add' "$WORK/map.$id")" -lt $((180 * MIB)) ] || fail 'free space would be read'
	sum=$(sha "$WORK/old/${id,}")
	expect_rc 0 guest_run "echo 3 >/proc/sys/vm/drop_caches; before=\$(awk '{ print \$3 }' /sys/block/\$(basename \$(disk $id))/stat)
		salvor save --progress=none --preset fast serial=$id /mnt/STORE/$id >&2 || exit
		echo \$((\$(awk '{ print \$3 }' /sys/block/\$(basename \$(disk $id))/stat) - before))"
	read_kib=$(($(tail -n 1 "$WORK/out") / 2))
	echo "$id: $read_kib of $((SIZES[${id,}] / 1024)) KiB read"
	# to know what is there takes some MiB of each end of each volume
	[ "$read_kib" -lt $((SIZES[${id,}] * 7 / 10 / 1024)) ] || fail 'most of the disk was read'
	unchanged "$WORK/old/${id,}" "$sum"
	guest_run "cat /mnt/STORE/$id/report.txt" >"$WORK/report"
	has "RAID1 member $member of 2, metadata 0.90: ext4 inside" <"$WORK/report" || fail 'the report does not tell'
done

note 'a rebuild that has not ended, and what is then taken for used'
guest_script '
	mdadm --assemble /dev/md2 $(disk A)2 $(disk B)2
	mdadm /dev/md2 --fail $(disk B)2 --remove $(disk B)2
	mdadm --zero-superblock $(disk B)2
	echo 8 >/proc/sys/dev/raid/speed_limit_max
	echo 8 >/proc/sys/dev/raid/speed_limit_min
	mdadm /dev/md2 --add $(disk B)2
	mdadm --stop /dev/md2'
guest_run sync
guest_kill
told "$WORK/old/b" 2 | tee "$WORK/state"
has '^linux_raid_member whole .* it is being rebuilt from the other disks of its RAID$' <"$WORK/state" || fail 'a rebuild'
told "$WORK/old/a" 2 | tee "$WORK/state"
has '^linux_raid_member exact ' <"$WORK/state" || fail 'the disk that has all'

note 'restored onto 0xA5'
boot_with "$WORK/new"
for id in A B; do
	expect_rc 0 guest_run "salvor restore --progress=none --free keep --confirm-erase $id /mnt/STORE/$id serial=$id"
done

note 'each disk alone, then both'
for id in A B; do
	guest_script "for n in 1 2 3 4; do mdadm --assemble --run --readonly /dev/md\$n \$(disk $id)\$n; done; check_all; stop" ||
		fail "the disk $id alone"
done
guest_script '
	for n in 1 2 3 4; do
		mdadm --assemble /dev/md$n $(disk A)$n $(disk B)$n
		[ "$(cat /sys/block/md$n/md/degraded)" = 0 ]
		[ "$(cat /sys/block/md$n/md/resync_start)" = none ]
	done
	check_all
	# used bytes are equal on both; what is free may not be, and repairs
	for n in 1 2 3 4; do
		echo repair >/sys/block/md$n/md/sync_action; mdadm --wait /dev/md$n || true
		echo check >/sys/block/md$n/md/sync_action; mdadm --wait /dev/md$n || true
		[ "$(cat /sys/block/md$n/md/mismatch_cnt)" = 0 ]
	done
	check_all'

note 'a machine that dies while it writes'
guest_script 'mkdir /mnt/x; mount -t ext4 /dev/md1 /mnt/x
	(while :; do head -c 100000 /dev/urandom >/mnt/x/now; sync; done) </dev/null >/dev/null 2>&1 & sleep 3'
guest_kill
told "$WORK/new/a" 1 | tee "$WORK/state"
has '^linux_raid_member whole .* its RAID1 was not stopped cleanly or is still being synchronised' <"$WORK/state" || fail 'a crash'
