#!/usr/bin/env bash
# mk-squashfs.sh - build/iso/live.sqfs from the staged root
# SPDX-License-Identifier: GPL-3.0-or-later
#
# COMP from the environment: zstd:LEVEL (15 unless told otherwise; 3 is quick, for trying things out), or xz, which is a
# tenth smaller, twice as slow to make, and slow to start from.
. "$(dirname "$0")/lib.sh"

comp=${COMP:-zstd:15}
case $comp in
zstd:[1-9] | zstd:1[0-9]) options=(-comp zstd -b 256K -Xcompression-level "${comp#zstd:}") ;;
xz) options=(-comp xz -b 256K) ;;
*) die "COMP=$comp: only zstd:LEVEL and xz are known" ;;
esac

say SQUASH "$ISO_DIR/live.sqfs ($comp)"
rm -f -- "$ISO_DIR/live.sqfs.new"
# mksquashfs takes the time stamps from its options and refuses the variable beside them
(time=$SOURCE_DATE_EPOCH
	unset SOURCE_DATE_EPOCH
	locked_tool /usr/bin/mksquashfs "$ISO_DIR/root" "$ISO_DIR/live.sqfs.new" "${options[@]}" \
	-noappend -all-root -no-xattrs -no-progress -quiet \
	-mkfs-time "$time" -all-time "$time")
mv "$ISO_DIR/live.sqfs.new" "$ISO_DIR/live.sqfs"
