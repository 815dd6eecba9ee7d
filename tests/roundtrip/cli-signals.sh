#!/usr/bin/env bash
# cli-signals.sh - stopping a save with each signal, continuing it, asking it for its status
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires jq zstd
work_dir cli-signals

# noise at level 19 takes long enough to be interrupted anywhere
head -c $((56 * MIB)) /dev/urandom >"$WORK/disk"
before=$(sha "$WORK/disk")
save=("$SALVOR" save "$WORK/disk" "$WORK/img" --preset smallest --threads 1 --no-verify --resume --json)

# BYTES: wait until the running save's status says that so many are done
wait_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		# the last line may be half written
		jq -e -R -s --argjson n "$1" 'split("\n") | map(fromjson? // empty)
			| any(.[]; .type == "status" and .phase == "copy" and .bytes_done >= $n)' \
			"$WORK/out" >/dev/null && return
		kill -0 "$pid" 2>/dev/null || fail "the save ended by itself: $(tail -n 3 "$WORK/out" "$WORK/err")"
		sleep 0.1
	done
	fail "no status with $1 bytes: $(tail -n 3 "$WORK/out")"
}

start() {
	"${save[@]}" >"$WORK/out" 2>"$WORK/err" &
	pid=$!
}

# CODE: the running save must end with it
ends_with() {
	local rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq "$1" ] || fail "exit code $rc instead of $1: $(cat "$WORK/err")"
	[ "$(jq -s '.[-1] | select(.type == "exit") | .code' "$WORK/out")" = "$1" ] || fail 'another code in the exit line'
}

# bytes the running save began with
resumed() { jq -s '.[0] | select(.type == "start") | .resumed_from' "$WORK/out"; }
# bytes that were done at its end
done_bytes() { jq -s 'map(select(.type == "status")) | last | .bytes_done' "$WORK/out"; }

# SIGUSR1 prints one line and changes nothing
ask_status() {
	local i
	kill -USR1 "$pid"
	for ((i = 0; i < 100; i++)); do
		! grep -qE '^saving: .* of .* [0-9.]+ %' "$WORK/err" || return 0
		sleep 0.1
	done
	fail "SIGUSR1 printed: $(cat "$WORK/err")"
}

at_least=0 at_most=0
# the running save must have begun where the last one ended
check_resumed() {
	local from
	from=$(resumed)
	[ "$from" -ge "$at_least" ] && [ "$from" -le "$at_most" ] && return
	fail "resumed from $from, not from $at_least to $at_most"
}

for sig in INT TERM HUP; do
	note "SIG$sig stops cleanly"
	start
	wait_for $((at_most + 5 * MIB))
	[ "$sig" != INT ] || ask_status
	kill -"$sig" "$pid"
	ends_with 20
	check_resumed
	# a whole frame of 4 MiB landed in each run
	at_least=$(($(resumed) + 4 * MIB)) at_most=$(done_bytes)
	[ -d "$WORK/img.part" ] || fail 'what can be resumed was not kept'
	[ ! -e "$WORK/img" ] || fail 'a stopped save looks complete'
	tail -n 1 "$WORK/err" | has -E '^salvor: .*stopped by the user\.$' || fail "it said: $(cat "$WORK/err")"
	expect_rc 6 "$SALVOR" save "$WORK/disk" "$WORK/img"
done

note 'the last run continues and completes'
start
ends_with 0
check_resumed
zstd -qdc "$WORK"/img/disk.img.zst* | cmp - "$WORK/disk" || fail 'the image is not the disk'
[ "$(sha "$WORK/disk")" = "$before" ] || fail 'the source was written'

note 'a restore that is stopped leaves no file and no table'
"$SALVOR" restore "$WORK/img" "$WORK/target" --json >"$WORK/out" 2>"$WORK/err" &
pid=$!
kill -INT "$pid" 2>/dev/null || true
rc=0
wait "$pid" || rc=$?
# it may have been too quick, or not yet have held the signal back
case $rc in
0) cmp "$WORK/target" "$WORK/disk" || fail 'a finished restore is not the disk' ;;
20 | 130) [ ! -e "$WORK/target" ] || fail 'a stopped restore left its file' ;;
*) fail "a stopped restore ended with $rc" ;;
esac
