#!/usr/bin/env bash
# fuzz-coverage.sh - print which share of the parsers' lines and branches a corpus of inputs reaches
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: fuzz-coverage.sh FOLDER CORPUS...: FOLDER holds fuzz targets built with clang's source coverage, the
# inputs of fuzz_X lie in CORPUS/X/. The listings of llvm-cov are left in FOLDER/uncovered/.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# what reads data that somebody else may have made
PARSERS=(
	engine/fsmap/*.c
	engine/codec/codec_{xz,zstd}.c
	engine/disk/{gpt,gpt_move,identity,layout,msdos,sysfs,usage}.c
	engine/image/{check,index_digest,index_parse,index_read,list,manifest_read}.c
	engine/image/{reader,reader_frames,reader_open,reader_scan,reader_stream,seektable,writer_resume}.c
	engine/io/volumes_{find,reader}.c
	engine/share/{net,url}.c
)

folder=$1
shift
rm -rf -- "$folder/profile" "$folder/uncovered"
mkdir -p "$folder/profile" "$folder/uncovered"

# replay the corpora of one target
replay() {
	local target=$1 corpus corpora=()
	for corpus in "${@:2}"; do
		[ ! -d "$corpus/${target##*/fuzz_}" ] || corpora+=("$corpus/${target##*/fuzz_}")
	done
	LLVM_PROFILE_FILE=$folder/profile/${target##*/}.raw \
		"$target" -runs=0 -timeout=60 -rss_limit_mb=1024 "${corpora[@]}" >"$folder/profile/${target##*/}.log" 2>&1 || {
		tail -n 20 "$folder/profile/${target##*/}.log" >&2
		return 1
	}
}

objects=()
for target in "$folder"/fuzz_*; do
	[ -x "$target" ] || continue
	replay "$target" "$@"
	objects+=(-object "$target")
done
llvm-profdata merge -sparse -o "$folder/profile/all" "$folder"/profile/*.raw
llvm-cov export -summary-only -instr-profile "$folder/profile/all" "${objects[@]:1}" "${PARSERS[@]}" |
	jq -r '.data[0] | (.files[] | [.filename, .summary.lines, .summary.branches]), (["in all", .totals.lines, .totals.branches])
		| [.[0], .[1].covered, .[1].count, .[2].covered, .[2].count] | @tsv' |
	awk -F '\t' -v here="$PWD/" '
		function share(n, of) { return of ? 100 * n / of : 100 }
		BEGIN { printf "%8s %14s %8s %14s\n", "lines", "", "branches", "" }
		{ sub(here, "", $1); printf "%6.1f %% %14s %6.1f %% %14s  %s\n", share($2, $3), $2 "/" $3, share($4, $5), $4 "/" $5, $1 }'
for source in "${PARSERS[@]}"; do
	llvm-cov show -instr-profile "$folder/profile/all" "${objects[@]:1}" "$source" >"$folder/uncovered/${source//\//.}.txt"
done
