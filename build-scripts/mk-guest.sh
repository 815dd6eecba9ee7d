#!/usr/bin/env bash
# mk-guest.sh - the test guest: Debian's kernel and an initramfs of busybox, salvor and a few modules
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: mk-guest.sh (after make iso-packages); writes vmlinuz and initrd into build/guest/
. "$(dirname "$0")/iso/lib.sh"

here=$TOP/tests/guest
out=$BUILD/guest
tree=$out/tree

rm -rf -- "${tree:?}"
mkdir -p "$tree"/{dev,proc,sys,run,tmp,mnt,usr/bin}
ln -s usr/bin "$tree/bin"
ln -s usr/lib64 "$tree/lib64"
"$TOP/build-scripts/iso/closure.sh" -n "$BUILD/salvor" "$tree" "$here/guest.files"
"$TOP/build-scripts/iso/modules.sh" "$tree" "$here"/*.modules
ln -s busybox "$tree/bin/sh"
cp "$BUILD/salvor" "$tree/bin/salvor"
cp "$here/inside/disk.sh" "$tree/bin/disk"
cp "$here/inside/init.sh" "$tree/init"
(cd "$tree" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$out/initrd.new"
cp "$ROOT/boot/vmlinuz-$(<"$ISO_DIR/kernel")" "$out/vmlinuz"
mv "$out/initrd.new" "$out/initrd"
say GUEST "$(du -sh "$tree" | cut -f 1) in the test guest"
