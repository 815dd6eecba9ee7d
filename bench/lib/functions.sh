#!/usr/bin/env bash
# functions.sh - what the benchmarks share: data of two kinds, measured runs, sanity of what was restored
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after tests/lib/functions.sh, in a work folder.

# ROUND is set by the caller; every measured run adds a line to runs.txt: ROUND, NAME, "WALL CPU RSS" and
# STORED with tabs between
# NAME STORED COMMAND: one measured run; STORED are files (a glob) whose bytes count, or none
run() {
	local name=$1 stored=$2 figures file bytes=0
	figures=$("$TOP/bench/measure.py" "$3" 2>log) || {
		cat log >&2
		fail "$name"
	}
	for file in $stored; do
		[ ! -e "$file" ] || bytes=$((bytes + $(stat -c %s "$file")))
	done
	printf '%s\t%s\t%s\t%s\n' "$ROUND" "$name" "$figures" "$bytes" >>runs.txt
}

# LEVEL IMAGE: libzstd alone on the frames of an image, in the same table
run_libzstd() {
	local pack plain unpack bytes
	cat "$2"/disk.img.zst* >/dev/null # page faults are not its CPU time
	read -r pack plain unpack bytes < <("$TOP/${BUILD:-build}/bench/libzstd" "$1" "$2"/disk.img.zst*)
	printf '%s\t%s\t0 %s 0\t0\n' "$ROUND" 'libzstd, same frames' "$pack" \
		"$ROUND" 'libzstd, no frame checksum' "$plain" "$ROUND" 'libzstd, decoding them' "$unpack" >>runs.txt
	note "libzstd compressed $((bytes / MIB)) MiB of frames"
}

# BYTES DIR: copy the files listed on stdin as "SIZE PATH", up to a number of bytes
copy_upto() {
	LC_ALL=C sort -k 2 | awk -v left="$1" '{
		left -= $1; if (left < 0) exit; sub(/^[0-9]+ /, ""); print }' | cpio -pdm --quiet "$2" 2>/dev/null || true
}

# MIB DIR: programs, libraries and data of this machine
system_files() {
	local part=$(($1 * MIB / 3))
	find /usr/bin -xdev -type f -size +0 -printf '%s %p\n' | copy_upto "$part" "$2"
	find /usr/lib -xdev -type f -size +0 -printf '%s %p\n' | copy_upto "$part" "$2"
	find /usr/share /usr/include -xdev -type f -size +0 -printf '%s %p\n' | copy_upto "$part" "$2"
}

# MIB DIR: what does not get smaller: packages, archives and pictures of this machine; where they do not
# suffice, its programs in pieces that zstd has packed
media_files() {
	local left
	(find /var/cache/apt/archives /usr /opt -xdev -type f -size +100k -regextype egrep \
		-regex '.*\.(deb|xz|zst|gz|bz2|jar|whl|zip|png|jpg|webp|mp4|ogg)' -printf '%s %p\n' 2>/dev/null || true) |
		copy_upto $(($1 * MIB)) "$2"
	left=$(($1 - $(du -sm "$2" | cut -f 1)))
	[ "$left" -gt 0 ] || return 0
	mkdir -p "$2/packed"
	(tar -cf - /usr/bin /usr/lib /usr/share 2>/dev/null || true) | zstd -q -T2 -6 2>/dev/null |
		(head -c $((left * MIB)) && cat >/dev/null) | split -b 4M - "$2/packed/part." || true
}

# KIND MIB: the file vol, an ext4 volume of twice the size of what is put in, so that there is free space
make_volume() {
	note "making an ext4 volume with $2 MiB of $1 files of this machine"
	rm -rf tree vol
	mkdir tree
	"$1_files" "$2" tree
	truncate -s $((2 * $2 * MIB + 256 * MIB)) vol
	mke2fs -q -F -t ext4 -d tree vol
	rm -rf tree
}

# FILE: what was restored must be a whole filesystem, or its time is worth nothing
sound() { e2fsck -fn "$1" >fsck.out 2>&1 || fail "$1 was not restored: $(tail -n 3 fsck.out)"; }
