#!/usr/bin/env bash
# health.sh - the real smartctl asks disks of a virtual machine: SATA, NVMe, one that falls ill, and disks that know nothing
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir health
. "$TOP/tests/lib/guest.sh"

# JQ: holds for what the last salvor health --json said
document() { jq -e "$1" "$WORK/out" >/dev/null || fail "not true of $(cat "$WORK/out"): $1"; }

guest_new
for kind in AHCI NVME USB VIRTIO; do
	poison "$WORK/$kind.img" $((16 * MIB))
done
(cd "$WORK" && sha256sum -- *.img) >"$WORK/before"
guest_medium AHCI "$WORK/AHCI.img"
guest_medium NVME "$WORK/NVME.img"
guest_usb_disk USB "$WORK/USB.img"
guest_disk VIRTIO "$WORK/VIRTIO.img"
GUEST_ARGS+=(-device 'ide-hd,bus=ide.1,drive=AHCI-medium,serial=AHCI'
	-device 'nvme,id=ill,drive=NVME-medium,serial=NVME')
guest_boot -smp 1
# one after the other appears
guest_run 'until [ -b /dev/sda ] && [ -b /dev/nvme0n1 ]; do sleep 1; done'

note 'all of them'
expect_rc 0 guest_run 'salvor health'
cat "$WORK/out"
expect_rc 0 guest_run 'salvor health --json'
document '(.disks | length) == 4 and all(.disks[]; .verdict == "good" or .verdict == "unknown")'
document '.disks[] | select(.serial == "AHCI") | .verdict == "good" and .protocol == "ATA" and .passed
	and .reallocated == 0 and .temperature > 0'
document '.disks[] | select(.serial == "NVME") | .verdict == "good" and .protocol == "NVMe" and .passed
	and .critical_warning == 0 and .spare != null and .temperature > 0'
document 'all(.disks[] | select(.serial == "USB" or .serial == "VIRTIO"); .verdict == "unknown" and .temperature == null)'
document '[.disks[] | select(.serial == "USB") | .reasons[].cause] == ["bridge"]'
document '[.disks[] | select(.serial == "VIRTIO") | .reasons[].cause] == ["no_data"]'

note 'one falls ill'
said=$(guest_monitor 'qom-set /machine/peripheral/ill smart_critical_warning 12')
[ -z "$said" ] || fail "qom-set: $said"
expect_rc 0 guest_run 'salvor health serial=NVME --json'
document '.disks[0] | .verdict == "failing" and .passed == false and .critical_warning == 12
	and ([.reasons[].cause] | sort) == ["read_only", "says_failing", "unreliable"]'
expect_rc 0 guest_run 'salvor health serial=NVME'
cat "$WORK/out"

note 'asking has changed none of them'
guest_run poweroff 2>/dev/null || true
guest_kill
(cd "$WORK" && sha256sum -- *.img) | diff - "$WORK/before" || fail 'a disk was changed'
