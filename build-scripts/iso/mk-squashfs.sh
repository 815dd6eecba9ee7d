#!/usr/bin/env bash
# mk-squashfs.sh - build/iso/live.sqfs from the staged root
# SPDX-License-Identifier: GPL-3.0-or-later
#
# COMP from the environment: xz (small, the default) or zstd (quick, for trying things out).
. "$(dirname "$0")/lib.sh"

case ${COMP:-xz} in
xz) options=(-comp xz -b 1M -Xbcj x86) ;;
zstd) options=(-comp zstd -b 256K -Xcompression-level 3) ;;
*) die "COMP=$COMP: only xz and zstd are known" ;;
esac

say SQUASH "$ISO_DIR/live.sqfs (${COMP:-xz})"
rm -f -- "$ISO_DIR/live.sqfs.new"
# mksquashfs takes the time stamps from its options and refuses the variable beside them
(time=$SOURCE_DATE_EPOCH
	unset SOURCE_DATE_EPOCH
	locked_tool /usr/bin/mksquashfs "$ISO_DIR/root" "$ISO_DIR/live.sqfs.new" "${options[@]}" \
	-noappend -all-root -no-xattrs -no-progress -quiet \
	-mkfs-time "$time" -all-time "$time")
mv "$ISO_DIR/live.sqfs.new" "$ISO_DIR/live.sqfs"
