#!/usr/bin/env bash
# menu.sh - the boot menus made from bootloader/entries.conf: every entry where it can work, and only there
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/functions.sh
work_dir menu

export BUILD=$WORK/build VERSION=9.9
mkdir -p "$BUILD/iso"
echo kernel >"$BUILD/iso/vmlinuz"
echo initrd >"$BUILD/iso/initrd"
menu() { build-scripts/iso/mk-menu.sh "$@"; }
has() { grep -qE -e "$2" "$WORK/$1" || fail "$1 lacks $2: $(cat "$WORK/$1")"; }
lacks() { ! grep -E -e "$2" "$WORK/$1" || fail "$1 has $2"; }

menu grub /boot medium >"$WORK/medium"
menu grub '' net >"$WORK/net"
menu ipxe >"$WORK/ipxe"

note 'the medium'
has medium '^linux /boot/vmlinuz|if linux /boot/vmlinuz .*console='
has medium 'start salvor\.check=salvor-9\.9-[0-9a-f]{16}$'
has medium 'linux16 /boot/memtest.bin'
has medium 'lockdown" != y'
for id in salvor safe serial plain check memtest firmware; do has medium "menuentry '.*' --id $id \{"; done
note 'the network'
has net 'if linux /vmlinuz '
lacks net 'memtest|check'
for id in salvor safe serial plain firmware; do has net "menuentry '.*' --id $id \{"; done
note 'iPXE'
has ipxe '^#!ipxe$'
lacks ipxe 'memtest|fwsetup|check'
for id in salvor safe serial plain; do
	has ipxe "^item $id "
	has ipxe "^:$id\$"
done
[ "$(grep -c '^kernel vmlinuz initrd=initrd .*console=' "$WORK/ipxe")" -eq 4 ] || fail 'not every entry starts the kernel'
note 'nothing is left to fill in, and the same comes out twice'
for file in medium net ipxe; do lacks "$file" '@[A-Z]+@'; done
menu grub /boot medium | cmp - "$WORK/medium"
note 'wrong use'
expect_rc 1 menu nothing
expect_said usage
