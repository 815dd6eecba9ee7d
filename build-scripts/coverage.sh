#!/usr/bin/env bash
# coverage.sh - print the share of lines that ran, file by file, from the gcov data of a build folder
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."

build=$(realpath "$1")
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
find "$build/obj/engine" "$build/obj/cli" -name '*.gcno' 2>/dev/null | LC_ALL=C sort | while read -r notes; do
	# gcov names the source, then the share: join the two lines
	(cd "$tmp" && gcov -n "$notes" 2>/dev/null) | awk '
		/^File / { file = $2; gsub(/\047/, "", file) }
		/^Lines executed/ && file ~ /^(engine|cli)\/.*\.c$/ { split($0, p, /[:% ]+/); print p[3], $NF, file; file = "" }'
done | sort -k 3 | awk '
	{ printf "%7.1f %%  %5d lines  %s\n", $1, $2, $3; run += $1 * $2 / 100; all += $2 }
	END { if (all) printf "%7.1f %%  %5d lines  in all\n", 100 * run / all, all }'
