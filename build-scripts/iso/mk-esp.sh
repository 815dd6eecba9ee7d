#!/usr/bin/env bash
# mk-esp.sh - build/iso/efi.img, the EFI system partition: shim, Debian's signed GRUB (CD flavour), a stub of a menu
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"

tree=$ISO_DIR/esp image=$ISO_DIR/efi.img
rm -rf -- "$tree" "$image"
install -D -m 644 "$ROOT/usr/lib/shim/shimx64.efi.signed" "$tree/EFI/BOOT/BOOTX64.EFI"
install -D -m 644 "$ROOT/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed" "$tree/EFI/BOOT/GRUBX64.EFI"
install -D -m 644 "$ROOT/usr/lib/shim/mmx64.efi.signed" "$tree/EFI/BOOT/MMX64.EFI"
mkdir -p "$tree/boot/grub"
fill_in "$TOP/bootloader/esp.cfg" "ID=$(medium_id)" >"$tree/boot/grub/grub.cfg"
same_times "$tree"

truncate -s "$(profile esp-mib)M" "$image"
locked_tool /usr/sbin/mkfs.vfat -F 12 -s 4 -i "$(profile esp-id)" -n "$(profile esp-volume)" --invariant "$image" >/dev/null
export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null
locked_tool /usr/bin/mcopy -s -m -i "$image" "$tree/EFI" "$tree/boot" ::
