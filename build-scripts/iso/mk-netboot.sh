#!/usr/bin/env bash
# mk-netboot.sh - build/netboot: what a TFTP or HTTP server gives to machines that boot by network
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"

out=$BUILD/netboot
pxe_modules=(pxe tftp normal linux serial terminal echo test configfile minicmd reboot halt sleep)

rm -rf -- "$out"
mkdir -p "$out/grub"
say NETBOOT "$out"
cp -- "$ISO_DIR/vmlinuz" "$ISO_DIR/initrd" "$out/"
# UEFI, also with Secure Boot: shim asks for grubx64.efi beside it
cp -- "$ROOT/usr/lib/shim/shimx64.efi.signed" "$out/shimx64.efi"
cp -- "$ROOT/usr/lib/shim/mmx64.efi.signed" "$out/mmx64.efi"
cp -- "$ROOT/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed" "$out/grubx64.efi"
# BIOS
locked_tool /usr/bin/grub-mkimage -O i386-pc-pxe -d "$ROOT/usr/lib/grub/i386-pc" -p /grub -o "$out/salvor.pxe" "${pxe_modules[@]}"
"$TOP/build-scripts/iso/mk-menu.sh" grub '' net >"$out/grub/grub.cfg"
"$TOP/build-scripts/iso/mk-menu.sh" ipxe >"$out/salvor.ipxe"
cat >"$out/README.txt" <<END
Put this folder on a TFTP server, and name in the DHCP answer as the file to boot

    salvor.pxe     for machines with a BIOS
    shimx64.efi    for machines with UEFI (x86-64), Secure Boot or not
    salvor.ipxe    for machines that run iPXE (TFTP or HTTP)

All of them fetch vmlinuz and initrd; the menu is grub/grub.cfg. SHA256SUMS checks the copy.
END
(cd "$out" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum) >"$ISO_DIR/sums"
mv "$ISO_DIR/sums" "$out/SHA256SUMS"
chmod -R u=rwX,go=rX "$out"
