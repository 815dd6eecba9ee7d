#!/usr/bin/env bash
# rescue-lost.sh - a failing disk that does not answer, or goes away and comes back, and a copy that goes away
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Counted, never timed: a read hangs until a file is there (FAULTIO_GATE).
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires python3 jq ddrescuelog

work_dir rescue-lost
rescued=$TOP/tests/lib/rescued.py
src=$WORK/src.raw dst=$WORK/dst.raw map=$WORK/disk.map gate=$WORK/gate
size=$((12 * MIB))
head -c "$size" /dev/urandom >"$src"
before=$(sha "$src")
bad=(1000448-1000960 5000192-5200384 9000448-9000960)
unreadable src.raw "${bad[@]}"
copy=("$dst" "$map" --sector-size 512)

anew() { rm -f -- "$dst" "$map" "$map.salvor.json" "$gate"; }
is_truth() { "$rescued" truth "$src" "$dst" "$map" 0 "${bad[@]}" || fail "not the truth: $(cat "$map")"; }
is_safe() { "$rescued" safe "$src" "$dst" "$map" "${bad[@]}"; }

# RULE [ARG...]: a rescue in the background, with a read that hangs; $pid is its
begin() {
	local rule=$1
	shift
	: >"$WORK/out" # what the one before said is not this one's
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" FAULTIO_GATE=$gate FAULTIO="$rule ${unreadable[*]}" \
		LD_PRELOAD=$FAULTIO_SO "$SALVOR" rescue "$src" "${copy[@]}" --json "$@" >"$WORK/out" 2>"$WORK/err" &
	pid=$!
	cleanup_fn kill_quietly "$pid"
}

kill_quietly() { kill -KILL "$1" 2>/dev/null || true; }

# FILTER: ask the rescue for its status until one fits
until_status() {
	# until its first line stands, a signal would end it
	until [ -s "$WORK/out" ]; do sleep 0.1; done
	while ! jq -e -s "any(.[]; .type == \"status\" and ($1))" "$WORK/out" >/dev/null 2>&1; do
		kill -USR1 "$pid" || fail "it ended before: $1: $(cat "$WORK/out" "$WORK/err")"
		sleep 0.1
	done
}

# CODE: wait for its end
ends_with() {
	local rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq "$1" ] || fail "ended with $rc, not $1: $(cat "$WORK/out" "$WORK/err")"
}

note 'a read that hangs is told, and when it comes back it counts as slow'
anew
begin src.raw:r:0:0:W:100:1
until_status '.waits_for == "answer"'
touch "$gate"
ends_with 3
is_truth
jq -e '.slow_bytes > 0' "$map.salvor.json" >/dev/null || fail "not slow: $(cat "$map.salvor.json")"

note 'a stop while a read hangs: the map is saved, and nobody waits for the read'
anew
begin src.raw:r:0:0:W:100:1
until_status '.waits_for == "answer"'
kill -INT "$pid"
ends_with 20
[ ! -e "$gate" ] || fail 'the read came back'
is_safe
ddrescuelog -t "$map" >"$WORK/log" || fail 'ddrescuelog does not take the map'
[ "$(grep -c '+$' "$map")" -gt 0 ] || fail "what was read is not in the map: $(cat "$map")"
expect_rc 3 rescue -- "${copy[@]}" --quiet
is_truth

note 'a disk that goes away, and comes back'
# it says so, or nothing comes, or all fails at once; early, in the middle of the copy, while sectors are read one by one
anew
expect_rc 3 rescue -- "${copy[@]}" --quiet
reads=$(jq .reads "$map.salvor.json")
for answer in 6 Z 5; do
	for at in 2 100 $((reads / 2)) $((reads * 8 / 10)); do
		anew
		count=2
		if [ "$answer" = 5 ]; then
			# until nothing that could be read before can be read; among bad sectors that takes long
			[ "$at" -le 100 ] || continue
			count=10
		fi
		expect_rc 3 rescue "src.raw:r:0:0:$answer:$at:$count" -- "${copy[@]}" --json
		is_truth
		jq -e -s 'any(.[]; .type == "warning" and (.message | test("the disk is gone")))' "$WORK/out" >/dev/null ||
			fail "nothing was said of it (answer $answer, read $at): $(cat "$WORK/out")"
	done
done

note 'a disk that goes away at the very last read: what it had there is not called bad'
anew
unreadable src.raw "$((size - 1024))-$((size - 512))"
with_log "$WORK/log" src.raw with_faults "${unreadable[*]}" "$SALVOR" rescue "$src" "${copy[@]}" --quiet || [ $? -eq 3 ]
[ "$(grep '^r ' "$WORK/log" | tail -n 1 | cut -d ' ' -f 2)" -eq $((size - 512)) ] || fail 'the last read is another one'
reads=$(grep -c '^r ' "$WORK/log")
anew
expect_rc 3 rescue "src.raw:r:0:0:5:$((reads - 1)):6" -- "${copy[@]}" --quiet
"$rescued" truth "$src" "$dst" "$map" 0 "$((size - 1024))-$((size - 512))" || fail "not the truth: $(cat "$map")"
unreadable src.raw "${bad[@]}"

note 'a sector that was read and goes bad afterwards is no disk that is gone'
# the one behind the last bad area is asked for while the others are scraped
at=9000960
for skip in 1 2 3 4 5 6; do
	anew
	expect_rc 3 rescue "src.raw:r:$at:$((at + 512)):5:$skip" -- "${copy[@]}" --wait 0 --json
	is_safe
	! grep -q 'the disk is gone' "$WORK/out" || fail "called gone (after $skip reads of that sector)"
done

note 'it was there yesterday, and answers nothing today: what the map has from yesterday tells that'
anew
expect_rc 20 rescue src.raw:r:0:0:I:150:1 -- "${copy[@]}" --quiet
sum=$(grep -v '^#' "$map" | sha256sum)
expect_rc 9 rescue src.raw:r:0:0:5:1 -- "${copy[@]}" --wait 0
[ "$(grep -v '^#' "$map" | sha256sum)" = "$sum" ] || fail "the map has changed: $(cat "$map")"
expect_rc 3 rescue -- "${copy[@]}" --quiet
is_truth

note 'it stays away: waited for, told, and stopped'
anew
begin src.raw:r:0:0:6:150
until_status '.waits_for == "disk"'
is_safe
[ "$(grep -c '+$' "$map")" -gt 0 ] || fail "the map was not saved: $(cat "$map")"
kill -INT "$pid"
ends_with 20
expect_rc 3 rescue -- "${copy[@]}" --quiet
is_truth
note 'or not waited for any longer'
anew
expect_rc 9 rescue src.raw:r:0:0:6:150 -- "${copy[@]}" --wait 1
expect_said 'the disk is gone'
is_safe
expect_rc 2 rescue -- "${copy[@]}" --wait -2

note 'a place that takes the disk away each time is passed by'
anew
at=$((3 * MIB))
expect_rc 3 rescue "src.raw:r:$at:$((at + 512)):6" -- "${copy[@]}" --json
"$rescued" truth "$src" "$dst" "$map" 0 "${bad[0]}" "$at-$((at + 512))" "${bad[@]:1}" || fail "not the truth: $(cat "$map")"
expect_rc 3 rescue -- "${copy[@]}" --retries 1
is_truth

note 'another disk in its place'
anew
begin 'src.raw:r:0:0:W:150:1 src.raw:r:0:0:6:150:1'
until_status '.waits_for == "answer"'
mv "$src" "$src.kept"
touch "$gate"
until_status '.waits_for == "disk"'
head -c "$size" /dev/urandom >"$WORK/other"
mv "$WORK/other" "$src"
ends_with 6
jq -e -s 'any(.[]; .type == "error" and (.message | test("another disk")))' "$WORK/out" >/dev/null || fail "$(cat "$WORK/out")"
mv "$src.kept" "$src"
is_safe

note 'a copy that goes away: the map calls read what was flushed, and nothing else'
for rule in dst.raw:w:0:0:6:60 "dst.raw:w:0:0:6:60 dst.raw:s:0:0:6:2"; do
	anew
	# shellcheck disable=SC2086 # two rules
	expect_rc 10 rescue $rule -- "${copy[@]}" --save-every 3600
	is_safe
	expect_rc 3 rescue -- "${copy[@]}" --quiet
	is_truth
done
[ "$(sha "$src")" = "$before" ] || fail 'the source was written'
