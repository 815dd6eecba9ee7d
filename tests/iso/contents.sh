#!/usr/bin/env bash
# contents.sh - the ISO without booting it: its size, its parts as Debian signed them, nothing missing or left over
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/functions.sh
requires jq
work_dir contents

build=$TOP/${BUILD:-build}
iso=$(echo "$build"/salvor-*-amd64.iso)
packages=$build/iso/packages
[ -e "$iso" ] || fail 'the ISO is not built'
tool() { BUILD=$build build-scripts/iso/tool.sh "$@"; }

take_apart() {
	note 'take it apart'
	tool /usr/bin/xorriso -osirrox on -indev "$iso" -extract / "$WORK/medium" >"$WORK/log" 2>&1 || fail "$(tail -n 1 "$WORK/log")"
	chmod -R u+w "$WORK/medium"
	mkdir "$WORK/initrd"
	(cd "$WORK/initrd" && cpio -idm --quiet) <"$WORK/medium/boot/initrd"
	tool /usr/bin/unsquashfs -q -n -d "$WORK/root" "$WORK/initrd/live.sqfs" >/dev/null
}

sizes() {
	note 'sizes'
	[ "$(stat -c %s "$iso")" -le $((90 * MIB)) ] || fail "the ISO is larger than 90 MiB: $(stat -c %s "$iso") bytes"
}

sums() {
	note 'SHA256SUMS covers every file'
	(cd "$WORK/medium" && sha256sum --quiet -c SHA256SUMS)
	local covered all
	covered=$(wc -l <"$WORK/medium/SHA256SUMS")
	all=$(cd "$WORK/medium" && find . -type f ! -name SHA256SUMS ! -path ./boot/boot.cat ! -path ./boot/grub/bios.img | wc -l)
	[ "$covered" -eq "$all" ] || fail "SHA256SUMS names $covered files of $all"
}

# what carries a signature is, bit for bit, what the packages hold
signed_parts() {
	note 'signed parts'
	cmp "$WORK/medium/boot/vmlinuz" "$packages"/boot/vmlinuz-*
	cmp "$WORK/medium/EFI/BOOT/BOOTX64.EFI" "$packages/usr/lib/shim/shimx64.efi.signed"
	cmp "$WORK/medium/EFI/BOOT/GRUBX64.EFI" "$packages/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"
	local start
	start=$(sfdisk --json "$iso" | jq '.partitiontable.partitions[1].start * 512')
	mcopy -i "$iso@@$start" ::/EFI/BOOT/BOOTX64.EFI ::/EFI/BOOT/GRUBX64.EFI ::/boot/grub/grub.cfg "$WORK/"
	cmp "$WORK/BOOTX64.EFI" "$WORK/medium/EFI/BOOT/BOOTX64.EFI"
	cmp "$WORK/GRUBX64.EFI" "$WORK/medium/EFI/BOOT/GRUBX64.EFI"
	local id
	id=$(sed -n 's,^search .*/\.disk/,,p' "$WORK/grub.cfg")
	[ -e "$WORK/medium/.disk/$id" ] || fail "the EFI partition looks for $id, which the ISO does not have"
}

modules() {
	note 'modules'
	local module n=0
	while read -r module; do
		cmp "$WORK/root/$module" "$packages/$module" || fail "$module is not as Debian signed it"
		n=$((n + 1))
	done < <(cd "$WORK/root" && find usr/lib/modules -name '*.ko')
	[ "$n" -gt 500 ] || fail "only $n modules"
	# modprobe finds them by their indexes
	module=$(tool /usr/sbin/modprobe -d "$WORK/root" -S "$(<"$build/iso/kernel")" -R virtio:d00000002v00001AF4)
	[ "$module" = virtio_blk ] || fail "a disk of virtio wants '$module'"
	[ -z "$(find "$WORK/root/usr/lib/modules" -name modules.alias)" ] || fail 'there are lists that modprobe does not read'
	# every dependency is there too
	(cd "$WORK"/root/usr/lib/modules/* && tr -s ': ' '\n' <modules.dep | sort -u | grep . | xargs ls >/dev/null)
}

# lines "PROGRAM needs LIBRARY" for libraries that the live system does not have
unmet() {
	find "$WORK/root/usr/lib" "$WORK/root/usr/lib64" -name '*.so*' -printf '%f\n' | sort -u >"$WORK/libraries"
	find "$WORK/root/usr/bin" "$WORK/root/usr/sbin" -type f -print0 | (xargs -0 readelf -d 2>/dev/null || true) |
		awk 'NR == FNR { have[$1] = 1; next }
			/^File: / { file = $2 }
			/\(NEEDED\)/ { n++; gsub(/[][]/, "", $NF); if (!($NF in have)) print file, "needs", $NF }
			END { if (n < 100) print "only", n, "needed libraries were seen" }' "$WORK/libraries" -
}

programs() {
	note 'programs'
	local file
	unmet >"$WORK/unmet"
	[ ! -s "$WORK/unmet" ] || fail "$(head -n 3 "$WORK/unmet")"
	! LC_ALL=C grep -a -q -F "$TOP" "$WORK/root/usr/bin/salvor" || fail 'salvor holds the path of this folder'
	# a link must lead somewhere: in the live system, or to what is only there when it runs
	find "$WORK/root" -type l -printf '%p %l\n' | while read -r file to; do
		case $to in
		/run/* | /proc/* | /dev/*) continue ;;
		/*) to=$WORK/root$to ;;
		*) to=${file%/*}/$to ;;
		esac
		[ -e "$to" ] || [ -L "$to" ] || echo "${file#"$WORK/root"} leads to ${to#"$WORK/root"}"
	done >"$WORK/dangling"
	[ ! -s "$WORK/dangling" ] || fail "$(head -n 3 "$WORK/dangling")"
}

# the marker is the last file of the initrd, or a cut one would not be noticed
marker() {
	note 'marker'
	[ "$(cpio -t --quiet <"$WORK/medium/boot/initrd" | tail -n 1)" = live.ok ] || fail 'live.ok is not the last file of the initrd'
	[ -x "$WORK/initrd/init" ] || fail 'the initrd has no /init'
}

parts() {
	note 'list of parts'
	cmp "$WORK/medium/parts.spdx" "${iso%.iso}.spdx"
	local name
	for name in linux-image- busybox-static e2fsprogs libc6 shim-signed grub-efi-amd64-signed grub-pc-bin memtest86+; do
		grep -q "^PackageName: $name" "$WORK/medium/parts.spdx" || fail "the list of parts does not name $name"
	done
	[ "$(grep -c '^PackageName' "$WORK/medium/parts.spdx")" -eq "$(grep -c '^SPDXID: SPDXRef-[^D]' "$WORK/medium/parts.spdx")" ]
	xz -dc "$WORK/medium/licences.txt.xz" >"$WORK/licences"
	grep -q '==== busybox-static ====' "$WORK/licences"
}

take_apart
sizes
sums
signed_parts
modules
programs
marker
parts
