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

note 'frames of zeros, of which hundreds stand in a row'
truncate -s 700M "$WORK/empty"
"$SALVOR" save "$WORK/empty" "$WORK/zeros" --no-verify --preset fast
"$DAMAGE" frames "$WORK/zeros" >"$WORK/frames"
for frames in 0 7 256 300 '255 256' "$(($(wc -l <"$WORK/frames") - 1))"; do
	fresh "$WORK/zeros" disk.img.zst
	for n in $frames; do
		read -r at len < <(awk -v n="$n" '$1 == n { print $2, $3 }' "$WORK/frames")
		flip_at "$WORK/img/disk.img.zst" $((at + len / 2))
	done
	check_blow "frames of zeros harmed: $frames" disk.img.zst
	told=$(cat "$WORK/verify.out" "$WORK/verify.err" | grep -oE 'bytes [0-9]+ to [0-9]+ of the disk') || true
	for n in $frames; do
		[[ $told == *"bytes $((n * frame_mib * MIB)) to "* ]] || fail "frame $n is harmed, and this is told: $told"
	done
	cmp "$WORK/empty" "$WORK/out.raw" || fail "frames of zeros harmed: $frames: something is lost"
done
rm -f "$WORK/empty" "$WORK/out.raw"

# the index of an image that rots while it is read: its records are read again for the digests
# The device is zeros all over: whoever takes a digest that is lost for that of zeros finds less that differs. There are
# more frames than records are kept in memory, so that the comparison reads them once more.
note 'an index that goes bad after it was opened'
head -c $((24 * MIB)) /dev/urandom >"$WORK/noise"
rm -rf -- "$WORK/img"
"$SALVOR" save "$WORK/noise" "$WORK/img" --no-verify --preset fast --threads 1
truncate -s 0 "$WORK/out.raw"
truncate -s $((24 * MIB)) "$WORK/out.raw"
differing() { grep -h 'the device differs' "$WORK/out" "$WORK/err" | sort; }
# the reads of the comparison are those behind the ones of verify alone
with_log "$WORK/log" disk.idx "$SALVOR" verify "$WORK/img" --threads 1 >/dev/null
before=$(grep -c '^r' "$WORK/log")
: >"$WORK/log"
expect_rc 4 with_log "$WORK/log" disk.idx "$SALVOR" verify "$WORK/img" --threads 1 --against "$WORK/out.raw"
reads=$(grep -c '^r' "$WORK/log")
differing >"$WORK/differing"
grep -q ' of the disk, which has no partitions: ' "$WORK/differing" || fail "wrongly told: $(cat "$WORK/differing")"
[ "$reads" -gt $((before + 40)) ] || fail "the comparison reads disk.idx $((reads - before)) times: the test is blunt"
for ((skip = reads % 7; skip < reads; skip += skip < before ? 7 : 1)); do
	rc=0
	with_faults "disk.idx:r:0:0:F:$skip" "$SALVOR" verify "$WORK/img" --threads 1 --against "$WORK/out.raw" \
		>"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 4 ] || fail "verify against a disk that differs says $rc: $(cat "$WORK/err")"
	differing | cmp -s - "$WORK/differing" ||
		fail "zeros pass for data when the index goes bad after $skip reads: $(differing | diff - "$WORK/differing")"
	count=$((count + 1))
done
echo "$count blows, each found and named"
