#!/usr/bin/env bash
# short.sh - every fuzz target over its committed inputs, and over some thousand changes of them
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [FUZZERS=build-fuzz/fuzz] tests/fuzz/short.sh; always the same inputs in the same order
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/fuzz.sh

folder=${FUZZERS:-build-fuzz/fuzz}
compgen -G "$folder/fuzz_*" >/dev/null || {
	echo 'the fuzz targets are not built: make fuzzers-built'
	exit 77
}
TMPDIR=$(fuzz_tmp)
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT

# changes: fewer where an input takes longer
changes() {
	case $1 in
	disks) echo 200 ;;
	probe | layout) echo 500 ;;
	*) echo 2000 ;;
	esac
}

for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	corpus=$TMPDIR/$name
	read -ra limits < <(fuzz_limits "$name" | xargs)
	corpus_unpack "$name" "$corpus"
	n=$(find "$corpus" -type f | wc -l)
	[ "$n" -gt 0 ] || {
		echo "fuzz_$name has no committed inputs"
		exit 1
	}
	mkdir "$corpus.new"
	runs=$((n + $(changes "$name")))
	if ! "$folder/fuzz_$name" "${limits[@]}" -seed=1 -runs="$runs" -reload=0 -verbosity=0 \
		-artifact_prefix="$folder/crash-$name-" "$corpus.new" "$corpus" >"$TMPDIR/log" 2>&1; then
		tail -n 40 "$TMPDIR/log"
		echo "fuzz_$name: input in $folder/crash-$name-*"
		exit 1
	fi
	echo "$name: $n inputs, $((runs - n)) changes"
done
