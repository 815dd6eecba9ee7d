#!/usr/bin/env bash
# lock.sh - the lock file and the cache of packages, with a small archive of our own in the place of Debian's
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/functions.sh
requires apt-get dpkg-deb
work_dir lock

archive=$WORK/archive
export ISO_CONFIG=$WORK/config CACHE=$WORK/cache BUILD=$WORK/build APT_CONFIG=$WORK/apt.conf
lock=$ISO_CONFIG/packages.lock

# NAME VERSION [DEPENDS]: a package with one program and its licence
package() {
	local tree=$WORK/tree file=$archive/$1_$2_amd64.deb
	rm -rf -- "$tree"
	mkdir -p "$tree/DEBIAN" "$tree/bin" "$tree/usr/share/doc/$1"
	printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: nobody\nDescription: test\n%s' \
		"$1" "$2" "${3:+Depends: $3$'\n'}" >"$tree/DEBIAN/control"
	printf '#!/bin/sh\necho %s\n' "$2" >"$tree/bin/$1"
	echo 'License: GPL-3' >"$tree/usr/share/doc/$1/copyright"
	dpkg-deb --root-owner-group --build "$tree" "$file" >/dev/null
}

# the lists of the archive, as Debian has them
index() {
	local file
	for file in "$archive"/*.deb; do
		dpkg-deb -f "$file"
		printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" "$(sha256sum <"$file" | cut -c 1-64)"
	done >"$archive/Packages"
	printf 'Label: %s\nSuite: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n %s %s Packages\n' "${1:-Debian}" \
		"$(sha256sum <"$archive/Packages" | cut -c 1-64)" "$(stat -c %s "$archive/Packages")" >"$archive/Release"
}

step() { "build-scripts/iso/$1.sh"; }

locks() {
	note 'the lock names what is wanted and what that needs, but not what is skipped'
	step lock >/dev/null
	[ "$(grep -v '^#' "$lock" | cut -d ' ' -f 1,2)" = $'lib 1:2.0-1\ntool 1.0' ] || fail "the lock is: $(cat "$lock")"
	grep -qF "$(sha256sum <"$archive/tool_1.0_amd64.deb" | cut -c 1-64) $(stat -c %s "$archive/tool_1.0_amd64.deb")" "$lock" ||
		fail 'the lock has another checksum or size'
}

fetches() {
	note 'fetched once, then taken from the cache'
	step fetch >/dev/null
	mv "$archive" "$archive.off"
	[ -z "$(step fetch)" ] || fail 'something was fetched again'
	mv "$archive.off" "$archive"
	note 'a damaged package of the cache is fetched again'
	printf x >>"$CACHE/tool_1.0.deb"
	step fetch >/dev/null
	cmp "$CACHE/tool_1.0.deb" "$archive/tool_1.0_amd64.deb"
}

damage_is_seen() {
	note 'a package that is not what the lock says is refused'
	cp "$lock" "$WORK/lock"
	sed -i 's/^\(tool 1.0\) [0-9a-f]\{8\}/\1 00000000/' "$lock"
	expect_rc 1 step fetch
	expect_said 'wrong checksum after the download: tool=1.0'
	cp "$WORK/lock" "$lock"
}

moved_on() {
	note 'a version that is gone: one sentence that names the way out'
	rm -rf -- "$CACHE"/*.deb "$archive"/tool_1.0_amd64.deb
	package tool 1.1 'lib, manual'
	index
	expect_rc 1 step fetch
	expect_said 'make iso-lock'
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "more than one sentence: $(cat "$WORK/err")"
	step lock >/dev/null
	grep -q '^tool 1.1 ' "$lock" || fail 'the new lock does not have the new version'
	step fetch >/dev/null
}

foreign() {
	note 'packages of others are refused'
	cp "$lock" "$WORK/lock"
	index Somebody
	# apt itself would notice that the archive is another one
	rm -rf -- "$CACHE/apt"
	expect_rc 1 step lock
	expect_said 'not from Debian'
	cmp "$lock" "$WORK/lock" || fail 'the lock was changed all the same'
}

mkdir -p "$archive" "$ISO_CONFIG" "$CACHE"
printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "-";\n' "$WORK/sources.list" >"$APT_CONFIG"
echo "deb [trusted=yes] file:$archive ./" >"$WORK/sources.list"
printf 'package tool\n' >"$ISO_CONFIG/packages.txt"
printf 'manual\n' >"$ISO_CONFIG/packages.skip"
package tool 1.0 'lib, manual'
package lib 1:2.0-1
package manual 1
index
locks
fetches
damage_is_seen
moved_on
foreign
