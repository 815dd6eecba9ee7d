#!/usr/bin/env bash
# closure.sh - copy files of the unpacked packages, and the libraries they need, into a folder
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: closure.sh [-n PROGRAM]... FOLDER LIST...
#
# A LIST has one absolute path per line: a program, a file, a folder (with all below it) or a glob.
# A link is copied with what it leads to. -n names a program that comes from elsewhere (build/salvor)
# and whose libraries are wanted. A path or library that no package has ends the build.
. "$(dirname "$0")/lib.sh"

libs=/usr/lib/x86_64-linux-gnu
declare -A taken=() folders=()
queue=()
missing=0

# SENTENCE: a line that cannot be followed; all of them are told before the end
complain() {
	echo "closure.sh: $*" >&2
	missing=$((missing + 1))
}

# PATH: with the links in its folders resolved, and the last part left alone; in REPLY
plain_path() {
	local dir=${1%/*}
	[ -n "${folders[$dir]:-}" ] || folders[$dir]=$(realpath "$ROOT$dir/")
	REPLY=${folders[$dir]#"$ROOT"}/${1##*/}
}

# PATH: this file, and if it is a link what it leads to
take() {
	local REPLY path
	plain_path "$1"
	[ -z "${taken[$REPLY]:-}" ] || return 0
	taken[$REPLY]=1
	if [ ! -L "$ROOT$REPLY" ]; then
		queue+=("$ROOT$REPLY")
		return
	fi
	path=$(root_target "$REPLY")
	if [ -e "$ROOT$path" ]; then
		take "$path"
	else
		complain "$1 leads to $path, which no package has"
	fi
}

# PATTERN FILE: a link that leads nowhere is left out where it was not asked for by name
leads_nowhere() {
	[[ $1 == *[*?]* ]] && [ -L "$2" ] && [ ! -e "$ROOT$(root_target "${2#"$ROOT"}")" ]
}

# LIST: take what its lines name
take_list() {
	local pattern match file
	while read -r pattern; do
		[[ $pattern == /* ]] || die "$1: not an absolute path: $pattern"
		mapfile -t match < <(compgen -G "$ROOT$pattern" | LC_ALL=C sort)
		[ "${#match[@]}" -gt 0 ] || complain "$1: no package in iso-config/packages.txt has $pattern"
		for file in "${match[@]}"; do
			! leads_nowhere "$pattern" "$file" || continue
			if [ -d "$file" ] && [ ! -L "$file" ]; then
				while read -r file; do take "${file#"$ROOT"}"; done < <(find "$file" ! -type d)
			else
				take "${file#"$ROOT"}"
			fi
		done
	done < <(data_lines "$1")
}

# FILE...: lines "FILE LIBRARY RUNPATH" for everything the programs among them are linked with
needed_libraries() {
	readelf -d "$@" /dev/null 2>/dev/null | awk -v one="$1" '
		function flush(  i) { for (i = 1; i <= n; i++) print file, lib[i], (path == "" ? "-" : path); n = 0; path = "" }
		BEGIN { file = one }
		/^File: / { flush(); file = $2 }
		/\(NEEDED\)/ { gsub(/[][]/, "", $NF); lib[++n] = $NF }
		/\((RUNPATH|RPATH)\)/ { gsub(/[][]/, "", $NF); path = $NF }
		END { flush() }'
}

# FILE LIBRARY RUNPATH: take the library
take_library() {
	local dir dirs
	IFS=: read -r -a dirs <<<"${3#-}"
	for dir in "${dirs[@]}" "$libs" /usr/lib /usr/lib64; do
		# shellcheck disable=SC2016 # as the linker writes it
		dir=${dir/'$ORIGIN'/$(dirname "${1#"$ROOT"}")}
		[ -e "$ROOT$dir/$2" ] || [ -L "$ROOT$dir/$2" ] || continue
		take "$dir/$2"
		return
	done
	complain "${1#"$ROOT"} needs $2, which no package of the lock has"
}

# take libraries until nothing new is needed
close_over_libraries() {
	local batch file library runpath
	while [ "${#queue[@]}" -gt 0 ]; do
		batch=("${queue[@]}")
		queue=()
		while read -r file library runpath; do
			take_library "$file" "$library" "$runpath"
		done < <(printf '%s\0' "${batch[@]}" | xargs -0 -n 500 bash -c 'needed_libraries "$@"' needed | LC_ALL=C sort -u)
	done
}
export -f needed_libraries

programs=()
while getopts n: option; do
	case $option in
	n) programs+=("$(realpath "$OPTARG")") ;;
	*) die 'usage: closure.sh [-n PROGRAM]... FOLDER LIST...' ;;
	esac
done
shift $((OPTIND - 1))
target=$1
shift
for list; do take_list "$list"; done
queue+=("${programs[@]}")
close_over_libraries
# the kernel starts a program by this name
[ -z "${taken[$libs/libc.so.6]:-}" ] || take /usr/lib64/ld-linux-x86-64.so.2
[ "$missing" -eq 0 ] || die "$missing files are missing"
mkdir -p "$target"
printf '%s\n' "${!taken[@]}" | LC_ALL=C sort | sed 's,^/,./,' |
	tar -C "$ROOT" --no-recursion -c -T - | tar -C "$target" -x --keep-directory-symlink --no-same-owner
