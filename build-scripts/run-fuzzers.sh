#!/usr/bin/env bash
# run-fuzzers.sh - run every fuzz target of a folder for a number of seconds; a crash fails
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: run-fuzzers.sh FOLDER SECONDS. Committed seeds of fuzz_X lie in tests/fuzz/corpus/X/, others
# are made by tests/fuzz/seeds.sh; what a run finds is kept in FOLDER/corpus/X for the next run.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# libparted 3.5 reads one byte too far with strchr as it is loaded
export ASAN_OPTIONS=${ASAN_OPTIONS:-intercept_strchr=0}
folder=$1 seconds=$2
failed=0 n=0
tests/fuzz/seeds.sh "$folder/corpus"
for target in "$folder"/fuzz_*; do
	[ -x "$target" ] || continue
	n=$((n + 1))
	name=${target##*/fuzz_}
	mkdir -p "$folder/corpus/$name" "$folder/crashes"
	corpora=("$folder/corpus/$name")
	[ ! -d "tests/fuzz/corpus/$name" ] || corpora+=("tests/fuzz/corpus/$name")
	echo "  FUZZ    $name ($seconds s)"
	"$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=25 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix="$folder/crashes/$name-" "${corpora[@]}" >"$folder/$name.log" 2>&1 || {
		failed=$((failed + 1))
		tail -n 30 "$folder/$name.log"
		echo "  FAILED  $name: input in $folder/crashes/, log in $folder/$name.log"
		continue
	}
	grep -E 'number_of_executed_units|new_units_added|peak_rss_mb' "$folder/$name.log" | sed 's/^/          /'
done
[ "$n" -gt 0 ] || {
	echo 'run-fuzzers: there is no fuzz target' >&2
	exit 1
}
[ "$failed" -eq 0 ]
