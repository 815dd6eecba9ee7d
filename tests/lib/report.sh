#!/usr/bin/env bash
# report.sh - bad places of volumes, and what salvor report says of them (sourced)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# In the scratch folder; SEEDS and SEED say how many sets of bad places, and which.

seeds=${SEEDS:-2} seed=${SEED:-1}
cleanup_fn echo "SEED=$seed"
owners=$TOP/tests/lib/owners.py

# MAP IMAGE: the report
look() { expect_rc 0 salvor report "$1" --copy "$2" --json && cp "$WORK/out" report; }

# KIND IMAGE: sets of bad places by chance, the copy full of other things there
judge() {
	local i map=$WORK/chance.map
	for ((i = 0; i < seeds; i++)); do
		"$owners" make "$1" "$2" "$map" $((seed + i)) 120
		cp --sparse=always "$2" copy
		"$owners" poison copy "$map"
		look "$map" copy
		printf '%s %s: ' "$2" $((seed + i))
		"$owners" check "$1" "$2" "$map" report || fail "$2 with seed $((seed + i))"
	done
}

# IMAGE START LENGTH: a map with that area lost
lose() {
	local size
	size=$(stat -c %s "$1")
	{
		echo '0x0 + 1'
		[ "$2" -eq 0 ] || echo "0 $2 +"
		echo "$2 $3 -"
		[ $(($2 + $3)) -eq "$size" ] || echo "$(($2 + $3)) $((size - $2 - $3)) +"
	} >one.map
}

# JQ-FILTER: holds of the report
reported() { jq -e "$1" report >/dev/null || fail "not so: $1: $(head -c 2000 report)"; }
