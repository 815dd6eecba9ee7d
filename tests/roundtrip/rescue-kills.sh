#!/usr/bin/env bash
# rescue-kills.sh - rescues killed at random moments, in turns with GNU ddrescue: nothing false, and one save interval read again
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [KILLS=N] [SEED=N] rescue-kills.sh    N kills at random reads, writes, syncs and renames (default 12)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires python3 ddrescue ddrescuelog

work_dir rescue-kills
kills=${KILLS:-12} seed=${SEED:-$$$RANDOM}
RANDOM=$((seed % 32768))
cleanup_fn echo "SEED=$seed"
rescued=$TOP/tests/lib/rescued.py
src=$WORK/src.raw dst=$WORK/dst.raw map=$WORK/disk.map log=$WORK/log
size=$((16 * MIB))
head -c "$size" /dev/urandom >"$src"
before=$(sha "$src")
bad=(1000448-1000960 5000192-5100544 7000064-7000576 7001088-7002112 12000256-12000768)
unreadable src.raw "${bad[@]}"

anew() { rm -f -- "$dst" "$map" "$map".* && : >"$log"; }

# RULE CMD...: with the bad sectors and one more rule; the log has reads of the source and renames of the map
run() {
	local rule=$1
	shift
	FAULTIO_LOG=$log FAULTIO_LOG_PATH=$WORK/ with_faults "$rule ${unreadable[*]}" "$@" >"$WORK/out" 2>"$WORK/err" || return $?
}

salvor() { run "$1" "$SALVOR" rescue "$src" "$dst" "$map" --sector-size 512 --quiet "${@:2}"; }

# what is in the map is true, and ddrescue's own tool takes it
check() {
	[ -e "$map" ] || return 0
	ddrescuelog -t "$map" >"$WORK/said" 2>&1 || fail "ddrescuelog: $(cat "$WORK/said" "$map")"
	[ ! -e "$dst" ] || "$rescued" safe "$src" "$dst" "$map" "${bad[@]}"
}

# begin or go on, and be killed; false when it came to the end before
killed() {
	local rc=0 every=$((RANDOM % 2)) rule
	case $((RANDOM % 6)) in
	0 | 1 | 2) rule=src.raw:r:0:0:K:$((RANDOM % 60)) ;;
	3) rule=dst.raw:w:0:0:K:$((RANDOM % 40)) ;;
	4) rule=dst.raw:s:0:0:K:$((RANDOM % 40)) ;;
	5) rule=disk.map:n:0:0:K:$((RANDOM % 60)) ;;
	esac
	salvor "$rule" --save-every "$every" || rc=$?
	check
	[ "$rc" -ne 3 ] || return 1
	[ "$rc" -eq 137 ] || fail "a run that was to be killed ended with $rc ($rule): $(cat "$WORK/err")"
	echo kill >>"$log"
	echo "$rule, saved every $every s: $(grep -c '+$' "$map" 2>/dev/null || true) areas of the map are read"
}

# ddrescue goes on for a while, and is stopped
ddrescue_for_a_while() {
	local rc=0
	[ -e "$map" ] || return 0
	run "src.raw:r:0:0:I:$((RANDOM % 60)):1" ddrescue -q "$src" "$dst" "$map" || rc=$?
	# its own end, or the signal's
	[ "$rc" -eq 0 ] || [ "$rc" -eq 130 ] || fail "ddrescue ended with $rc: $(cat "$WORK/err")"
	check
	echo saved >>"$log"
	echo "ddrescue: $rc, $(grep -c '+$' "$map") areas of the map are read"
}

finish() {
	local rc=0
	salvor none:r:0:0:5 || rc=$?
	[ "$rc" -eq 3 ] || fail "the last run ended with $rc: $(cat "$WORK/err")"
	check
	"$rescued" truth "$src" "$dst" "$map" 0 "${bad[@]}" || fail "not the truth: $(cat "$map")"
	"$rescued" again "$log" "${bad[@]}" || fail 'more was read again than one save interval for each kill'
	anew
}

for with in salvor ddrescue; do
	note "killed $kills times, $([ "$with" = salvor ] && echo 'each time gone on' || echo 'in turns with ddrescue')"
	anew
	for ((i = 0; i < kills; )); do
		if killed; then
			i=$((i + 1))
		else
			finish
		fi
		[ "$with" = salvor ] || ddrescue_for_a_while
	done
	finish
done
[ "$(sha "$src")" = "$before" ] || fail 'the source was written'
