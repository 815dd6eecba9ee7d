#!/usr/bin/env bash
# usb.sh - write the ISO to a stick, and make a data partition (exFAT) on the rest of it
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: usb.sh FILE.iso DEV    with CONFIRM=ID in the environment, as `salvor disks` tells it; a disk that is
#                               not removable needs FORCE=ID as well. Exit status as that of salvor: 6 = refused.
#
# salvor judges whether DEV may be written, writes the ISO as the image of a small disk, and reads it back.
. "$(dirname "$0")/lib.sh"

salvor=$BUILD/salvor
image=$ISO_DIR/stick
mib=$((1024 * 1024))
loop=
cleanup() {
	[ -z "$loop" ] || losetup -d "$loop"
	rm -rf -- "$image" "$image.part"
}
trap cleanup EXIT

refuse() {
	echo "usb: $*" >&2
	exit 6
}

# DEV: what salvor knows about it
look_up() {
	[ -b "$1" ] || die "$1 is no block device"
	# a link such as /dev/disk/by-id/... is as good
	disk=$("$salvor" disks --json | jq -e -c --arg path "$(realpath "$1")" '.disks[] | select(.path == $path)') ||
		refuse "$1 is no whole disk that salvor knows; make usb wants a disk, not a partition"
}

# NAME: a field of what salvor knows
field() { jq -r --arg name "$1" '.[$name] | if . == null then "" else tostring end' <<<"$disk"; }

describe() { printf '%s, %s, %.1f GB, serial number %s' "$dev" "$(field model)" "$(field size)e-9" "$(field serial)"; }

check() {
	local id
	id=$(field erase_id)
	[ -z "$(field in_use)" ] || refuse "$dev is $(field in_use)"
	[ "$(field read_only)" = false ] || refuse "$dev is write-protected"
	[ "$(field removable)" = true ] || [[ $(field transport) =~ ^(usb|mmc)$ ]] || [ "${FORCE:-}" = "$id" ] ||
		refuse "$dev is not removable; if it is the right one all the same, say FORCE=$id"
	[ "${CONFIRM:-}" = "$id" ] || refuse "everything on it would be lost: $(describe). If it is the right one, say CONFIRM=$id"
}

write_iso() {
	rm -rf -- "$image" "$image.part"
	"$salvor" save --quiet --whole --preset fast "$iso" "$image"
	"$salvor" restore --quiet "$image" "$dev" --confirm-erase "$CONFIRM"
	say USB "$dev holds ${iso##*/}, read back and compared"
}

# the partition behind the ones of the ISO, if there is room worth having
add_data_partition() {
	local first last start size
	locked_tool /usr/sbin/sgdisk -a 2048 -n 3:0:0 -t 3:0700 -c "3:$(profile data-volume)" "$dev" >"$ISO_DIR/sgdisk.log" 2>&1 ||
		die "no data partition could be made: $(tail -n 1 "$ISO_DIR/sgdisk.log")"
	read -r first last < <(locked_tool /usr/sbin/sgdisk -i 3 "$dev" |
		awk '/^First sector:/ { first = $3 } /^Last sector:/ { print first, $3 }')
	start=$((first * $(field sector_size))) size=$(((last - first + 1) * $(field sector_size)))
	# the node of the partition may not be there yet
	loop=$(losetup -f --show --offset "$start" --sizelimit "$size" --sector-size "$(field sector_size)" "$dev")
	locked_tool /usr/sbin/mkfs.exfat -L "$(profile data-volume)" "$loop" >"$ISO_DIR/mkfs.log" 2>&1 ||
		die "the data partition could not be formatted: $(tail -n 1 "$ISO_DIR/mkfs.log")"
	losetup -d "$loop"
	loop=
	sync "$dev"
	blockdev --rereadpt "$dev" 2>/dev/null || true
	say USB "$(profile data-volume), exFAT, $((size / mib)) MiB: for images, logs and reports"
}

iso=$1 dev=$2
look_up "$dev"
dev=$(field path)
check
[ "$(id -u)" -eq 0 ] || die "writing $dev needs root: sudo make usb DEV=... CONFIRM=..."
write_iso
if [ $(($(field size) - $(stat -c %s "$iso"))) -ge $((64 * mib)) ]; then
	add_data_partition
else
	say USB 'there is no room for a data partition'
fi
