#!/usr/bin/env bash
# check-heads.sh - every source says in its first line what it is, and has a licence tag
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh

# LINE PREFIX FILE...: line LINE of every file must be "PREFIX NAME - what it is"
check_heads() {
	awk -v want="$1" -v prefix="$2" '
		function complain(file, text) { print "check-heads: " file ": " text; bad = 1 }
		FNR == 1 { if (NR > 1 && !tag) complain(last, "no SPDX line"); tag = 0; last = FILENAME }
		FNR == 1 && want == 2 && !/^#!\// { complain(FILENAME, "does not start with #!") }
		FNR == want {
			name = FILENAME; sub(/.*\//, "", name); head = prefix " " name " - "
			if (index($0, head) != 1 || length($0) == length(head))
				complain(FILENAME, "line " want " must read \"" head "what it is\"")
		}
		FNR <= 6 && /SPDX-License-Identifier: GPL-3.0-or-later/ { tag = 1 }
		END { if (!tag) complain(last, "no SPDX line"); exit bad }' "${@:3}" >&2
}

mapfile -t sources < <(c_files)
mapfile -t scripts < <(shell_files)
rc=0
check_heads 1 '/*' "${sources[@]}" || rc=1
check_heads 2 '#' "${scripts[@]}" || rc=1
exit "$rc"
