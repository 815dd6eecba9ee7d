#!/usr/bin/env bash
# bitlocker.sh - BitLocker volumes that Windows made: looked into with their key, saved as they are; locked ones whole
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: bitlocker.sh [NAME...|all]    samples by name; two of them when none is named
# The samples are those of cryptsetup's own tests, from the source package of this system. Little more than their headers
# is left in them: each gets a FAT with files, encrypted by dislocker, the first one an NTFS as well. What would be read must be what
# other tools say of that; saved and restored onto 0xA5, dislocker decrypts it again, the checker is content, the trees are equal.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires python3 dislocker-fuse mkfs.fat fsck.fat mcopy mkntfs ntfsfix apt-get
requires_fuse
BITLOCKER=$TOP/tests/lib/bitlocker.py
work_dir bitlocker
cd "$WORK"
names=("$@")
[ $# -gt 0 ] || names=(aes-xts-128 aes-cbc-elephant-128)

# the package's source stands beside its binary packages
get_samples() {
	local uri version
	uri=$(apt-get --print-uris download libcryptsetup-dev 2>/dev/null | sed -n "s/^'\([^']*\)'.*/\1/p")
	version=$(sed -n 's/.*_\([0-9.]*\)-.*/\1/p' <<<"${uri##*/}")
	[ -n "$version" ] || skip 'the source package of cryptsetup is not to be found'
	/usr/lib/apt/apt-helper download-file "${uri%/*}/cryptsetup_$version.orig.tar.gz" "$WORK/source.tar.gz" >log 2>&1 ||
		skip "the source package of cryptsetup cannot be fetched: $(tail -n 1 log)"
	tar -xzf source.tar.gz --wildcards --strip-components 2 '*/tests/bitlk-images.tar.xz'
	tar -xJf bitlk-images.tar.xz --no-same-owner
	rm source.tar.gz
}

# NAME KEY: a value of a sample's description
of_sample() { awk -F= -v name="[bitlk-$1]" -v key="$2" '$0 == name { on = 1; next } /^\[/ { on = 0 } on && $1 == key { print $2 }' bitlk-images/images.conf; }

# VOLUME OPTION...: its decrypted bytes in mnt/dislocker-file
open_volume() {
	mkdir -p mnt
	dislocker-fuse -V "$1" "${@:2}" -- mnt >dislocker.log 2>&1 || fail "dislocker: $(cat dislocker.log)"
	[ -e mnt/dislocker-file ] || fail 'dislocker mounted nothing'
}

close_volume() { fusermount -u mnt; }

# KIND BYTES SECTOR: a FAT with files in inside
make_inside() {
	make_fs "$1" inside "$2" "$3"
	fill_fs "$1" inside fragmented corpus
}

# NAME KIND
try_sample() {
	local volume=$WORK/bitlk-images/bitlk-$1.img kind=$2 sector=512 size moved
	[[ $1 != *-4k ]] || sector=4096
	[ "$kind-$sector" != fat32-4096 ] || kind=fat16
	note "$1 with $kind"
	of_sample "$1" PW | tr -d '\n' >key
	size=$(stat -c %s "$volume")
	"$BITLOCKER" own "$volume" | sort -n >places
	make_inside "$kind" "$size" $sector
	open_volume "$volume" "-u$(cat key)"
	"$BITLOCKER" fill inside mnt/dislocker-file places
	close_volume

	expect_rc 0 salvor map "$volume"
	has -F 'BitLocker, locked: stored whole' <out || fail "locked: $(cat out)"
	# what has moved stands elsewhere; the first and last MiB are read, and all that is BitLocker's own
	moved=$("$BITLOCKER" moved "$volume")
	{
		echo "0 $((moved > MIB ? moved : MIB))"
		echo "$((size - MIB)) $MIB"
		cat places
	} >kept
	free_extents "$kind" inside all.free
	"$BITLOCKER" without kept <all.free >free
	echo "0 $size $WORK/free" >parts
	"$ORACLE" used "$size" parts >to-read
	expect_rc 0 salvor map --extents --key-file key "$volume"
	diff out to-read >difference || fail "the map differs: $(head -n 20 difference)"

	rm -rf image
	expect_rc 0 salvor save "$volume" image --key-file key --preset fast
	poison target "$size"
	expect_rc 0 salvor restore --free keep --confirm-erase "$size" image target
	open_volume "$WORK/target" -r "-u$(cat key)"
	cat mnt/dislocker-file >plain
	close_volume
	check_fs "$kind" plain
	[ "$(fs_hash "$kind" plain)" = "$(fs_hash "$kind" inside)" ] || fail 'the files differ'
	echo "$(awk '{ n += $2 } END { print n }' to-read) of $size bytes read"
}

get_samples
make_corpus corpus 60
[ "${names[*]}" != all ] || mapfile -t names < <(sed -n 's/^\[bitlk-\(aes.*[0-9k]\)\]$/\1/p' bitlk-images/images.conf)
for name in "${names[@]}"; do
	[ -n "$(of_sample "$name" PW)" ] || continue
	try_sample "$name" fat32
done
try_sample "${names[0]}" ntfs

note 'a recovery password, a wrong key, a kind that is not looked into'
volume=bitlk-images/bitlk-${names[0]}.img
of_sample "${names[0]}" RP >recovery
expect_rc 0 salvor map "$volume" --key-file recovery
has 'BitLocker, unlocked: ntfs inside' <out || fail "$(cat out)"
printf wrong >wrong
expect_rc 12 salvor map "$volume" --key-file wrong
[ "$(wc -l <err)" -eq 1 ] || fail "not one sentence: $(cat err)"
expect_rc 0 salvor map bitlk-images/bitlk-clearkey-aes-cbc-128.img --key-file key
has 'BitLocker that encrypts what is written: stored whole' <out || fail "$(cat out)"
