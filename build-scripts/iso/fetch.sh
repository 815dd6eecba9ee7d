#!/usr/bin/env bash
# fetch.sh - download the packages of the lock that the cache lacks; check every one by its SHA-256
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

tmp=
cleanup() { [ -z "$tmp" ] || rm -rf -- "$tmp"; }
trap cleanup EXIT

# FILE SHA256: is it there and right?
is_good() { [ -f "$1" ] && echo "$2  $1" | sha256sum --status -c -; }

# print NAME=VERSION of the packages that the cache lacks
missing_packages() {
	local name version sum
	locked_packages | while read -r name version sum _; do
		is_good "$(cached_package "$name" "$version")" "$sum" || echo "$name=$version"
	done
}

# NAME=VERSION...: download them into the cache
download() {
	local file name version
	say FETCH "$# packages"
	tmp=$(mktemp -d "$CACHE/fetch.XXXXXX")
	(cd "$tmp" && apt_run apt-get download "$@") >"$APT_STATE/log" 2>&1 ||
		die "Debian does not offer these versions any more ($(grep -m 1 '^E:' "$APT_STATE/log" || tail -n 1 "$APT_STATE/log")); make iso-lock writes a new lock"
	for file in "$tmp"/*.deb; do
		name=$(dpkg-deb -f "$file" Package)
		version=$(dpkg-deb -f "$file" Version)
		mv -- "$file" "$(cached_package "$name" "$version")"
	done
}

mkdir -p "$CACHE"
# two builds at once share the cache
exec 9>"$CACHE/lock"
flock 9
mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -gt 0 ] || exit 0
apt_update
download "${missing[@]}"
mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || die "wrong checksum after the download: ${missing[*]}"
