#!/usr/bin/env bash
# rescue-buses.sh - rescues of disks on AHCI, NVMe, virtio and USB: bad sectors counted at the device, unplugged and plugged in
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: rescue-buses.sh [BUS...]
# Buses: ahci, nvme, nvme4k (sectors of 4096 bytes), scsi (virtio-scsi), virtio (no commands of one's own), usb.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir rescue-buses
. "$TOP/tests/lib/guest.sh"

SIZE=$((24 * MIB))
buses=("$@")
[ $# -gt 0 ] || buses=(ahci nvme nvme4k scsi virtio usb)
# the first one, where nothing is known of the disk yet; alone, two neighbours, a run; of 512 bytes
bad=(0 5000 20000 20001 {30100..30109} 40000)
# slow enough to be pulled out in the middle
PACE=$((3 * MIB))

# BUS: bytes of a sector
unit_of() { if [ "$1" = nvme4k ]; then echo 4096; else echo 512; fi; }

# BUS: the disk for its copy, which has sectors like it
target_of() { echo "TARGET$(unit_of "$1")"; }

# BUS: START-END of each run of sectors that cannot be read
bad_ranges() { printf '%s\n' "${bad[@]}" | awk -v unit="$(unit_of "$1")" '
	{ start = int($1 * 512 / unit) * unit }
	start > end || NR == 1 { if (NR > 1) print first "-" end; first = start }
	{ end = start + unit }
	END { print first "-" end }'; }

# RANGES UNIT: how many sectors these are
sectors_in() { awk -F - -v unit="$2" '{ n += ($2 - $1) / unit } END { print n }' <<<"$1"; }

# BUS: the copy, as the host has it, is what can be read, and the map says so
is_truth() {
	local ranges
	mapfile -t ranges < <(bad_ranges "$1")
	guest_run "cat /tmp/$1.map" >"$WORK/map"
	guest_run 'sync'
	"$TOP/tests/lib/rescued.py" truth "$WORK/$1.img" "$WORK/$(target_of "$1").img" "$WORK/map" 0 "${ranges[@]}" ||
		fail "$1: not the truth: $(cat "$WORK/map")"
}

# BUS: failed reads by the rescue's own books
own_count() { guest_run "sed -n 's/.*\"failed_reads\": \([0-9]*\).*/\1/p' /tmp/$1.map.salvor.json"; }

# BUS [SOURCE]: the disk, or what lies on it
counted() {
	local failed own sectors target source=${2:-serial=$1}
	target=$(target_of "$1")
	note "$1: bad sectors of $source, and how often the disk was asked for them"
	failed=$(guest_failed_reads "$1")
	guest_run "rm -f /tmp/$1.map*"
	expect_rc 3 guest_run "salvor rescue --progress=none $source serial=$target /tmp/$1.map --confirm-erase $target"
	failed=$(($(guest_failed_reads "$1") - failed))
	own=$(own_count "$1")
	sectors=$(sectors_in "$(bad_ranges "$1")" "$(unit_of "$1")")
	echo "$1: $failed failed reads of $sectors bad sectors, by the disk's count; by ours $own"
	is_truth "$1"
	[ "$1" != nvme ] || [ $# -eq 1 ] || return 0
	[ "$failed" -ge "$sectors" ] || fail "QEMU has counted $failed failed reads only"
	[ "$failed" -le $((2 * sectors)) ] || fail "$failed failed reads for $sectors bad sectors"
	[ "$failed" -eq "$own" ] || fail "somebody repeats what fails: $own failed reads became $failed"
}

# BUS: the same of a volume on it, as LVM2 and LUKS make them: no commands of one's own reach the disk there, and the
# kernel repeats for the disk below, if it is not told otherwise. For NVMe it has one switch for all disks, of which
# the copy's may be one, so that is left alone: six reads instead of one
counted_volume() {
	guest_run "disk=\$(disk $1); echo \"0 $((SIZE / 512)) linear \$disk 0\" | dmsetup create volume"
	counted "$1" /dev/mapper/volume
	guest_run 'dmsetup remove volume'
}

# BUS: take it away while it is read
pull() {
	[ "$1" != ahci ] || {
		guest_run "echo 1 >/sys/block/\$(basename \$(disk ahci))/device/delete"
		return
	}
	guest_unplug "$1"
}

# BUS
push() {
	[ "$1" != ahci ] || {
		guest_run 'echo "- - -" | tee /sys/class/scsi_host/*/scan >/dev/null'
		return
	}
	guest_push "$1"
}

# BUS: somebody else has it open, as a desktop would: its name is not given to anybody as long as that lasts
hold() { guest_run "sleep 1000000 <\$(disk $1) >/dev/null 2>&1 & echo \$! >/tmp/holder"; }

# BUS
unplugged() {
	local was target
	target=$(target_of "$1")
	note "$1: the disk goes away in the middle, and comes back under another name"
	was=$(guest_run "disk $1")
	guest_run "rm /tmp/$1.map*; dd if=/dev/urandom of=\$(disk $target) bs=1M count=24 2>/dev/null"
	hold "$1"
	guest_slow "$1" "$PACE"
	guest_begin "salvor rescue --verbose --progress=none serial=$1 serial=$target /tmp/$1.map --save-every 1 --confirm-erase $target"
	guest_until "[ -e /tmp/$1.map.salvor.json ] && [ \$(grep -c '+\$' /tmp/$1.map) -gt 0 ]"
	pull "$1"
	guest_until "grep -q 'the disk is gone' /tmp/job.err"
	guest_run "grep -q '+\$' /tmp/$1.map" || fail 'the map was not saved'
	guest_slow "$1" 0
	push "$1"
	expect_rc 3 guest_finish
	grep -h 'is back as' "$WORK/err" "$WORK/out" || fail "it was not told: $(cat "$WORK/err")"
	echo "$1: it was $was; $(own_count "$1") failed reads by our count"
	! has "is back as $was\$" "$WORK/err" || fail 'it is back under its old name: this shows less than it should'
	is_truth "$1"
	guest_run "kill \$(cat /tmp/holder)"
}

guest_new
for unit in 512 4096; do
	poison "$WORK/TARGET$unit.img" "$SIZE"
	guest_disk "TARGET$unit" "$WORK/TARGET$unit.img" "$unit"
done
for bus in "${buses[@]}"; do
	head -c "$SIZE" /dev/urandom >"$WORK/$bus.img"
	sha "$WORK/$bus.img" >"$WORK/$bus.sum"
	guest_bad_medium "$bus" "$WORK/$bus.img" "${bad[@]}"
	guest_bus_disk "${bus%4k}" "$bus" "$(unit_of "$bus")"
done
guest_boot -smp 1
for bus in "${buses[@]}"; do
	counted "$bus"
	[ "$bus" = nvme4k ] || counted_volume "$bus"
	unplugged "$bus"
done
guest_kill
for bus in "${buses[@]}"; do
	unchanged "$WORK/$bus.img" "$(cat "$WORK/$bus.sum")"
done
