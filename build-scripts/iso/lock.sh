#!/usr/bin/env bash
# lock.sh - resolve iso-config/packages.txt and write iso-config/packages.lock
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT

# print NAME=VERSION of everything that would be installed, without what packages.skip names
resolve() {
	local names
	mapfile -t names < <(data_lines "$CONFIG/packages.txt" | sed -n 's/^package  *//p')
	apt_run apt-get -s install "${names[@]}" >"$tmp/plan" 2>"$tmp/err" ||
		die "apt-get finds no solution: $(grep -m 1 '^E:' "$tmp/err" || tail -n 1 "$tmp/err")"
	! grep '^Inst ' "$tmp/plan" | grep -v -E '^Inst [^ ]+ \([^ ]+ Debian' ||
		die 'these packages are not from Debian'
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' "$tmp/plan" | LC_ALL=C sort |
		grep -v -x -E -f <(data_lines "$CONFIG/packages.skip" | sed -e 's/[.+]/\\&/g' -e 's/$/=.*/')
}

# NAME=VERSION...: print NAME VERSION SHA256 SIZE of each
describe() {
	apt_run apt-cache show "$@" | awk '
		/^Package:/ { name = $2 } /^Version:/ { version = $2 } /^SHA256:/ { sum = $2 } /^Size:/ { size = $2 }
		/^$/ { print name, version, sum, size }' | LC_ALL=C sort -u
}

apt_update
resolve >"$tmp/wanted"
mapfile -t wanted <"$tmp/wanted"
{
	echo '# written by make iso-lock: name, version, SHA-256 and size of every Debian package of the live image'
	describe "${wanted[@]}"
} >"$tmp/lock"
[ "$(data_lines "$tmp/lock" | wc -l)" -eq "${#wanted[@]}" ] || die 'apt-cache does not describe every package once'
cat "$tmp/lock" >"$LOCK"
say LOCK "${#wanted[@]} packages, $(data_lines "$LOCK" | awk '{ s += $4 } END { printf "%.1f MiB", s / 1048576 }')"
