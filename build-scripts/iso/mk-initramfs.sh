#!/usr/bin/env bash
# mk-initramfs.sh - build/iso/initrd: busybox, /init, a few modules, the live system as a squashfs, the marker
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Not compressed: nearly all of it is the squashfs, which is.
. "$(dirname "$0")/lib.sh"

tree=$ISO_DIR/initramfs
cp -- "$ROOT/boot/vmlinuz-$(<"$ISO_DIR/kernel")" "$ISO_DIR/vmlinuz"
rm -rf -- "$tree"
mkdir -p "$tree"/usr/{bin,sbin,lib} "$tree"/{dev,proc,sys,run}
ln -s usr/bin "$tree/bin"
ln -s usr/sbin "$tree/sbin"
ln -s usr/lib "$tree/lib"
install -m 755 "$ROOT/usr/bin/busybox" "$tree/usr/bin/busybox"
add_applets "$tree"
install -m 755 "$TOP/initramfs/init" "$tree/init"
# the page of a failed start is the one the live system has
install -D -m 644 "$TOP/initramfs/overlay/usr/lib/salvor/page.sh" "$tree/usr/lib/salvor/page.sh"
"$TOP/build-scripts/iso/modules.sh" "$tree" "$TOP/initramfs/boot.modules"
cp -- "$ISO_DIR/live.sqfs" "$tree/live.sqfs"
chmod 644 "$tree/live.sqfs"
: >"$tree/live.ok"
same_times "$tree"

say INITRD "$ISO_DIR/initrd"
# when memory ends the kernel drops the rest: /init and what it needs come first, the marker last
{
	(cd "$tree" && find . ! -name 'live.*' -print0 | sort -z)
	printf '%s\0' ./live.sqfs ./live.ok
} | (cd "$tree" && locked_tool /usr/bin/cpio --null -o -H newc -R 0:0 --reproducible --quiet) >"$ISO_DIR/initrd.new"
mv "$ISO_DIR/initrd.new" "$ISO_DIR/initrd"
rm -rf -- "$tree"
