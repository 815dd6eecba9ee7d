#!/usr/bin/env bash
# reproducible.sh - two builds of the live image in different surroundings give the same bytes
# SPDX-License-Identifier: GPL-3.0-or-later
#
# CACHE is the folder of downloaded packages. The compression is a quick one: that the bytes are the same does not hang on it.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/functions.sh
work_dir reproducible
export COMP=${COMP:-zstd:3} CACHE=${CACHE:-$TOP/build/cache}

# NAME UMASK TZ LANG TASKSET...: build everything, the command too, in a folder of its own
build_in() {
	local name=$1 mask=$2
	mkdir -p "$WORK/$name.tmp"
	note "build $name"
	(
		umask "$mask"
		env -u MAKEFLAGS TZ="$3" LC_ALL="$4" TMPDIR="$WORK/$name.tmp" CACHE="$CACHE" \
			"${@:5}" make --no-print-directory BUILD="$WORK/$name" iso netboot
	)
}

build_in one 022 UTC C
build_in two 077 America/St_Johns C.UTF-8 taskset -c 0
for file in netboot/SHA256SUMS netboot/initrd "$(cd "$WORK/one" && echo salvor-*.spdx)" "$(cd "$WORK/one" && echo salvor-*.iso)"; do
	sha256sum "$WORK/one/$file"
	cmp "$WORK/one/$file" "$WORK/two/$file" || fail "$file differs between two builds"
done
