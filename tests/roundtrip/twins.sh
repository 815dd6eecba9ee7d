#!/usr/bin/env bash
# twins.sh - the pool with any number of threads, and its serial twin, make the same image byte for byte
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk

work_dir twins
disk=$WORK/disk
small_disk "$disk" 300

for codec in zstd xz; do
	want=
	for threads in serial 1 2 3 8; do
		rm -rf -- "$WORK/img"
		"$SALVOR" save "$disk" "$WORK/img" --codec $codec --threads $threads --no-verify
		got=$(sha "$(echo "$WORK"/img/disk.img.*)")
		# set UUID and digest seed are random and stand in the identity frame of a .zst
		[ $codec = xz ] || got=$("$TOP/tests/lib/frames.py" "$WORK/img/disk.img.zst")
		[ -z "$want" ] || [ "$got" = "$want" ] || fail "$codec with $threads threads differs: $got, not $want"
		want=$got
	done
	note "$codec: serial, 1, 2, 3 and 8 threads: $want"
done
