#!/usr/bin/env bash
# run-fuzzers.sh - run every fuzz target of a folder for a number of seconds; a crash fails
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [JOBS=N] run-fuzzers.sh FOLDER SECONDS [TARGET...]
# The seconds are of CPU time, so that a busy machine does not count. Inputs are those committed, those made by
# tests/fuzz/seeds.sh, and what earlier runs found: all in FOLDER/corpus/TARGET, and so is what this run finds.
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/fuzz.sh

folder=$1 seconds=$2
shift 2
jobs=${JOBS:-$(nproc)}
TMPDIR=$(fuzz_tmp)
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT

# seconds of CPU time a process has had
cpu_seconds() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -ra stat <<<"${stat##*) }"
	echo $(((stat[11] + stat[12]) / $(getconf CLK_TCK)))
}

# a figure of libFuzzer's last lines
figure() {
	sed -n "s/^stat::$2: *//p" "$folder/$1.log"
}

run_target() {
	local name=$1 limits pid used=0 now rc=0
	read -ra limits < <(fuzz_limits "$name" | xargs)
	corpus_unpack "$name" "$folder/corpus/$name"
	"$folder/fuzz_$name" "${limits[@]}" -artifact_prefix="$folder/crashes/$name-" \
		"$folder/corpus/$name" >"$folder/$name.log" 2>&1 &
	pid=$!
	while now=$(cpu_seconds "$pid"); do
		used=$now
		[ "$used" -lt "$seconds" ] || kill -USR1 "$pid" 2>/dev/null || true
		sleep 0.5
	done
	wait "$pid" || rc=$?
	if [ "$rc" -ne 0 ]; then
		tail -n 30 "$folder/$name.log"
		echo "FAILED  $name: input in $folder/crashes/, log in $folder/$name.log"
		touch "$folder/crashes/failed"
		return 0
	fi
	printf '%-10s %10d runs %6d s %5d MiB at most %6d inputs\n' "$name" "$(figure "$name" number_of_executed_units)" \
		"$used" "$(figure "$name" peak_rss_mb)" "$(find "$folder/corpus/$name" -type f | wc -l)"
}

[ $# -gt 0 ] || set -- "$folder"/fuzz_*
mkdir -p "$folder/crashes"
rm -f "$folder/crashes/failed"
tests/fuzz/seeds.sh "$folder/corpus"
for target; do
	while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_target "${target##*/fuzz_}" &
done
wait
[ ! -e "$folder/crashes/failed" ]
