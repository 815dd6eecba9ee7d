#!/usr/bin/env bash
# run.sh - run test programs, several at once, and count what passed, failed and was skipped
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [JOBS=N] [TEST_TIMEOUT=900] tests/run.sh 'PROGRAM [ARG...]' ...
# A program passes with 0, is skipped with 77 (the reason is its last line), else it failed. What drives a terminal or a
# machine and fails beside another test gets one more go by itself at the end, which is told; its first log is kept.
# What a sanitizer finds in any process of a test fails it, whatever became of that process, and there is no second go.
set -eu -o pipefail
cd "$(dirname "$0")/.."

export BUILD=${BUILD:-build} LC_ALL=C.UTF-8
export SALVOR=${SALVOR:-$PWD/$BUILD/salvor}
# sanitizers: the first finding ends the program; libparted 3.5 reads one byte too far with strchr as
# it is loaded, which would be the first finding of every program
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99:detect_leaks=1:intercept_strchr=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=99:second_deadlock_stack=1}
jobs=${JOBS:-$(nproc)}
limit=${TEST_TIMEOUT:-900}
logs=$BUILD/logs

# TSan of gcc 12 cannot live with the wide address randomisation of newer kernels
wrap=()
if [[ $BUILD == *tsan* ]] && setarch -R true 2>/dev/null; then
	wrap=(setarch -R)
fi

# NAME OF A TEST: its command line, shortened and fit for a file name
test_name() {
	local name=${1#"$BUILD"/}
	name=${name#tests/}
	name=${name//\//.}
	echo "${name// /_}"
}

# NAME: where its sanitized processes write their findings, each to a file of its own: a program that has a terminal would
# write over its screen, and one that is killed later says nothing by its exit code. Appends them to the log; are there any?
findings() {
	local f found=1
	for f in "$logs/$1".san.*; do
		[ -e "$f" ] || continue
		cat "$f" >>"$logs/$1.log"
		found=0
	done
	return $found
}

# run one test; its verdict goes to a file, a line and (on failure) the end of the log to stdout
run_one() {
	local cmd=$1 name rc=0 start=$SECONDS reason
	local -a argv
	name=$(test_name "$cmd")
	read -ra argv <<<"$cmd"
	local -x ASAN_OPTIONS=$ASAN_OPTIONS:log_path=$PWD/$logs/$name.san TSAN_OPTIONS=$TSAN_OPTIONS:log_path=$PWD/$logs/$name.san
	timeout -k 30 "$limit" "${wrap[@]}" "${argv[@]}" >"$logs/$name.log" 2>&1 </dev/null || rc=$?
	! findings "$name" || rc=99
	case $rc in
	0)
		echo pass >"$logs/$name.verdict"
		echo "PASS  $name ($((SECONDS - start)) s)"
		;;
	77)
		reason=$(tail -n 1 "$logs/$name.log")
		echo skip >"$logs/$name.verdict"
		echo "SKIP  $name: $reason"
		;;
	*)
		echo fail >"$logs/$name.verdict"
		[ "$rc" != 124 ] || echo "run.sh: stopped after $limit s" >>"$logs/$name.log"
		# one write, so that tests that end together do not mix their lines
		printf '%s\n' "FAIL  $name (exit $rc), end of $logs/$name.log:" \
			"$(tail -n 40 "$logs/$name.log" | sed 's/^/      /')"
		;;
	esac
}

# the tests that failed of those that depend on how soon a terminal or a machine answers, a line each
failed_live() {
	local cmd
	for cmd in "$@"; do
		case $cmd in tests/screens/* | tests/guest/* | tests/iso/* | tests/roundtrip/*) ;; *) continue ;; esac
		[ "$(cat "$logs/$(test_name "$cmd").verdict" 2>/dev/null)" != fail ] ||
			compgen -G "$logs/$(test_name "$cmd").san.*" >/dev/null || echo "$cmd"
	done
}

# once more, one by one; more than a few is no bad luck
second_go() {
	local cmd name
	local -a again
	mapfile -t again < <(failed_live "$@")
	[ "${#again[@]}" -gt 0 ] && [ "${#again[@]}" -le 3 ] || return 0
	for cmd in "${again[@]}"; do
		name=$(test_name "$cmd")
		mv "$logs/$name.log" "$logs/$name.first.log"
		echo "AGAIN $name, by itself"
		run_one "$cmd"
	done
}

count() {
	local verdict=$1 f n=0
	for f in "$logs"/*.verdict; do
		[ "$(cat "$f")" = "$verdict" ] && n=$((n + 1))
	done
	echo "$n"
}

[ $# -gt 0 ] || {
	echo 'run.sh: no tests given' >&2
	exit 2
}
rm -rf -- "${logs:?}"
mkdir -p "$logs"
running=0
for cmd in "$@"; do
	if [ "$running" -ge "$jobs" ]; then
		wait -n
		running=$((running - 1))
	fi
	run_one "$cmd" &
	running=$((running + 1))
done
wait
second_go "$@"

failed=$(count fail)
passed=$(count pass)
skipped=$(count skip)
# a test that died together with its runner counts as failed
failed=$(($# - passed - skipped > failed ? $# - passed - skipped : failed))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
