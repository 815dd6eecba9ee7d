#!/usr/bin/env bash
# install-deps.sh - install the Debian packages of packages.txt that are missing
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail

list=$(dirname "$0")/packages.txt

# print the packages of the list that are not installed, one per line
missing_packages() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
		sed -n 's/^installed //p')
	grep -v -e '^#' -e '^$' "$list" | grep -vxF -f <(printf '%s\n' "$have") || true
}

die() {
	echo "install-deps: $*" >&2
	exit 1
}

# run apt-get as root, without questions
apt() {
	local sudo=()
	[ "$(id -u)" -eq 0 ] || sudo=(sudo)
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"
}

# mirrors hiccup: try three times before giving up
retry() {
	local n
	for n in 1 2 3; do
		"$@" && return 0
		[ "$n" = 3 ] || sleep $((n * 5))
	done
	return 1
}

command -v dpkg-query >/dev/null ||
	die "this is not a Debian system; please install by other means: $(grep -v '^#' "$list" | paste -sd ' ')"

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "install-deps: installing ${missing[*]}"
command -v apt-get >/dev/null || die "apt-get is not there; please install: ${missing[*]}"
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
	die "not root and sudo is not there; please install as root: ${missing[*]}"
retry apt update || die "apt-get update failed; please install by hand: ${missing[*]}"
retry apt install --no-install-recommends "${missing[@]}" ||
	die "apt-get could not install these packages: ${missing[*]}"

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || die "still missing after apt-get: ${missing[*]}"
