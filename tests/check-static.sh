#!/usr/bin/env bash
# check-static.sh - cppcheck over engine and command; a finding is an error
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh
command -v cppcheck >/dev/null || {
	echo 'cppcheck is not there'
	exit 77
}
cache=${BUILD:-build}/cppcheck
mkdir -p "$cache"
dirs=()
for d in engine cli tui; do
	[ -z "$(files_named '*.c' "$d")" ] || dirs+=("$d")
done
# normalCheckLevel*: only says that it did not try every branch
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c \
	--enable=warning,performance,portability --cppcheck-build-dir="$cache" \
	--suppress=missingInclude --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	-D_GNU_SOURCE -D__x86_64__ -D__linux__ '-DSALVOR_VERSION="0"' -I . "${dirs[@]}"
