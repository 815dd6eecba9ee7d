#!/usr/bin/env bash
# lvm.sh - volume groups made by lvm2 without the device mapper, and the bytes of their volumes; sourced
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A group vg0 on a file; its extents are of 4 MiB and begin at 1 MiB. Where its volumes are is taken down in
# $WORK/pieces.LV. And a group vg over two disks in files, whose volumes are told in $WORK/segments.LV and laid out by
# lvm-lay.py.

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

# ---- a group over two disks ----

# FOLDER: the disks a and b there are attached, as $LOOP_A and $LOOP_B
attach_both() {
	attach_loop "$1/a" 512
	LOOP_A=$LOOP
	attach_loop "$1/b" 512
	LOOP_B=$LOOP
	lvm_see "$LOOP_A" "$LOOP_B"
}

detach_both() {
	detach_loop "$LOOP_A"
	detach_loop "$LOOP_B"
}

# VOLUME: "STRIPE LENGTH NODE:FIRST-LAST..." of its segments, in order
segments_of() {
	lvm2 lvs --noheadings --units b --nosuffix -o lv_name,stripe_size,seg_size,seg_pe_ranges --sort seg_start vg |
		awk -v name="$1" '$1 == name { $1 = ""; sub(/^ /, ""); print }'
}

# put|get VOLUME FILE FOLDER
lay() { "$TOP/tests/lib/lvm-lay.py" "$1" "$3" "$LOOP_A=$4/a" "$LOOP_B=$4/b" <"$WORK/segments.$2"; }

make_lv() { lvm2 lvcreate -y -an -Zn -Wn -n "$@" >/dev/null; }

# FOLDER SIZE: disks a and b of SIZE bytes (181 MiB and more), with the volumes linear (20 extents), striped (22) and mixed (19); attached
make_group_of_two() {
	local disk volume
	for disk in a b; do
		poison "$1/$disk" "$2"
		head -c $((2 * MIB)) /dev/zero | dd of="$1/$disk" conv=notrunc status=none
	done
	attach_both "$1"
	lvm2 pvcreate -q -y "$LOOP_A" "$LOOP_B" >/dev/null
	lvm2 vgcreate vg "$LOOP_A" "$LOOP_B" >/dev/null
	make_lv linear -l 20 vg "$LOOP_A:2-11" "$LOOP_B:0-9"
	make_lv striped -l 22 -i 2 -I 64k vg
	make_lv mixed -l 9 vg "$LOOP_B:22-30"
	lvm2 lvextend -l +10 -i 2 -I 4k vg/mixed >/dev/null
	for volume in linear striped mixed; do
		segments_of $volume | tee "$WORK/segments.$volume"
	done
	[ "$(wc -l <"$WORK/segments.mixed")" -eq 2 ] || fail 'the volume has one segment: the test is blunt'
}
