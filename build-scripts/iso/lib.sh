#!/usr/bin/env bash
# lib.sh - what the scripts that build the live image share; to be sourced first
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From the environment: BUILD (folder, default build), CACHE (downloaded packages, default build/cache), ISO_CONFIG (iso-config),
# VERSION and DATE of the product, which the Makefile knows. All paths are absolute after this.
set -eu -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$TOP/build}")
CACHE=$(realpath -m "${CACHE:-$TOP/build/cache}")
ISO_DIR=$BUILD/iso
VERSION=${VERSION:-0}
# shellcheck disable=SC2034 # for the scripts that source this
ROOT=$ISO_DIR/packages
CONFIG=$(realpath -m "${ISO_CONFIG:-$TOP/iso-config}")
LOCK=$CONFIG/packages.lock

# the same bytes for everyone
umask 022
SOURCE_DATE_EPOCH=$(date -u -d "${DATE:-2026-01-01} 00:00:00" +%s)
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '  %-7s %s\n' "$1" "$2"; }

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# FILE...: lines that say something, without comments
data_lines() { sed -e 's/[[:space:]]*#.*//' -e 's/^[[:space:]]*//' -e '/^$/d' -- "$@"; }

# the packages of the lock: NAME VERSION SHA256 SIZE
locked_packages() {
	[ -s "$LOCK" ] || die "$LOCK is missing; make iso-lock writes it"
	data_lines "$LOCK"
}

# NAME VERSION: where the package lies in the cache (a colon in a version is %3a, as apt has it)
cached_package() { printf '%s/%s_%s.deb\n' "$CACHE" "$1" "${2//:/%3a}"; }

# PATH: the file of the unpacked packages that this path leads to, with links followed as in the image
root_target() {
	local path=$1 link
	while [ -L "$ROOT$path" ]; do
		link=$(readlink "$ROOT$path")
		[[ $link == /* ]] || link=${path%/*}/$link
		path=$(realpath -m -s "$link")
	done
	# where it really lies: /bin is /usr/bin
	path=$(realpath "$ROOT${path%/*}")/${path##*/}
	printf '%s\n' "${path#"$ROOT"}"
}

# PROGRAM ARG...: run a program of the unpacked packages with the libraries of these packages
locked_tool() {
	local program=$1 libs=$ROOT/usr/lib/x86_64-linux-gnu
	shift
	[ -e "$ROOT/usr/lib64" ] || die 'the packages are not unpacked yet'
	"$libs/ld-linux-x86-64.so.2" --argv0 "${program##*/}" --library-path "$libs" "$ROOT$(root_target "$program")" "$@"
}

# FOLDER: set every time stamp below to the one of the product
same_times() { find "$1" -depth -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# KEY: its value in iso-config/profile.conf
profile() {
	data_lines "$CONFIG/profile.conf" | sed -n "s/^$1 *= *//p" | grep . ||
		die "iso-config/profile.conf does not say $1"
}

# FILE NAME=VALUE...: print a template without its comments, with every @NAME@ replaced
fill_in() {
	local file=$1 text pair
	shift
	text=$(data_lines "$file")
	for pair; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
	[[ $text != *@[A-Z]*@* ]] || die "$file: a word between @ is left over"
	printf '%s\n' "$text"
}

# the name of the file by which a boot loader knows the medium it belongs to
medium_id() {
	printf 'salvor-%s-%s\n' "$VERSION" "$(cat "$ISO_DIR/vmlinuz" "$ISO_DIR/initrd" | sha256sum | cut -c 1-16)"
}

# ROOT: a link to its busybox for every applet whose name no real program has
add_applets() {
	local root=$1 applet name
	"$root/usr/bin/busybox" --list-full | while read -r applet; do
		name=${applet##*/}
		[ -e "$root/usr/bin/$name" ] || [ -e "$root/usr/sbin/$name" ] || [ -L "$root/usr/bin/$name" ] || [ -L "$root/usr/sbin/$name" ] ||
			case $applet in
			sbin/* | */sbin/*) ln -s ../bin/busybox "$root/usr/sbin/$name" ;;
			*) ln -s busybox "$root/usr/bin/$name" ;;
			esac
	done
}
