#!/usr/bin/env bash
# inside.sh - for tests of reports on volumes that stand inside of others: filesystems to be hit, reports and their judges
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, in the script's work folder.

owners=$TOP/tests/lib/owners.py inside=$TOP/tests/lib/inside.py

# SEED: 500 files, in the folder tree
make_tree() {
	python3 - "$1" <<-'END'
		import os, random, sys
		chance = random.Random(sys.argv[1])
		for i in range(500):
		    folder = f"tree/folder {i % 20}/e{i % 7}"
		    os.makedirs(folder, exist_ok=True)
		    with open(f"{folder}/a file, {i}.bin", "wb") as f:
		        f.write(chance.randbytes(chance.choice([100, 3000, 9000, 20000, 60000])))
	END
}

# NAME SIZE mke2fs-OPTION...: an ext4 with most of the tree
ext_volume() {
	truncate -s "$2" "$1"
	mke2fs -q -F -t ext4 -d tree "${@:3}" "$1" 2>/dev/null
	find tree -name '*[258].bin' | sed 's/^tree\(.*\)/rm "\1"/' | debugfs -w -f - "$1" >/dev/null 2>&1
	e2fsck -fy "$1" >/dev/null 2>&1 || [ $? -eq 1 ] || fail "$1 is not well"
}

# MAP IMAGE [OPTION...]: the report
look() { expect_rc 0 salvor report "$1" --copy "$2" --json "${@:3}" && cp "$WORK/out" report; }

# JQ-FILTER: holds of the report
reported() { jq -e "$1" report >/dev/null || fail "not so: $1: $(head -c 3000 report)"; }

# NAME KIND IMAGE MAP: the report of the volume of that name against other tools on what stands there
judge() {
	"$inside" volume report "$1" inner-report
	printf '%s: ' "$1"
	"$owners" check "$2" "$3" "$4" inner-report || fail "$1"
}
