#!/usr/bin/env bash
# whole-types.sh - types without a map: told by the names that people know, read whole, and given back byte for byte
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made by their own tools where these are here, else by the marks that libblkid looks for (tests/lib/signature.py). Then
# partitions that their type makes whole, whatever seems to be in them.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires jq sfdisk mkntfs python3
work_dir whole-types

disk=$WORK/disk.img
mkdir "$WORK/tree"
cp /usr/share/common-licenses/* "$WORK/tree"

# FILE KIND: by its own tool; 1 when that is not here
make_by_tool() {
	local file=$1
	case $2 in
	ufs) makefs -t ffs -o version=2 -M 8m "$file" "$WORK/tree" ;;
	jfs) mkfs.jfs -q "$file" ;;
	reiserfs) mkfs.reiserfs -f -f -q -s 513 "$file" ;;
	nilfs2) mkfs.nilfs2 -q -B 16 "$file" ;;
	minix) mkfs.minix -3 "$file" ;;
	iso9660) genisoimage -quiet -R -o "$WORK/made" "$WORK/tree" && put_in "$WORK/made" "$file" 0 ;;
	udf) mkudffs "$file" ;;
	bcache) make-bcache -B "$file" ;;
	*) "$TOP/tests/lib/signature.py" "$file" "$2" ;;
	esac >"$WORK/mkfs.out" 2>&1
}

tool_of() {
	case $1 in
	ufs) echo makefs ;;
	jfs | reiserfs | nilfs2 | minix) echo "mkfs.$1" ;;
	iso9660) echo genisoimage ;;
	udf) echo mkudffs ;;
	bcache) echo make-bcache ;;
	*) echo python3 ;;
	esac
}

# DISK: saved and restored onto 0xA5: the same bytes. The reason stands in the report, too
round_trip() {
	local target=$WORK/target.img size
	size=$(stat -c %s "$1")
	poison "$target" "$size"
	rm -rf "$WORK/image"
	expect_rc 0 salvor save --preset fast "$1" "$WORK/image"
	expect_rc 0 salvor restore --free keep --confirm-erase "$size" "$WORK/image" "$target"
	cmp "$1" "$target" || fail "$1: other bytes came back"
	grep -qF "$reason" "$WORK/image/report.txt" || fail "the report does not say: $reason"
}

# NUMBER TYPE REASON: all of the partition would be read, and that is told
expect_whole() {
	reason=$3
	expect_rc 0 salvor map --json "$disk"
	jq -e --argjson n "$1" --arg fs "$2" --arg reason "$3" '.partitions[] | select(.number == $n) |
		.fs == (if $fs == "" then null else $fs end) and .state == "whole" and .used == .size and .reason == $reason' \
		"$WORK/out" >/dev/null || fail "want $2 whole: $3; is $(jq -c '.partitions' "$WORK/out")"
	expect_rc 0 salvor map "$disk"
	has -F "$3" <"$WORK/out" || fail "the table does not say: $3"
}

missing=
while IFS='|' read -r kind name; do
	command -v "$(tool_of "$kind")" >/dev/null || {
		missing+=" $(tool_of "$kind")"
		continue
	}
	note "$kind: $name"
	rm -f "$disk"
	mib=24
	[ "$kind" != zfs_member ] || mib=64 # libblkid takes nothing smaller for ZFS
	truncate -s ${mib}M "$disk"
	make_by_tool "$disk" "$kind" || fail "$kind cannot be made: $(cat "$WORK/mkfs.out")"
	# something where no metadata are, too
	head -c 300000 /dev/urandom | dd of="$disk" bs=4096 seek=$(((mib - 4) * MIB / 4096)) conv=notrunc status=none
	expect_whole 0 "$kind" "Salvor has no map of $name: everything is read"
	round_trip "$disk"
done <<'LIST'
zfs_member|ZFS
ReFS|Windows ReFS
VMFS_volume_member|VMware VMFS
VMFS|VMware VMFS
drbd|DRBD
bcache|bcache
ufs|UFS (BSD, Solaris)
jfs|JFS
reiserfs|ReiserFS
reiser4|Reiser4
nilfs2|NILFS2
minix|Minix
iso9660|ISO 9660 (a CD, a DVD or its image)
udf|UDF (a DVD, a Blu-ray or its image)
hfs|HFS (Mac OS Standard)
LIST

# TABLE TYPE WORDS: a partition of that type with an NTFS in it, which may be an old one
by_type() {
	note "$1 $2: $3"
	rm -f "$disk" "$WORK/fs.img"
	truncate -s 24M "$disk"
	truncate -s 16M "$WORK/fs.img"
	printf '%s\n' "label: $1" "start=1MiB, size=16MiB, type=$2" | write_table "$disk" 512
	mkntfs -F -q -s 512 -p 2048 -H 16 -S 63 "$WORK/fs.img" >/dev/null 2>&1
	put_in "$WORK/fs.img" "$disk" $MIB
	expect_whole 1 ntfs "$3 is always read whole"
	round_trip "$disk"
}
by_type gpt E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D 'a partition of Windows Storage Spaces'
by_type gpt AF9B60A0-1431-4F62-BC68-3311714A69AD 'a partition of a Windows dynamic disk (LDM)'
by_type gpt 53746F72-6167-11AA-AA11-00306543ECAC 'a partition of Apple Core Storage'
by_type dos 42 'a partition of a Windows dynamic disk (LDM)'

[ -z "$missing" ] || skip "not installed:$missing; all other types passed"
