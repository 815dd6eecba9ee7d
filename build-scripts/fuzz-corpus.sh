#!/usr/bin/env bash
# fuzz-corpus.sh - of all inputs that long runs found keep the fewest that reach as much, to be committed
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: fuzz-corpus.sh FOLDER: the inputs of fuzz_X are in FOLDER/corpus/X/, they go to tests/fuzz/corpus/X.tar.xz
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/fuzz.sh

folder=$1
TMPDIR=$(fuzz_tmp)
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT

for target in "$folder"/fuzz_*; do
	name=${target##*/fuzz_} kept=$TMPDIR/kept-${target##*/fuzz_}
	read -ra limits < <(fuzz_limits "$target" | xargs)
	corpus_unpack "$name" "$TMPDIR/old-$name"
	mkdir -p "$kept" "$folder/corpus/$name"
	"$target" "${limits[@]}" -merge=1 "$kept" "$folder/corpus/$name" "$TMPDIR/old-$name" >"$folder/$name.merge.log" 2>&1 || {
		tail -n 20 "$folder/$name.merge.log" >&2
		exit 1
	}
	tar -cf - --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 -C "$kept" . |
		xz -9e >"tests/fuzz/corpus/$name.tar.xz"
	printf '%-10s %5d inputs %8d bytes\n' "$name" "$(find "$kept" -type f | wc -l)" "$(stat -c %s "tests/fuzz/corpus/$name.tar.xz")"
done
