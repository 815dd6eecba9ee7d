#!/usr/bin/env bash
# check-shell.sh - shellcheck over every script
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/.."
. tests/lib/files.sh
command -v shellcheck >/dev/null || {
	echo 'shellcheck is not there'
	exit 77
}
# a few at a time: with all of them at once every sourced file is kept in memory, and one core does it all
shell_files | xargs -r -n 8 -P "$(nproc)" shellcheck -x -P SCRIPTDIR
# bash itself must agree about the syntax, and a script that is not executable cannot be run
shell_files | while read -r file; do
	bash -n "$file"
	[ -x "$file" ] || [[ $file == */lib/* ]] || {
		echo "$file is not executable" >&2
		exit 1
	}
done
