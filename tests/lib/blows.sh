#!/usr/bin/env bash
# blows.sh - harming copies of an image: verify must find and name each blow, restore must not say 0
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh. The script sets $disk, has its map in $WORK/used, and saves in frames of
# $frame_mib MiB.

# shellcheck disable=SC2154 # disk is the script's
DAMAGE=$TOP/tests/lib/damage.py
frame_mib=1
count=0

# GOOD FILE...: a copy of the image GOOD in $WORK/img whose FILEs may be harmed (the others are links)
fresh() {
	local good=$1 file
	shift
	rm -rf -- "$WORK/img" "$WORK/out.raw"
	cp -al "$good" "$WORK/img"
	for file in "$@"; do
		cp --remove-destination "$good/$file" "$WORK/img/$file"
	done
}

# WHAT FILE: verify must say 4 and name the file or a byte range with its partition; restore must not say 0
check_blow() {
	local what=$1 file=$2 rc=0
	"$SALVOR" verify "$WORK/img" >"$WORK/verify.out" 2>"$WORK/verify.err" || rc=$?
	[ "$rc" -eq 4 ] || fail "$what: verify said $rc: $(cat "$WORK/verify.err")"
	grep -qE -e "${file//./\\.}" -e 'bytes [0-9]+ to [0-9]+ of the disk, (in partition [0-9]+|outside of the partitions)' \
		"$WORK/verify.out" "$WORK/verify.err" ||
		fail "$what: verify named neither the file nor the bytes: $(cat "$WORK/verify.out" "$WORK/verify.err")"
	rc=0
	"$SALVOR" restore "$WORK/img" "$WORK/out.raw" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 4 ] || fail "$what: restore said $rc: $(cat "$WORK/err")"
	count=$((count + 1))
}

# WHAT LIMIT: at most LIMIT MiB of the used data may differ after a restore of the harmed image
lost_at_most() {
	local lost
	[ -e "$WORK/out.raw" ] || fail "$1: nothing was restored"
	lost=$("$DAMAGE" lost "$disk" "$WORK/out.raw" "$WORK/used")
	[ "$lost" -le $(($2 * MIB)) ] || fail "$1: $lost bytes are lost"
}

# WHAT GOOD FROM TO: stored bytes [FROM, TO) of GOOD are harmed: all frames but those in them are restored,
# and verify told of those, each by its bytes
lost_only_there() {
	local what=$1 lost told
	"$DAMAGE" hit "$2" "$3" "$4" >"$WORK/hit"
	[ -e "$WORK/out.raw" ] || fail "$what: nothing was restored"
	lost=$("$DAMAGE" elsewhere "$disk" "$WORK/out.raw" "$WORK/used" "$WORK/hit")
	[ "$lost" -eq 0 ] || fail "$what: $lost bytes are lost of frames that are whole"
	told=$(cat "$WORK/verify.out" "$WORK/verify.err" | grep -cE 'bytes [0-9]+ to [0-9]+ of the disk') || true
	[ "$told" -le "$(wc -l <"$WORK/hit")" ] || fail "$what: $told frames are told to be damaged, there are only $(wc -l <"$WORK/hit")"
}

size_of() { stat -c %s "$1"; }
random_below() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

flip_at() {
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]
f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1 << int(sys.argv[3])]))' "$1" "$2" $((RANDOM % 8))
}

# FILE AT GOODFILE: zeros that are no change would be no blow
zero_at() {
	dd if=/dev/zero of="$1" bs=1 seek="$2" count=256 conv=notrunc status=none
	! cmp -s "$1" "$3"
}

# GOOD FILE BLOWS: every kind of blow to one file of an image; the file itself stays
blows_to() {
	local good=$1 file=$2 size at i third places
	size=$(size_of "$good/$file")
	places=(0 $((size - 1)))
	for ((i = 0; i < $3; i++)); do places+=("$(random_below "$size")"); done
	for at in "${places[@]}"; do
		fresh "$good" "$file"
		flip_at "$WORK/img/$file" "$at"
		check_blow "bit flipped at $at of $file" "$file"
		lost_at_most "bit flipped at $at of $file" "$frame_mib"
	done
	fresh "$good" "$file"
	truncate -s $((size * 2 / 3)) "$WORK/img/$file"
	check_blow "$file cut to two thirds" "$file"
	fresh "$good" "$file"
	echo rubbish >>"$WORK/img/$file"
	check_blow "rubbish behind $file" "$file"
	lost_at_most "rubbish behind $file" 0
	fresh "$good" "$file"
	at=$(random_below $((size > 256 ? size - 256 : 1)))
	if zero_at "$WORK/img/$file" "$at" "$good/$file"; then
		check_blow "zeros at $at of $file" "$file"
		lost_at_most "zeros at $at of $file" $((2 * frame_mib))
	fi
	fresh "$good" "$file"
	third=$((size / 3))
	"$DAMAGE" swap "$WORK/img/$file" "$((third / 2))" "$((third / 3))" $((2 * third)) "$((third / 3))"
	check_blow "parts of $file exchanged" "$file"
}
