#!/usr/bin/env bash
# check-layers.sh - the include arrows of the house, libraries in their rooms, an engine that is silent and has no globals
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: tests/check-layers.sh              check this tree, after showing that violations are caught
#        tests/check-layers.sh ROOT OBJ     only check the tree ROOT with its objects in OBJ
set -eu -o pipefail

# folder of the engine -> folders it may include (its own always)
declare -A arrows=(
	[util]=''
	[io]='util'
	[codec]='util'
	[pool]='util'
	[disk]='io util'
	[fsmap]='io util'
	[image]='codec pool io util'
	[job]='image fsmap disk pool io codec util'
)

# library header -> extended regex of the files that may include it
declare -A rooms=(
	['parted/parted.h']='^engine/disk/'
	['blkid/blkid.h']='^engine/disk/|^engine/fsmap/probe\.c$'
	['zstd.h']='^engine/codec/'
	['lzma.h']='^engine/codec/'
	['xxhash.h']='^engine/util/hash\.c$'
	['nettle/']='^engine/util/hash\.c$'
	['ncurses']='^tui/'
	['curses.h']='^tui/'
)

# libparted has one handler for the whole process, so one lock guards it
allowed_globals='^engine/disk/[a-z_]+\.c:parted_lock$'

# what an engine that never prints and never ends its process must not call
forbidden_calls='printf|vprintf|puts|putchar|perror|exit|_Exit|quick_exit|abort|__assert_fail|stdout|stderr|err|errx|warn|warnx|__printf_chk|__vprintf_chk'

bad=0
complain() {
	echo "check-layers: $*" >&2
	bad=$((bad + 1))
}

# FILE -> "engine/io/blk.h" for every include of our own, one per line
own_includes() {
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1"
}

library_includes() {
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$1"
}

check_engine_file() {
	local file=$1 from=$2 inc to
	[ -n "${arrows[$from]+set}" ] || {
		complain "$file: engine/$from is no folder of the house"
		return
	}
	while read -r inc; do
		# the job layer is what the public header promises
		[ "$inc $from" = 'engine/salvor.h job' ] && continue
		to=${inc#engine/}
		to=${to%%/*}
		case $inc in
		engine/*/*) ;;
		*)
			complain "$file: include \"$inc\" must be written from the top: \"engine/...\""
			continue
			;;
		esac
		[[ " $from ${arrows[$from]} " == *" $to "* ]] ||
			complain "$file: engine/$from may not include engine/$to ($inc)"
	done < <(own_includes "$file")
}

check_face_file() {
	local file=$1 room=$2 inc
	while read -r inc; do
		case $inc in
		engine/salvor.h | "$room"/*) ;;
		*) complain "$file: $room/ sees only \"engine/salvor.h\" and its own headers, not \"$inc\"" ;;
		esac
	done < <(own_includes "$file")
}

# salvor.h shows plain data of these folders and nothing else
check_public_header() {
	local inc
	while read -r inc; do
		[[ $inc =~ ^engine/(util|disk|image)/ ]] ||
			complain "engine/salvor.h: shows \"$inc\" to everyone"
	done < <(own_includes engine/salvor.h)
}

check_rooms() {
	local file=$1 inc lib
	while read -r inc; do
		for lib in "${!rooms[@]}"; do
			[[ $inc == "$lib"* ]] || continue
			[[ $file =~ ${rooms[$lib]} ]] || complain "$file: <$inc> does not belong here"
		done
	done < <(library_includes "$file")
}

# symbols of one engine object: no data that can be written, nothing that prints or exits
check_object() {
	local file=$1 obj=$2 name section
	while IFS='|' read -r name section; do
		[[ "$file:$name" =~ $allowed_globals ]] ||
			complain "$file: $name is a mutable global (section $section)"
	done < <(nm -f sysv "$obj" | awk -F '|' '
		{ gsub(/ /, "", $1); gsub(/ /, "", $7) }
		$7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/ { print $1 "|" $7 }')
	while read -r name; do
		complain "$file: the engine must not use $name"
	done < <(nm -u "$obj" | awk '{ print $2 }' | grep -xE "$forbidden_calls" || true)
}

# check the tree in the current folder, with objects in $1
check_tree() {
	local obj=$1 file
	while read -r file; do
		file=${file#./}
		case $file in
		engine/*/*) check_engine_file "$file" "$(cut -d / -f 2 <<<"$file")" ;;
		engine/salvor.h) check_public_header ;;
		engine/*) complain "$file: sources live in a folder of engine/" ;;
		cli/*) check_face_file "$file" cli ;;
		tui/*) check_face_file "$file" tui ;;
		esac
		check_rooms "$file"
		[[ $file == engine/*.c ]] || continue
		if [ -e "$obj/${file%.c}.o" ]; then
			check_object "$file" "$obj/${file%.c}.o"
		else
			complain "$file: no object $obj/${file%.c}.o (build first)"
		fi
	done < <(files_named '*.[ch]' engine cli tui)
	[ "$bad" -eq 0 ]
}

# --- the check of the check: a small house, sound at first, then with one fault at a time ---

tmp=
cleanup() { [ -z "$tmp" ] || rm -rf -- "$tmp"; }
trap cleanup EXIT

sound_house() {
	rm -rf -- "${tmp:?}/house"
	mkdir -p "$tmp"/house/{engine/{util,io,job,fsmap},cli,obj}
	cd "$tmp/house"
	echo 'int a(void);' >engine/util/a.h
	printf '#include "engine/util/a.h"\nstatic const char *const names[] = {"x"};\nconst char *n(int i);\nconst char *n(int i) { return names[i]; }\n' >engine/util/a.c
	printf '#include "engine/util/a.h"\nint b(void) { return 1; }\n' >engine/io/b.c
	printf '#include "engine/salvor.h"\n' >cli/c.c
	printf '#include "engine/util/a.h"\n' >engine/salvor.h
}

compile_house() {
	local file
	find engine -name '*.c' | while read -r file; do
		mkdir -p "obj/$(dirname "$file")"
		"${CC:-cc}" -w -I. -fPIE -c -o "obj/${file%.c}.o" "$file"
	done
}

# WHAT FILE LINE: append LINE to FILE of a sound house; the check must complain
must_catch() {
	local what=$1 file=$2 line=$3
	(
		sound_house
		printf '%s\n' "$line" >>"$file"
		compile_house
		"$self" . obj >/dev/null 2>&1
	) && {
		echo "check-layers: self-test: $what was not caught" >&2
		exit 1
	}
	return 0
}

self_test() {
	tmp=$(mktemp -d)
	(
		sound_house
		compile_house
		"$self" . obj
	) || {
		echo 'check-layers: self-test: complains about a sound house' >&2
		exit 1
	}
	must_catch 'an arrow upwards' engine/util/a.c '#include "engine/io/b.h"
int z(void) { return 0; }'
	must_catch 'the command seeing the engine' cli/c.c '#include "engine/util/a.h"'
	must_catch 'a library outside its room' engine/util/a.c '#include <xxhash.h>'
	must_catch 'a mutable global' engine/io/b.c 'int counter = 3;'
	must_catch 'a static counter' engine/io/b.c 'int f(void) { static int n; return n++; }'
	must_catch 'printing' engine/io/b.c 'int puts(const char *s); void g(void) { puts("x"); }'
	must_catch 'exit' engine/io/b.c 'void exit(int); void g(void) { exit(1); }'
	must_catch 'an unknown folder' engine/salvor.h '#include "engine/job/j.h"'
}

self=$(realpath "$0")
. "${self%/*}/lib/files.sh"
if [ $# -eq 2 ]; then
	cd "$1"
	check_tree "$2"
	exit
fi
cd "$(dirname "$0")/.."
self_test
check_tree "${BUILD:-build}/obj" || {
	echo "check-layers: $bad violations" >&2
	exit 1
}
