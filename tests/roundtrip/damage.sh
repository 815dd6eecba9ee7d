#!/usr/bin/env bash
# damage.sh - blows to every file of an image: verify finds and names each, restore never says 0, all other frames come back
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BLOWS=N] damage.sh    N random places per file and kind of blow (default 2)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
. "$(dirname "$0")/../lib/blows.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs sfdisk python3

work_dir damage
disk=$WORK/disk
small_disk "$disk" 300
"$SALVOR" save "$disk" "$WORK/good" --no-verify --preset fast
"$SALVOR" map "$disk" --extents >"$WORK/used"
blows=${BLOWS:-2}
RANDOM=1

for file in $(cd "$WORK/good" && ls); do
	blows_to "$WORK/good" "$file" "$blows"
	case $file in
	disk.img.*) continue ;;
	esac
	fresh "$WORK/good"
	rm "$WORK/img/$file"
	check_blow "$file lost" "$file"
	lost_at_most "$file lost" 0
done

note 'two frames exchanged'
"$DAMAGE" frames "$WORK/good" >"$WORK/frames"
read -r a_at a_len < <(awk '$1 == 2 { print $2, $3 }' "$WORK/frames")
read -r b_at b_len < <(awk '$1 == 5 { print $2, $3 }' "$WORK/frames")
fresh "$WORK/good" disk.img.zst
"$DAMAGE" swap "$WORK/img/disk.img.zst" "$a_at" "$a_len" "$b_at" "$b_len"
check_blow 'two frames exchanged' disk.img.zst
lost_only_there 'two frames exchanged' "$WORK/good" "$a_at" $((b_at + b_len))

note 'index and manifest both lost: the stream alone'
fresh "$WORK/good"
rm "$WORK/img/disk.idx" "$WORK/img/manifest.json"
check_blow 'index and manifest lost' disk.idx
lost_at_most 'index and manifest lost' 0

# the index of an image that rots while it is read: its records are read again for the digests
note 'an index that goes bad after it was opened'
fresh "$WORK/good"
granule=$(python3 -c 'import sys
for i, at in enumerate(iter(lambda f=open(sys.argv[1], "rb"): f.read(65536), b"")):
    if i > 40 and at.strip(b"\0"):
        print(i)
        break' "$disk")
"$SALVOR" restore "$WORK/img" "$WORK/out.raw" >/dev/null
dd if=/dev/zero of="$WORK/out.raw" bs=65536 seek="$granule" count=1 conv=notrunc status=none
! cmp -s "$disk" "$WORK/out.raw" || fail 'the granule was zeros before'
with_log "$WORK/log" disk.idx "$SALVOR" verify "$WORK/img" >/dev/null
reads=$(grep -c '^r' "$WORK/log")
for ((skip = reads % 5; skip < reads; skip += 5)); do
	rc=0
	with_faults "disk.idx:r:0:0:F:$skip" "$SALVOR" verify "$WORK/img" --against "$WORK/out.raw" \
		>"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 4 ] || fail "verify against a disk that differs says $rc: $(cat "$WORK/err")"
	grep -q "bytes $((granule * 65536)) to .*the device differs" "$WORK/out" "$WORK/err" ||
		fail "zeros on the device pass for data when the index goes bad after $skip reads: $(cat "$WORK/err")"
	count=$((count + 1))
done
echo "$count blows, each found and named"
