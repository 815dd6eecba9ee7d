#!/usr/bin/env bash
# check-heads.sh - every source says in its first line what it is, and has a licence tag
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh

bad=0
complain() {
	echo "check-heads: $*" >&2
	bad=$((bad + 1))
}

# FILE, LINE (number of the head line), PREFIX (comment mark)
check_head() {
	local file=$1 line=$2 prefix=$3 head
	head=$(sed -n "${line}p" "$file")
	[[ $head == "$prefix ${file##*/} - "?* ]] ||
		complain "$file: line $line must read '$prefix ${file##*/} - what it is'"
	head -n 6 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' ||
		complain "$file: no SPDX line"
}

while read -r file; do
	check_head "$file" 1 '/*'
done < <(c_files)

while read -r file; do
	head -n 1 "$file" | grep -q '^#!/' || complain "$file: does not start with #!"
	check_head "$file" 2 '#'
done < <(shell_files)

[ "$bad" -eq 0 ]
