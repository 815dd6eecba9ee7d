#!/usr/bin/env bash
# files.sh - lists of this project's own files, for the checks; to be sourced at the top of the tree
# SPDX-License-Identifier: GPL-3.0-or-later

# PATTERN DIR...: files below those of the folders that exist, sorted
files_named() {
	local pattern=$1 dir
	shift
	for dir in "$@"; do
		[ ! -e "$dir" ] || find "$dir" -type f -name "$pattern"
	done | LC_ALL=C sort
}

c_files() { files_named '*.[ch]' engine cli tui tests bench; }

shell_files() {
	files_named '*.sh' build-scripts tests bench initramfs
	files_named '*init' initramfs
	files_named run .ci
}
