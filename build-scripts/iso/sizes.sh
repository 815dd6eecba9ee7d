#!/usr/bin/env bash
# sizes.sh - print what the ISO is made of, in bytes and MiB, and which packages and modules are the large ones
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: sizes.sh FILE.iso
. "$(dirname "$0")/lib.sh"

# NAME BYTES
line() { awk -v n="$1" -v b="$2" 'BEGIN { printf "%-40s %12d %8.1f MiB\n", n, b, b / 1048576 }'; }
bytes_of() { stat -c %s "$1"; }
# what the files below a folder hold
bytes_below() { find "$1" -type f -printf '%s\n' | awk '{ s += $1 } END { print s + 0 }'; }

iso=$1
line "${iso##*/}" "$(bytes_of "$iso")"
line '  kernel' "$(bytes_of "$ISO_DIR/vmlinuz")"
line '  initrd' "$(bytes_of "$ISO_DIR/initrd")"
line '    live system (squashfs)' "$(bytes_of "$ISO_DIR/live.sqfs")"
line '  EFI system partition' "$(bytes_of "$ISO_DIR/efi.img")"
line '  the same files again, on the ISO' "$(bytes_below "$ISO_DIR/esp")"
line '  list of parts and licences' "$(($(bytes_of "$ISO_DIR/parts.spdx") + $(bytes_of "$ISO_DIR/licences.txt.xz")))"
echo
line 'live system, unpacked' "$(bytes_below "$ISO_DIR/root")"
line "  $(find "$ISO_DIR/root" -name '*.ko' | wc -l) kernel modules" "$(bytes_below "$ISO_DIR/root/usr/lib/modules")"
line '  salvor' "$(bytes_of "$ISO_DIR/root/usr/bin/salvor")"
echo
echo 'the twenty largest packages in it (KiB)'
awk -v root="$ISO_DIR/root" '
	NR == FNR { size[$2] = $1; next }
	$2 in size { sum[$1] += size[$2]; delete size[$2] }
	END { for (name in sum) printf "%9.0f  %s\n", sum[name] / 1024, name }' \
	<(cd "$ISO_DIR/root" && find usr -type f -printf '%s /%P\n') "$ROOT.files" | sort -rn | head -n 20
