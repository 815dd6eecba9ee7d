#!/usr/bin/env bash
# install-deps.sh - install the Debian packages of packages.txt, or of another list, that are missing
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: build-scripts/install-deps.sh [LIST]
set -eu -o pipefail

list=${1:-$(dirname "$0")/packages.txt}

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

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)

# run apt-get as root, without questions
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"; }

# package -> services. Tests start servers of their own: these start neither now nor at the next boot,
# unless they were there before
declare -A services=(
	[nfs-ganesha]='nfs-ganesha nfs-ganesha-lock'
	[openssh-server]='ssh'
	[samba]='smbd nmbd samba-ad-dc'
	[smartmontools]='smartmontools'
)
policy=/usr/sbin/policy-rc.d

# PACKAGE...: install them without starting anything
install_quietly() {
	local rc=0 own='' package service
	if [ ! -e "$policy" ]; then
		own=1
		printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
		"${sudo[@]}" chmod 755 "$policy"
	fi
	retry apt install --no-install-recommends "$@" || rc=$?
	[ -z "$own" ] || "${sudo[@]}" rm -f "$policy"
	command -v systemctl >/dev/null || return "$rc"
	for package; do
		for service in ${services[$package]:-}; do
			"${sudo[@]}" systemctl -q disable "$service" >/dev/null 2>&1 || true
		done
	done
	return "$rc"
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
install_quietly "${missing[@]}" ||
	die "apt-get could not install these packages: ${missing[*]}"

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || die "still missing after apt-get: ${missing[*]}"
