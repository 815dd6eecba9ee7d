#!/usr/bin/env bash
# apt.sh - apt-get and apt-cache with a state of their own, as any user; to be sourced after lib.sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The host's sources and keys are used, its list of installed packages is not: nothing counts as
# installed, so that dependencies resolve to the same list on every machine.

APT_STATE=$CACHE/apt
APT_OPTIONS=(
	-o "Dir::State=$APT_STATE/state"
	-o "Dir::State::status=$APT_STATE/status"
	-o "Dir::Cache=$APT_STATE/cache"
	-o APT::Architecture=amd64 -o APT::Architectures::=amd64
	-o APT::Install-Recommends=0 -o Debug::NoLocking=1
	-o APT::Sandbox::User=root -o Acquire::Retries=3
	-q -q
)

apt_run() {
	local program=$1
	shift
	"$program" "${APT_OPTIONS[@]}" "$@"
}

# fetch the package lists
apt_update() {
	mkdir -p "$APT_STATE"/{state/lists/partial,cache/archives/partial}
	: >"$APT_STATE/status"
	command -v apt-get >/dev/null || die 'apt-get is not there: the live image is built on Debian'
	say APT 'package lists'
	apt_run apt-get update >"$APT_STATE/log" 2>&1 ||
		die "apt-get update failed: $(grep -m 1 '^[EW]:' "$APT_STATE/log" || echo "see $APT_STATE/log")"
}
