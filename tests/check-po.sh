#!/usr/bin/env bash
# check-po.sh - the translations are well-formed, complete, and of the texts that the interface has now
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
command -v msgfmt >/dev/null || {
	echo 'gettext is not installed'
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT

xgettext --from-code=UTF-8 -k_ -kN_ -k_n:1,2 -kWORDS:1,2 -kSAME:1 --no-location --sort-by-file -o "$tmp/salvor.pot" \
	tui/*.c engine/disk/health_judge.c engine/disk/machine.c
bad=0
for po in po/*.po; do
	# formats, plural forms, header
	msgfmt -c -o /dev/null "$po" 2>"$tmp/said" || bad=1
	[ ! -s "$tmp/said" ] || bad=1
	cat "$tmp/said" >&2
	# every text is there; texts that are gone are reported too
	msgcmp "$po" "$tmp/salvor.pot" 2>"$tmp/said" || {
		echo "$po: $(tail -n 1 "$tmp/said")" >&2
		cat "$tmp/said" >&2
		bad=1
	}
	! grep -q 'is not used' "$tmp/said" || {
		grep -A 1 'is not used' "$tmp/said" >&2
		bad=1
	}
done
exit "$bad"
