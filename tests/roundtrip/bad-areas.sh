#!/usr/bin/env bash
# bad-areas.sh - unreadable sectors: an error by default, bad runs exact to the sector with --on-error skip, never zeros that look like data
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk jq

work_dir bad-areas
disk=$WORK/disk
small_disk "$disk" 200
head -c $((6 * MIB)) /dev/urandom >"$WORK/big.bin"
echo "write $WORK/big.bin big.bin" | _debugfs "$WORK/vol"
put_in "$WORK/vol" "$disk" "$SMALL_P1"

# two bad places inside file data, behind what is read to find out what the volume is: one sector, and two across the border of two blocks
bmap() { debugfs -R "bmap /big.bin $1" "$WORK/vol" 2>/dev/null | tail -n 1; }
block=$(dumpe2fs -h "$WORK/vol" 2>/dev/null | awk -F: '/^Block size/ { print $2 + 0 }')
one=$((SMALL_P1 + $(bmap 4000) * block))
many=
for i in $(seq 4100 4110); do
	[ "$(bmap $((i + 1)))" -ne $(($(bmap "$i") + 1)) ] || many=$((SMALL_P1 + $(bmap $((i + 1))) * block - 512))
done
[ -n "$many" ] || fail 'no two neighbours among the blocks of the file'
rules="$disk:r:$one:$((one + 512)):5 $disk:r:$many:$((many + 1024)):5"

note 'without being told to skip, the first unreadable sector ends the job'
expect_rc 9 with_faults "$rules" "$SALVOR" save "$disk" "$WORK/stopped" --no-verify
expect_said "$disk"
[ ! -e "$WORK/stopped" ] || fail 'a failed save left an image with its final name'

note 'with --on-error skip the image is finished and says what is missing'
expect_rc 3 with_faults "$rules" "$SALVOR" save "$disk" "$WORK/img" --on-error skip --json
jq -e -s 'last | .type == "exit" and .code == 3' "$WORK/out" >/dev/null || fail 'the exit line does not say 3'
"$SALVOR" show "$WORK/img" --json >"$WORK/show"
jq -e '.. | numbers | select(. == 1536)' "$WORK/show" >/dev/null || fail "show does not tell of 1536 bad bytes: $(cat "$WORK/show")"
expect_rc 3 "$SALVOR" verify "$WORK/img"

note 'the stream has zeros there, and everything else is right'
zstd -dc "$WORK/img/disk.img.zst" >"$WORK/raw" 2>/dev/null
cp "$disk" "$WORK/want"
for at in "$one 512" "$many 1024"; do
	read -r start len <<<"$at"
	dd if=/dev/zero of="$WORK/want" bs=512 seek=$((start / 512)) count=$((len / 512)) conv=notrunc status=none
done
"$SALVOR" map "$disk" --extents >"$WORK/used"
"$ORACLE" zeros "$WORK/want" "$WORK/raw" "$WORK/used" || fail 'the stream differs outside of the bad areas'

note 'restored: zeros in the bad areas, exit 3, and the rest equal'
poison "$WORK/target" "$SMALL_SIZE"
expect_rc 3 "$SALVOR" restore "$WORK/img" "$WORK/target" --confirm-erase "$SMALL_SIZE"
"$ORACLE" compare "$WORK/want" "$WORK/target" "$WORK/used" || fail 'the restored disk differs'

note 'a disk that is gone ends the job, also with --on-error skip'
expect_rc 9 with_faults "$disk:r:$((4 * MIB)):0:19" "$SALVOR" save "$disk" "$WORK/gone" --on-error skip
[ ! -e "$WORK/gone" ] || fail 'a lost disk left an image with its final name'

note 'unreadable metadata makes the volume whole, it does not make it free'
expect_rc 0 with_faults "$disk:r:$((SMALL_P1 + 1024)):$((SMALL_P1 + 2048)):5" "$SALVOR" map "$disk" --json
jq -e '.partitions[0].state == "whole" and .partitions[0].reason != ""' "$WORK/out" >/dev/null || fail 'an unreadable superblock was not a doubt'
