#!/usr/bin/env bash
# store-full.sh - a store that is full, over quota, read-only or becomes so: said in one sentence, and continued when there is room
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: store-full.sh [all]    with "all": every write fails once, else a choice of them
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk jq zstd sha256sum python3

work_dir store-full
every=4
[ "${1:-}" != all ] || every=1
disk=$WORK/disk store=$WORK/store
image=$store/img
mkdir "$store"
small_disk "$disk" 300
head -c $((10 * MIB)) /dev/urandom >"$WORK/noise"
echo "write $WORK/noise noise.bin" | _debugfs "$WORK/vol"
put_in "$WORK/vol" "$disk" "$SMALL_P1"

# CODE TEXT: the save that ended with CODE said so in one sentence, and left no image
told() {
	[ "$(grep -vc "continuing at" "$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	expect_said "$1"
	[ ! -e "$image" ] || fail 'a save that failed looks complete'
}

# the numbers a full store names
wanting() { sed -n 's/.*at most \([0-9]*\) more bytes.*/\1/p' "$WORK/err"; }

# continuing completes it; RESUMED 1: from where it was
completes() {
	expect_rc 0 "$SALVOR" save "$disk" "$image" --resume --json
	[ "$1" -eq 0 ] || [ "$(jq -s '.[0].resumed_from' "$WORK/out")" -gt 0 ] || fail 'it began anew'
	expect_rc 0 "$SALVOR" verify "$image" --against "$disk"
	(cd "$image" && sha256sum --quiet -c SHA256SUMS) || fail 'sha256sum -c'
	[ "$(find "$store" -maxdepth 1 -name '*.part')" = '' ] || fail 'IMAGE.part was left'
	rm -rf -- "${image:?}"
}

count=0
# ERRNO CODE TEXT OP OPTIONS...: every (or every fourth) operation of the save on its store fails from there on
every_op() {
	local errno=$1 code=$2 text=$3 op=$4 n of
	shift 4
	rm -f "$WORK/log"
	expect_rc 0 with_log "$WORK/log" "$store" "$SALVOR" save "$disk" "$image" --threads 1 "$@"
	rm -rf -- "${image:?}"
	of=$(grep -c "^$op " "$WORK/log")
	for ((n = 0; n < of; n++)); do
		[ $((n % every)) -eq 0 ] || [ "$n" -ge $((of - 4)) ] || continue
		# nothing after the rename is a failure: then the image stands
		expect_rc "$([ "$op" = s ] && [ "$n" -ge $((of - after_rename)) ] && echo 0 || echo "$code")" \
			with_faults "$store:$op:0:0:$errno:$n" "$SALVOR" save "$disk" "$image" --threads 1 "$@"
		count=$((count + 1))
		if [ -e "$image" ]; then
			rm -rf -- "${image:?}"
			continue
		fi
		told "$text"
		completes 0
	done
}
# the folder's, and that of the whole filesystem
after_rename=2

note 'ENOSPC and EDQUOT at the writes, single and in volumes'
every_op 28 7 'is full' w --preset fast
every_op 122 7 'is full' w --preset fast --volume-size 3000000 --no-verify
note 'a store that turns read-only, and one that is pulled'
every_op 30 8 'Read-only file system' w --preset fast --no-verify
every_op 5 8 'Input/output error' s --preset fast --no-verify

note 'a store that is too small: a real filesystem'
if have_loop && grep -qw ext4 /proc/filesystems; then
	truncate -s 24M "$WORK/small.ext4"
	mke2fs -q -F -t ext4 -m 0 "$WORK/small.ext4"
	for options in '' '--volume-size 3M'; do
		attach_loop "$WORK/small.ext4" 512
		mount -t ext4 "$LOOP" "$store"
		free=$(df --output=avail -B1 "$store" | tail -n 1)
		head -c $((free - 7 * MIB)) /dev/zero >"$store/filler"
		# shellcheck disable=SC2086 # a list of options
		expect_rc 7 "$SALVOR" save "$disk" "$image" --threads 1 --preset fast $options
		told 'is full'
		[ "$(wanting)" -gt $((2 * MIB)) ] || fail "it names no missing bytes: $(cat "$WORK/err")"
		[ -d "$image.part" ] || fail 'IMAGE.part was removed'
		first=$(wanting)
		note 'a little room, and full again'
		truncate -s $((free - 9 * MIB)) "$store/filler"
		expect_rc 7 "$SALVOR" save "$disk" "$image" --threads 1 --resume
		told 'is full'
		[ "$(wanting)" -le "$first" ] || fail "more is missing than before: $(wanting)"
		note 'read-only: nothing can be continued, nothing is lost'
		mount -o remount,ro "$store"
		expect_rc 8 "$SALVOR" save "$disk" "$image" --resume
		told 'Read-only file system'
		expect_rc 8 "$SALVOR" save "$disk" "$store/other"
		told "$store/other.part"
		mount -o remount,rw "$store"
		note 'room is made'
		rm "$store/filler"
		completes 1
		umount "$store"
		detach_loop "$LOOP"
	done
	note 'full for the last few bytes'
	expect_rc 0 "$SALVOR" save "$disk" "$image" --threads 1 --preset fast --no-verify
	stored=$(cat "$image"/* | wc -c)
	rm -rf -- "${image:?}"
	attach_loop "$WORK/small.ext4" 512
	mount -t ext4 "$LOOP" "$store"
	free=$(df --output=avail -B1 "$store" | tail -n 1)
	met=
	for room in -40960 -24576 -16384 -12288 -8192 -4096 0 8192 40960; do
		head -c $((free - stored - room)) /dev/zero >"$store/filler"
		rc=0
		"$SALVOR" save "$disk" "$image" --threads 1 --preset fast >"$WORK/out" 2>"$WORK/err" || rc=$?
		note "room for $room bytes more than the image has: $rc"
		met+=$rc
		[ "$rc" -eq 0 ] || [ "$rc" -eq 7 ] || fail "it ended with $rc: $(cat "$WORK/err")"
		rm "$store/filler"
		if [ "$rc" -eq 7 ]; then
			told 'is full'
			completes 0
		else
			rm -rf -- "${image:?}"
		fi
	done
	[[ $met == 7*0 ]] || fail 'not both full and just enough'
	umount "$store"
	detach_loop "$LOOP"
else
	echo 'left out: a real small filesystem, which needs loop devices and ext4'
fi

note 'a store that is read-only from the beginning'
if have_loop; then
	mount --bind "$store" "$store"
	mount -o remount,ro,bind "$store"
	expect_rc 8 "$SALVOR" save "$disk" "$image"
	told 'Read-only file system'
	umount "$store"
fi
echo "$count stores that failed in the middle, each image continued"
