#!/usr/bin/env bash
# rescue.sh - a failing disk into a file and onto a disk: what can be read is equal, the map is the truth, also after kills
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [KILLS=N] [SEED=N] rescue.sh    N kills at random reads, writes and renames (default 12)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs debugfs python3 jq ddrescue ddrescuelog

work_dir rescue
kills=${KILLS:-12} seed=${SEED:-$$$RANDOM}
RANDOM=$((seed % 32768))
cleanup_fn echo "SEED=$seed"
rescued=$TOP/tests/lib/rescued.py
src=$WORK/src.raw dst=$WORK/dst.raw map=$WORK/disk.map
size=$((24 * MIB + 512))

# an ext4 that ends before the disk does, and noise everywhere: no byte is zero by luck
head -c "$size" /dev/urandom >"$src"
truncate -s $((20 * MIB)) "$WORK/vol"
mke2fs -q -F -t ext4 -b 1024 "$WORK/vol"
head -c $((3 * MIB)) /dev/urandom >"$WORK/file"
echo "write $WORK/file file" | _debugfs "$WORK/vol"
put_in "$WORK/vol" "$src" 0
before=$(sha "$src")

# one sector, two neighbours over the border of two clusters, a run, a scratch, the last sector. All of them lie where
# no filesystem keeps what must be known.
bad=(6000128-6000640 9043456-9044480 15000064-15200256 $((size - 512))-"$size")
for i in 0 3 4 9 30 77 200; do
	bad+=($((18000384 + i * 512))-$((18000896 + i * 512)))
done
mapfile -t sorted < <(
	# neighbours are one area; areas are whole sectors
	printf '%s\n' "${bad[@]}" | sort -n | awk -F- '
		{ a = int($1 / 512) * 512; b = int(($2 + 511) / 512) * 512 }
		NR > 1 && a <= end { if (b > end) end = b; next }
		NR > 1 { print start "-" end }
		{ start = a; end = b }
		END { print start "-" end }'
)
unreadable src.raw "${sorted[@]}"

is_truth() { "$rescued" truth "$src" "$1" "$map" "${2:-0}" "${sorted[@]}" || fail "not the truth: $(cat "$map")"; }
anew() { rm -f -- "$WORK/dst.raw" "$map" "$map.salvor.json"; }

# the whole map in ddrescue's eyes
accepted() { ddrescuelog -t "$map" >"$WORK/log" 2>&1 || fail "ddrescuelog: $(cat "$WORK/log")"; }

note 'into a new file'
expect_rc 3 rescue -- "$dst" "$map"
expect_said 'were not read'
is_truth "$dst"
accepted
expect_said ' hit, '
"$SALVOR" report "$map" >"$WORK/report"
cmp "$WORK/report" "$map.report.txt" || fail 'the report beside the map is not that of salvor report'
reads=$(jq .reads "$map.salvor.json")
note 'again: nothing is left to be done, and nothing is read but what is bad'
expect_rc 3 rescue -- "$dst" "$map" --json
jq -e -s '.[0].type == "start" and .[-1].code == 3 and ([.[] | select(.type == "bad")] | length) == '"${#sorted[@]}" "$WORK/out" >/dev/null ||
	fail "JSON: $(cat "$WORK/out")"
is_truth "$dst"

note 'a disk that heals: retries find it'
expect_rc 0 "$SALVOR" rescue "$src" "$dst" "$map" --retries 1
cmp "$src" "$dst"
[ "$(grep -c '^0x.*[-?*/]$' "$map")" -eq 0 ] || fail 'something is left in the map'

note 'killed at random places, each time continued'
anew
cp "$map" "$WORK/none" 2>/dev/null || true
log=$WORK/reads
export FAULTIO_LOG=$log FAULTIO_LOG_PATH=src.raw
: >"$log"
for ((i = 0; i < kills; i++)); do
	case $((RANDOM % 4)) in
	0 | 1) rule=src.raw:r:0:0:K:$((RANDOM % 150)) ;;
	2) rule=dst.raw:w:0:0:K:$((RANDOM % 60)) ;;
	3) rule=disk.map:n:0:0:K:$((RANDOM % 100)) ;;
	esac
	rc=0
	rescue "$rule" -- "$dst" "$map" --save-every 0 >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq 137 ] || [ "$rc" -eq 3 ] || fail "a killed run ended with $rc: $(cat "$WORK/err")"
	[ ! -e "$map" ] || [ ! -e "$dst" ] || "$rescued" safe "$src" "$dst" "$map" "${sorted[@]}"
	[ ! -e "$map" ] || accepted
	echo "$rule: $(grep -c + "$map") lines of the map are read"
done
expect_rc 3 rescue -- "$dst" "$map"
unset FAULTIO_LOG FAULTIO_LOG_PATH
is_truth "$dst"

note 'a kill costs what was read since the last save, and not more'
anew
: >"$log"
rc=0
FAULTIO_LOG=$log FAULTIO_LOG_PATH=src.raw rescue src.raw:r:0:0:K:150 -- "$dst" "$map" --save-every 0 >"$WORK/out" 2>&1 || rc=$?
[ "$rc" -eq 137 ] || fail "not killed: $rc"
# what failed is read again by its parts, so only a disk without faults shows it
anew
: >"$log"
export FAULTIO_LOG=$log FAULTIO_LOG_PATH=src.raw
expect_rc 137 with_faults src.raw:r:0:0:K:200 "$SALVOR" rescue "$src" "$dst" "$map" --save-every 0
"$rescued" twice "$log" >"$WORK/twice.first"
expect_rc 0 with_faults none:r:0:0:5 "$SALVOR" rescue "$src" "$dst" "$map"
unset FAULTIO_LOG FAULTIO_LOG_PATH
"$rescued" twice "$log" >"$WORK/twice"
# identification of the source (its size, its sector size) is read each time, a few sectors
[ "$(cat "$WORK/twice")" -le $((65536 + 65536)) ] || fail "read twice: $(cat "$WORK/twice.first" "$WORK/twice") bytes"
cmp "$src" "$dst"

note 'stopped by a signal'
anew
expect_rc 20 rescue src.raw:r:0:0:I:100:1 -- "$dst" "$map"
expect_said 'goes on from there'
"$rescued" safe "$src" "$dst" "$map" "${sorted[@]}"
expect_rc 3 rescue -- "$dst" "$map"
is_truth "$dst"

note 'a disk that goes away: nothing is called bad for that'
# it says so (ENXIO), or answers every read with an error from then on; early, and while sectors are read one by one
for answer in 6:220 5:220 5:$((reads * 4 / 10)) 5:$((reads / 2)) 5:$((reads * 6 / 10)) 5:$((reads * 7 / 10)); do
	anew
	expect_rc 9 rescue "src.raw:r:0:0:$answer" -- "$dst" "$map" --retries 1 --wait 0
	"$rescued" safe "$src" "$dst" "$map" "${sorted[@]}"
	ddrescuelog -l- "$map" >"$WORK/called-bad"
	while read -r sector; do
		printf '%s\n' "${sorted[@]}" | awk -F- -v at=$((sector * 512)) '$1 <= at && at < $2 { f = 1 } END { exit !f }' ||
			fail "sector $sector is called bad (answer $answer)"
	done <"$WORK/called-bad"
	expect_rc 3 rescue -- "$dst" "$map"
	is_truth "$dst"
done

note 'a target that loses writes: the map does not call them read'
anew
# the kernel tells of it once; a second sync would go well
expect_rc 10 rescue dst.raw:s:0:0:5:0:1 -- "$dst" "$map" --save-every 0
[ "$(grep -c '+$' "$map")" -eq 0 ] || fail "a lost write is called read: $(cat "$map")"
expect_rc 10 rescue dst.raw:w:0:0:28:20 -- "$dst" "$map" --save-every 0
"$rescued" safe "$src" "$dst" "$map" "${sorted[@]}"
note 'a store that is full: the map before stays whole'
expect_rc 7 rescue disk.map.tmp:w:0:0:28:3 -- "$dst" "$map" --save-every 0
accepted
expect_rc 3 rescue -- "$dst" "$map"
is_truth "$dst"

note 'GNU ddrescue goes on with our map'
anew
# its simulation of errors does not know one in the last sector
sorted=("${sorted[@]::${#sorted[@]}-1}")
unreadable src.raw "${sorted[@]}"
expect_rc 3 rescue -- "$dst" "$map" --passes copy
{
	echo '0 ? 1'
	at=0
	for range in "${sorted[@]}"; do
		echo "$at $((${range%-*} - at)) +"
		echo "${range%-*} $((${range#*-} - ${range%-*})) -"
		at=${range#*-}
	done
	echo "$at $((size - at)) +"
} >"$WORK/errors.map"
expect_rc 0 ddrescue -q -H "$WORK/errors.map" "$src" "$dst" "$map"
is_truth "$dst" any

note 'we go on with the map of GNU ddrescue'
anew
ddrescue -q -N -n -H "$WORK/errors.map" "$src" "$dst" "$map"
grep -q '\*$' "$map" || fail 'ddrescue left nothing to be trimmed'
expect_rc 6 rescue -- "$dst" "$map"
expect_said "--confirm-erase $(stat -c %s "$dst")"
expect_rc 3 rescue -- "$dst" "$map" --confirm-erase "$(stat -c %s "$dst")"
is_truth "$dst"
note 'also when it had not come to the end of the disk'
anew
ddrescue -q -s 5000192 -N -n -H "$WORK/errors.map" "$src" "$dst" "$map"
[ "$(stat -c %s "$dst")" -lt "$size" ] || fail 'ddrescue came to the end'
expect_rc 3 rescue -- "$dst" "$map" --confirm-erase "$(stat -c %s "$dst")"
is_truth "$dst"

note 'what is in use, and nothing else'
anew
expect_rc 0 with_faults none:r:0:0:5 "$SALVOR" rescue "$WORK/vol" "$dst" "$map" --domain used
grep -q '?$' "$map" || fail 'free space was read, too'
e2fsck -fn "$dst" >"$WORK/fsck" 2>&1 || fail "the copy of what is used: $(cat "$WORK/fsck")"
debugfs -R 'cat file' "$dst" 2>/dev/null | cmp - "$WORK/file"
expect_rc 0 "$SALVOR" rescue "$WORK/vol" "$dst" "$map"
cmp "$WORK/vol" "$dst"
note 'only what a domain map says'
anew
printf '0 + 1\n0 1048576 -\n1048576 2097152 +\n' >"$WORK/domain.map"
expect_rc 0 rescue -- "$dst" "$map" --domain "$WORK/domain.map"
[ "$(ddrescuelog -l+ "$map" | wc -l)" -eq 4096 ] || fail 'another area was read than the domain map says'

# FILE...
nothing_there() {
	local file
	for file; do
		[ ! -e "$file" ] || fail "there is $file"
	done
}

# what there is of map, side file and copy
state() { { cat "$map" "$map.salvor.json" "$dst" 2>/dev/null || true; } | sha256sum; }

# refused with 6 and one sentence that has TEXT; map, side file and copy stay as they are
refused() {
	local text=$1 was now
	shift
	was=$(state)
	expect_rc 6 "$@"
	expect_said "$text"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	now=$(state)
	[ "$was" = "$now" ] || fail "refused, but something was written: $*"
}

note 'maps, copies and sources that do not belong together'
anew
expect_rc 20 rescue src.raw:r:0:0:I:200:1 -- "$dst" "$map"
cp "$src" "$WORK/other.raw"
refused 'belongs to the source' "$SALVOR" rescue "$WORK/other.raw" "$dst" "$map"
refused 'belongs to the copy' "$SALVOR" rescue "$src" "$WORK/dst2.raw" "$map"
refused 'at once' "$SALVOR" rescue "$src" "$dst" "$src"
refused 'at once' "$SALVOR" rescue "$src" "$dst" "$dst"
refused 'is the source' "$SALVOR" rescue "$src" "$src" "$WORK/new.map"
mv "$dst" "$WORK/away"
refused 'is not there' "$SALVOR" rescue "$src" "$dst" "$map"
mv "$WORK/away" "$dst"
rm "$map.salvor.json"
refused '--confirm-erase' "$SALVOR" rescue "$src" "$dst" "$map"
truncate -s $((10 * MIB)) "$WORK/small"
refused 'larger' "$SALVOR" rescue "$WORK/small" "$WORK/small.copy" "$map"
echo 'nonsense' >"$WORK/broken.map"
refused 'line 1' "$SALVOR" rescue "$src" "$dst" "$WORK/broken.map"
nothing_there "$WORK/dst2.raw" "$WORK/small.copy" "$WORK/new.map"
expect_rc 2 "$SALVOR" rescue "$src" "$dst" "$map" --passes copy,shave
expect_rc 2 "$SALVOR" rescue "$src" "$dst"
note 'a dry run writes nothing'
expect_rc 0 "$SALVOR" rescue "$src" "$WORK/new.raw" "$WORK/new.map" --dry-run
nothing_there "$WORK/new.raw" "$WORK/new.map"
[ "$(sha "$src")" = "$before" ] || fail 'the source was written'

if ! have_loop; then
	echo 'not shown: disks as targets, for there are no loop devices here'
	exit 0
fi

note 'onto a disk full of other things'
anew
target_size=$((size + 7 * MIB / 2))
poison "$WORK/target" "$target_size"
attach_loop "$WORK/target" 512
dst=$LOOP
refused '--confirm-erase' "$SALVOR" rescue "$src" "$dst" "$map"
expect_rc 3 rescue -- "$dst" "$map" --confirm-erase "$(blockdev --getsize64 "$dst")"
is_truth "$dst"
mkdir -p "$WORK/mnt"
note 'a mounted target, one that is too small, and a map that lies on the target'
mke2fs -q -F "$dst"
mount "$dst" "$WORK/mnt"
expect_rc 6 "$SALVOR" rescue "$src" "$dst" "$WORK/new.map" --confirm-erase "$target_size"
expect_said "$WORK/mnt"
expect_rc 6 "$SALVOR" rescue "$src" "$dst" "$WORK/mnt/new.map" --confirm-erase "$target_size"
umount "$WORK/mnt"
detach_loop "$dst"
poison "$WORK/target" $((size - 512))
attach_loop "$WORK/target" 512
expect_rc 6 "$SALVOR" rescue "$src" "$LOOP" "$WORK/new.map" --confirm-erase $((size - 512))
expect_said 512
[ ! -e "$WORK/new.map" ] || fail 'a refused rescue left a map'
detach_loop "$LOOP"

note 'from a disk: its guard and the kernel'"'"'s manners are put back, also what a kill left'
dst=$WORK/dst.raw
anew
attach_loop "$src" 512
unreadable "$LOOP" "${sorted[@]}"
ahead=/sys/block/${LOOP##*/}/queue/read_ahead_kb
was=$(cat "$ahead")
expect_rc 137 with_faults "$LOOP:r:0:0:K:30" "$SALVOR" rescue "$LOOP" "$dst" "$map"
[ "$(cat "$ahead")" -eq 0 ] || [ ! -w /sys/block ] || fail 'a failing disk is read ahead'
expect_rc 0 "$SALVOR" disks
[ "$(cat "$ahead")" -eq "$was" ] || fail "the next start did not put back what a kill left: $(cat "$ahead")"
anew
expect_rc 3 with_faults "${unreadable[*]}" "$SALVOR" rescue "$LOOP" "$dst" "$map"
[ "$(blockdev --getro "$LOOP")" -eq 0 ] || fail 'the read-only guard of the source outlived the rescue'
[ "$(cat "$ahead")" -eq "$was" ] || fail 'the manners of the kernel outlived the rescue'
detach_loop "$LOOP"
is_truth "$dst"
[ "$(sha "$src")" = "$before" ] || fail 'the source was written'
