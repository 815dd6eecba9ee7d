#!/usr/bin/env bash
# lvm.sh - volume groups made by lvm2 without the device mapper, and the bytes of their volumes; sourced
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A group vg0 on a file; its extents are of 4 MiB and begin at 1 MiB. Where its volumes are is taken down in
# $WORK/pieces.LV.

# LOOP...: lvm2 sees these only, and neither asks nor tells the kernel about volumes
lvm_see() {
	local device filter=
	for device; do
		filter+="\"a|^$device\$|\", "
	done
	mkdir -p "$WORK/etc" "$WORK/lock"
	cat >"$WORK/etc/lvm.conf" <<-END
		devices { scan = ["/dev"] use_devicesfile = 0 global_filter = [$filter"r|.*|"]
		  obtain_device_list_from_udev = 0 external_device_info_source = "none" }
		global { locking_dir = "$WORK/lock" use_lvmpolld = 0 event_activation = 0 }
		activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
		backup { backup = 0 archive = 0 }
	END
}

# PV: its loop device is $LOOP
lvm_attach() {
	attach_loop "$1" 512
	lvm_see "$LOOP"
}

lvm2() {
	local verb=$1
	shift
	LVM_SYSTEM_DIR=$WORK/etc LVM_SUPPRESS_FD_WARNINGS=1 lvm "$verb" --driverloaded n "$@" 2>"$WORK/lvm.err" ||
		fail "lvm $verb: $(cat "$WORK/lvm.err")"
}

# LV: "PLACE LENGTH" in bytes of the physical volume, of its pieces in order, in MiB-sized extents of 4
pieces_of() {
	lvm2 lvs --noheadings -o lv_name,seg_pe_ranges --sort seg_start_pe vg0 | tr -d ' ' |
		sed -n "s|^$1/dev/[^:]*:||p" | while IFS=- read -r first last; do
		echo $((first * 4 * MIB + MIB)) $(((last - first + 1) * 4 * MIB))
	done
}

# LV FILE PV: put a filesystem into a volume; then: get it out again
fill_volume() {
	local at=0 place len
	while read -r place len; do
		dd if="$2" of="$3" bs=1M conv=notrunc iflag=skip_bytes,count_bytes oflag=seek_bytes \
			skip=$at seek="$place" count="$len" status=none
		at=$((at + len))
	done <"$WORK/pieces.$1"
}

cut_volume() {
	local at=0 place len
	rm -f "$2"
	while read -r place len; do
		dd if="$3" of="$2" bs=1M conv=notrunc iflag=skip_bytes,count_bytes oflag=seek_bytes \
			skip="$place" seek=$at count="$len" status=none
		at=$((at + len))
	done <"$WORK/pieces.$1"
}
